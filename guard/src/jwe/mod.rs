//! Encrypted access tokens: a compact JWE (RFC 7516 §7.1), in two ways.
//!
//! *Direct*: the claims are encrypted and authenticated with A128CBC-HS256 under two secret keys, one for the MAC and
//! one for the cipher, which the provider shares with the service (`dir`, RFC 7518 §4.5).
//!
//! ```
//! use exeunt_guard::jwe::{self, DirectKey};
//! use exeunt_guard::{Claims, Expected};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let claims = Claims {
//! #     iss: "https://id.example".into(),
//! #     sub: "ada".into(),
//! #     aud: vec!["https://api.example/".into()],
//! #     client_id: Some("ledger".into()),
//! #     jti: Some("1".into()),
//! #     iat: 1_767_268_800,
//! #     exp: 1_767_269_400,
//! #     ..Claims::default()
//! # };
//! # let (mac, cipher) = ([1; 16], [2; 16]);
//! # fn random<const N: usize>() -> [u8; N] { [3; N] }
//! let keys = [DirectKey::new("7", &mac, &cipher)?];
//! let token = jwe::generate_direct(&claims, &keys[0], random())?;
//!
//! let expected = Expected::new("https://id.example", "https://api.example/");
//! assert_eq!(jwe::parse_direct(&token, &keys, &expected, 1_767_268_801)?, claims);
//! # Ok(())
//! # }
//! ```
//!
//! *Nested*: a signed [`jwt`] is encrypted to a public key of the service (ECDH-ES, RSA-OAEP-256); the
//! provider can't read it again, and the service can't make one.
//!
//! ```
//! use exeunt_guard::jwe::{self, ContentEncryption, DecryptingKey, EncryptingKey};
//! # use exeunt_guard::jwt::{self, Algorithm, SigningKey, VerifyingKey};
//! # use exeunt_guard::{Claims, Expected};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let claims = Claims {
//! #     iss: "https://id.example".into(),
//! #     sub: "ada".into(),
//! #     aud: vec!["https://api.example/".into()],
//! #     client_id: Some("ledger".into()),
//! #     jti: Some("1".into()),
//! #     iat: 1_767_268_800,
//! #     exp: 1_767_269_400,
//! #     ..Claims::default()
//! # };
//! # let signing = SigningKey::generate(Algorithm::ES256, "2026-11")?;
//! # let signers = [VerifyingKey::from_jwk(&signing.public_jwk())?];
//! # let mut fill = |bytes: &mut [u8]| bytes.fill(3);
//! let private = DecryptingKey::generate_jwk("7")?;
//! let public = EncryptingKey::from_jwk(&jwe::public_jwk(&private), ContentEncryption::default())?;
//! let token = jwe::generate_nested(&jwt::generate(&claims, &signing)?, &public, &mut fill)?;
//!
//! let keys = [DecryptingKey::from_jwk(&private)?];
//! let expected = Expected::new("https://id.example", "https://api.example/");
//! assert_eq!(jwe::parse_nested(&token, &keys, &signers, &expected, 1_767_268_801)?, claims);
//! # Ok(())
//! # }
//! ```
//!
//! There is no RSA1_5, no `zip`, and no algorithm that derives keys from passwords.

mod agreement;
mod content;
mod header;
mod keys;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

pub use content::ContentEncryption;
pub use keys::{DecryptingKey, DirectKey, EncryptingKey, public_jwk};

use serde_json::{Value, json};

use crate::base64url;
use crate::claims::{Claims, Expected};
use crate::errors::{GenerateError, Refused};
use crate::jwt::{self, VerifyingKey, is_media_type};
use content::Sealed;
use header::{Header, Parts};

/// What the content of a nested token is (RFC 7519 §5.2).
const NESTED: &str = "JWT";

