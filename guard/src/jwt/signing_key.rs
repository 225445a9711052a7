//! The private keys of an issuer.

use std::fmt;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use serde_json::{Value, json};

use super::algorithm::Algorithm;
use crate::base64url;
use crate::errors::{GenerateError, KeyError};

/// A private key, parsed and ready to sign.
pub struct SigningKey {
    kid: String,
    algorithm: Algorithm,
    private: PrivateKey,
}

enum PrivateKey {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// Reads an unencrypted PKCS#8 private key (RFC 5208 §5), which will sign under the name `kid`.
    ///
    /// # Errors
    /// [`KeyError`] when it is no key of the algorithm.
    pub fn from_pkcs8(
        algorithm: Algorithm,
        kid: impl Into<String>,
        pkcs8: &[u8],
    ) -> Result<Self, KeyError> {
        let private = match algorithm {
            Algorithm::RS256 => {
                RsaKeyPair::from_pkcs8(pkcs8).map(|pair| PrivateKey::Rsa(pair, &RSA_PKCS1_SHA256))
            }
            Algorithm::PS256 => {
                RsaKeyPair::from_pkcs8(pkcs8).map(|pair| PrivateKey::Rsa(pair, &RSA_PSS_SHA256))
            }
            Algorithm::ES256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
                .map(PrivateKey::Ecdsa),
            Algorithm::ES384 => EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, pkcs8)
                .map(PrivateKey::Ecdsa),
            Algorithm::EdDSA => Ed25519KeyPair::from_pkcs8(pkcs8).map(PrivateKey::Ed25519),
        };
        Ok(Self {
            kid: kid.into(),
            algorithm,
            private: private
                .map_err(|_rejected| KeyError("the private key is none of this algorithm"))?,
        })
    }

    /// Makes a new key, which lives no longer than this process: for examples and tests. An RSA key takes a good part
    /// of a second.
    ///
    /// # Errors
    /// [`KeyError`] when the cryptographic library can't make one.
    pub fn generate(algorithm: Algorithm, kid: impl Into<String>) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let pkcs8 = match algorithm {
            Algorithm::RS256 | Algorithm::PS256 => RsaKeyPair::generate(KeySize::Rsa2048)
                .and_then(|pair| pair.as_der())
                .map(|der| der.as_ref().to_vec()),
            Algorithm::ES256 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
                    .map(|der| der.as_ref().to_vec())
            }
            Algorithm::ES384 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random)
                    .map(|der| der.as_ref().to_vec())
            }
            Algorithm::EdDSA => {
                Ed25519KeyPair::generate_pkcs8(&random).map(|der| der.as_ref().to_vec())
            }
        };
        let pkcs8 = pkcs8.map_err(|_failed| KeyError("no key could be made"))?;
        Self::from_pkcs8(algorithm, kid, &pkcs8)
    }

    /// The one algorithm that it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public key, as [`VerifyingKey::from_jwk`](super::VerifyingKey::from_jwk) reads it.
    pub fn public_jwk(&self) -> Value {
        let encode = base64url::encode::<&[u8]>;
        let mut jwk = match &self.private {
            PrivateKey::Rsa(pair, _) => json!({
                "kty": "RSA",
                "n": encode(pair.public_key().modulus().big_endian_without_leading_zero()),
                "e": encode(pair.public_key().exponent().big_endian_without_leading_zero()),
            }),
            PrivateKey::Ecdsa(pair) => {
                // An uncompressed point: 0x04, then both coordinates (SEC 1 §2.3.3).
                let coordinates = &pair.public_key().as_ref()[1..];
                let (x, y) = coordinates.split_at(coordinates.len() / 2);
                let curve = match self.algorithm {
                    Algorithm::ES384 => "P-384",
                    _ => "P-256",
                };
                json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y) })
            }
            PrivateKey::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref()) })
            }
        };
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(self.algorithm.name());
        jwk["kid"] = json!(self.kid);
        jwk
    }

    pub(crate) fn sign(&self, typ: &str, payload: &[u8]) -> Result<String, GenerateError> {
        let header = json!({ "alg": self.algorithm.name(), "kid": self.kid, "typ": typ });
        self.sign_with_header(&header.to_string(), payload)
    }

    pub(crate) fn sign_with_header(
        &self,
        header: &str,
        payload: &[u8],
    ) -> Result<String, GenerateError> {
        let mut token = base64url::encode(header);
        token.push('.');
        base64url::encode_into(payload, &mut token);
        let signature = self.signature(token.as_bytes())?;
        token.push('.');
        base64url::encode_into(signature, &mut token);
        Ok(token)
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, GenerateError> {
        let random = SystemRandom::new();
        let signature = match &self.private {
            PrivateKey::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature)
                    .map(|()| signature)
            }
            PrivateKey::Ecdsa(pair) => pair
                .sign(&random, message)
                .map(|made| made.as_ref().to_vec()),
            PrivateKey::Ed25519(pair) => pair.try_sign(message).map(|made| made.as_ref().to_vec()),
        };
        signature.map_err(|_failed| GenerateError::Cryptography)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({} {})", self.algorithm, self.kid)
    }
}
