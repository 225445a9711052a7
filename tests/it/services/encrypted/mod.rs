//! Tokens that only their service can read are taken back one by one, and asked about, as all others are.

mod forged;
mod keys;
mod taken_back;
mod told_apart;

use exeunt::flows::service_keys::Rotated;
use exeunt::flows::services;
use exeunt::oidc::client::GrantType;
use exeunt::oidc::service::{Service, TokenFormat};
use exeunt_guard::cwt::{self, Nonce};
use exeunt_guard::jwe::{self, DecryptingKey, DirectKey};
use exeunt_guard::{Claims, Expected};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::reader::decode;
use crate::support::eventually;
use crate::support::ledger::{ledger_with, with_refresh};
use crate::support::provider::{Provider, metadata};
use crate::support::relying_party::{RelyingParty, Tokens};
use crate::support::service::{Reader, entries};
use crate::support::services::{API, service};
use crate::support::visitor::Visitor;

/// What the service has to read its tokens with.
enum Key {
    Direct(Box<DirectKey>),
    Compact(Box<cwt::Key>),
    /// Its own, with which nothing is read here: what is inside is another test's.
    Own,
}

/// A service, and how its tokens are made.
struct Api {
    reader: Reader,
    key: Key,
}

/// How tokens can be encrypted.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// Under keys that are shared.
    Direct,
    /// To a key of the service's own.
    Nested,
    /// Short, and without a name.
    Short,
    /// Short, with all that a token may say.
    Told,
}

const WAYS: [Way; 4] = [Way::Direct, Way::Nested, Way::Short, Way::Told];

fn opened(format: TokenFormat, made: &Rotated) -> Key {
    let [mac, cipher] = [made.key.mac(), made.key.cipher()].map(|key| decode(key.expose_secret()));
    let cipher = &cipher.try_into().unwrap();
    match format {
        TokenFormat::Cwt => {
            let key = cwt::Key::new(made.kid, &mac.try_into().unwrap(), cipher);
            Key::Compact(Box::new(key.unwrap()))
        }
        _ => {
            let mac = &mac.try_into().unwrap();
            let key = DirectKey::new(made.kid.to_string(), mac, cipher);
            Key::Direct(Box::new(key.unwrap()))
        }
    }
}

async fn add(provider: &Provider, way: Way, identifier: &str) -> Api {
    let claims: &[&str] = match way {
        Way::Told => &["client_id", "jti", "grant", "auth_time", "acr"],
        _ => &["name"],
    };
    let format = match way {
        Way::Direct | Way::Nested => TokenFormat::Jwe,
        Way::Short | Way::Told => TokenFormat::Cwt,
    };
    let wanted = Service {
        format,
        claims: claims.iter().map(|&claim| claim.to_owned()).collect(),
        ..service(identifier)
    };
    let private = DecryptingKey::generate_jwk("theirs").unwrap();
    let jwks = [jwe::public_jwk(&private)];
    let jwks = match way {
        Way::Nested => &jwks[..],
        _ => &[],
    };
    let added = services::add(provider.flows(), wanted, jwks).await;
    let added = added.unwrap().unwrap();
    Api {
        key: match &added.key {
            Some(made) => opened(format, made),
            None => Key::Own,
        },
        reader: Reader::of(provider, identifier, &added.secret),
    }
}

/// Ledger, who may do what it likes, and Mallory.
async fn start() -> (Provider, RelyingParty) {
    let everything = |metadata: &mut exeunt::oidc::client::ClientMetadata| {
        with_refresh(metadata);
        metadata.grant_types.push(GrantType::ClientCredentials);
    };
    let mut mallory = metadata("https://mallory.example");
    everything(&mut mallory);
    let wish = ledger_with(everything).await.client("mallory", mallory);
    let provider = wish.manual_clock().start().await;
    let party = RelyingParty::of(&provider, "ledger");
    (provider, party)
}

async fn tokens_in(visitor: &Visitor, party: &RelyingParty, resources: &[&str]) -> Tokens {
    let mut asked = vec![("scope", "openid profile read")];
    asked.extend(resources.iter().map(|&resource| ("resource", resource)));
    let answer = party.sign_in(visitor, &asked).await;
    let code = answer.parameter("code").unwrap();
    let answer = party.redeem(&code, &[("resource", resources[0])]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    Tokens { all: answer.json() }
}

async fn refreshed(party: &RelyingParty, tokens: &Tokens, resource: &str) -> Tokens {
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &tokens.get("refresh_token")),
        ("resource", resource),
    ];
    let answer = party.token(&fields).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    Tokens { all: answer.json() }
}

/// Ada at ledger, which has a token for [`API`].
struct House {
    provider: Provider,
    party: RelyingParty,
    api: Api,
    ada: Visitor,
    tokens: Tokens,
    token: String,
}

impl House {
    /// Where the service's tokens are encrypted in this way.
    async fn open(way: Way) -> Self {
        let (provider, party) = start().await;
        let api = add(&provider, way, API).await;
        let ada = Visitor::default();
        let tokens = tokens_in(&ada, &party, &[API]).await;
        Self {
            provider,
            party,
            api,
            ada,
            token: tokens.get("access_token"),
            tokens,
        }
    }

    /// What the service and its client are told of a token.
    async fn told(&self, token: &str) -> Value {
        self.api.told(&self.provider, &self.party, token).await
    }

    async fn is_good(&self, token: &str) -> bool {
        self.api.is_good(&self.provider, &self.party, token).await
    }
}

impl Api {
    /// What the service is told of a token, which its client is told as well.
    async fn told(&self, provider: &Provider, party: &RelyingParty, token: &str) -> Value {
        let told = self.reader.introspect(provider, token).await;
        assert_eq!(told.status, 200);
        assert_eq!(party.introspect(token, &[]).await.json(), told.json());
        told.json()
    }

    async fn is_good(&self, provider: &Provider, party: &RelyingParty, token: &str) -> bool {
        let told = self.told(provider, party, token).await;
        if told["active"] != true {
            assert_eq!(told, json!({ "active": false }));
        }
        told["active"] == true
    }

    /// What the token says, to whom can read it.
    fn read(&self, provider: &Provider, token: &str) -> Claims {
        use exeunt::clock::Clock as _;
        let now = provider.clock.as_ref().unwrap().now().timestamp();
        let expected = Expected::new(&provider.issuer, &self.reader.identifier);
        match &self.key {
            Key::Direct(key) => {
                jwe::parse_direct(token, std::slice::from_ref(&**key), &expected, now).unwrap()
            }
            Key::Compact(key) => {
                cwt::parse(token, std::slice::from_ref(&**key), &expected, now).unwrap()
            }
            Key::Own => panic!("its signature is another test's"),
        }
    }

    /// A token that the service made by itself.
    fn forge(&self, claims: &Claims) -> String {
        match &self.key {
            Key::Direct(key) => jwe::generate_direct(claims, key, [7; 16]).unwrap(),
            Key::Compact(key) => cwt::generate(claims, key, Nonce::from_random([7; 12])).unwrap(),
            Key::Own => panic!("it can't"),
        }
    }

    /// The entries for single tokens that the service has heard.
    async fn named_tokens(&self) -> Vec<Value> {
        let all = entries(&self.reader.snapshot().await);
        let single = all.into_iter().filter(|entry| entry["kind"] == "token");
        single.collect()
    }

    /// Waits for an entry for a single token.
    async fn hears_of_a_token(&self) -> Value {
        let heard = eventually(async || self.named_tokens().await.pop());
        heard.await.expect("a token is named")
    }
}
