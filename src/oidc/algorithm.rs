//! The signature algorithms that we and clients sign with (RFC 7518 §3.1, RFC 8037 §3.1).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

/// What ID tokens are signed with, if they are (Core §2: `none` only where a client asked for it at registration).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdTokenAlgorithm {
    /// With this algorithm.
    Signed(SigningAlgorithm),
    /// Not at all.
    None,
}

impl IdTokenAlgorithm {
    /// The name of the algorithm that is none (RFC 7518 §3.1).
    pub const NONE: &'static str = "none";

    /// The algorithm that signs, if one does.
    pub fn signed(self) -> Option<SigningAlgorithm> {
        match self {
            Self::Signed(algorithm) => Some(algorithm),
            Self::None => None,
        }
    }

    /// The JOSE name.
    pub fn as_str(self) -> &'static str {
        self.signed().map_or(Self::NONE, SigningAlgorithm::as_str)
    }
}

impl From<SigningAlgorithm> for IdTokenAlgorithm {
    fn from(algorithm: SigningAlgorithm) -> Self {
        Self::Signed(algorithm)
    }
}

impl Serialize for IdTokenAlgorithm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for IdTokenAlgorithm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// The names, which the library tells whoever writes another one.
        #[derive(Deserialize)]
        enum Name {
            RS256,
            PS256,
            ES256,
            EdDSA,
            #[serde(rename = "none")]
            None,
        }
        Ok(match Name::deserialize(deserializer)? {
            Name::RS256 => SigningAlgorithm::RS256.into(),
            Name::PS256 => SigningAlgorithm::PS256.into(),
            Name::ES256 => SigningAlgorithm::ES256.into(),
            Name::EdDSA => SigningAlgorithm::EdDSA.into(),
            Name::None => Self::None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_id_token_algorithms_are_those_of_jose_and_none() {
        let all = SigningAlgorithm::ALL.map(IdTokenAlgorithm::Signed);
        for algorithm in all.into_iter().chain([IdTokenAlgorithm::None]) {
            let text = serde_json::to_value(algorithm).unwrap();
            assert_eq!(text, algorithm.as_str());
            assert_eq!(
                serde_json::from_value::<IdTokenAlgorithm>(text).unwrap(),
                algorithm
            );
        }
        for wrong in ["", "None", "NONE", "HS256", "rs256"] {
            assert!(
                serde_json::from_value::<IdTokenAlgorithm>(wrong.into()).is_err(),
                "{wrong}"
            );
        }
    }
}
