//! The public keys of an issuer.

use std::fmt;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256};
use serde_json::Value;

use super::algorithm::Algorithm;
use crate::errors::KeyError;
use crate::jwk;

/// A public key, parsed and ready to verify. Parse it once, and keep it for as long as it is published.
pub struct VerifyingKey {
    kid: Option<String>,
    algorithm: Algorithm,
    key: ParsedPublicKey,
}

impl VerifyingKey {
    /// Reads a public JWK. It verifies the one algorithm that its `alg` names or, without `alg`, its curve; an RSA key
    /// without `alg` could be used in two ways, and is refused (RFC 8725 §3.1).
    ///
    /// # Errors
    /// [`KeyError`] when it is private, for another use, of a kind that is not known, weak, or no valid key.
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyError> {
        jwk::check_public(jwk)?;
        jwk::check_use(jwk, "sig", &["verify"])?;
        let algorithm = algorithm_of(jwk)?;
        let invalid = KeyError("the JWK is no valid key");
        let key = match algorithm.curve() {
            Some(curve) => {
                let public = match algorithm {
                    Algorithm::ES256 => jwk::point::<32>(jwk)?,
                    Algorithm::ES384 => jwk::point::<48>(jwk)?,
                    _ => jwk::fixed::<32>(jwk, "x")?.to_vec(),
                };
                ParsedPublicKey::new(curve, public)
            }
            None => jwk::rsa(jwk)?.to_parsed_public_key(match algorithm {
                Algorithm::PS256 => &RSA_PSS_2048_8192_SHA256,
                _ => &RSA_PKCS1_2048_8192_SHA256,
            }),
        };
        Ok(Self {
            kid: jwk::kid(jwk)?,
            algorithm,
            key: key.map_err(|_rejected| invalid)?,
        })
    }

    /// The keys of a JWKS (RFC 7517 §5) that verify signatures. Keys for something else, and of kinds that are not
    /// known, are passed over: an issuer may publish others, too.
    pub fn from_jwks(jwks: &Value) -> Vec<Self> {
        let keys = jwks.get("keys").and_then(Value::as_array);
        keys.into_iter()
            .flatten()
            .filter_map(|key| Self::from_jwk(key).ok())
            .collect()
    }

    /// Its name.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The one algorithm that it verifies.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "VerifyingKey({} {:?})", self.algorithm, self.kid)
    }
}

fn algorithm_of(jwk: &Value) -> Result<Algorithm, KeyError> {
    let said = jwk.get("alg");
    let fitting: &[Algorithm] = match (jwk::text(jwk, "kty"), jwk::text(jwk, "crv")) {
        (Some("RSA"), None) if said.is_none() => {
            return Err(KeyError("an RSA key must say its alg"));
        }
        (Some("RSA"), None) => &[Algorithm::RS256, Algorithm::PS256],
        (Some("EC"), Some("P-256")) => &[Algorithm::ES256],
        (Some("EC"), Some("P-384")) => &[Algorithm::ES384],
        (Some("OKP"), Some("Ed25519")) => &[Algorithm::EdDSA],
        _ => return Err(KeyError("the JWK is of a kind that is not known")),
    };
    fitting
        .iter()
        .copied()
        .find(|algorithm| said.is_none_or(|said| said == algorithm.name()))
        .ok_or(KeyError("the JWK's alg does not fit it"))
}
