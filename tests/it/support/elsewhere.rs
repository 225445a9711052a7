//! Another provider as far as a test needs one: what it publishes, and the tokens that it signs as the test wants them.

use std::collections::BTreeMap;

use exeunt::clock::Timestamp;
use exeunt::config::{Config, DeclaredUpstream, Place};
use exeunt::oidc::upstream::leaving::SignOut;
use exeunt::oidc::upstream::requested_claims::RequestedClaims;
use exeunt::oidc::upstream::{Admits, AuthMethod, SCOPE, Upstream};
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::client_key::ClientKey;
use super::provider::{Provider, SECRET};
use super::publisher::{Document, Publisher};
use super::visitor::{Answer, Visitor};

/// What a logout token must say that it tells (Back-Channel Logout 1.0 §2.4).
pub const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The other provider.
pub struct Elsewhere {
    /// What it is called at ours.
    pub id: &'static str,
    /// Where its documents lie.
    pub publisher: Publisher,
    /// What it signs with.
    pub key: ClientKey,
}

/// Somebody who was sent there.
pub struct Sent {
    state: String,
    nonce: String,
}

impl Elsewhere {
    /// One that is there, called `house`.
    pub async fn open() -> Self {
        Self::called("house").await
    }

    /// One of another name.
    pub async fn called(id: &'static str) -> Self {
        let house = Self {
            id,
            publisher: Publisher::open().await,
            key: ClientKey::generate(),
        };
        house.publish_metadata();
        house.publish_keys(&house.key);
        house
    }

    /// Its issuer.
    pub fn issuer(&self) -> &str {
        &self.publisher.base
    }

    /// Puts out what it says of itself.
    pub fn publish_metadata(&self) {
        let issuer = self.issuer();
        let metadata = json!({
            "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/jwks"),
            "backchannel_logout_supported": true, "backchannel_logout_session_supported": true,
        });
        self.publish("/.well-known/openid-configuration", &metadata);
    }

    /// Puts out a key, and no other.
    pub fn publish_keys(&self, key: &ClientKey) {
        self.publish("/jwks", &key.jwks());
    }

    fn publish(&self, path: &str, document: &Value) {
        let document = Document::Text(document.to_string(), "");
        self.publisher.publish(path, document);
    }

    /// Makes it known to a provider: everybody may come in.
    pub fn declare(&self, config: &mut Config) {
        let upstream = Upstream {
            id: self.id.to_owned(),
            issuer: self.issuer().to_owned(),
            client_id: "exeunt".to_owned(),
            auth_method: AuthMethod::ClientSecretBasic,
            scope: SCOPE.to_owned(),
            request_claims: RequestedClaims::default(),
            label: format!("The other {}", self.id),
            logo: None,
            domains: Vec::new(),
            admits: Admits::Anyone,
            refreshes_claims: true,
            claims: BTreeMap::new(),
            private_networks: Vec::new(),
            sign_out: SignOut::default(),
            oauth2: None,
        };
        config.upstreams.push(DeclaredUpstream {
            upstream,
            secret: Some(SecretString::from(SECRET)),
            place: Place::Program,
        });
    }

    /// Presses its button on our sign-in page.
    pub async fn leave_for(&self, visitor: &Visitor, page: &Answer) -> Sent {
        let form = page.form_of(&format!("#upstream-{}", self.id));
        let form = form.unwrap_or_else(|| panic!("there is no button: {page:?}"));
        let sent = visitor.submit(page, &form, &[]).await;
        self.sent(&sent)
    }

    /// What a redirect there asks.
    pub fn sent(&self, answer: &Answer) -> Sent {
        let parameter = |name| {
            let parameter = answer.parameter(name);
            parameter.unwrap_or_else(|| panic!("no {name}: {answer:?}"))
        };
        let location = Url::parse(&answer.location().unwrap()).unwrap();
        assert!(location.as_str().starts_with(self.issuer()), "{location}");
        Sent {
            state: parameter("state"),
            nonce: parameter("nonce"),
        }
    }

    /// Sends them back as this person in this session of there, of which nothing is told where its name is empty; answers
    /// what we say to that.
    pub async fn send_back(
        &self,
        provider: &Provider,
        visitor: &Visitor,
        sent: &Sent,
        (sub, sid): (&str, &str),
    ) -> Answer {
        let now = provider.flows().clock.now().timestamp();
        let mut claims = json!({
            "iss": self.issuer(), "sub": sub, "aud": "exeunt", "iat": now, "exp": now + 300, "auth_time": now,
            "nonce": sent.nonce,
        });
        if !sid.is_empty() {
            claims["sid"] = sid.into();
        }
        let id_token = self.key.sign(&self.key.header(), &claims);
        let tokens = json!({ "access_token": "a", "token_type": "Bearer", "id_token": id_token });
        self.publish("/token", &tokens);
        let mut url = Url::parse(&provider.url(&self.path("callback"))).unwrap();
        url.query_pairs_mut()
            .append_pair("code", "c")
            .append_pair("state", &sent.state);
        let answer = visitor.get(url.as_str()).await;
        visitor.follow(answer, &provider.issuer).await
    }

    /// The path at our provider where something of it comes in.
    pub fn path(&self, what: &str) -> String {
        format!("/upstreams/{}/{what}", self.id)
    }

    /// The claims of a sound logout token of now. Each has a name of its own, `jti`.
    pub fn logout(&self, provider: &Provider, named: &[(&str, &str)], jti: &str) -> Value {
        self.logout_at(provider.flows().clock.now(), named, jti)
    }

    /// The same, of a moment.
    pub fn logout_at(&self, now: Timestamp, named: &[(&str, &str)], jti: &str) -> Value {
        let now = now.timestamp();
        let mut claims = json!({
            "iss": self.issuer(), "aud": "exeunt", "iat": now, "exp": now + 120, "jti": jti,
            "events": { EVENT: {} },
        });
        for (name, value) in named {
            claims[*name] = (*value).into();
        }
        claims
    }

    /// The header of a sound one.
    pub fn logout_header(&self) -> Value {
        let mut header = self.key.header();
        header["typ"] = "logout+jwt".into();
        header
    }

    /// A logout token.
    pub fn sign(&self, claims: &Value) -> String {
        self.key.sign(&self.logout_header(), claims)
    }

    /// Posts a logout token, as a server that has nothing to do with any browser.
    pub async fn tell(&self, provider: &Provider, token: &str) -> Answer {
        self.tell_at(&provider.issuer, token).await
    }

    /// The same, at one node of several.
    pub async fn tell_at(&self, base: &str, token: &str) -> Answer {
        let answer = self.try_tell(base, token).await;
        answer.expect("there is an answer")
    }

    /// The same; none if the connection broke before there was a whole answer.
    pub async fn try_tell(&self, base: &str, token: &str) -> Option<Answer> {
        let server = Visitor::default();
        let url = format!("{base}{}", self.path("backchannel_logout"));
        let request = server.client().post(&url).form(&[("logout_token", token)]);
        server.try_send(&url, request).await
    }

    /// Signs a sound one and posts it.
    pub async fn tell_of(&self, provider: &Provider, named: &[(&str, &str)], jti: &str) -> Answer {
        let token = self.sign(&self.logout(provider, named, jti));
        self.tell(provider, &token).await
    }
}
