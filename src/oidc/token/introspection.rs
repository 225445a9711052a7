//! What is told of a token to whoever may ask (RFC 7662 §2.2, RFC 9701).

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::oidc::scope::Scope;

/// The `typ` of a signed answer (RFC 9701 §5).
pub const TYPE: &str = "token-introspection+jwt";
/// How a signed answer is asked for, and what it is sent as (RFC 9701 §4).
pub const MEDIA_TYPE: &str = "application/token-introspection+jwt";

/// What is said of everything that is not good, or not for whoever asks to know (§2.2): nothing more.
pub fn inactive() -> Map<String, Value> {
    object(json!({ "active": false }))
}

/// What is said of an access token: what it says itself, in whatever form.
pub fn of_access_token(claims: &impl Serialize) -> Map<String, Value> {
    let mut told = object(serde_json::to_value(claims).unwrap_or_default());
    told.insert("active".to_owned(), true.into());
    told.insert("token_type".to_owned(), "Bearer".into());
    told
}

/// A refresh token, and what it gives.
#[derive(Debug)]
pub struct RefreshTokenFacts<'a> {
    /// To whom it was issued.
    pub client_id: &'a str,
    /// Whose it is, as the client knows them.
    pub sub: &'a str,
    /// What was granted.
    pub scope: &'a Scope,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// The first moment at which it is no longer good.
    pub expires_at: Timestamp,
}

/// What is said of a refresh token. It has no `token_type`: it is presented to nobody but us.
pub fn of_refresh_token(facts: &RefreshTokenFacts<'_>, issuer: &str) -> Map<String, Value> {
    object(json!({
        "active": true,
        "iss": issuer,
        "client_id": facts.client_id,
        "sub": facts.sub,
        "scope": facts.scope,
        "iat": facts.issued_at.timestamp(),
        "exp": facts.expires_at.timestamp(),
    }))
}

/// The claims of a signed answer (RFC 9701 §5). It has no `sub` and no `exp` of its own: nobody takes it for a token.
pub fn signed(told: Map<String, Value>, issuer: &str, asker: &str, now: Timestamp) -> Value {
    json!({
        "iss": issuer,
        "aud": asker,
        "iat": now.timestamp(),
        "token_introspection": told,
    })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