/// Encrypts `claims` under a shared key. `iv` must be random: 128 bits from a source that nobody can foresee (NIST
/// SP 800-38A, appendix C).
///
/// # Errors
/// [`GenerateError::Claims`] without `client_id` or `jti` (RFC 9068 §2.2), or with a claim twice;
/// [`GenerateError::Cryptography`].
pub fn generate_direct(
    claims: &Claims,
    key: &DirectKey,
    iv: [u8; 16],
) -> Result<String, GenerateError> {
    let sealed = key
        .content
        .seal(&iv, key.protected.as_bytes(), claims.to_json()?)
        .map_err(|_failed| GenerateError::Cryptography)?;
    Ok(compact(&key.protected, &[], &iv, &sealed))
}

/// Reads an access token that was encrypted under one of these shared `keys`, and that is what is `expected` at this
/// moment (`now`: seconds since 1970).
///
/// # Errors
/// [`Refused`], for the log: never an answer for whoever sent the token.
pub fn parse_direct(
    token: &str,
    keys: &[DirectKey],
    expected: &Expected,
    now: i64,
) -> Result<Claims, Refused> {
    parse_direct_with_kid(token, keys, expected, now).map(|(claims, _)| claims)
}

/// As [`parse_direct`], with the name of the key.
pub(crate) fn parse_direct_with_kid<'a>(
    token: &str,
    keys: &'a [DirectKey],
    expected: &Expected,
    now: i64,
) -> Result<(Claims, &'a str), Refused> {
    let parts = Parts::read(token)?;
    // The header that we write needs no reading.
    let key = match keys.iter().find(|key| key.protected == parts.protected) {
        Some(key) => key,
        None => find_direct(parts.protected, keys)?,
    };
    if !parts.encrypted_key.is_empty() {
        return Err(Refused::Malformed);
    }
    let aad = parts.protected.as_bytes();
    let json = key
        .content
        .open(&parts.iv, aad, parts.ciphertext, &parts.tag)
        .map_err(|_failed| Refused::Forged)?;
    Ok((Claims::from_json(&json)?.check(expected, now)?, &key.kid))
}

fn find_direct<'a>(protected: &str, keys: &'a [DirectKey]) -> Result<&'a DirectKey, Refused> {
    let header = Header::read(protected)?;
    let is_access_token = |typ: &str| is_media_type(typ, jwt::TYPE);
    if !header.typ.as_deref().is_some_and(is_access_token) || header.cty.is_some() {
        return Err(Refused::Type);
    }
    if header.alg != "dir" || header.enc != ContentEncryption::A128CbcHs256 {
        return Err(Refused::Algorithm);
    }
    let kid = header.kid.ok_or(Refused::UnknownKey)?;
    keys.iter()
        .find(|key| key.kid == kid)
        .ok_or(Refused::UnknownKey)
}

/// Encrypts a token, which [`jwt::generate`] or anyone else has `signed`, to a service's public key. `random` fills what
/// it is given with random bytes, from a source that nobody can foresee.
///
/// # Errors
/// [`GenerateError::Cryptography`].
pub fn generate_nested(
    signed: &str,
    to: &EncryptingKey,
    random: &mut dyn FnMut(&mut [u8]),
) -> Result<String, GenerateError> {
    generate_nested_with(signed, to, &[], random)
}

/// As [`generate_nested`], with further members in the header, for whoever made the token: readers pass over what they
/// don't know (RFC 7516 §4). What the header needs itself can't be said otherwise.
///
/// # Errors
/// [`GenerateError::Cryptography`].
pub fn generate_nested_with(
    signed: &str,
    to: &EncryptingKey,
    members: &[(&str, &str)],
    random: &mut dyn FnMut(&mut [u8]),
) -> Result<String, GenerateError> {
    let (mut header, encrypted_key, content_key) = to.content_key(random)?;
    for (name, value) in members {
        if header.get(*name).is_none() {
            header[*name] = json!(value);
        }
    }
    header["enc"] = json!(to.enc.name());
    header["cty"] = json!(NESTED);
    if let Some(kid) = &to.kid {
        header["kid"] = json!(kid);
    }
    let mut iv = vec![0; to.enc.iv_length()];
    random(&mut iv);
    encrypt(
        to.enc,
        &header,
        &encrypted_key,
        &content_key,
        &iv,
        signed.as_bytes(),
    )
}

