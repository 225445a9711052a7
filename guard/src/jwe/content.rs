//! Encrypting and authenticating the content (RFC 7518 §5).

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    AES_128, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{constant_time, hmac};

/// How the content is encrypted (RFC 7518 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContentEncryption {
    /// A128CBC-HS256: what every implementation must have.
    #[default]
    A128CbcHs256,
    /// A128GCM.
    A128Gcm,
    /// A256GCM.
    A256Gcm,
}

impl ContentEncryption {
    pub(super) const ALL: [Self; 3] = [Self::A128CbcHs256, Self::A128Gcm, Self::A256Gcm];

    /// As `enc` says it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A128CbcHs256 => "A128CBC-HS256",
            Self::A128Gcm => "A128GCM",
            Self::A256Gcm => "A256GCM",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    pub(super) const fn key_length(self) -> usize {
        match self {
            Self::A128CbcHs256 | Self::A256Gcm => 32,
            Self::A128Gcm => 16,
        }
    }

    pub(super) const fn iv_length(self) -> usize {
        match self {
            Self::A128CbcHs256 => 16,
            Self::A128Gcm | Self::A256Gcm => 12,
        }
    }

    pub(super) fn key(self, key: &[u8]) -> Result<ContentKey, Unspecified> {
        Ok(match self {
            Self::A128CbcHs256 => {
                let (mac, cipher) = key.split_at_checked(16).ok_or(Unspecified)?;
                ContentKey::Cbc(CbcHmac::new(mac, cipher)?)
            }
            Self::A128Gcm => ContentKey::Gcm(LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key)?)),
            Self::A256Gcm => ContentKey::Gcm(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key)?)),
        })
    }
}

/// The length of every tag.
const TAG: usize = 16;

/// A content encryption key, ready for use.
pub(super) enum ContentKey {
    Cbc(CbcHmac),
    Gcm(LessSafeKey),
}

/// Ciphertext and tag.
pub(super) type Sealed = (Vec<u8>, [u8; TAG]);

impl ContentKey {
    pub(super) fn seal(
        &self,
        iv: &[u8],
        aad: &[u8],
        plain: Vec<u8>,
    ) -> Result<Sealed, Unspecified> {
        match self {
            Self::Cbc(key) => key.seal(iv, aad, plain),
            Self::Gcm(key) => {
                let mut text = plain;
                let nonce = Nonce::try_assume_unique_for_key(iv)?;
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut text)?;
                Ok((
                    text,
                    tag.as_ref().try_into().map_err(|_length| Unspecified)?,
                ))
            }
        }
    }

    pub(super) fn open(
        &self,
        iv: &[u8],
        aad: &[u8],
        mut text: Vec<u8>,
        tag: &[u8],
    ) -> Result<Vec<u8>, Unspecified> {
        // RFC 7518 §5.2.2.2, §5.3: neither a shorter tag will do nor another length of the vector.
        if tag.len() != TAG {
            return Err(Unspecified);
        }
        match self {
            Self::Cbc(key) => key.open(iv, aad, text, tag),
            Self::Gcm(key) => {
                let nonce = Nonce::try_assume_unique_for_key(iv)?;
                text.extend_from_slice(tag);
                let length = key.open_in_place(nonce, Aad::from(aad), &mut text)?.len();
                text.truncate(length);
                Ok(text)
            }
        }
    }
}

/// A128CBC-HS256 (RFC 7518 §5.2.3): two keys, one for the MAC and one for the cipher.
pub(super) struct CbcHmac {
    mac: hmac::Key,
    encrypting: PaddedBlockEncryptingKey,
    decrypting: PaddedBlockDecryptingKey,
}

impl CbcHmac {
    pub(super) fn new(mac: &[u8], cipher: &[u8]) -> Result<Self, Unspecified> {
        let cipher = || UnboundCipherKey::new(&AES_128, cipher);
        Ok(Self {
            mac: hmac::Key::new(hmac::HMAC_SHA256, mac),
            encrypting: PaddedBlockEncryptingKey::cbc_pkcs7(cipher()?)?,
            decrypting: PaddedBlockDecryptingKey::cbc_pkcs7(cipher()?)?,
        })
    }

    /// RFC 7518 §5.2.2.1.
    pub(super) fn seal(
        &self,
        iv: &[u8],
        aad: &[u8],
        plain: Vec<u8>,
    ) -> Result<Sealed, Unspecified> {
        let mut text = plain;
        let context = EncryptionContext::Iv128(FixedLength::try_from(iv)?);
        self.encrypting.less_safe_encrypt(&mut text, context)?;
        let tag = self.tag(iv, aad, &text);
        Ok((text, tag))
    }

    /// RFC 7518 §5.2.2.2: the tag first, in constant time, and only then the padding.
    pub(super) fn open(
        &self,
        iv: &[u8],
        aad: &[u8],
        mut text: Vec<u8>,
        tag: &[u8],
    ) -> Result<Vec<u8>, Unspecified> {
        constant_time::verify_slices_are_equal(&self.tag(iv, aad, &text), tag)?;
        let context = DecryptionContext::Iv128(FixedLength::try_from(iv)?);
        let length = self.decrypting.decrypt(&mut text, context)?.len();
        text.truncate(length);
        Ok(text)
    }

    fn tag(&self, iv: &[u8], aad: &[u8], text: &[u8]) -> [u8; TAG] {
        let bits = u64::try_from(aad.len())
            .unwrap_or(u64::MAX)
            .saturating_mul(8);
        let mut context = hmac::Context::with_key(&self.mac);
        for part in [aad, iv, text, &bits.to_be_bytes()] {
            context.update(part);
        }
        let mut tag = [0; TAG];
        tag.copy_from_slice(&context.sign().as_ref()[..TAG]);
        tag
    }
}
