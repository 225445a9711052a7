//! The master key: one secret in a file, from which the keys for sealing and hashing are derived.

use std::fmt;

use aws_lc_rs::{aead, constant_time, hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretBox, SecretSlice, SecretString};
use uuid::Uuid;

use crate::random::Random;

const KEY_LENGTH: usize = 32;
/// Names how a sealed text was made, so that another way can follow without a guess.
const SEAL_VERSION: &str = "1.";

/// What a keyed hash is for. A hash made for one purpose never matches another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashPurpose {
    /// Authorization codes.
    Code,
    /// Refresh tokens.
    RefreshToken,
    /// The cookie of a browser's session.
    SessionCookie,
    /// Client secrets.
    ClientSecret,
    /// Services' secrets.
    ServiceSecret,
    /// Initial access tokens, by which clients register themselves.
    InitialAccessToken,
    /// Registration access tokens, by which they look after themselves.
    RegistrationAccessToken,
    /// Invitations to come in through another provider.
    Invitation,
    /// One-time handles: parked requests, the leaving page.
    Handle,
    /// Form tokens against cross-site request forgery.
    Csrf,
    /// The cookie by which a browser is known to have been a person's.
    KnownBrowser,
    /// Services, in the addresses of their status lists.
    StatusList,
    /// The state of a browser in which somebody is signed in.
    BrowserState,
}

impl HashPurpose {
    const fn label(self) -> &'static str {
        match self {
            Self::Code => "hash code",
            Self::RefreshToken => "hash refresh token",
            Self::SessionCookie => "hash session cookie",
            Self::ClientSecret => "hash client secret",
            Self::ServiceSecret => "hash service secret",
            Self::InitialAccessToken => "hash initial access token",
            Self::RegistrationAccessToken => "hash registration access token",
            Self::Invitation => "hash invitation",
            Self::Handle => "hash handle",
            Self::Csrf => "hash csrf",
            Self::KnownBrowser => "hash known browser",
            Self::BrowserState => "hash browser state",
            Self::StatusList => "hash status list",
        }
    }
}

/// 256 secret bits. Every use has a key of its own, derived by HKDF-SHA-256 (RFC 5869) under its own label.
pub struct MasterKey {
    bytes: SecretBox<[u8; KEY_LENGTH]>,
    derivation: hkdf::Prk,
}

/// The text is not a master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a master key is 32 bytes as 43 characters of base64url, without padding")]
pub struct NotAMasterKey;

/// A sealed text does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It was made in a way that this version does not know.
    #[error("the sealed text is of an unknown version")]
    Version,
    /// Another key, other associated data, or damage.
    #[error("the sealed text does not open: another master key, or it was altered")]
    Altered,
}

impl MasterKey {
    /// A new key.
    pub fn generate(random: &dyn Random) -> Self {
        let mut bytes = Box::new([0; KEY_LENGTH]);
        random.fill(bytes.as_mut());
        Self::from_bytes(bytes)
    }

    fn from_bytes(bytes: Box<[u8; KEY_LENGTH]>) -> Self {
        let derivation =
            hkdf::Salt::new(hkdf::HKDF_SHA256, b"exeunt master key").extract(bytes.as_ref());
        Self {
            bytes: SecretBox::new(bytes),
            derivation,
        }
    }

    /// Reads the text of a key file; white space around it does not matter.
    pub fn from_text(text: &str) -> Result<Self, NotAMasterKey> {
        let decoded = URL_SAFE_NO_PAD
            .decode(text.trim())
            .map_err(|_not_base64url| NotAMasterKey)?;
        let bytes = <Box<[u8; KEY_LENGTH]>>::try_from(decoded.into_boxed_slice())
            .map_err(|_other_length| NotAMasterKey)?;
        Ok(Self::from_bytes(bytes))
    }

    /// The text for a key file.
    pub fn to_text(&self) -> SecretString {
        URL_SAFE_NO_PAD.encode(self.bytes.expose_secret()).into()
    }

