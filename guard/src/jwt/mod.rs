//! Signed access tokens: `at+jwt` (RFC 9068), a compact JWS (RFC 7515 §7.1).
//!
//! ```
//! use exeunt_guard::jwt::{self, Algorithm, SigningKey, VerifyingKey};
//! use exeunt_guard::{Claims, Expected, Refused};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let signing = SigningKey::generate(Algorithm::ES256, "2026-11")?;
//! let claims = Claims {
//!     iss: "https://id.example".into(),
//!     sub: "ada".into(),
//!     aud: vec!["https://api.example/".into()],
//!     client_id: Some("ledger".into()),
//!     jti: Some("1".into()),
//!     iat: 1_767_268_800,
//!     exp: 1_767_269_400,
//!     ..Claims::default()
//! };
//! let token = jwt::generate(&claims, &signing)?;
//!
//! // The service has the public keys, parsed once.
//! let keys = [VerifyingKey::from_jwk(&signing.public_jwk())?];
//! let expected = Expected::new("https://id.example", "https://api.example/");
//! assert_eq!(jwt::parse(&token, &keys, &expected, 1_767_268_801)?, claims);
//! assert_eq!(jwt::parse(&token, &keys, &expected, 1_767_270_000), Err(Refused::Expired));
//! # Ok(())
//! # }
//! ```

mod algorithm;
mod header;
mod signing_key;
#[cfg(test)]
mod tests;
mod verifying_key;

pub use algorithm::Algorithm;
pub use signing_key::SigningKey;
pub use verifying_key::VerifyingKey;

pub(crate) use header::{REFUSED_MEMBERS, is_media_type};

use crate::claims::{Claims, Expected};
use crate::errors::{GenerateError, Refused};
use crate::{LONGEST_TOKEN, base64url};
use header::Header;

/// The `typ` of an access token's header (RFC 9068 §2.1).
pub const TYPE: &str = "at+jwt";

/// Signs `claims` as an access token.
///
/// # Errors
/// [`GenerateError::Claims`] without `client_id` or `jti` (RFC 9068 §2.2), or with a claim twice;
/// [`GenerateError::Cryptography`].
pub fn generate(claims: &Claims, key: &SigningKey) -> Result<String, GenerateError> {
    key.sign(TYPE, &claims.to_json()?)
}

/// Reads an access token that one of these `keys` signed, and that is what is `expected` at this moment (`now`:
/// seconds since 1970). Without a `kid` in the token there must be one key alone.
///
/// # Errors
/// [`Refused`], for the log: never an answer for whoever sent the token.
pub fn parse(
    token: &str,
    keys: &[VerifyingKey],
    expected: &Expected,
    now: i64,
) -> Result<Claims, Refused> {
    parse_with_kid(token, keys, expected, now).map(|(claims, _)| claims)
}

/// As [`parse`], with the name of the key.
pub(crate) fn parse_with_kid<'a>(
    token: &str,
    keys: &'a [VerifyingKey],
    expected: &Expected,
    now: i64,
) -> Result<(Claims, Option<&'a str>), Refused> {
    let (json, key) = verify(token, keys, TYPE)?;
    Ok((Claims::from_json(&json)?.check(expected, now)?, key.kid()))
}

/// The payload of a JWS of this `typ` that one of these `keys` signed, and which of them.
pub(crate) fn verify<'a>(
    token: &str,
    keys: &'a [VerifyingKey],
    typ: &str,
) -> Result<(Vec<u8>, &'a VerifyingKey), Refused> {
    if token.len() > LONGEST_TOKEN {
        return Err(Refused::Malformed);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(Refused::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(Refused::Malformed)?;
    if payload.contains('.') {
        return Err(Refused::Malformed);
    }
    let header = Header::read(header)?;
    header.check_type(typ)?;
    let key = match &header.kid {
        Some(kid) => keys.iter().find(|key| key.kid() == Some(kid.as_str())),
        None => keys.first().filter(|_| keys.len() == 1),
    };
    let key = key.ok_or(Refused::UnknownKey)?;
    if header.alg != key.algorithm().name() {
        return Err(Refused::Algorithm);
    }
    if !key.verifies(message.as_bytes(), &base64url::decode(signature)?) {
        return Err(Refused::Forged);
    }
    Ok((base64url::decode(payload)?, key))
}
