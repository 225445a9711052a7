//! The signature algorithms we sign and verify with (RFC 7518 §3.1, RFC 8037 §3.1).

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
