//! Compact encrypted tokens, for headers and cookies: a COSE_Mac0 (HMAC 256/64) inside a COSE_Encrypt0 (A128GCM), around
//! a CBOR map of claims in the manner of RFC 8392; base64url.
//!
//! The two secret keys are shared by the provider and the service. Issuer and audience are not in the token: the key,
//! which is named by one byte, stands for them.
//!
//! ```
//! use exeunt_guard::cwt::{self, Key, Nonce};
//! use exeunt_guard::{Claims, Expected};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (mac, cipher) = ([1; 32], [2; 16]);
//! # fn random<const N: usize>() -> [u8; N] { [3; N] }
//! let keys = [Key::new(7, &mac, &cipher)?];
//! let claims = Claims {
//!     iss: "https://id.example".into(),
//!     sub: "f81d4fae-7dec-41d0-8765-00a0c91e6bf6".into(),
//!     aud: vec!["https://api.example/".into()],
//!     iat: 1_767_268_800,
//!     exp: 1_767_269_400,
//!     ..Claims::default()
//! };
//! let token = cwt::generate(&claims, &keys[0], Nonce::from_random(random()))?;
//! assert!(token.len() < 120);
//!
//! let expected = Expected::new("https://id.example", "https://api.example/");
//! assert_eq!(cwt::parse(&token, &keys, &expected, 1_767_268_801)?, claims);
//! # Ok(())
//! # }
//! ```

mod cbor;
mod cose;
mod nonce;
mod profile;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

pub use nonce::{Nonce, TOKENS_PER_KEY};

use std::fmt;

use aws_lc_rs::aead::LessSafeKey;
use aws_lc_rs::hmac;

use crate::claims::{Claims, Expected};
use crate::errors::{GenerateError, KeyError, Refused};
use crate::{LONGEST_TOKEN, base64url};
use cbor::Reader;

/// The protected header of the COSE_Mac0: `{1: 4}`, HMAC 256/64.
const MAC_PROTECTED: [u8; 3] = [0xa1, 0x01, 0x04];

/// Two secret keys that provider and service share, and the byte that names them in tokens.
///
/// Whoever can read these tokens can make them: only the service itself may believe them. A key is for one issuer and
/// one service, since it stands for both.
pub struct Key {
    kid: u8,
    /// The protected header of the COSE_Encrypt0: `{1: 1, 4: kid}`, A128GCM and the key's name.
    protected: [u8; 6],
    mac: hmac::Key,
    cipher: LessSafeKey,
}

impl Key {
    /// Both keys must be random, and independent of each other.
    ///
    /// # Errors
    /// [`KeyError`] when one is a part of the other.
    pub fn new(kid: u8, mac: &[u8; 32], cipher: &[u8; 16]) -> Result<Self, KeyError> {
        if mac.chunks(16).any(|half| half == cipher) {
            return Err(KeyError(
                "the keys for the MAC and for the cipher are the same",
            ));
        }
        Ok(Self {
            kid,
            protected: [0xa2, 0x01, 0x01, 0x04, 0x41, kid],
            mac: hmac::Key::new(hmac::HMAC_SHA256, mac),
            cipher: cose::a128gcm(cipher).map_err(|_failed| KeyError("no key"))?,
        })
    }

    /// Its name in tokens.
    pub fn kid(&self) -> u8 {
        self.kid
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Key({})", self.kid)
    }
}

/// Makes a token. `iss` and `aud` are not written: the key stands for them, and [`parse`] gives them back.
///
/// # Errors
/// [`GenerateError::Claims`] when one is there twice, or can't be written: a number that is no integer, a `name` or a
/// `picture` that is no string. [`GenerateError::Cryptography`].
pub fn generate(claims: &Claims, key: &Key, nonce: Nonce) -> Result<String, GenerateError> {
    let payload = profile::write(claims)?;
    let mut plain = Vec::with_capacity(payload.len() + 40);
    cbor::head(&mut plain, cbor::ARRAY, 4);
    cbor::bytes(&mut plain, &MAC_PROTECTED);
    cbor::head(&mut plain, cbor::MAP, 0);
    cbor::bytes(&mut plain, &payload);
    cbor::bytes(&mut plain, &cose::mac(&key.mac, &MAC_PROTECTED, &payload));
    cose::seal(&key.cipher, &key.protected, nonce.0, &mut plain)
        .map_err(|_failed| GenerateError::Cryptography)?;

    let mut token = Vec::with_capacity(plain.len() + 32);
    cbor::head(&mut token, cbor::ARRAY, 3);
    cbor::bytes(&mut token, &key.protected);
    cbor::head(&mut token, cbor::MAP, 1);
    cbor::integer(&mut token, IV);
    cbor::bytes(&mut token, &nonce.0);
    cbor::bytes(&mut token, &plain);
    Ok(base64url::encode(token))
}

/// The label of the nonce in a COSE header (RFC 9052 §3.1).
const IV: i64 = 5;

/// Reads a token that was made with one of these `keys`, and that is what is `expected` at this moment (`now`: seconds
/// since 1970). The keys must be those that the expected issuer and audience share.
///
/// # Errors
/// [`Refused`], for the log: never an answer for whoever sent the token.
pub fn parse(token: &str, keys: &[Key], expected: &Expected, now: i64) -> Result<Claims, Refused> {
    parse_with_kid(token, keys, expected, now).map(|(claims, _)| claims)
}

/// As [`parse`], with the name of the key.
pub(crate) fn parse_with_kid(
    token: &str,
    keys: &[Key],
    expected: &Expected,
    now: i64,
) -> Result<(Claims, u8), Refused> {
    if token.len() > LONGEST_TOKEN {
        return Err(Refused::Malformed);
    }
    let bytes = base64url::decode(token)?;
    let mut reader = Reader::new(&bytes);
    let is = |condition: bool| condition.then_some(()).ok_or(Refused::Malformed);
    is(reader.number(cbor::ARRAY)? == 3)?;
    let protected = reader.bytes()?;
    is(reader.number(cbor::MAP)? == 1)?;
    is(reader.number(cbor::UNSIGNED)? == IV.unsigned_abs())?;
    let nonce = reader
        .bytes()?
        .try_into()
        .map_err(|_length| Refused::Malformed)?;
    let text = reader.bytes()?;
    reader.end()?;

    let key = keys.iter().find(|key| key.protected == protected);
    let key = key.ok_or(Refused::UnknownKey)?;
    let mut text = text.to_vec();
    let plain =
        cose::open(&key.cipher, protected, nonce, &mut text).map_err(|_failed| Refused::Forged)?;

    let mut reader = Reader::new(plain);
    is(reader.number(cbor::ARRAY)? == 4)?;
    is(reader.bytes()? == MAC_PROTECTED)?;
    is(reader.number(cbor::MAP)? == 0)?;
    let payload = reader.bytes()?;
    let tag = reader.bytes()?;
    reader.end()?;
    cose::check_mac(&key.mac, &MAC_PROTECTED, payload, tag).map_err(|_failed| Refused::Forged)?;
    let claims = profile::read(payload, expected)?.check(expected, now)?;
    Ok((claims, key.kid))
}
