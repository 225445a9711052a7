//! Members of a JWK (RFC 7517, RFC 7518 §6, RFC 8037 §2).

use aws_lc_rs::rsa::PublicKeyComponents;
use serde_json::Value;

use crate::base64url;
use crate::errors::KeyError;

const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// RSA keys below this are refused (RFC 7518 §3.3), and above the other: they would be there to waste time.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

pub(crate) fn text<'a>(jwk: &'a Value, name: &'static str) -> Option<&'a str> {
    jwk.get(name)?.as_str()
}

/// The bytes of a member.
pub(crate) fn bytes(jwk: &Value, name: &'static str) -> Result<Vec<u8>, KeyError> {
    text(jwk, name)
        .and_then(|text| base64url::decode(text).ok())
        .ok_or(KeyError("a member of the JWK is missing or not base64url"))
}

/// The bytes of a member that has a fixed length (RFC 7518 §6.2.1.2: leading zeros stay).
pub(crate) fn fixed<const N: usize>(jwk: &Value, name: &'static str) -> Result<[u8; N], KeyError> {
    bytes(jwk, name)?
        .try_into()
        .map_err(|_length| KeyError("a member of the JWK has a wrong length"))
}

/// An uncompressed point (SEC 1 §2.3.3) of a curve whose coordinates are `N` bytes long.
pub(crate) fn point<const N: usize>(jwk: &Value) -> Result<Vec<u8>, KeyError> {
    let (x, y): ([u8; N], [u8; N]) = (fixed(jwk, "x")?, fixed(jwk, "y")?);
    Ok([&[4], &x[..], &y[..]].concat())
}

/// The public part of an RSA key, of a sensible size and exponent (an exponent of 1 encrypts nothing and lets
/// everything verify).
pub(crate) fn rsa(jwk: &Value) -> Result<PublicKeyComponents<Vec<u8>>, KeyError> {
    let (n, e) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
    if n.first() == Some(&0) || !RSA_BYTES.contains(&n.len()) {
        return Err(KeyError("the RSA key is too short or too long"));
    }
    // FIPS 186-5 §A.1.1: odd, and above 2^16.
    if e.first() == Some(&0) || !(3..=4).contains(&e.len()) || e.last().is_none_or(|e| e % 2 == 0) {
        return Err(KeyError("the RSA key's exponent is not a good one"));
    }
    Ok(PublicKeyComponents { n, e })
}

/// Refuses a private key where a public one belongs: it was shown to more people than it should.
pub(crate) fn check_public(jwk: &Value) -> Result<(), KeyError> {
    match PRIVATE_MEMBERS.iter().any(|name| jwk.get(name).is_some()) {
        true => Err(KeyError("the JWK has private members")),
        false => Ok(()),
    }
}

/// Whether a key is for this `use` and, if it says, one of these operations (RFC 7517 §4.2, §4.3).
pub(crate) fn check_use(jwk: &Value, wanted: &str, operations: &[&str]) -> Result<(), KeyError> {
    let fits = jwk.get("use").is_none_or(|said| said == wanted)
        && jwk.get("key_ops").is_none_or(|said| {
            let said = said.as_array().map_or(&[][..], Vec::as_slice);
            said.iter()
                .any(|one| operations.iter().any(|fit| one == fit))
        });
    match fits {
        true => Ok(()),
        false => Err(KeyError("the JWK is for another use")),
    }
}

/// The key's name: a string, or none.
pub(crate) fn kid(jwk: &Value) -> Result<Option<String>, KeyError> {
    match jwk.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) => Ok(Some(kid.clone())),
        Some(_) => Err(KeyError("the JWK's kid is no string")),
    }
}
