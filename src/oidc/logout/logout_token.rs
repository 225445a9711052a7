//! What a logout token says (Back-Channel Logout 1.0 §2.4).

use chrono::TimeDelta;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::oidc::issuer::Issuer;

/// The `typ` of a logout token's header (Back-Channel Logout 1.0 §2.4).
pub const TYPE: &str = "logout+jwt";
/// The member of `events` that makes a token a logout token.
pub const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// How long one is good for: it is made when it is sent (§2.4 wants two minutes at most).
pub const LIFETIME: TimeDelta = TimeDelta::seconds(120);

/// The claims of a logout token. There is no `nonce`, so that it can't pass for an ID token (§2.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub struct LogoutTokenClaims {
    pub iss: String,
    pub aud: String,
    pub iat: i64,
    pub exp: i64,
    /// Fresh at every attempt.
    pub jti: String,
    pub events: Map<String, Value>,
    pub sub: String,
    /// Absent: every session of that person ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
}

impl LogoutTokenClaims {
    /// Tells the client `client_id` alone that `sub`'s session `sid` ended.
    pub fn new(
        issuer: &Issuer,
        client_id: &str,
        sub: &str,
        sid: Option<&str>,
        jti: &str,
        now: Timestamp,
    ) -> Self {
        Self {
            iss: issuer.as_str().to_owned(),
            aud: client_id.to_owned(),
            iat: now.timestamp(),
            exp: (now + LIFETIME).timestamp(),
            jti: jti.to_owned(),
            events: Map::from_iter([(EVENT.to_owned(), json!({}))]),
            sub: sub.to_owned(),
            sid: sid.map(str::to_owned),
        }
    }
}
