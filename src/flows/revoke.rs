//! An application takes back a token that it was given (RFC 7009). What is said to be done is committed.

use std::collections::HashSet;

use uuid::Uuid;

use super::encrypted::{self, Opened};
use super::end_session::{self, Ending};
use super::revocations::{self, SLACK};
use super::{FlowError, Provider, access};
use crate::clock::Timestamp;
use crate::jose::HashPurpose;
use crate::oidc::client::Client;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::logout::Cause;
use crate::store::grants::{self, Of};
use crate::store::revocations::{self as log, Dead, TokenName};
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
    let now = provider.clock.now();
    if let Some(claims) = access::own(provider, token, now) {
        let (until, grant) = (claims.expires_at(), claims.grant.parse().ok());
        let dead = Dead::Token {
            name: TokenName::Jti(claims.jti),
            client_id: claims.client_id,
            audience: claims.aud,
        };
        revoke_access_token(provider, client, grant, (dead, until), now).await?;
        return Ok(Ok(()));
    }
    match encrypted::open(provider, token, now).await? {
        Opened::Token(token) => {
            let (until, grant) = (token.expires_at(), token.grant_id());
            let dead = Dead::Token {
                client_id: token.client_id().to_owned(),
                name: token.name,
                audience: token.claims.aud,
            };
            revoke_access_token(provider, client, grant, (dead, until), now).await?;
        }
        Opened::Nothing => revoke_refresh_token(provider, client, token, now).await?,
        Opened::Unreadable => {
            return Ok(Err(OAuthError::new(
                ErrorCode::UnsupportedTokenType,
                "this token can't be taken back alone: revoke the refresh token, or let it expire",
            )));
        }
    }
    Ok(Ok(()))
}

/// The token alone, if it is the client's, and what it was exchanged for: its grant gives others.
async fn revoke_access_token(
    provider: &Provider,
    client: &Client,
    grant: Option<Uuid>,
    (dead, until): (Dead, Timestamp),
    now: Timestamp,
) -> Result<(), FlowError> {
    let Dead::Token {
        name,
        client_id,
        audience,
    } = &dead
    else {
        return Ok(());
    };
    if *client_id != client.client_id {
        return Ok(());
    }
    let tx = provider.database.begin().await?;
    // Held, so that nobody exchanges the token meanwhile for one that we do not see.
    if let Some(grant) = grant {
        grants::lock_good(&tx, grant).await?;
    }
    if log::name_itself(&tx, name, audience).await? {
        return Ok(());
    }
    let mut all = match name {
        TokenName::Jti(jti) => exchanged(&tx, jti.clone(), now - SLACK).await?,
        // Nobody exchanges one that has no name.
        TokenName::Hash(_) => Vec::new(),
    };
    // A service can make tokens under a key that it shares with us, of whatever length.
    let longest = now + revocations::longest_access(provider, &tx).await?;
    all.push((dead, until.min(longest)));
    revocations::write_until(provider, &tx, all, now).await?;
    store::commit(tx).await?;
    provider.work.taken_back();
    Ok(())
}

/// What came from a token, and what came from that.
async fn exchanged(
    tx: &store::Transaction,
    jti: String,
    since: Timestamp,
) -> Result<Vec<(Dead, Timestamp)>, FlowError> {
    let mut known = HashSet::from([jti.clone()]);
    let mut parents = vec![jti];
    let mut dead = Vec::new();
    while !parents.is_empty() {
        let children = exchanged_tokens::children(tx, &parents, since).await?;
        parents.clear();
        for child in children {
            // It may have come from two of them.
            // Said twice of some, perhaps, which does no harm; one question for each would hold the writer.
            if !known.insert(child.jti.clone()) {
                continue;
            }
            let name = TokenName::Jti(child.jti.clone());
            parents.push(child.jti);
            let token = Dead::Token {
                name,
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
