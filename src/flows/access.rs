//! An access token is presented to ourselves: its signature says what it was good for, the facts say
//! whether it still is.

use uuid::Uuid;

use super::account::seen;
use super::{FlowError, Provider};
use crate::clock::Timestamp;
use crate::jose;
use crate::oidc::client::Client;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::scope::{ADMINISTRATION, Scope};
use crate::oidc::token::access_token::{self, AccessTokenClaims};
use crate::store::grants::Grant;
use crate::store::users::User;
use crate::store::{clients, grants, participants, sessions, users};

/// The token's claims and its person, if it is good: not expired, its grant not taken back, its
/// session alive, its person and client not shut out. Presenting it is a use of the session, unless nothing `is_used`.
///
/// # Errors
/// When we can't tell.
pub async fn check(
    provider: &Provider,
    token: &str,
    is_used: bool,
) -> Result<Result<(AccessTokenClaims, User), OAuthError>, FlowError> {
    let now = provider.clock.now();
    let (claims, grant) = match standing(provider, token, now).await? {
        Ok((claims, grant, _)) => (claims, grant),
        Err(refusal) => return Ok(Err(refusal)),
    };
    let db = provider.database.read();
    if let Some(sid) = &claims.sid {
        let participant = match sid.parse() {
            Ok(sid) => participants::find_living(db, sid).await?,
            Err(_) => None,
        };
        let session = match participant {
            Some(participant) => {
                sessions::find_living(db, participant.session_id, provider.alive(now)).await?
            }
            None => None,
        };
        let Some(session) = session else {
            return Ok(refuse("the session of the token has ended"));
        };
        if is_used {
            seen(provider, &session).await?;
        }
    }
    let user = match grant.user_id {
        Some(user_id) => users::find(db, user_id).await?,
        None => None,
    };
    match user.filter(|user| user.disabled_at.is_none()) {
        Some(user) => Ok(Ok((claims, user))),
        None => Ok(refuse("there is no person behind the token")),
    }
}

/// The claims of the token of an administrator's program, if it is good: not expired, for us, issued to
/// a client for itself under a grant that was not taken back, and the client not shut out. Of its scope
/// there remains what the client may still ask for among [`ADMINISTRATION`].
///
/// # Errors
/// When we can't tell.
pub async fn check_administrator(
    provider: &Provider,
    token: &str,
) -> Result<Result<AccessTokenClaims, OAuthError>, FlowError> {
    let (mut claims, grant, client) = match standing(provider, token, provider.clock.now()).await? {
        Ok(known) => known,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if claims.aud != provider.config.issuer.as_str() {
        return Ok(refuse("the token is for another audience"));
    }
    if grant.user_id.is_some() || grant.session_id.is_some() || claims.sid.is_some() {
        return Ok(refuse(
            "the token is a person's, and administrators are programs",
        ));
    }
    claims.scope = claims
        .scope
        .intersect(&Scope::allowed_to(&client))
        .intersect(&ADMINISTRATION.into_iter().collect());
    Ok(Ok(claims))
}

/// What every use of a token needs: that it is ours and has not expired, that its grant was not taken
/// back, and that its client is not shut out.
async fn standing(
    provider: &Provider,
    token: &str,
    now: Timestamp,
) -> Result<Result<(AccessTokenClaims, Grant, Client), OAuthError>, FlowError> {
    let Ok(claims) = jose::verify_own(&provider.keys, token, Some(access_token::TYPE), now) else {
        return Ok(refuse("the token is no access token of ours"));
    };
    let claims = match AccessTokenClaims::read(claims, &provider.config.issuer, now) {
        Ok(claims) => claims,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let db = provider.database.read();
    let Ok(grant_id) = claims.grant.parse::<Uuid>() else {
        return Ok(refuse("the token names no grant"));
    };
    let grant = grants::find(db, grant_id)
        .await?
        .filter(|grant| grant.revoked_at.is_none());
    let Some(grant) = grant.filter(|grant| grant.client_id == claims.client_id) else {
        return Ok(refuse("the grant behind the token was taken back"));
    };
    match clients::find_enabled(db, &grant.client_id).await? {
        Some(client) => Ok(Ok((claims, grant, client))),
        None => Ok(refuse("the client of the token is shut out")),
    }
}

fn refuse<T>(why: &'static str) -> Result<T, OAuthError> {
    Err(OAuthError::new(ErrorCode::InvalidToken, why))
}
