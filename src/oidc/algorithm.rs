//! The signature algorithms that we and clients sign with (RFC 7518 §3.1, RFC 8037 §3.1).

use std::fmt;

use serde::{Deserialize, Serialize};

/// An algorithm under its JOSE name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

impl SigningAlgorithm {
    /// Every algorithm that we sign with.
    pub const ALL: [Self; 4] = [Self::RS256, Self::PS256, Self::ES256, Self::EdDSA];

    /// The JOSE name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
        }
    }

    /// The algorithm of that JOSE name; names are case-sensitive.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
    }
}

impl fmt::Display for SigningAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What a client may sign with, or leave unsigned: assertions (Core §9) and request objects (Core §6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientAlgorithm {
    /// Nothing: for request objects alone.
    #[serde(rename = "none")]
    None,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
    /// HMAC with SHA-256, under the client's secret.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
}

impl ClientAlgorithm {
    /// Every one that we read.
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::RS256,
        Self::PS256,
        Self::ES256,
        Self::EdDSA,
        Self::HS256,
        Self::HS384,
        Self::HS512,
    ];

    /// The JOSE name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
        }
    }

    /// The algorithm of that JOSE name; names are case-sensitive.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    /// The algorithm of a signature made with a private key; none of other ones.
    pub fn by_private_key(self) -> Option<SigningAlgorithm> {
        match self {
            Self::RS256 => Some(SigningAlgorithm::RS256),
            Self::PS256 => Some(SigningAlgorithm::PS256),
            Self::ES256 => Some(SigningAlgorithm::ES256),
            Self::EdDSA => Some(SigningAlgorithm::EdDSA),
            Self::None | Self::HS256 | Self::HS384 | Self::HS512 => None,
        }
    }

    /// The fewest bytes of a secret to sign with: as many as the hash has (RFC 7518 §3.2); none where no secret does.
    pub fn least_secret(self) -> Option<usize> {
        match self {
            Self::HS256 => Some(32),
            Self::HS384 => Some(48),
            Self::HS512 => Some(64),
            _ => None,
        }
    }
}
