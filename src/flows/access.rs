//! An access token is presented to ourselves: its signature says what it was good for, the facts say
//! whether it still is.

use chrono::TimeDelta;
use uuid::Uuid;

use super::{FlowError, Provider};
use crate::jose;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::token::access_token::{self, AccessTokenClaims};
use crate::store::users::User;
use crate::store::{self, clients, grants, participants, sessions, users};

/// How exactly the last use of a session is known: a write for each call would cost too much.
const LAST_SEEN_GRAIN: TimeDelta = TimeDelta::minutes(1);

/// The token's claims and its person, if it is good: not expired, its grant not taken back, its
/// session alive, its person and client not shut out.
///
/// # Errors
/// When we can't tell.
pub async fn check(
    provider: &Provider,
    token: &str,
) -> Result<Result<(AccessTokenClaims, User), OAuthError>, FlowError> {
    let refuse = |why: &'static str| Ok(Err(OAuthError::new(ErrorCode::InvalidToken, why)));
    let now = provider.clock.now();
    let Ok(claims) = jose::verify_own(&provider.keys, token, Some(access_token::TYPE), now) else {
        return refuse("the token is no access token of ours");
    };
    let claims = match AccessTokenClaims::read(claims, &provider.config.issuer, now) {
        Ok(claims) => claims,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let db = provider.database.read();
    let Ok(grant_id) = claims.grant.parse::<Uuid>() else {
        return refuse("the token names no grant");
    };
    let grant = grants::find(db, grant_id)
        .await?
        .filter(|grant| grant.revoked_at.is_none());
    let Some(grant) = grant.filter(|grant| grant.client_id == claims.client_id) else {
        return refuse("the grant behind the token was taken back");
    };
    if clients::find_enabled(db, &grant.client_id).await?.is_none() {
        return refuse("the client of the token is shut out");
    }
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
            return refuse("the session of the token has ended");
        };
        if now - session.last_seen_at >= LAST_SEEN_GRAIN {
            let tx = provider.database.begin().await?;
            sessions::touch(&tx, session.id, now).await?;
            store::commit(tx).await?;
        }
    }
    let user = match grant.user_id {
        Some(user_id) => users::find(db, user_id).await?,
        None => None,
    };
    match user.filter(|user| user.disabled_at.is_none()) {
        Some(user) => Ok(Ok((claims, user))),
        None => refuse("there is no person behind the token"),
    }
}
