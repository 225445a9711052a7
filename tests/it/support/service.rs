//! A service that follows the feed of what was taken back, by its documentation (docs/revocation.md) and without the
//! provider's code.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use exeunt::flows::services;
use exeunt::oidc::scope::Scope;
use exeunt::oidc::service::{Service, TokenFormat};
use serde_json::Value;
use url::form_urlencoded;

use super::eventually;
use super::provider::Provider;
use super::visitor::{Answer, Visitor};

/// A service, with its secret.
#[derive(Debug, Clone)]
pub struct Reader {
    /// Its identifier.
    pub identifier: String,
    /// Its secret.
    pub secret: String,
    /// Where the feed is.
    pub feed: String,
}

/// What is known to be taken back.
#[derive(Debug, Default)]
pub struct DenyList(pub Vec<Value>);

/// A service as it is declared, for these clients or for all.
pub fn service(identifier: &str, clients: Option<&[&str]>) -> Service {
    Service {
        identifier: identifier.to_owned(),
        name: None,
        format: TokenFormat::Jwt,
        scope: Scope::default(),
        lifetime: TimeDelta::minutes(10),
        claims: Vec::new(),
        clients: clients.map(|clients| clients.iter().map(|&client| client.to_owned()).collect()),
    }
}

impl Reader {
    /// A service that the provider knows already, with this secret.
    pub fn of(provider: &Provider, identifier: &str, secret: &str) -> Self {
        Self {
            identifier: identifier.to_owned(),
            secret: secret.to_owned(),
            feed: provider.url("/revocations"),
        }
    }

    /// A service that the provider has just been told of.
    pub async fn added(provider: &Provider, identifier: &str, clients: Option<&[&str]>) -> Self {
        let added = services::add(provider.flows(), service(identifier, clients), &[]).await;
        Self::of(provider, identifier, &added.unwrap().unwrap().secret)
    }

    /// A request to an address of the feed.
    pub fn request(&self, visitor: &Visitor, url: &str) -> reqwest::RequestBuilder {
        let (name, secret) = self.credentials();
        visitor.client().get(url).basic_auth(name, Some(secret))
    }

    /// Asks about a token.
    pub async fn introspect(&self, provider: &Provider, token: &str) -> Answer {
        let (visitor, url) = (Visitor::default(), provider.url("/introspect"));
        let (name, secret) = self.credentials();
        let request = visitor.client().post(&url).form(&[("token", token)]);
        let request = request.basic_auth(name, Some(secret));
        visitor.send(&url, request).await
    }

    /// Both halves form-encoded (RFC 6749 §2.3.1).
    fn credentials(&self) -> (String, String) {
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect();
        (encode(&self.identifier), encode(&self.secret))
    }

    async fn get(&self, url: &str) -> Answer {
        let visitor = Visitor::default();
        visitor.send(url, self.request(&visitor, url)).await
    }

    /// What came after a number, waited for.
    pub async fn hear(&self, after: i64, wait: u32) -> Answer {
        let url = format!("{}?after={after}&wait={wait}", self.feed);
        self.get(&url).await
    }

    /// All that is taken back.
    pub async fn snapshot(&self) -> Value {
        let answer = self.get(&format!("{}/snapshot", self.feed)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let snapshot = answer.json();
        assert_eq!(snapshot["from"], 0);
        snapshot
    }

    /// A list from a snapshot.
    pub async fn deny_list(&self) -> DenyList {
        DenyList(entries(&self.snapshot().await))
    }

    /// Waits until a list from a snapshot names the token.
    pub async fn hears_of(&self, token: &str) -> bool {
        let named = eventually(async || self.deny_list().await.names(token).then_some(()));
        named.await.is_some()
    }
}

/// The entries of an answer.
pub fn entries(answer: &Value) -> Vec<Value> {
    answer["entries"]
        .as_array()
        .expect("there are entries")
        .clone()
}

impl DenyList {
    /// Whether a token is named.
    pub fn names(&self, token: &str) -> bool {
        let mut parts = token.split('.');
        let mut read = || -> Value {
            let part = URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap();
            serde_json::from_slice(&part).unwrap()
        };
        let (header, claims) = (read(), read());
        let issued_at = claims["iat"].as_i64().unwrap();
        self.0.iter().any(|entry| {
            let same = |name: &str| entry[name] == claims[name] && entry[name].is_string();
            let earlier = || issued_at < entry["before"].as_i64().unwrap();
            match entry["kind"].as_str().unwrap() {
                "token" => same("jti"),
                "session" => same("sid"),
                "grant" => same("grant"),
                "subject" => same("sub") && earlier(),
                "client" => same("client_id") && earlier(),
                "key" => entry["kid"] == header["kid"],
                "all" => earlier(),
                other => panic!("an entry of an unknown kind: {other}"),
            }
        })
    }
}
