//! What an ID token says (Core §2). The claims that scopes ask for are userinfo's to tell: in the
//! code flow there is always an access token (Core §5.4).

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::oidc::algorithm::SigningAlgorithm;
use crate::oidc::authorization::decision::{ACR_PASSWORD, AMR_PASSWORD};
use crate::oidc::issuer::Issuer;

/// The `typ` of an ID token's header.
pub const TYPE: &str = "JWT";

/// A person's sign-in, as one client knows it.
#[derive(Debug, Clone, Copy)]
pub struct Authentication<'a> {
    /// Who.
    pub sub: &'a str,
    /// The session, under this client's own name for it.
    pub sid: &'a str,
    /// When they proved it.
    pub auth_time: Timestamp,
}

/// The claims of an ID token. Anything more in one makes it unreadable, so that no other kind of
/// token passes for one.
///
/// There is no `azp`: it belongs where `aud` names others than the client (Core §2), which ours never does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub struct IdTokenClaims {
    pub iss: String,
    pub sub: String,
    pub aud: String,
    pub exp: i64,
    pub iat: i64,
    /// Always there: it costs nothing, and `max_age` and `require_auth_time` need it.
    pub auth_time: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_hash: Option<String>,
    pub sid: String,
    pub acr: String,
    pub amr: Vec<String>,
}

impl IdTokenClaims {
    /// The claims about `authentication`, without `nonce` and `at_hash`.
    pub fn new(
        issuer: &Issuer,
        client_id: &str,
        authentication: &Authentication<'_>,
        lifetime: TimeDelta,
        now: Timestamp,
    ) -> Self {
        Self {
            iss: issuer.as_str().to_owned(),
            sub: authentication.sub.to_owned(),
            aud: client_id.to_owned(),
            exp: (now + lifetime).timestamp(),
            iat: now.timestamp(),
            auth_time: authentication.auth_time.timestamp(),
            nonce: None,
            at_hash: None,
            sid: authentication.sid.to_owned(),
            acr: ACR_PASSWORD.to_owned(),
            amr: vec![AMR_PASSWORD.to_owned()],
        }
    }

    /// Reads an `id_token_hint` whose signature was verified: one of ours, expired or not
    /// (Core §3.1.2.1, RP-Initiated Logout §2).
    pub fn read_hint(claims: Map<String, Value>, issuer: &Issuer) -> Option<Self> {
        serde_json::from_value::<Self>(Value::Object(claims))
            .ok()
            .filter(|claims| claims.iss == issuer.as_str())
    }
}

/// `at_hash`: the left half of the access token's hash (Core §3.1.3.6), under the hash function of
/// the ID token's algorithm. Core names none for EdDSA; Ed25519 itself hashes with SHA-512
/// (RFC 8032 §5.1), and relying parties expect that.
pub fn at_hash(algorithm: SigningAlgorithm, access_token: &str) -> String {
    let function = match algorithm {
        SigningAlgorithm::RS256 | SigningAlgorithm::PS256 | SigningAlgorithm::ES256 => {
            &digest::SHA256
        }
        SigningAlgorithm::EdDSA => &digest::SHA512,
    };
    let hash = digest::digest(function, access_token.as_bytes());
    let bytes = hash.as_ref();
    URL_SAFE_NO_PAD.encode(&bytes[..bytes.len() / 2])
}
