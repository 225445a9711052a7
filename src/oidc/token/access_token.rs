//! What an access token says (RFC 9068 §2.2), and who may present one.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::oidc::client::Client;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::issuer::Issuer;
use crate::oidc::resource;
use crate::oidc::scope::Scope;
use crate::oidc::token::exchange::Actor;
use crate::oidc::token::id_token::Authentication;

/// The `typ` of an access token's header (RFC 9068 §2.1).
pub const TYPE: &str = "at+jwt";

/// The claims of an access token.
///
/// A service's token has others beside these, of the service's choice. What else we sign lacks some of these, and has
/// another `typ`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the specifications'")]
pub struct AccessTokenClaims {
    pub iss: String,
    pub exp: i64,
    pub aud: String,
    /// The person, or the client where there is none.
    pub sub: String,
    pub client_id: String,
    pub iat: i64,
    pub jti: String,
    pub scope: Scope,
    /// Ours: the grant it was issued under.
    pub grant: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// Who acts for the person (RFC 8693 §4.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Actor>,
}

/// A service's access token whole: beside what every token says, what the service wants to know of the person.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceToken {
    /// What every access token says.
    #[serde(flatten)]
    pub claims: AccessTokenClaims,
    /// The service's own claims.
    #[serde(flatten)]
    pub person: Map<String, Value>,
    /// Whether it came from another token: it can be taken back with that one, and so has its name and its grant in every
    /// form.
    #[serde(skip)]
    pub is_exchanged: bool,
}

/// What an access token is about.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// Who may use it.
    pub client_id: &'a str,
    /// Whom it is for: a service, else see [`crate::oidc::resource::audience`].
    pub audience: &'a str,
    /// What it allows.
    pub scope: &'a Scope,
    /// The grant behind it.
    pub grant: &'a str,
    /// Its own name.
    pub jti: &'a str,
}

impl AccessTokenClaims {
    /// The claims of a token for `access`; without `authentication` the client acts for itself
    /// (RFC 9068 §2.2).
    pub fn new(
        issuer: &Issuer,
        access: &Access<'_>,
        authentication: Option<&Authentication<'_>>,
        lifetime: TimeDelta,
        now: Timestamp,
    ) -> Self {
        Self {
            iss: issuer.as_str().to_owned(),
            exp: (now + lifetime).timestamp(),
            aud: access.audience.to_owned(),
            sub: authentication
                .map_or(access.client_id, |known| known.sub)
                .to_owned(),
            client_id: access.client_id.to_owned(),
            iat: now.timestamp(),
            jti: access.jti.to_owned(),
            scope: access.scope.clone(),
            grant: access.grant.to_owned(),
            sid: authentication
                .and_then(|known| known.sid)
                .map(str::to_owned),
            auth_time: authentication.map(|known| known.auth_time.timestamp()),
            acr: authentication
                .and_then(|known| known.acr)
                .map(str::to_owned),
            act: None,
        }
    }

