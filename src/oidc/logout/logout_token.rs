//! What a logout token says (Back-Channel Logout 1.0 §2.4).

use chrono::TimeDelta;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::oidc::client::LogoutTokenSubject;
use crate::oidc::issuer::Issuer;

/// The `typ` of a logout token's header (Back-Channel Logout 1.0 §2.4).
pub const TYPE: &str = "logout+jwt";
/// The member of `events` that makes a token a logout token.
pub const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// How long one is good for: it is made when it is sent (§2.4 wants two minutes at most).
pub const LIFETIME: TimeDelta = TimeDelta::seconds(120);

/// The claims of a logout token. There is no `nonce`, so that it can't pass for an ID token (§2.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub struct LogoutTokenClaims {
    pub iss: String,
    pub aud: String,
    pub iat: i64,
    pub exp: i64,
    /// Fresh at every attempt.
    pub jti: String,
    pub events: Map<String, Value>,
    /// Absent: the session says enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// Absent: every session of that person ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
}

impl LogoutTokenClaims {
    /// Tells the client `client_id` alone that `sub`'s session `sid` ended.
    pub fn new(
        issuer: &Issuer,
        client_id: &str,
        sub: &str,
        sid: Option<&str>,
        jti: &str,
        now: Timestamp,
    ) -> Self {
        Self {
            iss: issuer.as_str().to_owned(),
            aud: client_id.to_owned(),
            iat: now.timestamp(),
            exp: (now + LIFETIME).timestamp(),
            jti: jti.to_owned(),
            events: Map::from_iter([(EVENT.to_owned(), json!({}))]),
            sub: Some(sub.to_owned()),
            sid: sid.map(str::to_owned),
        }
    }
}

impl LogoutTokenClaims {
    /// The same, naming what the client wants named (§2.4: `sub`, `sid` or both).
    ///
    /// `goes_on` is whether the person has another session at that client: a token that names the person alone would
    /// end it too, so that one names both.
    #[must_use]
    pub fn naming(self, subject: LogoutTokenSubject, goes_on: bool) -> Self {
        match subject {
            LogoutTokenSubject::Sid => Self { sub: None, ..self },
            LogoutTokenSubject::Sub if !goes_on => Self { sid: None, ..self },
            LogoutTokenSubject::SubAndSid | LogoutTokenSubject::Sub => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::authorization::tests::issuer;
    use crate::oidc::token::access_token::AccessTokenClaims;
    use crate::oidc::token::id_token::IdTokenClaims;
    use chrono::{TimeZone as _, Utc};

    fn noon() -> Timestamp {
        Utc.with_ymd_and_hms(2026, 1, 1, 12, 0, 0).unwrap()
    }

    fn claims(sid: Option<&str>) -> Value {
        let claims = LogoutTokenClaims::new(&issuer(), "ledger", "ada", sid, "j1", noon());
        serde_json::to_value(claims).unwrap()
    }

    /// Attack 56: a logout token that others accept too, or that passes for an ID token.
    #[test]
    fn a_logout_token_is_for_one_client_and_two_minutes_and_has_no_nonce() {
        let expected = json!({
            "iss": "https://id.example", "aud": "ledger", "iat": 1_767_268_800, "exp": 1_767_268_920,
            "jti": "j1", "sub": "ada", "sid": "s1",
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        });
        assert_eq!(claims(Some("s1")), expected);
    }

    /// Attack 57: one notice for every session of a person.
    #[test]
    fn without_a_session_it_speaks_of_the_person_alone() {
        assert_eq!(claims(None).get("sid"), None);
    }

    #[test]
    fn it_names_whom_the_client_wants_named_and_no_session_that_goes_on() {
        use LogoutTokenSubject::{Sid, Sub, SubAndSid};
        for (subject, goes_on, names) in [
            (SubAndSid, false, (true, true)),
            (Sid, false, (false, true)),
            (Sid, true, (false, true)),
            (Sub, false, (true, false)),
            (Sub, true, (true, true)),
        ] {
            let claims =
                LogoutTokenClaims::new(&issuer(), "ledger", "ada", Some("s1"), "j1", noon());
            let claims = claims.naming(subject, goes_on);
            let named = (claims.sub.is_some(), claims.sid.is_some());
            assert_eq!(named, names, "{subject:?} {goes_on}");
        }
    }

    /// Attack 32: a logout token in the place of another token.
    #[test]
    fn a_logout_token_reads_as_no_other_token() {
        let Value::Object(claims) = claims(Some("s1")) else {
            panic!()
        };
        assert_eq!(IdTokenClaims::read_hint(claims.clone(), &issuer()), None);
        assert!(AccessTokenClaims::read(claims, &issuer(), noon()).is_err());
    }
}
