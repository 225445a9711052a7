//! Refresh tokens that upstreams give: nothing is done with them, but whoever gave one believes it until it is taken back.
//! So one is written down, sealed, before anything is made of what came with it; kept by the transaction in which a session
//! comes of the sign-in, and let go where none does, and when that session ends. What is let go [`super::revoke`] takes
//! back.

use std::sync::Arc;

use chrono::TimeDelta;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::flows::{FlowError, Provider};
use crate::oidc::upstream::{Upstream, answer};
use crate::store::upstream_tokens::{self, UpstreamToken};
use crate::store::{self, StoreError, Transaction};

/// How long a sign-in may take from the token to the session: longer than we wait for an upstream and a database. After
/// that it was given up, or its process died, and the token is taken back.
pub const PATIENCE: TimeDelta = TimeDelta::minutes(5);
/// When to write one down again that could not be written.
const AGAIN: TimeDelta = TimeDelta::seconds(1);
/// The most that one transaction lets go of what was overlooked.
const MOST: u64 = 500;

/// A token that was written down for a sign-in under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    id: Uuid,
    /// When it is taken back, unless it is kept before.
    due_at: Timestamp,
}

/// Writes down what a token endpoint gave, if we asked for it: one that hangs on the session there would take that along.
///
/// # Errors
/// When the database fails. The token is written as soon as it does not, unless this process stops before.
pub(super) async fn write(
    provider: &Arc<Provider>,
    upstream: &Upstream,
    body: &[u8],
) -> Result<Option<Written>, FlowError> {
    if !upstream.asks_for_refresh_tokens() || upstream.oauth2.is_some() {
        return Ok(None);
    }
    let Some(token) = answer::refresh_token(body) else {
        return Ok(None);
    };
    let now = provider.clock.now();
    let (id, due_at) = (provider.random.row_id(now), now + PATIENCE);
    let sealed_token =
        provider
            .master
            .seal(provider.random.as_ref(), &sealed_for(id), token.as_bytes());
    let row = UpstreamToken {
        id,
        session_id: provider.random.identifier(),
        issuer: upstream.issuer.clone(),
        sealed_token,
        due_at: Some(due_at),
        give_up_at: Some(due_at + provider.config.logout.give_up_after),
        attempts: 0,
    };
    if let Err(error) = insert(provider, &row).await {
        let later = write_later(Arc::clone(provider), row);
        provider.outliving.spawn(later);
        return Err(error.into());
    }
    Ok(Some(Written { id, due_at }))
}

async fn insert(provider: &Provider, row: &UpstreamToken) -> Result<(), StoreError> {
    let tx = provider.database.begin().await?;
    upstream_tokens::insert(&tx, row).await?;
    store::commit(tx).await
}

/// Its sign-in has failed for it, so it is taken back when it is written.
async fn write_later(provider: Arc<Provider>, mut row: UpstreamToken) {
    let (mut now, give_up_at) = (provider.clock.now(), row.give_up_at);
    while give_up_at.is_none_or(|until| now < until) {
        tokio::select! {
            () = provider.clock.sleep_until(now + AGAIN) => {}
            () = provider.closing.cancelled() => {}
        }
        now = provider.clock.now();
        row.due_at = Some(now);
        match insert(&provider, &row).await {
            Ok(()) => return,
            // It was written after all; nobody knew.
            Err(error) if error.is_duplicate() => return,
            Err(error) if provider.closing.is_cancelled() => {
                tracing::error!(%error, issuer = row.issuer, "a refresh token is lost");
                return;
            }
            Err(error) => tracing::warn!(%error, "a refresh token can't be written down"),
        }
    }
}

/// Whose token it is.
pub(super) fn sealed_for(id: Uuid) -> String {
    format!("upstream refresh token {id}")
}

/// Keeps the token of a sign-in from which this session, which is held, came. One that it replaces is let go. Where the
/// sign-in took so long that it is being taken back already, the session goes on without: nothing hangs on it.
///
/// # Errors
/// When the database fails.
pub(super) async fn keep(
    provider: &Provider,
    tx: &Transaction,
    written: Written,
    session_id: Uuid,
    now: Timestamp,
) -> Result<(), FlowError> {
    let_go_with(provider, tx, &[session_id], now).await?;
    if !upstream_tokens::keep(tx, written.id, written.due_at, session_id).await? {
        tracing::info!(%session_id, "a refresh token was taken back before its session began");
    }
    Ok(())
}

/// A sign-in is over: what was written down for it is taken back from now on, unless it was kept. Where that can't be
/// written, it is taken back when the patience is over.
pub async fn let_go(provider: &Provider, written: Option<Written>) {
    let Some(written) = written else {
        return;
    };
    if let Err(error) = try_to_let_go(provider, written).await {
        tracing::error!(%error, "a refresh token is taken back later than it could be");
    }
}

async fn try_to_let_go(provider: &Provider, written: Written) -> Result<(), StoreError> {
    let Written { id, due_at } = written;
    // Most are kept: nobody waits for the writer then.
    if !upstream_tokens::is_as_written(provider.database.read(), id, due_at).await? {
        return Ok(());
    }
    let tx = provider.database.begin().await?;
    let now = provider.clock.now();
    let give_up_at = now + provider.config.logout.give_up_after;
    upstream_tokens::let_go(&tx, id, due_at, now, give_up_at).await?;
    store::commit(tx).await
}

/// These sessions, which are held, end: what was kept beside them is taken back from the commit on.
///
/// # Errors
/// When the database fails.
pub(in crate::flows) async fn let_go_with(
    provider: &Provider,
    tx: &Transaction,
    session_ids: &[Uuid],
    now: Timestamp,
) -> Result<(), FlowError> {
    let give_up_at = now + provider.config.logout.give_up_after;
    Ok(upstream_tokens::let_go_with(tx, session_ids, now, give_up_at).await?)
}

/// Lets some go whose sessions are over, though who ended them did not know of tokens: a node of another version. Answers
/// whether there may be more.
///
/// # Errors
/// When the database fails.
pub(in crate::flows) async fn let_go_overlooked(provider: &Provider) -> Result<bool, FlowError> {
    // Every living session's token is looked at: through a reader, so that nobody waits for it.
    let ids = upstream_tokens::overlooked(provider.database.read(), MOST).await?;
    if ids.is_empty() {
        return Ok(false);
    }
    let work = provider.begin_work().await?;
    let now = provider.clock.now();
    let give_up_at = now + provider.config.logout.give_up_after;
    let count = upstream_tokens::let_go_overlooked(&work.tx, &ids, now, give_up_at).await?;
    work.commit().await?;
    if count > 0 {
        tracing::warn!(count, "sessions ended without their refresh tokens");
    }
    Ok(count == MOST)
}
