//! Signing keys: how they are made, kept and parsed.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, ParsedPublicKey, RsaKeyPair,
};
use aws_lc_rs::{digest, error};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::pkcs8::EncodePrivateKey as _;
use rsa::rand_core;
use secrecy::{ExposeSecret as _, SecretSlice};
use serde_json::{Value, json};

use super::master::{MasterKey, OpenError};
use super::schedule::Schedule;
use crate::oidc::algorithm::SigningAlgorithm;
use crate::random::Random;

/// The size of new RSA keys. 3072 bits would be some three times the work for each signature (it grows with the cube
/// of the size) and for making the key at the first start; keys rotate, and 2048 is what RFC 7518 §3.3 asks.
const RSA_BITS: usize = 2048;

/// A signing key as the database keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredKey {
    /// The RFC 7638 thumbprint of the public key.
    pub kid: String,
    /// The one algorithm it signs with (RFC 8725 §3.1).
    pub algorithm: SigningAlgorithm,
    /// The public key as the JWKS shows it.
    pub public_jwk: Value,
    /// The private key (PKCS#8), sealed under the master key.
    pub sealed_private: String,
    /// When it is published, signs and retires.
    pub schedule: Schedule,
}

/// A signing key could not be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The cryptographic library could not make one.
    #[error("a {0} key could not be made")]
    Generation(SigningAlgorithm),
    /// The private part does not open under this master key.
    #[error("signing key {kid}: {source}")]
    Sealed {
        /// Which key.
        kid: String,
        /// Why.
        source: OpenError,
    },
    /// What was sealed is not a key of the algorithm, or not the one that its `kid` names.
    #[error("signing key {0} is not the key that its row describes")]
    Mismatch(String),
}

impl StoredKey {
    /// Makes a key pair for `algorithm` and seals its private part. An RSA key takes a good part of a second:
    /// call it where blocking is fine.
    pub fn generate(
        algorithm: SigningAlgorithm,
        master: &MasterKey,
        random: &dyn Random,
        schedule: Schedule,
    ) -> Result<Self, KeyError> {
        let pkcs8 = generate_pkcs8(algorithm, random).ok_or(KeyError::Generation(algorithm))?;
        let key = SigningKey::parse(algorithm, pkcs8.expose_secret())
            .ok_or(KeyError::Generation(algorithm))?;
        Ok(Self {
            sealed_private: master.seal(
                random,
                &seal_label(algorithm, &key.kid),
                pkcs8.expose_secret(),
            ),
            kid: key.kid,
            algorithm,
            public_jwk: key.public_jwk,
            schedule,
        })
    }
}

/// A parsed key pair, ready to sign. Parsing costs more than half an RSA signature, so it is done once.
pub struct SigningKey {
    pub(super) kid: String,
    pub(super) algorithm: SigningAlgorithm,
    pub(super) public_jwk: Value,
    /// The JOSE header up to where `typ` would follow.
    pub(super) header_start: String,
    private: PrivateKey,
    public: ParsedPublicKey,
}

enum PrivateKey {
    Rsa(RsaKeyPair, &'static dyn signature::RsaEncoding),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// Opens and parses a stored key. The public part is derived from the private one and must have the row's
    /// thumbprint: who can write the database cannot publish a key of their own.
    pub fn open(stored: &StoredKey, master: &MasterKey) -> Result<Self, KeyError> {
        let pkcs8 = master
            .open(
                &seal_label(stored.algorithm, &stored.kid),
                &stored.sealed_private,
            )
            .map_err(|source| KeyError::Sealed {
                kid: stored.kid.clone(),
                source,
            })?;
        Self::parse(stored.algorithm, pkcs8.expose_secret())
            .filter(|key| key.kid == stored.kid)
            .ok_or_else(|| KeyError::Mismatch(stored.kid.clone()))
    }

    fn parse(algorithm: SigningAlgorithm, pkcs8: &[u8]) -> Option<Self> {
        let private = PrivateKey::parse(algorithm, pkcs8)?;
        let public = ParsedPublicKey::new(verification(algorithm), private.public_bytes()).ok()?;
        let members = private.public_members()?;
        let kid = thumbprint(&members);
        let mut public_jwk = members;
        public_jwk["use"] = json!("sig");
        public_jwk["alg"] = json!(algorithm);
        public_jwk["kid"] = json!(kid);
        Some(Self {
            header_start: format!(r#"{{"alg":"{algorithm}","kid":"{kid}""#),
            kid,
            algorithm,
            public_jwk,
            private,
            public,
        })
    }

    /// The key's identifier: its RFC 7638 thumbprint.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm it signs with.
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// The public key as the JWKS shows it.
    pub fn public_jwk(&self) -> &Value {
        &self.public_jwk
    }

    /// The raw signature over `message`, in the form that JWS wants (RFC 7518 §3.3 to §3.5, RFC 8037 §3.1).
    pub(super) fn signature(&self, message: &[u8]) -> Result<Vec<u8>, error::Unspecified> {
        match &self.private {
            PrivateKey::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), message, &mut signature)?;
                Ok(signature)
            }
            PrivateKey::Ecdsa(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message)?;
                Ok(signature.as_ref().to_vec())
            }
            PrivateKey::Ed25519(pair) => Ok(pair.try_sign(message)?.as_ref().to_vec()),
        }
    }

    /// Whether this key made `signature` over `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.public.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({} {})", self.algorithm, self.kid)
    }
}

