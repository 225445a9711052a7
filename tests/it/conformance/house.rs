//! The provider that a module looks at, over https, and what the suite sees of it before any module begins.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use exeunt::config::{Registration, RegistrationPolicy, Tls};
use exeunt::oidc::authorization::ResponseType;
use exeunt::oidc::claims::{Address, UserClaims};
use exeunt::oidc::client::GrantType;
use exeunt::oidc::issuer::Issuer;
use exeunt::oidc::registration::dynamic::Offer;
use openidconnect::core::{CoreJsonWebKeySet, CoreProviderMetadata};
use reqwest::{Certificate, Client};
use serde_json::Value;

use super::desk::Desk;
use super::party::{Party, registration};
use super::plans::{Variant, variants_of};
use super::run::Run;
use crate::support::provider::{Provider, Wish, provider};
use crate::support::visitor::{Answer, Visitor};

/// Where the suite's pages are. Nobody goes there: tests read where they would be sent.
pub const BASE: &str = "https://suite.example/test/a/exeunt";

/// A provider as a module finds it, and the module.
pub struct Suite {
    /// The module's name.
    pub module: &'static str,
    /// The provider, whose clock stands still until the module waits.
    pub provider: Provider,
    /// What it publishes of itself.
    pub metadata: Value,
    /// The keys that it publishes.
    pub keys: CoreJsonWebKeySet,
    /// The suite's own site.
    pub desk: Desk,
    /// Where what registered itself is looked after, and with which token.
    pub registered: Mutex<Vec<(String, String)>>,
    /// What the module registers beside what every module does.
    more: Value,
    client: Client,
}

impl Suite {
    /// The provider for a module that registers nothing of its own.
    pub async fn open(module: &'static str) -> Self {
        Self::with(module, |_| Value::Null, |wish| wish).await
    }

    /// The provider for a module whose applications register `more`, with other settings.
    pub async fn with(
        module: &'static str,
        more: impl FnOnce(&Desk) -> Value,
        change: impl FnOnce(Wish) -> Wish,
    ) -> Self {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let pem = certified.cert.pem();
        let desk = Desk::open(&certified);
        let more = more(&desk);
        let mut wish = provider().await.manual_clock().configure(|config| {
            let folder = config.master_key_file.parent().unwrap().to_owned();
            let (certificate, private_key) = (folder.join("cert.pem"), folder.join("key.pem"));
            std::fs::write(&certificate, &pem).unwrap();
            std::fs::write(&private_key, certified.signing_key.serialize_pem()).unwrap();
            let issuer = format!("https://localhost:{}", config.listen.port());
            config.issuer = Issuer::parse(&issuer).unwrap();
            config.outbound.extra_ca_file = Some(certificate.clone());
            config.tls = Some(Tls {
                certificate,
                private_key,
            });
            config.users[0].claims = everything_about_ada();
            config.registration = Registration {
                policy: RegistrationPolicy::Open,
                offer: Offer {
                    response_types: ResponseType::ALL.to_vec(),
                    grant_types: GrantType::ALL.to_vec(),
                },
                unused: None,
            };
        });
        for variant in declared(module) {
            for (role, method) in [
                ("", "client_secret_basic"),
                ("-second", "client_secret_basic"),
                ("-post", "client_secret_post"),
            ] {
                let metadata = registration(&variant, method, &more);
                let client_id = format!("{}{role}", Party::declared_name(&variant));
                wish = wish.client(&client_id, serde_json::from_value(metadata).unwrap());
            }
        }
        let provider = change(wish).start().await;
        let client = https_client(&pem);
        let (metadata, keys) = set_up(&provider, &client).await;
        Self {
            module,
            provider,
            metadata,
            keys,
            desk,
            registered: Mutex::default(),
            more,
            client,
        }
    }

    /// A browser without any cookies.
    pub fn browser(&self) -> Visitor {
        Visitor::over(self.client.clone())
    }

    /// The module's runs, one for each variant in which a plan has it.
    pub async fn runs(&self) -> Vec<Run<'_>> {
        let mut runs = Vec::new();
        for variant in variants_of(self.module) {
            runs.push(self.run(variant).await);
        }
        runs
    }

    /// The module's run in one variant.
    pub async fn run(&self, variant: Variant) -> Run<'_> {
        let party = if variant.dynamic {
            Party::register(self, &variant, &self.more).await
        } else {
            Party::declared(&variant, "", "client_secret_basic")
        };
        self.assert_lists("token_endpoint_auth_methods_supported", party.method);
        Run {
            suite: self,
            variant,
            party,
        }
    }

    /// What the module's applications register under this name beside what every module does.
    pub fn registers(&self, name: &str) -> Option<&str> {
        self.more[name].as_str()
    }

    /// A list of the metadata has this value.
    pub fn lists(&self, name: &str, value: &str) -> bool {
        let listed = self.metadata[name].as_array();
        listed.is_some_and(|listed| listed.iter().any(|known| known == value))
    }

    /// As [`Suite::lists`], and it must.
    pub fn assert_lists(&self, name: &str, value: &str) {
        assert!(
            self.lists(name, value),
            "{}: {name} lacks {value}: {}",
            self.module,
            self.metadata[name]
        );
    }

    /// Where an endpoint is, by its name in the metadata.
    pub fn endpoint(&self, name: &str) -> &str {
        self.metadata[name]
            .as_str()
            .unwrap_or_else(|| panic!("{}: no {name}: {}", self.module, self.metadata))
    }

    /// The issuer.
    pub fn issuer(&self) -> &str {
        &self.provider.issuer
    }

    /// What time it is.
    pub fn now(&self) -> DateTime<Utc> {
        self.provider.flows().clock.now()
    }

    /// The time as verifiers ask for it.
    pub fn clock(&self) -> impl Fn() -> DateTime<Utc> + use<> {
        let clock = Arc::clone(self.provider.clock.as_ref().unwrap());
        move || exeunt::clock::Clock::now(&*clock)
    }

    /// Waits, in no time.
    pub fn wait(&self, seconds: i64) {
        self.provider.advance(TimeDelta::seconds(seconds));
    }

    /// The end: what registered itself is taken away again.
    pub async fn close(self) {
        let registered = std::mem::take(&mut *self.registered.lock().unwrap());
        for (url, token) in registered {
            let visitor = self.browser();
            let request = visitor.client().delete(&url).bearer_auth(token);
            let answer = visitor.send(&url, request).await;
            assert_eq!(answer.status, 204, "{}: {answer:?}", self.module);
        }
        self.desk.close().await;
        self.provider.stop().await;
    }
}

