//! A refresh token becomes new tokens and a successor (RFC 6749 §6, RFC 9700 §4.14.2).

use super::end_session::{self, Ending};
use super::redeem::{granted_scope, join, told_in_id_token};
use super::tokens::{self, Granted, Issue, Person};
use super::{FlowError, Provider, revocations, service_keys, services};
use crate::clock::Timestamp;
use crate::config::RefreshReuse;
use crate::jose::HashPurpose;
use crate::oidc::client::Client;
use crate::oidc::error::OAuthError;
use crate::oidc::logout::Cause;
use crate::oidc::resource;
use crate::oidc::scope::{OPENID, Scope};
use crate::oidc::service::Service;
use crate::oidc::token::TokenResponse;
use crate::oidc::token::refresh::{IssuedRefreshToken, Rotation};
use crate::store::grants::{self, Grant, Of};
use crate::store::refresh_tokens::{self, RefreshToken};
use crate::store::{self, Transaction, participants, sessions, users};

/// Rotates a refresh token. Within the grace the same successor is given again; after it, reuse takes
/// the family back and ends the application's part in the session (or the session, by policy).
///
/// # Errors
/// When we can't tell; the client may try again within the grace.
pub async fn refresh(
    provider: &Provider,
    client: &Client,
    presented: &str,
    scope: Option<&Scope>,
    service: Option<&Service>,
) -> Result<Result<TokenResponse, OAuthError>, FlowError> {
    let now = provider.clock.now();
    service_keys::check(provider, service, now).await?;
    let token_hash = provider.master.hash(HashPurpose::RefreshToken, presented);
    let tx = provider.database.begin().await?;
    let Some(token) = refresh_tokens::find(&tx, &token_hash).await? else {
        return Ok(Err(OAuthError::invalid_grant(
            "the refresh token is unknown",
        )));
    };
    let Some(grant) = grants::find(&tx, token.grant_id).await? else {
        return Ok(Err(OAuthError::invalid_grant(
            "the refresh token is unknown",
        )));
    };
    let mut issued = IssuedRefreshToken {
        client_id: token.client_id.clone(),
        scope: granted_scope(&grant)?,
        expires_at: token.expires_at,
        rotated_at: token.rotated_at,
        revoked_at: grant.revoked_at,
    };
    let mut rotation = issued.present(
        &client.client_id,
        scope,
        provider.config.tokens.refresh_grace,
        now,
    );
    if matches!(rotation, Rotation::Rotate { .. })
        && !refresh_tokens::rotate(&tx, &token_hash, now).await?
    {
        // Another request rotated it since we looked: this one comes within the grace.
        issued.rotated_at = Some(now);
        rotation = issued.present(
            &client.client_id,
            scope,
            provider.config.tokens.refresh_grace,
            now,
        );
    }
    let (scope, first) = match rotation {
        Rotation::Refuse(refusal) => return Ok(Err(refusal)),
        Rotation::RevokeFamily => return reused(provider, tx, &grant, now).await,
        Rotation::Rotate { scope } => (scope, true),
        Rotation::RepeatSuccessor { scope } => (scope, false),
    };
    // Said before anything is written: the refresh token is still good.
    if let Err(refusal) = resource::check_covered(&grant.resources, service) {
        return Ok(Err(refusal));
    }
    let Some(person) = person(provider, &tx, client, &grant, &token, service, now).await? else {
        return Ok(Err(OAuthError::invalid_grant(
            "the session behind the refresh token has ended",
        )));
    };
    let successor = provider.master.successor(presented);
    if first {
        let row = RefreshToken {
            token_hash: provider.master.hash(HashPurpose::RefreshToken, &successor),
            issued_at: now,
            expires_at: now + provider.config.tokens.refresh,
            rotated_at: None,
            ..token
        };
        refresh_tokens::insert(&tx, &row).await?;
    }
    let access = Granted {
        grant_id: grant.id,
        scope: services::scope_of_token(&tx, client, &grant, &scope, service).await?,
        service: service.cloned(),
    };
    store::commit(tx).await?;
    let issue = Issue {
        client,
        access,
        openid: scope.contains(OPENID),
        person: Some(person),
        refresh_token: Some(successor),
        now,
    };
    Ok(Ok(tokens::issue(provider, issue).await?))
}

/// For whom the new tokens are, if they may still have any. With `offline_access` the session may be
/// over; then the tokens name none.
async fn person(
    provider: &Provider,
    tx: &Transaction,
    client: &Client,
    grant: &Grant,
    token: &RefreshToken,
    service: Option<&Service>,
    now: Timestamp,
) -> Result<Option<Person>, FlowError> {
    let (Some(user_id), Some(session_id)) = (grant.user_id, grant.session_id) else {
        return Ok(None);
    };
    let user = users::find(tx, user_id).await?;
    let Some(user) = user.filter(|user| user.disabled_at.is_none()) else {
        return Ok(None);
    };
    let session = sessions::lock_living(tx, session_id, provider.alive(now)).await?;
    // With the session held, so that it has not ended since and taken the grant along.
    if grants::lock_good(tx, grant.id).await?.is_none() {
        return Ok(None);
    }
    // How they signed in is known of a session that is over too.
    let known = match &session {
        Some(session) => Some(session.clone()),
        None => sessions::find(tx, session_id).await?,
    };
    // Of another sign-in than the token's nothing is said beside its time.
    let known = known.filter(|known| known.auth_time == token.auth_time);
    let takes_part = match &session {
        Some(session) => participants::takes_part(tx, session.id, &client.client_id).await?,
        None => false,
    };
    let sid = match session {
        // In a part that no order names, so that there is none to end before.
        Some(session) if takes_part => {
            sessions::touch(tx, session.id, now).await?;
            Some(join(provider, tx, client, &session, service, now).await?)
        }
        _ if grant.offline_access => None,
        _ => return Ok(None),
    };
    Ok(Some(Person {
        user_id,
        sid,
        auth_time: token.auth_time,
        acr: known.as_ref().and_then(|known| known.acr.clone()),
        amr: known.map(|known| known.amr).unwrap_or_default(),
        nonce: None,
        told: told_in_id_token(grant, &user)?,
        told_service: services::told_at(tx, client, service, &user).await?,
    }))
}

/// Two parties hold the family's tokens, and one of them is not the client. Committed before the
/// refusal is said.
async fn reused(
    provider: &Provider,
    tx: Transaction,
    grant: &Grant,
    now: Timestamp,
) -> Result<Result<TokenResponse, OAuthError>, FlowError> {
    // The session before the grant, as everywhere: two orders would wait for each other.
    if let Some(session_id) = grant.session_id {
        let ending = Ending::by(Cause::RefreshReuse, now);
        match provider.config.tokens.refresh_reuse {
            RefreshReuse::Participation => {
                let client_id = &grant.client_id;
                end_session::end_participation_in(provider, &tx, &[session_id], client_id, ending)
                    .await?;
            }
            RefreshReuse::Session => {
                end_session::end_in(provider, &tx, &[session_id], ending).await?;
            }
        }
    }
    // Where a session or a part in one ended by it, that has an entry.
    if grants::revoke(&tx, &[Of::Grant(grant.id)], now).await? > 0 {
        revocations::grant_ended(provider, &tx, grant.id, &grant.client_id, now).await?;
    }
    store::commit(tx).await?;
    provider.work.notify_one();
    Ok(Err(OAuthError::invalid_grant(
        "the refresh token was used before; its family has been taken back",
    )))
}