fn encrypt(
    enc: ContentEncryption,
    header: &Value,
    encrypted_key: &[u8],
    content_key: &[u8],
    iv: &[u8],
    plain: &[u8],
) -> Result<String, GenerateError> {
    let protected = base64url::encode(header.to_string());
    let sealed = enc
        .key(content_key)
        .and_then(|key| key.seal(iv, protected.as_bytes(), plain.to_vec()))
        .map_err(|_failed| GenerateError::Cryptography)?;
    Ok(compact(&protected, encrypted_key, iv, &sealed))
}

/// Reads an access token that is encrypted to one of these `keys` of the service, that one of these `signers` signed, and
/// that is what is `expected` at this moment (`now`: seconds since 1970).
///
/// # Errors
/// [`Refused`], for the log: never an answer for whoever sent the token.
pub fn parse_nested(
    token: &str,
    keys: &[DecryptingKey],
    signers: &[VerifyingKey],
    expected: &Expected,
    now: i64,
) -> Result<Claims, Refused> {
    parse_nested_with_kids(token, keys, signers, expected, now).map(|(claims, _)| claims)
}

/// As [`parse_nested`], with the names of the two keys.
pub(crate) fn parse_nested_with_kids<'a>(
    token: &str,
    keys: &'a [DecryptingKey],
    signers: &'a [VerifyingKey],
    expected: &Expected,
    now: i64,
) -> Result<(Claims, [Option<&'a str>; 2]), Refused> {
    let (header, signed, key) = decrypt(token, keys)?;
    if !header.cty.is_some_and(|cty| is_media_type(&cty, NESTED)) {
        return Err(Refused::Type);
    }
    let signed = str::from_utf8(&signed).map_err(|_not_text| Refused::Malformed)?;
    let (claims, signer) = jwt::parse_with_kid(signed, signers, expected, now)?;
    Ok((claims, [signer, key.kid.as_deref()]))
}

/// The content of a token that is encrypted to one of these keys. Without a `kid` in the token there must be one alone.
fn decrypt<'a>(
    token: &str,
    keys: &'a [DecryptingKey],
) -> Result<(Header, Vec<u8>, &'a DecryptingKey), Refused> {
    let parts = Parts::read(token)?;
    let header = Header::read(parts.protected)?;
    let key = match &header.kid {
        Some(kid) => keys.iter().find(|key| key.kid.as_ref() == Some(kid)),
        None => keys.first().filter(|_| keys.len() == 1),
    };
    let key = key.ok_or(Refused::UnknownKey)?;
    let content_key = key.content_key(&header, parts.encrypted_key)?;
    let aad = parts.protected.as_bytes();
    let plain = header
        .enc
        .key(&content_key)
        .and_then(|key| key.open(&parts.iv, aad, parts.ciphertext, &parts.tag))
        .map_err(|_failed| Refused::Forged)?;
    Ok((header, plain, key))
}

fn compact(protected: &str, encrypted_key: &[u8], iv: &[u8], (text, tag): &Sealed) -> String {
    let mut token = protected.to_owned();
    for part in [encrypted_key, iv, text, tag] {
        token.push('.');
        base64url::encode_into(part, &mut token);
    }
    token
}

/// Whether a token's header says that it is encrypted under a shared key.
pub(crate) fn is_direct(token: &str, keys: &[DirectKey]) -> bool {
    let protected = token.split('.').next().unwrap_or_default();
    keys.iter().any(|key| key.protected == protected)
        || Header::read(protected).is_ok_and(|header| header.alg == "dir")
}
