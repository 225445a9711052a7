//! The worker that tidies: carries out orders, ends what has expired, forgets what nobody can use.

use std::sync::Arc;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use super::logos::UNSEEN;
use super::upstream::{self, invitations, told};
use super::{FlowError, Provider, end_session, keys, registered, revocations};
use crate::store::{
    client_assertions, codes, exchanged_tokens, initial_access_tokens, interactions, leavings,
    logos,
};
use crate::store::{
    parked_requests, refresh_tokens, registrations, retention, revocations as log, service_keys,
    status_entries, throttles, upstream_invitations, upstream_logouts, upstream_requests,
};

/// How soon a change that another process made is noticed.
const LOOK: TimeDelta = TimeDelta::milliseconds(500);
/// How often expired rows are swept away.
const SWEEP: TimeDelta = TimeDelta::minutes(5);
/// How long a used code is remembered, so that its replay is known for one.
const REMEMBER_CODES: TimeDelta = TimeDelta::days(1);

/// Works until `stop` is cancelled.
pub async fn run(provider: Arc<Provider>, stop: CancellationToken) {
    let mut swept_at = None;
    while !stop.is_cancelled() {
        // Before the work: what becomes due during it is looked at right after it.
        let now = provider.clock.now();
        carry_out_orders(&provider, &stop).await;
        if let Err(error) = end_session::end_expired(&provider).await {
            tracing::error!(%error, "expired sessions could not be ended");
        }
        if swept_at.is_none_or(|at| now - at >= SWEEP) {
            match forget(&provider, &stop).await {
                Ok(()) => swept_at = Some(now),
                Err(error) => tracing::error!(%error, "expired rows could not be forgotten"),
            }
        }
        let again = now + LOOK;
        loop {
            tokio::select! {
                () = provider.work.left_for_orders() => carry_out_orders(&provider, &stop).await,
                () = provider.clock.sleep_until(again) => break,
                () = stop.cancelled() => break,
            }
        }
    }
}

/// Loads signing keys that another process changed, until `stop` is cancelled: apart from what may take long, since a
/// key that was stolen must be believed no more. `keys_seen` is the version that is loaded.
pub async fn watch_keys(provider: Arc<Provider>, mut keys_seen: i64, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let again = provider.clock.now() + LOOK;
        match keys::reload_if_changed(&provider, keys_seen).await {
            Ok(version) => keys_seen = version,
            Err(error) => tracing::error!(%error, "changed signing keys could not be loaded"),
        }
        tokio::select! {
            () = provider.clock.sleep_until(again) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Carries out what was ordered, until there is nothing left or the server stops: the next one goes on.
async fn carry_out_orders(provider: &Provider, stop: &CancellationToken) {
    tokio::select! {
        done = end_session::carry_out_orders(provider) => if let Err(error) = done {
            tracing::error!(%error, "an order to end sessions could not be carried out");
        },
        // A transaction that is left is rolled back.
        () = stop.cancelled() => {}
    }
}

async fn forget(provider: &Provider, stop: &CancellationToken) -> Result<(), FlowError> {
    let now = provider.clock.now();
    let work = provider.begin_work().await?;
    // No access token that was given before this moment is good anywhere. By what it came from it can be taken back until
    // then, whatever else is over sooner.
    let longest = revocations::longest_access(provider, &work.tx).await?;
    let tokens_since = now - longest - provider.config.tokens.refresh_grace - revocations::SLACK;
    codes::purge(&work.tx, now - REMEMBER_CODES).await?;
    refresh_tokens::purge(&work.tx, tokens_since).await?;
    service_keys::purge(&work.tx, tokens_since).await?;
    interactions::purge(&work.tx, now).await?;
    parked_requests::purge(&work.tx, now).await?;
    leavings::purge(&work.tx, now).await?;
    upstream_requests::purge(&work.tx, now).await?;
    upstream_logouts::purge(&work.tx, now - told::REMEMBER).await?;
    upstream_invitations::purge(&work.tx, now - invitations::REMEMBERED).await?;
    client_assertions::purge(&work.tx, now - revocations::SLACK).await?;
    exchanged_tokens::purge(&work.tx, now - revocations::SLACK).await?;
    throttles::purge(&work.tx, now).await?;
    status_entries::purge(&work.tx, now).await?;
    logos::purge(&work.tx, now - UNSEEN).await?;
    initial_access_tokens::purge(&work.tx, now).await?;
    // Before the grants are forgotten by which it is known.
    registrations::mark_used(&work.tx, now).await?;
    work.commit().await?;
    // A few at a time: people's requests come in between.
    let mut is_more = true;
    while is_more && !stop.is_cancelled() {
        let work = provider.begin_work().await?;
        is_more = log::forget_some(&work.tx, retention::MOST_ROWS, now).await?;
        work.commit().await?;
    }
    let kept_since = tokens_since.min(now - provider.config.logout.keep_receipts);
    let mut is_more = true;
    while is_more && !stop.is_cancelled() {
        let work = provider.begin_work().await?;
        is_more = retention::forget_some(&work.tx, kept_since, now).await?;
        work.commit().await?;
    }
    while !stop.is_cancelled() && registered::forget_some(provider).await? {}
    while !stop.is_cancelled() && upstream::refresh_tokens::let_go_overlooked(provider).await? {}
    Ok(())
}
