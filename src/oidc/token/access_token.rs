//! What an access token says (RFC 9068 §2.2), and who may present one.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::oidc::authorization::decision::ACR_PASSWORD;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::issuer::Issuer;
use crate::oidc::scope::Scope;
use crate::oidc::token::id_token::Authentication;

/// The `typ` of an access token's header (RFC 9068 §2.1).
pub const TYPE: &str = "at+jwt";

/// The claims of an access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
}

/// What an access token is about.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// Who may use it.
    pub client_id: &'a str,
    /// Whom it is for: see [`crate::oidc::resource::audience`].
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
            acr: authentication.map(|_| ACR_PASSWORD.to_owned()),
        }
    }

    /// Reads the claims of a token whose signature and `typ` were verified. `aud` is not looked at:
    /// userinfo serves every client's tokens, whomever else they are for.
    ///
    /// # Errors
    /// `invalid_token` (RFC 6750 §3.1) when it expired, is another issuer's, or has other claims, or
    /// claims of other types, than our access tokens have.
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
}
