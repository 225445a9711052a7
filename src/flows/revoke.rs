//! An application takes back a token that it was given (RFC 7009). What is said to be done is committed.

use std::collections::HashSet;

use uuid::Uuid;

use super::end_session::{self, Ending};
use super::{FlowError, Provider, access, revocations};
use crate::clock::Timestamp;
use crate::jose::HashPurpose;
use crate::oidc::client::Client;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::logout::Cause;
use crate::oidc::token::access_token::{self, AccessTokenClaims};
use crate::store::grants::{self, Of};
use crate::store::revocations::{self as log, Dead};
use crate::store::{self, exchanged_tokens, participants, refresh_tokens};

/// Takes the token back, if it is one that this client was given. Whether there was such a token nobody learns: one that is
/// unknown, over or another's is no error (§2.2), and another's goes on. What kind it is we see ourselves, so the hint is
/// not asked for. Of one that we can't read it must not be said that it was taken back: `unsupported_token_type`.
///
/// # Errors
/// When it can't be told whether it is taken back.
pub async fn revoke(
    provider: &Provider,
    client: &Client,
    token: &str,
) -> Result<Result<(), OAuthError>, FlowError> {
    if access_token::is_encrypted(token) {
        return Ok(Err(OAuthError::new(
            ErrorCode::UnsupportedTokenType,
            "an encrypted token can't be taken back alone: revoke the refresh token, or let it expire",
        )));
    }
    let now = provider.clock.now();
    if let Some(claims) = access::own(provider, token, now) {
        if claims.client_id == client.client_id {
            revoke_access_token(provider, claims, now).await?;
        }
        return Ok(Ok(()));
    }
    revoke_refresh_token(provider, client, token, now).await?;
    Ok(Ok(()))
}

/// The token alone, and what it was exchanged for: its grant gives others.
async fn revoke_access_token(
    provider: &Provider,
    claims: AccessTokenClaims,
    now: Timestamp,
) -> Result<(), FlowError> {
    let until = claims.expires_at();
    let tx = provider.database.begin().await?;
    // Held, so that nobody exchanges the token meanwhile for one that we do not see.
    if let Ok(grant) = claims.grant.parse() {
        grants::lock_good(&tx, grant).await?;
    }
    if log::name_itself(&tx, &claims.jti).await? {
        return Ok(());
    }
    let mut dead = exchanged(&tx, claims.jti.clone(), now).await?;
    let token = Dead::Token {
        jti: claims.jti,
        client_id: claims.client_id,
        audience: claims.aud,
    };
    dead.push((token, until));
    revocations::write_until(provider, &tx, dead, now).await?;
    store::commit(tx).await?;
    provider.work.taken_back();
    Ok(())
}

/// What came from a token, and what came from that.
async fn exchanged(
    tx: &store::Transaction,
    jti: String,
    now: Timestamp,
) -> Result<Vec<(Dead, Timestamp)>, FlowError> {
    let mut known = HashSet::from([jti.clone()]);
    let mut parents = vec![jti];
    let mut dead = Vec::new();
    while !parents.is_empty() {
        let children = exchanged_tokens::children(tx, &parents, now).await?;
        parents.clear();
        for child in children {
            // It may have come from two of them.
            if !known.insert(child.jti.clone()) || log::name_itself(tx, &child.jti).await? {
                continue;
            }
            parents.push(child.jti.clone());
            let token = Dead::Token {
                jti: child.jti,
                client_id: child.client_id,
                audience: child.audience,
            };
            dead.push((token, child.expires_at));
        }
    }
    Ok(dead)
}

/// The whole family and all that its grant gave (§2.1), spent tokens of it too. By policy the application takes part in
/// the session no more.
async fn revoke_refresh_token(
    provider: &Provider,
    client: &Client,
    token: &str,
    now: Timestamp,
) -> Result<(), FlowError> {
    let token_hash = provider.master.hash(HashPurpose::RefreshToken, token);
    let tx = provider.database.begin().await?;
    let Some(token) = refresh_tokens::find(&tx, &token_hash).await? else {
        return Ok(());
    };
    let Some(grant) = grants::find(&tx, token.grant_id).await? else {
        return Ok(());
    };
    if token.client_id != client.client_id || grant.revoked_at.is_some() {
        return Ok(());
    }
    // The session before the grant, as everywhere.
    if let Some(session_id) = grant.session_id
        && provider.config.tokens.revocation_ends_participation
    {
        let ids = [session_id];
        let ending = Ending::by(Cause::TokenRevoked, now);
        end_session::end_participation_in(provider, &tx, &ids, &client.client_id, ending).await?;
    }
    grants::revoke(&tx, &[Of::Grant(grant.id)], now).await?;
    if grant.offline_access || !is_over(&tx, grant.session_id, &client.client_id).await? {
        revocations::grant_ended(provider, &tx, grant.id, &client.client_id, now).await?;
    }
    store::commit(tx).await?;
    provider.work.notify_one();
    Ok(())
}

/// Whether the application's part in the session is over, so that its entry names all that a grant without
/// `offline_access` gave.
async fn is_over(
    tx: &store::Transaction,
    session_id: Option<Uuid>,
    client_id: &str,
) -> Result<bool, FlowError> {
    match session_id {
        Some(session_id) => {
            let part = participants::find_open(tx, session_id, client_id).await?;
            Ok(part.is_none())
        }
        None => Ok(false),
    }
}
