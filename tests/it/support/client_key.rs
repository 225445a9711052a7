//! What a client signs with: a key of its own, a secret, or nothing.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A client's own key.
pub struct ClientKey {
    pair: EcdsaKeyPair,
    /// What it is called.
    pub kid: &'static str,
}

impl ClientKey {
    /// A new one, called k1.
    pub fn generate() -> Self {
        Self::called("k1")
    }

    /// A new one.
    pub fn called(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { pair, kid }
    }

    /// Its public part.
    pub fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        json!({
            "kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig",
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..]),
        })
    }

    /// A set of its public part alone.
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk()] })
    }

    /// A sound header.
    pub fn header(&self) -> Value {
        json!({ "alg": "ES256", "kid": self.kid })
    }

    /// A compact JWS with that header.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// The same, of texts that may be no JSON.
    pub fn sign_text(&self, header: &str, claims: &str) -> String {
        let message = message(header, claims);
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.unwrap()))
    }
}

/// A compact JWS of a client's secret, or of whatever else is taken for one.
pub fn sign_with_secret(alg: &str, secret: &[u8], claims: &Value) -> String {
    let algorithm = match alg {
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    let message = message(&json!({ "alg": alg }).to_string(), &claims.to_string());
    let tag = hmac::sign(&hmac::Key::new(algorithm, secret), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// A compact JWS that nobody signed.
pub fn unsigned(claims: &Value) -> String {
    let header = json!({ "alg": "none" });
    format!("{}.", message(&header.to_string(), &claims.to_string()))
}

fn message(header: &str, claims: &str) -> String {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{header}.{claims}")
}