impl PrivateKey {
    fn parse(algorithm: SigningAlgorithm, pkcs8: &[u8]) -> Option<Self> {
        Some(match algorithm {
            SigningAlgorithm::RS256 => Self::Rsa(
                RsaKeyPair::from_pkcs8(pkcs8).ok()?,
                &signature::RSA_PKCS1_SHA256,
            ),
            SigningAlgorithm::PS256 => Self::Rsa(
                RsaKeyPair::from_pkcs8(pkcs8).ok()?,
                &signature::RSA_PSS_SHA256,
            ),
            SigningAlgorithm::ES256 => Self::Ecdsa(
                EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
                    .ok()?,
            ),
            SigningAlgorithm::EdDSA => Self::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8).ok()?),
        })
    }

    fn public_bytes(&self) -> &[u8] {
        match self {
            Self::Rsa(pair, _) => pair.public_key().as_ref(),
            Self::Ecdsa(pair) => pair.public_key().as_ref(),
            Self::Ed25519(pair) => pair.public_key().as_ref(),
        }
    }

    /// The members that the thumbprint covers, in alphabetical order (RFC 7638 §3.2, RFC 8037 appendix A.3).
    fn public_members(&self) -> Option<Value> {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Some(match self {
            Self::Rsa(pair, _) => json!({
                "e": encode(pair.public_key().exponent().big_endian_without_leading_zero()),
                "kty": "RSA",
                "n": encode(pair.public_key().modulus().big_endian_without_leading_zero()),
            }),
            Self::Ecdsa(_) => {
                // An uncompressed point: 0x04, then both coordinates (SEC 1 §2.3.3).
                let (x, y) = self
                    .public_bytes()
                    .strip_prefix(&[4])?
                    .split_at_checked(32)?;
                json!({ "crv": "P-256", "kty": "EC", "x": encode(x), "y": encode(y) })
            }
            Self::Ed25519(_) => {
                json!({ "crv": "Ed25519", "kty": "OKP", "x": encode(self.public_bytes()) })
            }
        })
    }
}

fn verification(algorithm: SigningAlgorithm) -> &'static dyn signature::VerificationAlgorithm {
    match algorithm {
        SigningAlgorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        SigningAlgorithm::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
        SigningAlgorithm::ES256 => &signature::ECDSA_P256_SHA256_FIXED,
        SigningAlgorithm::EdDSA => &signature::ED25519,
    }
}

fn generate_pkcs8(algorithm: SigningAlgorithm, random: &dyn Random) -> Option<SecretSlice<u8>> {
    let pkcs8 = match algorithm {
        SigningAlgorithm::RS256 | SigningAlgorithm::PS256 => {
            let key = rsa::RsaPrivateKey::new(&mut RsaRandom(random), RSA_BITS).ok()?;
            key.to_pkcs8_der().ok()?.as_bytes().to_vec()
        }
        SigningAlgorithm::ES256 => EcdsaKeyPair::generate_pkcs8(
            &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
            &SystemRandom::new(),
        )
        .ok()?
        .as_ref()
        .to_vec(),
        SigningAlgorithm::EdDSA => Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .ok()?
            .as_ref()
            .to_vec(),
    };
    Some(SecretSlice::from(pkcs8))
}

fn seal_label(algorithm: SigningAlgorithm, kid: &str) -> String {
    format!("signing key {algorithm} {kid}")
}

/// RFC 7638 §3: SHA-256 over the required members in alphabetical order, without white space.
fn thumbprint(members: &Value) -> String {
    let hash = digest::digest(&digest::SHA256, members.to_string().as_bytes());
    URL_SAFE_NO_PAD.encode(hash)
}

/// Our randomness in the form that the `rsa` crate takes.
struct RsaRandom<'a>(&'a dyn Random);

impl rand_core::CryptoRng for RsaRandom<'_> {}

impl rand_core::RngCore for RsaRandom<'_> {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}
