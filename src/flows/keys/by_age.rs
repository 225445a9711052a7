//! The worker that gives a key a successor when it has signed for long enough.

use std::sync::Arc;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use super::{FlowError, JWKS_MAX_AGE, LOADED, Provider, generate, longest_life, stored, succeed};
use crate::clock::Timestamp;
use crate::jose::Schedule;
use crate::oidc::algorithm::SigningAlgorithm;
use crate::store::changes;
use crate::store::signing_keys::{self, SealedKey};

/// How often the keys' ages are looked at.
const LOOK: TimeDelta = TimeDelta::minutes(1);
/// How long before it signs a key is published: also others that keep the JWKS for longer than we say then know it.
const AHEAD: TimeDelta = TimeDelta::hours(1);

/// Works until `stop` is cancelled.
pub async fn run(provider: Arc<Provider>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let again = provider.clock.now() + LOOK;
        if let Err(error) = rotate_by_age(&provider).await {
            tracing::error!(%error, "signing keys could not be rotated");
        }
        tokio::select! {
            () = provider.clock.sleep_until(again) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Announces a successor of each key that will have signed for `keys.rotate_after` in an hour. It signs from then on,
/// or, where that is over, after the JWKS's max-age.
///
/// # Errors
/// When the database fails or a key can't be made.
pub async fn rotate_by_age(provider: &Provider) -> Result<(), FlowError> {
    let Some(rotate_after) = provider.config.keys.rotate_after else {
        return Ok(());
    };
    let now = provider.clock.now();
    let due = |keys: &[SealedKey], algorithm| due_at(keys, algorithm, now, rotate_after);
    let known = signing_keys::list(provider.database.read()).await?;
    for algorithm in SigningAlgorithm::ALL {
        let Some(due_at) = due(&known, algorithm) else {
            continue;
        };
        let schedule = Schedule {
            publish_at: now,
            sign_from: (due_at + AHEAD).max(now + JWKS_MAX_AGE + LOADED),
            retire_at: None,
        };
        let key = generate(provider, algorithm, schedule).await?;
        let work = provider.begin_work().await?;
        // Counting first takes the counter's row: of several nodes one goes on, and the others see what it did.
        changes::count(&work.tx, changes::SIGNING_KEYS).await?;
        let before = signing_keys::list(&work.tx).await?;
        if due(&before, algorithm).is_none() {
            continue;
        }
        let longest_life = longest_life(provider, &work.tx).await?;
        succeed(&work.tx, &key, &before, longest_life, now).await?;
        work.commit().await?;
        tracing::info!(kid = key.kid, %algorithm, sign_from = %key.sign_from, "a signing key has a successor");
    }
    Ok(())
}

/// Since when the keys of `algorithm` need a successor, if they do.
fn due_at(
    keys: &[SealedKey],
    algorithm: SigningAlgorithm,
    now: Timestamp,
    rotate_after: TimeDelta,
) -> Option<Timestamp> {
    let schedules: Vec<Schedule> = keys
        .iter()
        .filter(|key| key.algorithm == algorithm)
        .map(|key| stored(key.clone()).schedule)
        .collect();
    Schedule::due_at(&schedules, now, rotate_after, AHEAD).filter(|due_at| *due_at <= now)
}
