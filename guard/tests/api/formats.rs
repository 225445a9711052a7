//! One of everything: a key of each kind, and every format made and read with them.

use exeunt_guard::cwt::{self, Nonce};
use exeunt_guard::jwe::{self, ContentEncryption, DecryptingKey, DirectKey, EncryptingKey};
use exeunt_guard::jwt::{self, Algorithm, SigningKey, VerifyingKey};
use exeunt_guard::{Claims, Expected, Refused};

pub const NOW: i64 = 1_767_268_800;
pub const ISSUER: &str = "https://id.example";
pub const SERVICE: &str = "https://api.example/";

/// A format of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Signed,
    Direct,
    Nested(ContentEncryption),
    Compact,
}

impl Format {
    pub const ALL: [Self; 6] = [
        Self::Signed,
        Self::Direct,
        Self::Nested(ContentEncryption::A128CbcHs256),
        Self::Nested(ContentEncryption::A128Gcm),
        Self::Nested(ContentEncryption::A256Gcm),
        Self::Compact,
    ];
}

pub struct Keys {
    pub signing: SigningKey,
    pub verifying: [VerifyingKey; 1],
    pub direct: [DirectKey; 1],
    pub decrypting: [DecryptingKey; 1],
    pub public: serde_json::Value,
    pub compact: [cwt::Key; 1],
}

impl Keys {
    pub fn new() -> Self {
        let signing = SigningKey::generate(Algorithm::ES256, "signing").unwrap();
        let private = DecryptingKey::generate_jwk("service").unwrap();
        Self {
            verifying: [VerifyingKey::from_jwk(&signing.public_jwk()).unwrap()],
            signing,
            direct: [DirectKey::new("7", &[1; 16], &[2; 16]).unwrap()],
            decrypting: [DecryptingKey::from_jwk(&private).unwrap()],
            public: jwe::public_jwk(&private),
            compact: [cwt::Key::new(7, &[3; 32], &[4; 16]).unwrap()],
        }
    }

    pub fn make(&self, format: Format, claims: &Claims) -> String {
        let signed = || jwt::generate(claims, &self.signing).unwrap();
        match format {
            Format::Signed => signed(),
            Format::Direct => jwe::generate_direct(claims, &self.direct[0], random()).unwrap(),
            Format::Nested(enc) => {
                let to = EncryptingKey::from_jwk(&self.public, enc).unwrap();
                jwe::generate_nested(&signed(), &to, &mut fill).unwrap()
            }
            Format::Compact => {
                let nonce = Nonce::from_random(random());
                cwt::generate(claims, &self.compact[0], nonce).unwrap()
            }
        }
    }

    pub fn read(&self, format: Format, token: &str) -> Result<Claims, Refused> {
        let expected = Expected::new(ISSUER, SERVICE).with_leeway(0);
        match format {
            Format::Signed => jwt::parse(token, &self.verifying, &expected, NOW),
            Format::Direct => jwe::parse_direct(token, &self.direct, &expected, NOW),
            Format::Nested(_) => {
                jwe::parse_nested(token, &self.decrypting, &self.verifying, &expected, NOW)
            }
            Format::Compact => cwt::parse(token, &self.compact, &expected, NOW),
        }
    }
}

pub fn claims() -> Claims {
    Claims {
        iss: ISSUER.into(),
        sub: "f81d4fae-7dec-41d0-8765-00a0c91e6bf6".into(),
        aud: vec![SERVICE.into()],
        client_id: Some("ledger".into()),
        scope: Some("read write".into()),
        iat: NOW,
        exp: NOW + 600,
        jti: Some("0192a7b4-7a3c-7cc4-9f0e-2f6b8d1c3a5e".into()),
        grant: Some("0192a7b4-7a3c-7cc4-9f0e-2f6b8d1c3a5f".into()),
        sid: Some("67e55044-10b1-426f-9247-bb680e5fe0c8".into()),
        auth_time: Some(NOW - 60),
        acr: Some("urn:exeunt:acr:password".into()),
        ..Claims::default()
    }
}

pub fn fill(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).unwrap();
}

pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}
