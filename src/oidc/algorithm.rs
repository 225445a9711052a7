//! The signature algorithms that Exeunt speaks (RFC 7518 §3, RFC 8037 §3.1).

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// A signature algorithm, named as JOSE names it. There is no `none` and nothing symmetric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256: what every relying party can verify.
    RS256,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

/// The name is not one of [`SigningAlgorithm::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature algorithm must be RS256, PS256, ES256 or EdDSA")]
pub struct UnknownAlgorithm;

impl SigningAlgorithm {
    /// Every algorithm, in the order in which metadata lists them.
    pub const ALL: [Self; 4] = [Self::RS256, Self::PS256, Self::ES256, Self::EdDSA];

    /// The value of `alg`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
        }
    }

    /// The value of `at_hash` or `c_hash`: base64url of the left half of the hash that belongs to the algorithm
    /// (OpenID Connect Core §3.1.3.6). Ed25519 hashes with SHA-512.
    pub fn half_hash(self, value: &str) -> String {
        let hash = match self {
            Self::RS256 | Self::PS256 | Self::ES256 => &digest::SHA256,
            Self::EdDSA => &digest::SHA512,
        };
        let digest = digest::digest(hash, value.as_bytes());
        let (left, _) = digest.as_ref().split_at(hash.output_len() / 2);
        URL_SAFE_NO_PAD.encode(left)
    }
}

impl fmt::Display for SigningAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for SigningAlgorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|known| known.name() == name)
            .ok_or(UnknownAlgorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_read_back_from_its_name() {
        for algorithm in SigningAlgorithm::ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
            assert_eq!(
                serde_json::to_value(algorithm).unwrap(),
                serde_json::json!(algorithm.name())
            );
        }
    }

    /// Attack 30: `none`, symmetric and unknown algorithms have no value of the type.
    #[test]
    fn other_algorithms_cannot_be_named() {
        for name in ["none", "None", "HS256", "rs256", "RS384", "ES256K", ""] {
            assert_eq!(name.parse::<SigningAlgorithm>(), Err(UnknownAlgorithm));
        }
    }

    #[test]
    fn at_hash_is_the_one_of_the_core_specifications_example() {
        // OpenID Connect Core, appendix A.3: an access token and its at_hash under RS256.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(
            SigningAlgorithm::RS256.half_hash(token),
            "77QmUPtjPfzWtF2AnpK9RQ"
        );
        assert_eq!(SigningAlgorithm::EdDSA.half_hash(token).len(), 43);
    }
}
