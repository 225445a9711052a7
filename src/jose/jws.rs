//! Compact JWS (RFC 7515): signing tokens, and reading back those that we signed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};

use super::keys::SigningKey;
use super::ring::KeyRing;
use super::strict::Parts;
use crate::clock::Timestamp;

/// The claims could not be written, or the cryptographic library failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token could not be signed")]
pub struct SigningFailed;

/// Why a token is not one that we signed for this use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// It is not a compact JWS, or a very long one.
    #[error("it is not a token of ours")]
    Malformed,
    /// Its `kid` is none of ours, or of a key that has retired.
    #[error("no key of ours that is in use signed it")]
    UnknownKey,
    /// Its header is not the one that this key writes for tokens of this type.
    #[error("its header does not fit its key or its use")]
    Header,
    /// The signature is not the key's.
    #[error("its signature is wrong")]
    Signature,
    /// A claim occurs twice or has a wrong JSON type.
    #[error("a claim occurs twice or has a wrong type")]
    Claims,
}

/// Signs `claims` as a compact JWS whose header is `alg`, `kid` and, where given, `typ` (a constant of ours: it is
/// written into the header as it stands).
pub fn sign(
    key: &SigningKey,
    typ: Option<&'static str>,
    claims: &impl Serialize,
) -> Result<String, SigningFailed> {
    let claims = serde_json::to_vec(claims).map_err(|_unwritable| SigningFailed)?;
    // Room for everything at once: a base64 text is a third longer, an RSA signature has 342 characters or more.
    let mut token = String::with_capacity(claims.len() * 4 / 3 + 640);
    URL_SAFE_NO_PAD.encode_string(header(key, typ), &mut token);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut token);
    let signature = key
        .signature(token.as_bytes())
        .map_err(|_unspecified| SigningFailed)?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

/// Writes `claims` as an unsecured JWS (RFC 7515 appendix A.5): anyone could have. [`verify_own`] never takes one.
pub fn unsigned(typ: &'static str, claims: &impl Serialize) -> Result<String, SigningFailed> {
    let claims = serde_json::to_vec(claims).map_err(|_unwritable| SigningFailed)?;
    let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"none","typ":"{typ}"}}"#));
    Ok(format!("{header}.{}.", URL_SAFE_NO_PAD.encode(claims)))
}

/// The claims of a token that we signed with this `typ`: an ID token as a hint, an access token. Expiry, issuer and
/// audience are the caller's to check.
///
/// The header must be, byte for byte, the one that [`sign`] writes. That leaves no room for another `alg` or `none`,
/// for `crit`, `jwk`, `jku` or `x5u`, nor for a token of one type where another is expected (RFC 8725 §3).
pub fn verify_own(
    keys: &KeyRing,
    token: &str,
    typ: Option<&'static str>,
    now: Timestamp,
) -> Result<Map<String, Value>, JwsError> {
    let parts = Parts::read(token).ok_or(JwsError::Malformed)?;
    let kid = parts.header_text("kid").ok_or(JwsError::UnknownKey)?;
    let key = keys
        .verification_key(kid, now)
        .ok_or(JwsError::UnknownKey)?;
    if parts.header_json != header(&key, typ).as_bytes() {
        return Err(JwsError::Header);
    }
    let signature = URL_SAFE_NO_PAD
        .decode(parts.signature)
        .map_err(|_not_base64url| JwsError::Malformed)?;
    if !key.verifies(parts.message.as_bytes(), &signature) {
        return Err(JwsError::Signature);
    }
    parts.claims().ok_or(JwsError::Claims)
}

fn header(key: &SigningKey, typ: Option<&'static str>) -> String {
    let start = &key.header_start;
    match typ {
        Some(typ) => format!(r#"{start},"typ":"{typ}"}}"#),
        None => format!("{start}}}"),
    }
}
