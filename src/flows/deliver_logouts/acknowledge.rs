//! The one writer of what attempts came to: it takes whatever has come in, and writes it in one transaction. What
//! comes in during the write goes with the next.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use chrono::TimeDelta;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::backoff;
use crate::clock::Timestamp;
use crate::flows::{FlowError, Provider, observe};
use crate::oidc::logout::DeliveryState;
use crate::oidc::logout::breaker::{Breaker, Health};
use crate::store::deliveries::Delivery;
use crate::store::deliveries::queue::{self, MOST_ROWS, Settled};
use crate::store::delivery_attempts::{self, Attempt};
use crate::store::{self, breakers};

/// How soon a write that failed is tried again, and how often: for as long as the leases last. After that the
/// notices are sent again.
const AGAIN: TimeDelta = TimeDelta::milliseconds(500);
const TIMES: usize = 40;

/// What an attempt came to.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The row as it is to be.
    pub delivery: Delivery,
    /// What it is held under.
    pub lease: Uuid,
    /// The attempt; none when there was nobody to ask.
    pub attempt: Option<Attempt>,
    /// What it says of the client.
    pub health: Option<Health>,
    /// Whether it was the one that an open breaker lets pass.
    pub was_probe: bool,
    /// When it was over.
    pub at: Timestamp,
}

/// Writes until every sender is gone.
pub(super) async fn run(provider: Arc<Provider>, mut outcomes: mpsc::Receiver<Outcome>) {
    let mut some = Vec::new();
    while outcomes.recv_many(&mut some, MOST_ROWS).await > 0 {
        for _ in 0..TIMES {
            match write(&provider, &some).await {
                Ok(ours) => {
                    report(&provider, &some, &ours).await;
                    break;
                }
                Err(error) => {
                    tracing::error!(%error, "what applications answered could not be recorded");
                    let again = provider.clock.now() + AGAIN;
                    provider.clock.sleep_until(again).await;
                }
            }
        }
        some.clear();
    }
}

/// Answers which outcomes settled their rows, by row and lease.
async fn write(
    provider: &Provider,
    outcomes: &[Outcome],
) -> Result<HashSet<(Uuid, Uuid)>, FlowError> {
    let attempts: Vec<Attempt> = outcomes
        .iter()
        .filter_map(|outcome| outcome.attempt.clone())
        .collect();
    let confirmed: HashSet<Uuid> = outcomes
        .iter()
        .filter(|outcome| outcome.delivery.state == DeliveryState::Confirmed)
        .map(|outcome| outcome.delivery.id)
        .collect();
    let settled: Vec<Settled<'_>> = outcomes
        .iter()
        // Of two answers to one notice a confirmation is the one that counts.
        .filter(|outcome| {
            let delivery = &outcome.delivery;
            delivery.state == DeliveryState::Confirmed || !confirmed.contains(&delivery.id)
        })
        .map(|outcome| Settled {
            delivery: &outcome.delivery,
            lease: outcome.lease,
        })
        .collect();
    let work = provider.begin_work().await?;
    delivery_attempts::insert(&work.tx, &attempts).await?;
    let ours = queue::acknowledge(&work.tx, &settled).await?;
    let ours: HashSet<Uuid> = ours.into_iter().collect();
    note_health(provider, &work.tx, outcomes).await?;
    work.commit().await?;
    Ok(settled
        .iter()
        .map(|settled| (settled.delivery.id, settled.lease))
        .filter(|(id, _)| ours.contains(id))
        .collect())
}

/// Brings the breakers up to date, in the order in which the attempts were over.
async fn note_health(
    provider: &Provider,
    tx: &store::Transaction,
    outcomes: &[Outcome],
) -> Result<(), FlowError> {
    let mut by_client: BTreeMap<&str, Vec<(&Outcome, Health)>> = BTreeMap::new();
    for outcome in outcomes {
        if let Some(health) = outcome.health {
            let client_id = outcome.delivery.client_id.as_str();
            by_client
                .entry(client_id)
                .or_default()
                .push((outcome, health));
        }
    }
    let client_ids: Vec<&str> = by_client.keys().copied().collect();
    if client_ids.is_empty() {
        return Ok(());
    }
    let known = breakers::lock(tx, &client_ids).await?;
    let mut healthy = Vec::new();
    for (client_id, mut reports) in by_client {
        reports.sort_by_key(|(outcome, _)| outcome.at);
        let before = known.get(client_id).copied();
        let mut breaker = before;
        for (outcome, health) in reports {
            let jitter = provider.random.fraction();
            breaker = breaker.unwrap_or_default().after(
                health,
                outcome.was_probe,
                backoff(provider),
                jitter,
                outcome.at,
            );
        }
        match breaker {
            Some(after) if before != Some(after) => {
                breakers::save(tx, client_id, after, provider.clock.now()).await?;
                warn(client_id, before, after);
            }
            None if before.is_some() => healthy.push(client_id),
            _ => {}
        }
    }
    if !healthy.is_empty() {
        breakers::forget(tx, &healthy).await?;
    }
    Ok(())
}

fn warn(client_id: &str, before: Option<Breaker>, after: Breaker) {
    let was_open = before.is_some_and(|before| before.open_until.is_some());
    if after.open_until.is_some() && !was_open {
        tracing::warn!(
            client_id,
            "an application does not answer; its notices wait until a probe is answered"
        );
    }
}

async fn report(provider: &Provider, outcomes: &[Outcome], ours: &HashSet<(Uuid, Uuid)>) {
    let tried: Vec<_> = outcomes
        .iter()
        .map(|outcome| {
            let (delivery, attempt) = (&outcome.delivery, outcome.attempt.as_ref());
            let settled = ours.contains(&(delivery.id, outcome.lease));
            (delivery, attempt, settled)
        })
        .collect();
    observe::tried(provider, &tried);
    provider.receipts.send_replace(());
    // What a probe has set free is due at once.
    if outcomes.iter().any(|outcome| outcome.was_probe) {
        provider.work.notify_one();
    }
    if let Err(error) = observe::told(provider, &tried).await {
        tracing::error!(%error, "how long the last confirmations took could not be measured");
    }
}
