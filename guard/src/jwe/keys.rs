//! The keys that content is encrypted to.

use std::fmt;

use aws_lc_rs::agreement::PrivateKey;
use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _, Curve25519SeedBin, EcPrivateKeyBin};
use aws_lc_rs::rand;
use aws_lc_rs::rsa::{
    KeyPair, KeyPairComponents, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use serde_json::{Value, json};

use super::agreement::{Curve, agree};
use super::content::{CbcHmac, ContentEncryption};
use super::header::Header;
use crate::errors::{GenerateError, KeyError, Refused};
use crate::{base64url, jwk};

pub(super) const ECDH_ES: &str = "ECDH-ES";
pub(super) const RSA_OAEP_256: &str = "RSA-OAEP-256";

const INVALID: KeyError = KeyError("the JWK is no valid key");

/// A key that provider and service share: the two secret keys of A128CBC-HS256, one for the MAC and one for the cipher.
///
/// Whoever can read these tokens can make them: only the service itself may believe them.
pub struct DirectKey {
    pub(super) kid: String,
    /// The header that [`generate_direct`](super::generate_direct) writes, encoded.
    pub(super) protected: String,
    pub(super) content: CbcHmac,
}

impl DirectKey {
    /// Both keys must be random, and different.
    ///
    /// # Errors
    /// [`KeyError`] when they are the same.
    pub fn new(
        kid: impl Into<String>,
        mac: &[u8; 16],
        cipher: &[u8; 16],
    ) -> Result<Self, KeyError> {
        if mac == cipher {
            return Err(KeyError(
                "the keys for the MAC and for the cipher are the same",
            ));
        }
        let kid = kid.into();
        let header = json!({
            "alg": "dir",
            "enc": ContentEncryption::A128CbcHs256.name(),
            "kid": kid,
            "typ": crate::jwt::TYPE,
        });
        Ok(Self {
            protected: base64url::encode(header.to_string()),
            content: CbcHmac::new(mac, cipher).map_err(|_failed| INVALID)?,
            kid,
        })
    }

    /// Its name.
    pub fn kid(&self) -> &str {
        &self.kid
    }
}

/// A service's public key, to encrypt to.
pub struct EncryptingKey {
    pub(super) kid: Option<String>,
    pub(super) enc: ContentEncryption,
    public: Public,
}

enum Public {
    Agreement(Curve, Vec<u8>),
    Rsa(OaepPublicEncryptingKey),
}

impl EncryptingKey {
    /// Reads a public JWK: P-256 and X25519 for ECDH-ES, RSA for RSA-OAEP-256. Content will be encrypted as `enc` says.
    ///
    /// # Errors
    /// [`KeyError`] when it is private, for another use or algorithm, of a kind that is not known, weak, or no valid key.
    pub fn from_jwk(jwk: &Value, enc: ContentEncryption) -> Result<Self, KeyError> {
        jwk::check_public(jwk)?;
        jwk::check_use(
            jwk,
            "enc",
            &["deriveKey", "deriveBits", "wrapKey", "encrypt"],
        )?;
        check_algorithm(jwk)?;
        let public = match Curve::of(jwk) {
            Some(curve) => {
                let bytes = curve.public_bytes(jwk)?;
                // Whether it is a point of the curve shows when it meets a key.
                let own = PrivateKey::generate(curve.algorithm()).map_err(|_failed| INVALID)?;
                agree(&own, &bytes, enc, (&[], &[])).map_err(|_refused| INVALID)?;
                Public::Agreement(curve, bytes)
            }
            None => {
                let public: PublicEncryptingKey =
                    jwk::rsa(jwk)?.try_into().map_err(|_failed| INVALID)?;
                Public::Rsa(OaepPublicEncryptingKey::new(public).map_err(|_failed| INVALID)?)
            }
        };
        Ok(Self {
            kid: jwk::kid(jwk)?,
            enc,
            public,
        })
    }

    /// A content encryption key for one token: the header members and the encrypted key that lead to it, and the key.
    pub(super) fn content_key(
        &self,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(Value, Vec<u8>, Vec<u8>), GenerateError> {
        let failed = |_failed| GenerateError::Cryptography;
        match &self.public {
            Public::Agreement(curve, public) => {
                let mut secret = [0; 32];
                random(&mut secret);
                let ephemeral = PrivateKey::from_private_key(curve.algorithm(), &secret)
                    .map_err(|_rejected| GenerateError::Cryptography)?;
                let epk = ephemeral.compute_public_key().map_err(failed)?;
                let content = agree(&ephemeral, public, self.enc, (&[], &[]))
                    .map_err(|_refused| GenerateError::Cryptography)?;
                let members = json!({ "alg": ECDH_ES, "epk": curve.public_jwk(epk.as_ref()) });
                Ok((members, Vec::new(), content))
            }
            Public::Rsa(public) => {
                let mut content = vec![0; self.enc.key_length()];
                random(&mut content);
                let mut encrypted = vec![0; public.ciphertext_size()];
                public
                    .encrypt(&OAEP_SHA256_MGF1SHA256, &content, &mut encrypted, None)
                    .map_err(failed)?;
                Ok((json!({ "alg": RSA_OAEP_256 }), encrypted, content))
            }
        }
    }
}

/// A service's private key.
pub struct DecryptingKey {
    pub(super) kid: Option<String>,
    private: Private,
}

enum Private {
    Agreement(Curve, PrivateKey),
    Rsa(OaepPrivateDecryptingKey),
}

impl DecryptingKey {
    /// Reads a private JWK: P-256, X25519 or RSA with its primes.
    ///
    /// # Errors
    /// [`KeyError`] when it is for another use or algorithm, of a kind that is not known, weak, or no valid key.
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyError> {
        jwk::check_use(
            jwk,
            "enc",
            &["deriveKey", "deriveBits", "unwrapKey", "decrypt"],
        )?;
        check_algorithm(jwk)?;
        let private = match Curve::of(jwk) {
            Some(curve) => {
                let private =
                    PrivateKey::from_private_key(curve.algorithm(), &jwk::fixed::<32>(jwk, "d")?)
                        .map_err(|_rejected| INVALID)?;
                let public = private.compute_public_key().map_err(|_failed| INVALID)?;
                if public.as_ref() != curve.public_bytes(jwk)? {
                    return Err(KeyError("the public part of the JWK is another key's"));
                }
                Private::Agreement(curve, private)
            }
            None => {
                let pair = KeyPair::from_components(&KeyPairComponents {
                    public_key: jwk::rsa(jwk)?,
                    d: jwk::bytes(jwk, "d")?,
                    p: jwk::bytes(jwk, "p")?,
                    q: jwk::bytes(jwk, "q")?,
                    dP: jwk::bytes(jwk, "dp")?,
                    dQ: jwk::bytes(jwk, "dq")?,
                    qInv: jwk::bytes(jwk, "qi")?,
                })
                .map_err(|_rejected| INVALID)?;
                let pkcs8 = pair.as_der().map_err(|_failed| INVALID)?;
                Private::Rsa(rsa(pkcs8.as_ref())?)
            }
        };
        Ok(Self {
            kid: jwk::kid(jwk)?,
            private,
        })
    }

    /// Reads an unencrypted PKCS#8 private key (RFC 5208 §5): P-256 or RSA, the kinds that OpenSSL writes.
    ///
    /// # Errors
    /// [`KeyError`] when it is no such key.
    pub fn from_pkcs8(kid: impl Into<String>, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let curve = Curve::P256;
        let private = match PrivateKey::from_private_key_der(curve.algorithm(), pkcs8) {
            Ok(private) => Private::Agreement(curve, private),
            Err(_rejected) => Private::Rsa(rsa(pkcs8)?),
        };
        Ok(Self {
            kid: Some(kid.into()),
            private,
        })
    }

    /// Makes a new P-256 key and gives the private JWK, for [`DecryptingKey::from_jwk`]; [`public_jwk`] makes of it
    /// what the provider may know.
    ///
    /// # Errors
    /// [`KeyError`] when the cryptographic library can't make one.
    pub fn generate_jwk(kid: &str) -> Result<Value, KeyError> {
        Self::generate_on(Curve::P256, kid)
    }

    pub(super) fn generate_on(curve: Curve, kid: &str) -> Result<Value, KeyError> {
        let failed = |_failed| KeyError("no key could be made");
        let private = PrivateKey::generate(curve.algorithm()).map_err(failed)?;
        let public = private.compute_public_key().map_err(failed)?;
        let d = match curve {
            Curve::P256 => {
                let bytes: EcPrivateKeyBin<'_> = private.as_be_bytes().map_err(failed)?;
                base64url::encode(bytes.as_ref())
            }
            Curve::X25519 => {
                let bytes: Curve25519SeedBin<'_> = private.as_be_bytes().map_err(failed)?;
                base64url::encode(bytes.as_ref())
            }
        };
        let mut jwk = curve.public_jwk(public.as_ref());
        jwk["d"] = json!(d);
        jwk["use"] = json!("enc");
        jwk["alg"] = json!(ECDH_ES);
        jwk["kid"] = json!(kid);
        Ok(jwk)
    }

    /// The content encryption key that a header and its encrypted key lead to.
    ///
    /// With RSA a wrong encrypted key does not show here: a random key goes on in its place, and it is the tag that
    /// does not fit (RFC 7516 §11.5). Whoever sends tokens learns nothing about what the private key makes of them.
    pub(super) fn content_key(
        &self,
        header: &Header,
        encrypted_key: &str,
    ) -> Result<Vec<u8>, Refused> {
        match &self.private {
            Private::Agreement(curve, private) => {
                if header.alg != ECDH_ES {
                    return Err(Refused::Algorithm);
                }
                let epk = header.epk.as_ref().ok_or(Refused::Header("epk"))?;
                if !encrypted_key.is_empty() {
                    return Err(Refused::Malformed);
                }
                let of_the_curve = Curve::of(epk) == Some(*curve);
                if !of_the_curve || jwk::check_public(epk).is_err() {
                    return Err(Refused::Header("epk"));
                }
                let public = curve
                    .public_bytes(epk)
                    .map_err(|_wrong| Refused::Header("epk"))?;
                agree(private, &public, header.enc, (&header.apu, &header.apv))
            }
            Private::Rsa(private) => {
                if header.alg != RSA_OAEP_256 {
                    return Err(Refused::Algorithm);
                }
                let encrypted = base64url::decode(encrypted_key)?;
                let mut content = vec![0; header.enc.key_length()];
                rand::fill(&mut content).map_err(|_failed| Refused::Forged)?;
                let mut room = vec![0; private.min_output_size()];
                let opened = private.decrypt(&OAEP_SHA256_MGF1SHA256, &encrypted, &mut room, None);
                if let Ok(opened) = opened
                    && opened.len() == content.len()
                {
                    content.copy_from_slice(opened);
                }
                Ok(content)
            }
        }
    }
}

/// The public part of a JWK: what the provider is given of a key from [`DecryptingKey::generate_jwk`].
pub fn public_jwk(jwk: &Value) -> Value {
    let mut public = jwk.clone();
    if let Some(members) = public.as_object_mut() {
        members.retain(|name, _| {
            ["kty", "crv", "x", "y", "n", "e", "use", "alg", "kid"].contains(&name.as_str())
        });
    }
    public
}

fn rsa(pkcs8: &[u8]) -> Result<OaepPrivateDecryptingKey, KeyError> {
    PrivateDecryptingKey::from_pkcs8(pkcs8)
        .ok()
        .and_then(|key| OaepPrivateDecryptingKey::new(key).ok())
        .ok_or(KeyError("the private key is of a kind that is not known"))
}

/// A key that names its algorithm is for no other (RFC 7517 §4.4).
fn check_algorithm(jwk: &Value) -> Result<(), KeyError> {
    let fitting = match (Curve::of(jwk), jwk::text(jwk, "kty")) {
        (Some(_), _) => ECDH_ES,
        (None, Some("RSA")) => RSA_OAEP_256,
        _ => return Err(KeyError("the JWK is of a kind that is not known")),
    };
    match jwk.get("alg").is_none_or(|said| said == fitting) {
        true => Ok(()),
        false => Err(KeyError("the JWK's alg is not one that is used here")),
    }
}

impl fmt::Debug for DirectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DirectKey({})", self.kid)
    }
}

impl fmt::Debug for EncryptingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "EncryptingKey({:?})", self.kid)
    }
}

impl fmt::Debug for DecryptingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DecryptingKey({:?})", self.kid)
    }
}