    /// The first moment at which it is no longer good.
    pub fn expires_at(&self) -> Timestamp {
        DateTime::from_timestamp(self.exp, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// When it was issued: what was taken back before a moment is judged by that.
    pub fn issued_at(&self) -> Timestamp {
        DateTime::from_timestamp(self.iat, 0).unwrap_or(DateTime::<Utc>::MIN_UTC)
    }

    /// Reads the claims of a token whose signature and `typ` were verified. `aud` is the caller's to check: see
    /// [`AccessTokenClaims::is_for_us`].
    ///
    /// # Errors
    /// `invalid_token` (RFC 6750 §3.1) when it expired, is another issuer's, or lacks claims that our access tokens
    /// have, or has them of other types.
    pub fn read(
        claims: Map<String, Value>,
        issuer: &Issuer,
        now: Timestamp,
    ) -> Result<Self, OAuthError> {
        let refuse = |why: &'static str| Err(OAuthError::new(ErrorCode::InvalidToken, why));
        let Ok(claims) = serde_json::from_value::<Self>(Value::Object(claims)) else {
            return refuse("the token is no access token of ours");
        };
        if claims.iss != issuer.as_str() {
            return refuse("the token is another issuer's");
        }
        if now.timestamp() >= claims.exp {
            return refuse("the token has expired");
        }
        Ok(claims)
    }

    /// Whether userinfo serves it: it names us, or whom the client registered that its tokens are for, for whom it is
    /// beside us. A token that was asked for a service is for that alone (RFC 9068 §4).
    pub fn is_for_us(&self, client: &Client, issuer: &Issuer) -> bool {
        self.aud == issuer.as_str() || self.aud == resource::audience(client, issuer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::authorization::tests::issuer;
    use crate::oidc::token::id_token;
    use crate::oidc::token::id_token::tests::{ADA, noon};
    use serde_json::json;

    fn claims(authentication: Option<&Authentication<'_>>) -> Map<String, Value> {
        let access = Access {
            client_id: "ledger",
            audience: "https://api.example",
            scope: &Scope::parse("openid email").unwrap(),
            grant: "g1",
            jti: "j1",
        };
        let claims = AccessTokenClaims::new(
            &issuer(),
            &access,
            authentication,
            TimeDelta::minutes(10),
            noon(),
        );
        object(serde_json::to_value(claims).unwrap())
    }

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(object) => object,
            _ => panic!("no object"),
        }
    }

    #[test]
    fn a_persons_token_names_the_person_the_session_and_the_grant() {
        let expected = json!({
            "iss": "https://id.example", "aud": "https://api.example", "sub": "ada", "client_id": "ledger",
            "iat": 1_767_268_800, "exp": 1_767_269_400, "jti": "j1", "scope": "email openid", "grant": "g1",
            "sid": "s1", "auth_time": 0, "acr": "urn:exeunt:acr:password",
        });
        assert_eq!(Value::Object(claims(Some(&ADA))), expected);
    }

    #[test]
    fn a_clients_own_token_is_about_the_client_and_has_no_session() {
        let claims = claims(None);
        assert_eq!(claims["sub"], "ledger");
        assert!(!claims.contains_key("sid") && !claims.contains_key("auth_time"));
    }

    #[test]
    fn a_token_is_good_until_the_second_it_expires() {
        let read = |seconds| {
            AccessTokenClaims::read(
                claims(Some(&ADA)),
                &issuer(),
                noon() + TimeDelta::seconds(seconds),
            )
        };
        assert_eq!(read(599).unwrap().sid.as_deref(), Some("s1"));
        assert_eq!(read(600).unwrap_err().error, ErrorCode::InvalidToken);
    }

    /// Attack 31 (CVE-2026-25537): claims of the wrong JSON type that are skipped rather than refused.
    #[test]
    fn a_claim_that_is_missing_or_of_the_wrong_type_is_refused() {
        for (name, wrong) in [
            ("exp", json!("9999999999")),
            ("exp", json!(null)),
            ("exp", json!(1e300)),
            ("iat", json!("1")),
            ("aud", json!(["https://api.example"])),
            ("sub", json!(1)),
            ("scope", json!(["openid"])),
            ("iss", json!("https://evil.example")),
            ("grant", json!(null)),
            ("client_id", json!(null)),
            ("jti", json!(7)),
        ] {
            let mut claims = claims(Some(&ADA));
            claims.insert(name.to_owned(), wrong.clone());
            assert!(
                AccessTokenClaims::read(claims, &issuer(), noon()).is_err(),
                "{name}: {wrong}"
            );
        }
        for name in [
            "iss",
            "exp",
            "aud",
            "sub",
            "client_id",
            "iat",
            "jti",
            "scope",
            "grant",
        ] {
            let mut claims = claims(Some(&ADA));
            claims.remove(name);
            assert!(
                AccessTokenClaims::read(claims, &issuer(), noon()).is_err(),
                "{name}"
            );
        }
    }

    /// Attack 32: an ID token as an access token, and the other way round.
    #[test]
    fn id_tokens_and_access_tokens_do_not_pass_for_each_other() {
        let id_token = object(serde_json::to_value(id_token::tests::claims()).unwrap());
        assert!(AccessTokenClaims::read(id_token, &issuer(), noon()).is_err());
        assert_eq!(
            id_token::IdTokenClaims::read_hint(claims(Some(&ADA)), &issuer()),
            None
        );
    }
}
