//! An application takes back a token that it was given (RFC 7009). What is said to be done is committed.

use uuid::Uuid;

use super::encrypted::{self, Opened};
use super::end_session::{self, Ending};
use super::{FlowError, Provider, access, revocations};
use crate::clock::Timestamp;
use crate::jose::HashPurpose;
use crate::oidc::client::Client;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::logout::Cause;
use crate::store::grants::{self, Of};
use crate::store::revocations::{self as log, Dead, TokenName};
use crate::store::{self, participants, refresh_tokens};

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
        let until = claims.expires_at();
        let dead = Dead::Token {
            name: TokenName::Jti(claims.jti),
            client_id: claims.client_id,
            audience: claims.aud,
        };
        revoke_access_token(provider, client, dead, until, now).await?;
        return Ok(Ok(()));
    }
    match encrypted::open(provider, token, now).await? {
        Opened::Token(token) => {
            let until = token.expires_at();
            let dead = Dead::Token {
                client_id: token.client_id().to_owned(),
                name: token.name,
                audience: token.claims.aud,
            };
            revoke_access_token(provider, client, dead, until, now).await?;
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

/// The token alone, if it is the client's: its grant gives others.
async fn revoke_access_token(
    provider: &Provider,
    client: &Client,
    dead: Dead,
    until: Timestamp,
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
    if log::name_itself(&tx, name, audience).await? {
        return Ok(());
    }
    revocations::write_until(provider, &tx, [(dead, until)], now).await?;
    store::commit(tx).await?;
    provider.work.taken_back();
    Ok(())
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