    /// Encrypts `plain` (AES-256-GCM, 96-bit random nonce). It opens only with the same `associated` data, which
    /// says whose secret it is, so that sealed texts cannot be exchanged for one another in the database.
    #[expect(
        clippy::expect_used,
        reason = "AES-GCM fails only beyond 64 GiB, far from any key of ours"
    )]
    pub fn seal(&self, random: &dyn Random, associated: &str, plain: &[u8]) -> String {
        let mut nonce = [0; aead::NONCE_LEN];
        random.fill(&mut nonce);
        let mut sealed = plain.to_vec();
        self.sealing_key()
            .seal_in_place_append_tag(
                aead::Nonce::assume_unique_for_key(nonce),
                aead::Aad::from(associated),
                &mut sealed,
            )
            .expect("the text is short enough to seal");
        let mut text = String::from(SEAL_VERSION);
        URL_SAFE_NO_PAD.encode_string([&nonce, sealed.as_slice()].concat(), &mut text);
        text
    }

    /// Decrypts what [`MasterKey::seal`] made with the same `associated` data.
    pub fn open(&self, associated: &str, sealed: &str) -> Result<SecretSlice<u8>, OpenError> {
        let text = sealed
            .strip_prefix(SEAL_VERSION)
            .ok_or(OpenError::Version)?;
        let mut bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_not_base64url| OpenError::Altered)?;
        let (nonce, body) = bytes
            .split_first_chunk_mut::<{ aead::NONCE_LEN }>()
            .ok_or(OpenError::Altered)?;
        let plain = self
            .sealing_key()
            .open_in_place(
                aead::Nonce::assume_unique_for_key(*nonce),
                aead::Aad::from(associated),
                body,
            )
            .map_err(|_unspecified| OpenError::Altered)?;
        // What came out in place is overwritten; a plain `Vec` would leave the secret in freed memory.
        let opened = SecretSlice::from(plain.to_vec());
        plain.fill(0);
        Ok(opened)
    }

    /// The keyed hash (HMAC-SHA-256, 43 characters of base64url) under which a random secret is stored and found.
    /// For long random secrets only: passwords have [`super::PasswordPool`].
    pub fn hash(&self, purpose: HashPurpose, secret: &str) -> String {
        self.keyed(purpose.label(), secret)
    }

    /// Whether `secret` is the one whose hash is `stored`, compared in constant time.
    pub fn matches(&self, purpose: HashPurpose, secret: &str, stored: &str) -> bool {
        let hash = self.hash(purpose, secret);
        constant_time::verify_slices_are_equal(hash.as_bytes(), stored.as_bytes()).is_ok()
    }

    /// The refresh token that follows `refresh_token`: 43 characters of base64url. Always the same, so that a
    /// client whose answer got lost can be given it again without it being stored anywhere.
    pub fn successor(&self, refresh_token: &str) -> String {
        self.keyed("refresh token successor", refresh_token)
    }

    /// The `sub` under which the clients of one sector, and no others, know a person: 43 characters of base64url. Always
    /// the same; and nobody without the key can tell two sectors' apart from those of two people (Core §8.1).
    pub fn pairwise_subject(&self, sector: &str, person: Uuid) -> String {
        // The identifier first, which is always as long: no sector can be written so that it runs into it.
        self.keyed("pairwise subject", &format!("{person} {sector}"))
    }

    fn keyed(&self, label: &str, data: &str) -> String {
        let key = hmac::Key::from(self.derive(&[label.as_bytes()], hmac::HMAC_SHA256));
        URL_SAFE_NO_PAD.encode(hmac::sign(&key, data.as_bytes()))
    }

    /// A key for one text alone, which has this name: it needs no nonce.
    pub(super) fn key_of_one(&self, label: &str, name: Uuid) -> aead::LessSafeKey {
        let label: [&[u8]; 2] = [label.as_bytes(), name.as_bytes()];
        let key = self.derive(&label, &aead::AES_256_GCM);
        aead::LessSafeKey::new(aead::UnboundKey::from(key))
    }

    fn sealing_key(&self) -> aead::LessSafeKey {
        let key = self.derive(&[b"seal"], &aead::AES_256_GCM);
        aead::LessSafeKey::new(aead::UnboundKey::from(key))
    }

    #[expect(
        clippy::expect_used,
        reason = "HKDF refuses only outputs above 8 KiB; ours have 32 bytes"
    )]
    fn derive<'a, L: hkdf::KeyType>(
        &'a self,
        label: &'a [&'a [u8]],
        length: L,
    ) -> hkdf::Okm<'a, L> {
        self.derivation
            .expand(label, length)
            .expect("the derived key is short")
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MasterKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SeededRandom;

    fn key(seed: u64) -> MasterKey {
        MasterKey::generate(&SeededRandom::new(seed))
    }

    #[test]
    fn a_key_survives_its_file() {
        let text = key(1).to_text();
        let read = MasterKey::from_text(&format!("{}\n", text.expose_secret())).unwrap();
        assert_eq!(
            read.hash(HashPurpose::Code, "c"),
            key(1).hash(HashPurpose::Code, "c")
        );
    }

    #[test]
    fn a_text_that_is_no_key_is_refused() {
        let text = key(1).to_text();
        let text = text.expose_secret();
        for wrong in [
            "",
            "short",
            &text[1..],
            &format!("{text}A"),
            &format!("{text}="),
            &"!".repeat(43),
        ] {
            assert_eq!(
                MasterKey::from_text(wrong).err(),
                Some(NotAMasterKey),
                "{wrong}"
            );
        }
    }

    #[test]
    fn the_key_is_never_printed() {
        assert_eq!(format!("{:?}", key(1)), "MasterKey(..)");
    }

    #[test]
    fn a_sealed_text_opens_with_its_key_and_its_associated_data_alone() {
        let random = SeededRandom::new(9);
        let sealed = key(1).seal(&random, "key a", b"secret");
        assert_eq!(
            key(1).open("key a", &sealed).unwrap().expose_secret(),
            b"secret"
        );
        assert_eq!(
            key(1).open("key b", &sealed).err(),
            Some(OpenError::Altered)
        );
        assert_eq!(
            key(2).open("key a", &sealed).err(),
            Some(OpenError::Altered)
        );
        assert_ne!(sealed, key(1).seal(&random, "key a", b"secret"));
    }

    #[test]
    fn an_altered_or_foreign_sealed_text_is_refused() {
        let sealed = key(1).seal(&SeededRandom::new(9), "a", b"secret");
        let altered = sealed.replacen(
            &sealed[10..11],
            if &sealed[10..11] == "A" { "B" } else { "A" },
            1,
        );
        assert_eq!(key(1).open("a", &altered).err(), Some(OpenError::Altered));
        assert_eq!(
            key(1).open("a", &sealed[..6]).err(),
            Some(OpenError::Altered)
        );
        assert_eq!(
            key(1).open("a", &sealed.replace("1.", "2.")).err(),
            Some(OpenError::Version)
        );
    }

    /// Attack 27: secrets are stored as keyed hashes and compared in constant time.
    #[test]
    fn a_hash_matches_its_secret_its_purpose_and_its_key_alone() {
        let stored = key(1).hash(HashPurpose::ClientSecret, "s3cret");
        assert_eq!(stored.len(), 43);
        assert!(key(1).matches(HashPurpose::ClientSecret, "s3cret", &stored));
        assert!(!key(1).matches(HashPurpose::ClientSecret, "s3creT", &stored));
        assert!(!key(1).matches(HashPurpose::Code, "s3cret", &stored));
        assert!(!key(2).matches(HashPurpose::ClientSecret, "s3cret", &stored));
        assert!(!key(1).matches(HashPurpose::ClientSecret, "s3cret", ""));
    }

    #[test]
    fn a_person_has_one_subject_in_each_sector_which_nobody_without_the_key_can_tell() {
        let [ada, grace] = [1, 2].map(Uuid::from_u128);
        let subject = key(1).pairwise_subject("a.example", ada);
        assert_eq!(subject, key(1).pairwise_subject("a.example", ada));
        assert_eq!(subject.len(), 43);
        for other in [
            key(1).pairwise_subject("b.example", ada),
            key(1).pairwise_subject("a.example", grace),
            key(2).pairwise_subject("a.example", ada),
            key(1).hash(HashPurpose::Handle, &format!("{ada} a.example")),
        ] {
            assert_ne!(subject, other);
        }
    }

    #[test]
    fn a_refresh_token_has_one_successor_which_nobody_without_the_key_can_tell() {
        let next = key(1).successor("token");
        assert_eq!(next, key(1).successor("token"));
        assert_eq!(next.len(), 43);
        assert_ne!(next, key(2).successor("token"));
        assert_ne!(next, key(1).hash(HashPurpose::RefreshToken, "token"));
    }
}
