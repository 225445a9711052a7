//! Reading a logout token: Back-Channel Logout 1.0 §2.6, step by step, with nothing of the provider's own code.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{CoreJsonWebKey, CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKey as _, JsonWebKeyUse as _};
use serde::de::{Deserializer, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Timestamp;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// How far two machines' clocks may be apart, in seconds.
const LEEWAY: i64 = 30;

/// What a logout token must say to be for us, now.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) keys: &'a CoreJsonWebKeySet,
    pub(super) now: Timestamp,
}

/// A logout token that has been checked; whether it was seen before is the caller's to say.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LogoutToken {
    pub(super) sub: Option<String>,
    pub(super) sid: Option<String>,
    pub(super) jti: String,
    /// When it need no longer be remembered, in seconds of the Unix epoch.
    pub(super) useless_after: i64,
}

/// Why a logout token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Invalid {
    #[error("it is not a signed token")]
    Malformed,
    #[error("its type is not logout+jwt")]
    Type,
    #[error("it has header members that must be understood, and are not")]
    Critical,
    #[error("its algorithm is not the one that was registered")]
    Algorithm,
    #[error("no key of the provider has its kid")]
    Key,
    #[error("its signature is wrong")]
    Signature,
    #[error("a claim is missing, occurs twice or has a wrong type")]
    Claims,
    #[error("it comes from another issuer")]
    Issuer,
    #[error("it is meant for another application")]
    Audience,
    #[error("it was issued in the future")]
    IssuedInTheFuture,
    #[error("it has expired")]
    Expired,
    #[error("it does not say that a session ended")]
    Events,
    #[error("it has a nonce, as an ID token would")]
    Nonce,
    #[error("it names neither a session nor a person")]
    NoSubject,
    #[error("it was received before")]
    Replayed,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    iat: i64,
    exp: i64,
    jti: String,
    events: Map<String, Value>,
    sub: Option<String>,
    sid: Option<String>,
    #[serde(default, deserialize_with = "is_there")]
    nonce: bool,
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn contains(&self, client_id: &str) -> bool {
        match self {
            Self::One(one) => one == client_id,
            Self::Several(several) => several.iter().any(|one| one == client_id),
        }
    }
}

/// Whatever its value, `null` included.
fn is_there<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|IgnoredAny| true)
}

/// The `kid` of a compact JWS, to see whether the provider's keys must be fetched anew before it can be read.
pub(super) fn key_id(token: &str) -> Option<String> {
    header(token.split('.').next()?).ok()?.kid
}

fn header(part: &str) -> Result<Header, Invalid> {
    serde_json::from_slice(&decode(part)?).map_err(|_not_a_header| Invalid::Malformed)
}

fn decode(part: &str) -> Result<Vec<u8>, Invalid> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_not_base64url| Invalid::Malformed)
}

/// Checks everything that the token itself can show.
pub(super) fn validate(token: &str, expected: &Expected<'_>) -> Result<LogoutToken, Invalid> {
    let (message, signature) = token.rsplit_once('.').ok_or(Invalid::Malformed)?;
    let (header_part, payload) = message.split_once('.').ok_or(Invalid::Malformed)?;
    let header = header(header_part)?;
    check_header(&header)?;
    signing_key(expected.keys, header.kid.as_deref())
        .ok_or(Invalid::Key)?
        .verify_signature(
            &CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
            message.as_bytes(),
            &decode(signature)?,
        )
        .map_err(|_wrong| Invalid::Signature)?;
    let claims: Claims =
        serde_json::from_slice(&decode(payload)?).map_err(|_wrong_types| Invalid::Claims)?;
    check_claims(&claims, expected)?;
    Ok(LogoutToken {
        sub: claims.sub,
        sid: claims.sid,
        jti: claims.jti,
        useless_after: claims.exp.saturating_add(LEEWAY),
    })
}

fn check_header(header: &Header) -> Result<(), Invalid> {
    let is_logout_token = |typ: &str| typ.eq_ignore_ascii_case("logout+jwt");
    if !header.typ.as_deref().is_some_and(is_logout_token) {
        return Err(Invalid::Type);
    }
    if header.crit {
        return Err(Invalid::Critical);
    }
    // What this application registered, not what the token claims for itself.
    if header.alg != "RS256" {
        return Err(Invalid::Algorithm);
    }
    Ok(())
}

fn signing_key<'a>(keys: &'a CoreJsonWebKeySet, kid: Option<&str>) -> Option<&'a CoreJsonWebKey> {
    let kid = kid?;
    keys.keys().iter().find(|key| {
        key.key_id().is_some_and(|known| known.as_str() == kid)
            && key.key_use().is_none_or(|usage| usage.allows_signature())
    })
}

fn check_claims(claims: &Claims, expected: &Expected<'_>) -> Result<(), Invalid> {
    if claims.iss != expected.issuer {
        return Err(Invalid::Issuer);
    }
    if !claims.aud.contains(expected.client_id) {
        return Err(Invalid::Audience);
    }
    let now = expected.now.timestamp();
    if claims.iat > now + LEEWAY {
        return Err(Invalid::IssuedInTheFuture);
    }
    if claims.exp.saturating_add(LEEWAY) <= now {
        return Err(Invalid::Expired);
    }
    if claims.events.len() != 1 || !claims.events.get(EVENT).is_some_and(Value::is_object) {
        return Err(Invalid::Events);
    }
    if claims.nonce {
        return Err(Invalid::Nonce);
    }
    if claims.sub.is_none() && claims.sid.is_none() {
        return Err(Invalid::NoSubject);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
