//! Tokens as the application got them, and how it reads them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKey as _, JsonWebKeyId};
use serde_json::Value;

use crate::support::visitor::http_client;

/// Header and claims of a token that one of the issuer's published keys has signed.
pub async fn verify(issuer: &str, token: &str) -> (Value, Value) {
    verify_by(&published_keys(issuer).await, token)
}

/// The keys that an issuer publishes.
pub async fn published_keys(issuer: &str) -> CoreJsonWebKeySet {
    let url = format!("{issuer}/jwks");
    let answer = http_client().get(url).send().await.unwrap();
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

/// As [`verify`], with keys that were fetched before.
pub fn verify_by(jwks: &CoreJsonWebKeySet, token: &str) -> (Value, Value) {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        panic!("no compact JWS: {token}")
    };
    let read = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let (header_json, claims) = (read(header), read(payload));
    let kid = JsonWebKeyId::new(header_json["kid"].as_str().unwrap().to_owned());
    let key = jwks
        .keys()
        .iter()
        .find(|key| key.key_id() == Some(&kid))
        .expect("the key is published");
    let algorithm: CoreJwsSigningAlgorithm =
        serde_json::from_value(header_json["alg"].clone()).unwrap();
    let message = format!("{header}.{payload}");
    key.verify_signature(
        &algorithm,
        message.as_bytes(),
        &URL_SAFE_NO_PAD.decode(signature).unwrap(),
    )
    .unwrap();
    (header_json, claims)
}

/// What the token endpoint gave.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The whole answer.
    pub all: Value,
}

impl Tokens {
    /// A token of it.
    pub fn get(&self, name: &str) -> String {
        self.all[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name}: {}", self.all))
            .to_owned()
    }

    /// The claims of the ID token.
    pub async fn id_claims(&self, issuer: &str) -> Value {
        verify(issuer, &self.get("id_token")).await.1
    }
}
