//! What an ID token says (Core §2). The claims that scopes ask for are userinfo's to tell, wherever
//! there is an access token to ask it with; else they are in the ID token (Core §5.4).

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::oidc::algorithm::SigningAlgorithm;
use crate::oidc::claims;
use crate::oidc::issuer::Issuer;

/// The `typ` of an ID token's header.
pub const TYPE: &str = "JWT";

/// A person's sign-in, as one client knows it.
#[derive(Debug, Clone, Copy)]
pub struct Authentication<'a> {
    /// Who.
    pub sub: &'a str,
    /// The session, under this client's own name for it.
    pub sid: Option<&'a str>,
    /// When they proved it.
    pub auth_time: Timestamp,
    /// Of which class that was (Core §2), if that is known.
    pub acr: Option<&'a str>,
    /// How (RFC 8176), separated by spaces.
    pub amr: &'a str,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
}

impl IdTokenClaims {
    /// The claims about `authentication`, without `nonce` and hashes.
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
            c_hash: None,
            sid: authentication.sid.map(str::to_owned),
            acr: authentication.acr.map(str::to_owned),
            amr: authentication
                .amr
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
        }
    }

    /// Reads an `id_token_hint` whose signature was verified: one of ours, expired or not
    /// (Core §3.1.2.1, RP-Initiated Logout §2).
    pub fn read_hint(mut claims: Map<String, Value>, issuer: &Issuer) -> Option<Self> {
        claims.retain(|name, _| !claims::is_about_a_person(name));
        serde_json::from_value::<Self>(Value::Object(claims))
            .ok()
            .filter(|claims| claims.iss == issuer.as_str())
    }
}

/// An ID token whole: beside the claims about the sign-in, those about the person.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IdToken {
    /// Who signed in, when, how and for whom.
    #[serde(flatten)]
    pub claims: IdTokenClaims,
    /// What the scopes ask for, where no access token comes along.
    #[serde(flatten)]
    pub person: Map<String, Value>,
}

/// `at_hash` and `c_hash`: the left half of the hash of the access token (Core §3.1.3.6) or the code
/// (§3.3.2.11), under the hash function of the ID token's algorithm. Core names none for EdDSA; Ed25519 itself hashes with SHA-512
/// (RFC 8032 §5.1), and relying parties expect that.
pub fn half_hash(algorithm: SigningAlgorithm, token_or_code: &str) -> String {
    let function = match algorithm {
        SigningAlgorithm::RS256 | SigningAlgorithm::PS256 | SigningAlgorithm::ES256 => {
            &digest::SHA256
        }
        SigningAlgorithm::EdDSA => &digest::SHA512,
    };
    let hash = digest::digest(function, token_or_code.as_bytes());
    let bytes = hash.as_ref();
    URL_SAFE_NO_PAD.encode(&bytes[..bytes.len() / 2])
}

#[cfg(test)]
pub(in crate::oidc) mod tests {
    use super::*;
    use crate::oidc::authorization::tests::issuer;
    use chrono::{TimeZone as _, Utc};
    use serde_json::json;

    pub(in crate::oidc) fn noon() -> Timestamp {
        Utc.with_ymd_and_hms(2026, 1, 1, 12, 0, 0).unwrap()
    }

    pub(in crate::oidc) const ADA: Authentication<'_> = Authentication {
        sub: "ada",
        sid: Some("s1"),
        auth_time: Timestamp::UNIX_EPOCH,
        acr: Some("urn:exeunt:acr:password"),
        amr: "pwd",
    };

    /// An ID token of ours for the client `ledger`.
    pub(in crate::oidc) fn claims() -> IdTokenClaims {
        IdTokenClaims::new(&issuer(), "ledger", &ADA, TimeDelta::minutes(10), noon())
    }

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(object) => object,
            _ => panic!("no object"),
        }
    }

    #[test]
    fn an_id_token_says_who_when_how_and_nothing_that_scopes_ask_for() {
        let claims = IdTokenClaims {
            nonce: Some("n".to_owned()),
            ..claims()
        };
        let expected = json!({
            "iss": "https://id.example", "sub": "ada", "aud": "ledger", "iat": 1_767_268_800, "exp": 1_767_269_400,
            "auth_time": 0, "nonce": "n", "sid": "s1", "acr": "urn:exeunt:acr:password", "amr": ["pwd"],
        });
        assert_eq!(serde_json::to_value(claims).unwrap(), expected);
    }

    // The digests were computed with an independent tool over "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
    // the access token of Core's example A.3, whose at_hash there is the first of these.
    #[test]
    fn a_half_hash_is_the_left_half_under_the_algorithms_own_hash() {
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        for algorithm in [
            SigningAlgorithm::RS256,
            SigningAlgorithm::PS256,
            SigningAlgorithm::ES256,
        ] {
            assert_eq!(
                half_hash(algorithm, token),
                "77QmUPtjPfzWtF2AnpK9RQ",
                "{algorithm}"
            );
        }
        assert_eq!(
            half_hash(SigningAlgorithm::EdDSA, token),
            "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM"
        );
    }

    #[test]
    fn an_expired_hint_of_ours_still_reads() {
        let claims = IdTokenClaims { exp: 1, ..claims() };
        let hint = object(serde_json::to_value(&claims).unwrap());
        assert_eq!(IdTokenClaims::read_hint(hint, &issuer()), Some(claims));
    }

    #[test]
    fn a_hint_that_tells_of_the_person_as_well_reads() {
        let mut hint = object(serde_json::to_value(claims()).unwrap());
        hint.insert("email".to_owned(), json!("ada@example.org"));
        assert_eq!(IdTokenClaims::read_hint(hint, &issuer()), Some(claims()));
    }

    /// Attack 35 (CVE-2026-4349): the ID token of another issuer as a hint. Attack 31: wrong JSON types.
    #[test]
    fn a_hint_that_is_not_quite_an_id_token_of_ours_does_not_read() {
        for (name, value) in [
            ("iss", json!("https://evil.example")),
            ("iss", json!(null)),
            ("aud", json!(["ledger"])),
            ("aud", json!(1)),
            ("exp", json!("1")),
            ("auth_time", json!(null)),
            ("sid", json!(1)),
            ("sub", json!({})),
            ("events", json!({})),
            ("client_id", json!("ledger")),
            ("scope", json!("openid")),
        ] {
            let mut hint = object(serde_json::to_value(claims()).unwrap());
            hint.insert(name.to_owned(), value);
            assert_eq!(IdTokenClaims::read_hint(hint, &issuer()), None, "{name}");
        }
    }
}
