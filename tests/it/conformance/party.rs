//! The suite's applications: who they are and how they prove it.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::house::{BASE, Suite};
use super::plans::Variant;
use crate::support::provider::SECRET;
use crate::support::visitor::{Answer, Visitor};

/// The suite's own key. Making one takes long enough to do it once.
static KEY: LazyLock<ClientKey> = LazyLock::new(|| ClientKey::generate("suite-1"));

/// An RSA key of an application's own.
pub struct ClientKey {
    kid: String,
    pair: KeyPair,
}

impl ClientKey {
    /// A new one.
    pub fn generate(kid: &str) -> Self {
        Self {
            kid: kid.to_owned(),
            pair: KeyPair::generate(KeySize::Rsa2048).unwrap(),
        }
    }

    /// Its public part.
    pub fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        let text = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid,
            "n": text(public.modulus().big_endian_without_leading_zero()),
            "e": text(public.exponent().big_endian_without_leading_zero()),
        })
    }

    /// A JWS over these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": "RS256", "kid": self.kid });
        let [header, claims] =
            [&header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = format!("{header}.{claims}");
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &random,
                message.as_bytes(),
                &mut signature,
            )
            .unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The suite's own key.
pub fn suite_key() -> &'static ClientKey {
    &KEY
}

/// What an application registers (or has declared) in every module, and `more`.
pub fn registration(variant: &Variant, method: &str, more: &Value) -> Value {
    let mut grant_types = Vec::new();
    if variant.brings("code") {
        grant_types.push("authorization_code");
    }
    if variant.brings("id_token") || variant.brings("token") {
        grant_types.push("implicit");
    }
    let mut metadata = json!({
        "client_name": "The suite",
        "grant_types": grant_types,
        "jwks": { "keys": [suite_key().jwk()] },
        "token_endpoint_auth_method": method,
        "response_types": [variant.response_type],
        "redirect_uris": [format!("{BASE}/callback")],
        "contacts": ["certification@oidf.org"],
    });
    if let Value::Object(more) = more {
        for (name, value) in more {
            match (name.as_str(), &mut metadata["grant_types"]) {
                // Nobody refreshes what no code began.
                ("grant_types", Value::Array(known)) => {
                    if variant.brings("code") {
                        known.extend(value.as_array().unwrap().iter().cloned());
                    }
                }
                _ => metadata[name] = value.clone(),
            }
        }
    }
    metadata
}

/// An application.
#[derive(Debug, Clone)]
pub struct Party {
    /// Its identifier.
    pub client_id: String,
    /// Where it wants answers.
    pub redirect_uri: String,
    /// How it authenticates at the token endpoint.
    pub method: &'static str,
    /// Its secret, if it has one.
    pub secret: String,
    /// Whom its assertions are for, if not the token endpoint.
    pub assertion_audience: Option<String>,
}

impl Party {
    /// The identifier of the application that is declared for a variant.
    pub fn declared_name(variant: &Variant) -> String {
        format!("suite-{}", variant.response_type.replace(' ', "-"))
    }

    /// An application that the operator declared: the first, the second or the one that posts its secret.
    pub fn declared(variant: &Variant, role: &str, method: &'static str) -> Self {
        Self {
            client_id: format!("{}{role}", Self::declared_name(variant)),
            redirect_uri: format!("{BASE}/callback"),
            method,
            secret: SECRET.to_owned(),
            assertion_audience: None,
        }
    }

    /// An application that registers itself, with everything that the suite looks at in the answer.
    pub async fn register(suite: &Suite, variant: &Variant, more: &Value) -> Self {
        let asked = registration(variant, "private_key_jwt", more);
        let answer = ask_to_register(suite, &asked).await;
        let module = suite.module;
        assert_eq!(answer.status, 201, "{module}: {answer:?}");
        let kind = answer.header("content-type");
        assert!(kind.starts_with("application/json"), "{module}: {kind}");
        let told = answer.json();
        assert!(told.get("error").is_none(), "{module}: {told}");
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        assert!(!text("client_id").is_empty(), "{module}: {told}");
        let managed_at = told.get("registration_client_uri");
        let managed_with = told.get("registration_access_token");
        assert_eq!(managed_at.is_some(), managed_with.is_some(), "{told}");
        if managed_at.is_some() {
            let url = text("registration_client_uri");
            let token = text("registration_access_token");
            assert!(url.starts_with("https://"), "{told}");
            assert!(!token.is_empty(), "{told}");
            suite.registered.lock().unwrap().push((url, token));
        }
        if told.get("client_secret").is_some() {
            assert!(told["client_secret_expires_at"].is_i64(), "{told}");
        }
        Self {
            client_id: text("client_id"),
            redirect_uri: asked["redirect_uris"][0].as_str().unwrap().to_owned(),
            method: "private_key_jwt",
            secret: text("client_secret"),
            assertion_audience: None,
        }
    }

    /// Asks the token endpoint in its own name.
    pub async fn token(&self, suite: &Suite, visitor: &Visitor, fields: &[(&str, &str)]) -> Answer {
        let url = suite.endpoint("token_endpoint");
        let request = visitor.client().post(url);
        let mut fields = fields.to_vec();
        let assertion;
        let request = match self.method {
            "client_secret_basic" => request.basic_auth(&self.client_id, Some(&self.secret)),
            "client_secret_post" => {
                fields.push(("client_id", &self.client_id));
                fields.push(("client_secret", &self.secret));
                request
            }
            "private_key_jwt" => {
                let audience = self.assertion_audience.as_deref();
                assertion = self.assertion(suite, audience.unwrap_or(url));
                fields.push(("client_assertion_type", ASSERTION_TYPE));
                fields.push(("client_assertion", &assertion));
                request
            }
            method => panic!("nobody authenticates by {method} here"),
        };
        visitor.send(url, request.form(&fields)).await
    }

    /// A client assertion for this audience (RFC 7523 §3).
    pub fn assertion(&self, suite: &Suite, audience: &str) -> String {
        let now = suite.now().timestamp();
        suite_key().sign(&json!({
            "iss": self.client_id, "sub": self.client_id, "aud": audience,
            "jti": super::run::random(), "iat": now, "exp": now + 60,
        }))
    }
}

/// The registration endpoint's answer.
pub async fn ask_to_register(suite: &Suite, metadata: &Value) -> Answer {
    let url = suite.endpoint("registration_endpoint");
    let visitor = suite.browser();
    visitor
        .send(url, visitor.client().post(url).json(metadata))
        .await
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
