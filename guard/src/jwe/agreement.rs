//! ECDH-ES in direct key agreement mode (RFC 7518 §4.6, RFC 8037 §3.2).

use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey, X25519};
use aws_lc_rs::digest;
use serde_json::{Value, json};

use super::content::ContentEncryption;
use crate::base64url;
use crate::errors::{KeyError, Refused};
use crate::jwk;

/// A curve on which keys are agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    X25519,
}

impl Curve {
    pub(super) fn of(jwk: &Value) -> Option<Self> {
        match (jwk::text(jwk, "kty"), jwk::text(jwk, "crv")) {
            (Some("EC"), Some("P-256")) => Some(Self::P256),
            (Some("OKP"), Some("X25519")) => Some(Self::X25519),
            _ => None,
        }
    }

    pub(super) fn algorithm(self) -> &'static agreement::Algorithm {
        match self {
            Self::P256 => &ECDH_P256,
            Self::X25519 => &X25519,
        }
    }

    /// The public key's bytes, of the right length; whether they are a point of the curve shows when they are used.
    pub(super) fn public_bytes(self, jwk: &Value) -> Result<Vec<u8>, KeyError> {
        match self {
            Self::P256 => jwk::point::<32>(jwk),
            Self::X25519 => Ok(jwk::fixed::<32>(jwk, "x")?.to_vec()),
        }
    }

    /// The JWK of these bytes.
    pub(super) fn public_jwk(self, public: &[u8]) -> Value {
        match self {
            Self::P256 => {
                let (x, y) = public[1..].split_at(32);
                json!({
                    "kty": "EC",
                    "crv": "P-256",
                    "x": base64url::encode(x),
                    "y": base64url::encode(y),
                })
            }
            Self::X25519 => {
                json!({ "kty": "OKP", "crv": "X25519", "x": base64url::encode(public) })
            }
        }
    }
}

/// The content encryption key that `mine` and the other side's `public` key agree on. Whether that is a point of the
/// curve is checked before it meets the private key: another one would give the private key away bit by bit.
pub(super) fn agree(
    mine: &PrivateKey,
    public: &[u8],
    enc: ContentEncryption,
    (apu, apv): (&[u8], &[u8]),
) -> Result<Vec<u8>, Refused> {
    let public = UnparsedPublicKey::new(mine.algorithm(), public);
    agreement::agree(mine, public, Refused::Forged, |secret| {
        Ok(derive(secret, enc, apu, apv))
    })
}

/// The Concat KDF (NIST SP 800-56A §5.8.1) as RFC 7518 §4.6.2 fills it in: one round of SHA-256 is as much as any `enc`
/// here wants.
pub(super) fn derive(secret: &[u8], enc: ContentEncryption, apu: &[u8], apv: &[u8]) -> Vec<u8> {
    let length = enc.key_length();
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&1_u32.to_be_bytes());
    context.update(secret);
    for part in [enc.name().as_bytes(), apu, apv] {
        context.update(&number(part.len()));
        context.update(part);
    }
    context.update(&number(length * 8));
    context.finish().as_ref()[..length].to_vec()
}
