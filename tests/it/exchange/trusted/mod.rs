//! Tokens of others whom we believe: signed with the test's own keys, which are found by discovery.

mod given;
mod keys;
mod refused;

use exeunt::clock::Clock as _;
use exeunt::oidc::algorithm::SigningAlgorithm;
use exeunt::oidc::token::exchange::policy::Rule;
use exeunt::oidc::token::exchange::trusted::{Subjects, TrustedIssuer};
use serde_json::{Value, json};

use super::{API, ARCHIVE, CELLAR, VAULT, house_of, wish, words};
use crate::support::client_key::ClientKey;
use crate::support::exchange::{JWT, asked, changed, claims_of, client_rule};
use crate::support::provider::Provider;
use crate::support::publisher::{Document, Publisher};
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::Answer;

const METADATA: &str = "/.well-known/openid-configuration";

const KEYS: &str = "/keys";

/// What the partner calls us.
const US: &str = "https://exeunt.example";

/// A partner whose tokens ledger may exchange, and batch's act by.
struct Partner {
    publisher: Publisher,
    provider: Provider,
    ledger: RelyingParty,
    sub: String,
    token: String,
}

fn trusted(issuer: &str) -> TrustedIssuer {
    TrustedIssuer {
        issuer: issuer.to_owned(),
        audience: US.to_owned(),
        algorithms: vec![SigningAlgorithm::ES256],
        subject_claim: "sub".to_owned(),
        subjects: Subjects::Named([("u-17".to_owned(), "ada".to_owned())].into()),
        private_networks: Vec::new(),
    }
}

impl Partner {
    async fn open(change: impl FnOnce(&mut Rule, &mut TrustedIssuer)) -> Self {
        let publisher = Publisher::open().await;
        let issuer = publisher.base.clone();
        let mut believed = trusted(&issuer);
        let mut rule = Rule {
            scope: Some(words("read")),
            impersonation: true,
            subject_issuers: vec![issuer.clone()],
            ..client_rule("ledger", API)
        };
        change(&mut rule, &mut believed);
        let wish = wish().await.manual_clock().configure(|config| {
            config.exchange.issuers.push(believed);
            config.exchange.rules.push(rule);
            let acting = Rule {
                delegation: true,
                actor_issuers: vec![issuer.clone()],
                ..client_rule("ledger", CELLAR)
            };
            config.exchange.rules.push(acting);
        });
        let house = house_of(wish).await;
        let claims = claims_of(&house.provider, &house.token()).await;
        let partner = Self {
            publisher,
            token: house.token(),
            provider: house.provider,
            ledger: house.ledger,
            sub: claims["sub"].as_str().unwrap().to_owned(),
        };
        partner.say(&partner.publisher.base);
        partner
    }

    /// The same, with a key that it publishes.
    async fn with_key(change: impl FnOnce(&mut Rule, &mut TrustedIssuer)) -> (Self, ClientKey) {
        let (partner, key) = (Self::open(change).await, ClientKey::generate());
        partner.publish(&[&key]);
        (partner, key)
    }

    /// Publishes metadata of this issuer.
    fn say(&self, issuer: &str) {
        let jwks_uri = format!("{}{KEYS}", self.publisher.base);
        let metadata = json!({ "issuer": issuer, "jwks_uri": jwks_uri }).to_string();
        self.publisher
            .publish(METADATA, Document::Text(metadata, ""));
    }

    fn publish(&self, keys: &[&ClientKey]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        let text = json!({ "keys": keys }).to_string();
        self.publisher.publish(KEYS, Document::Text(text, ""));
    }

    /// Sound claims about ada.
    fn claims(&self) -> Value {
        let now = self.provider.clock.as_ref().unwrap().now().timestamp();
        json!({ "iss": self.publisher.base, "sub": "u-17", "aud": US, "iat": now, "exp": now + 120 })
    }

    async fn exchange(&self, token: &str) -> Answer {
        let fields = changed(&asked(token, API), "subject_token_type", JWT);
        self.ledger.token(&fields).await
    }
}

/// The claims with one changed, or taken away where it is null.
fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}
