//! A database that was put back from a copy: how it is known for one, and what is done about it.
//!
//! The database holds the latest moment at which it is known to have lived; whoever acts on it raises
//! that moment, and keeps it outside too, after the commit. A database that remembers less than was
//! kept outside is an older copy: what was revoked since is good again in it (P3).

use chrono::TimeDelta;

use super::{FlowError, Provider, end_session, keys, revocations};
use crate::clock::Timestamp;
use crate::jose::Schedule;
use crate::oidc::logout::Cause;
use crate::store::orders::OrderScope;
use crate::store::{
    self, changes, grants, initial_access_tokens, interactions, leavings, marks, parked_requests,
    signing_keys, upstream_invitations, upstream_requests,
};

/// The next moment: that of the clock, or a little more where the clock has stepped back, so that it
/// rises all the same.
fn after(known: Option<Timestamp>, now: Timestamp) -> Timestamp {
    known.map_or(now, |known| now.max(known + TimeDelta::milliseconds(1)))
}

/// Says that the database lives now; answers the moment that it remembers from then on. None, and
/// nothing changed, when it remembers less than `kept` outside: it is an older copy.
///
/// # Errors
/// When the database fails.
pub async fn raise(
    provider: &Provider,
    kept: Option<Timestamp>,
) -> Result<Option<Timestamp>, FlowError> {
    let now = provider.clock.now();
    let tx = provider.database.begin().await?;
    let known = marks::lock_alive_at(&tx).await?;
    // Without keys nothing was ever issued: a new database, and no copy.
    if known < kept && (known.is_some() || !signing_keys::list(&tx).await?.is_empty()) {
        return Ok(None);
    }
    let alive_at = after(known.max(kept), now);
    marks::set_alive_at(&tx, alive_at).await?;
    store::commit(tx).await?;
    Ok(Some(alive_at))
}

/// What [`start_anew`] did.
#[derive(Debug, Clone, Copy)]
pub struct Anew {
    /// The moment that the database remembers from then on, above all that was kept outside.
    pub alive_at: Timestamp,
    /// How many keys sign from then on; all others are believed no more.
    pub keys: usize,
}

/// Ends all sessions (their applications are told), takes back all grants, forgets what waited for a
/// person and who was invited, replaces the keys, and says that the database lives. All of it or nothing: until it is
/// committed the database remembers too little, and nobody serves it. It may be repeated.
///
/// # Errors
/// When the database fails or a key can't be made; then nothing was done.
pub async fn start_anew(provider: &Provider, kept: Option<Timestamp>) -> Result<Anew, FlowError> {
    let algorithms = keys::algorithms(provider).await?;
    let now = provider.clock.now();
    // Before the transaction: an RSA key takes a while.
    let mut made = Vec::new();
    for algorithm in algorithms {
        made.push(keys::generate(provider, algorithm, Schedule::at_once(now)).await?);
    }
    let tx = provider.database.begin().await?;
    changes::count(&tx, changes::SIGNING_KEYS).await?;
    let replaced = signing_keys::list(&tx).await?.into_iter();
    let replaced: Vec<String> = replaced
        .filter(|key| key.retire_at.is_none_or(|at| at > now))
        .map(|key| key.kid)
        .collect();
    for kid in &replaced {
        signing_keys::retire(&tx, kid, now).await?;
    }
    for key in &made {
        signing_keys::insert(&tx, key).await?;
    }
    let known = marks::lock_alive_at(&tx).await?;
    let alive_at = after(known.max(kept), now);
    revocations::begin_anew(provider, &tx, alive_at).await?;
    keys::distrust(provider, &tx, replaced.into_iter(), now).await?;
    // Sessions began before that, whatever the clock says now.
    end_session::order(provider, &tx, OrderScope::All, Cause::Restored, alive_at).await?;
    grants::revoke(&tx, &[grants::Of::All], now).await?;
    interactions::forget_all(&tx).await?;
    upstream_requests::forget_all(&tx).await?;
    parked_requests::forget_all(&tx).await?;
    leavings::forget_all(&tx).await?;
    // One that was used since the copy was made would be good again.
    initial_access_tokens::forget_all(&tx).await?;
    upstream_invitations::forget_all(&tx).await?;
    marks::set_alive_at(&tx, alive_at).await?;
    store::commit(tx).await?;
    provider.work.notify_one();
    Ok(Anew {
        alive_at,
        keys: made.len(),
    })
}