/// The variants whose applications the operator declares: those that do not register themselves.
fn declared(module: &str) -> Vec<Variant> {
    let mut variants = variants_of(module);
    variants.retain(|variant| !variant.dynamic);
    for variant in &mut variants {
        variant.form_post = false;
    }
    variants.sort_unstable();
    variants.dedup();
    variants
}

/// A client that trusts this certificate alone, follows no redirects and keeps no connection.
#[expect(
    clippy::disallowed_methods,
    reason = "the outside of the provider, not its way out"
)]
fn https_client(pem: &str) -> Client {
    Client::builder()
        .tls_certs_only([Certificate::from_pem(pem.as_bytes()).unwrap()])
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .no_proxy()
        .build()
        .unwrap()
}

/// What every module does first: reads the metadata and the keys.
async fn set_up(provider: &Provider, client: &Client) -> (Value, CoreJsonWebKeySet) {
    let visitor = Visitor::over(client.clone());
    let answer = visitor
        .get(&provider.url("/.well-known/openid-configuration"))
        .await;
    assert_eq!(answer.status, 200);
    let metadata = answer.json();
    let known: CoreProviderMetadata = serde_json::from_value(metadata.clone()).unwrap();
    assert_eq!(known.issuer().as_str(), provider.issuer);
    for name in [
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
    ] {
        let url = metadata[name].as_str().unwrap_or_default();
        assert!(url.starts_with("https://"), "{name}: {metadata}");
    }
    let answer = visitor.get(metadata["jwks_uri"].as_str().unwrap()).await;
    (metadata, check_keys(&answer))
}

/// Keys that anybody can use to verify, and nobody to sign.
fn check_keys(answer: &Answer) -> CoreJsonWebKeySet {
    assert_eq!(answer.status, 200);
    let published = answer.json();
    let keys = published["keys"].as_array().expect("keys is an array");
    assert!(!keys.is_empty());
    let mut kids = HashSet::new();
    for key in keys {
        let kty = key["kty"].as_str().unwrap();
        // Symmetric keys have none of these, and what is none of these not every reader can use.
        let public: &[&str] = match kty {
            "RSA" => &["n", "e"],
            "EC" => &["crv", "x", "y"],
            "OKP" => &["crv", "x"],
            _ => panic!("a key of type {kty}"),
        };
        for name in public {
            assert!(key[name].is_string(), "{name}: {key}");
        }
        for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(key.get(name).is_none(), "{name} is no public part");
        }
        let kid = key["kid"].as_str().expect("every key has a kid");
        assert!(kids.insert(kid.to_owned()), "two keys have the kid {kid}");
    }
    let read: CoreJsonWebKeySet = serde_json::from_value(published.clone()).unwrap();
    assert_eq!(read.keys().len(), keys.len(), "a reader leaves out a key");
    read
}

/// The person of the suite has every standard claim (Core §5.1).
fn everything_about_ada() -> UserClaims {
    let some = |text: &str| Some(text.to_owned());
    UserClaims {
        name: some("Ada Lovelace"),
        given_name: some("Ada"),
        family_name: some("Lovelace"),
        middle_name: some("King"),
        nickname: some("Enchantress"),
        preferred_username: some("ada"),
        profile: some("https://ada.example/"),
        picture: some("https://ada.example/ada.png"),
        website: some("https://ada.example/notes"),
        gender: some("female"),
        birthdate: some("1815-12-10"),
        zoneinfo: some("Europe/London"),
        locale: some("en-GB"),
        updated_at: None,
        email: some("ada@example.org"),
        email_verified: Some(true),
        phone_number: some("+44 20 7946 0000"),
        phone_number_verified: Some(true),
        address: Some(Address {
            formatted: some("12 St James's Square\nLondon"),
            street_address: some("12 St James's Square"),
            locality: some("London"),
            region: some("London"),
            postal_code: some("SW1Y 4JH"),
            country: some("United Kingdom"),
        }),
    }
}
