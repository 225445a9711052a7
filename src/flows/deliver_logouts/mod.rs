//! The workers that tell applications: due rows are claimed under a lease, many at once; each is signed and posted by
//! a task of its own; one writer records what was answered. Nothing of it is kept in memory alone: a crash leaves
//! rows whose lease runs out, and they are sent again.
//!
//! What yields to whom: claims and records are short transactions of bounded size, so that a person's request waits
//! for one of them at most; signatures take half of the cores at most; while somebody signs in, none of this begins, for
//! a moment (`Work::after_you`); slow applications take a bounded part of the places (`load`).

mod acknowledge;
mod attempt;
mod claim;
mod hand_over;
mod load;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::attempt::Attempts;
pub(in crate::flows) use self::claim::{Claimed, Destination};
use self::claim::{Claims, MOST_WAITING, Waiting};
pub(in crate::flows) use self::hand_over::{HandOver, MOST, Place};
use self::load::{Load, Pace};
use super::{FlowError, Provider};
use crate::oidc::logout::delivery::Backoff;
use crate::store::deliveries::{self, queue};
use crate::store::{self, breakers, clients};

/// How long the truth may go unlooked at when no hint comes.
const POLL: TimeDelta = TimeDelta::seconds(1);
/// Outcomes that may wait to be recorded; attempts wait for room beyond that.
const UNRECORDED: usize = 1_000;
/// How long the server, when it stops, waits for notices that are on their way here and for attempts under way: the
/// longest, and a little.
const FINISH: Duration = Duration::from_secs(7);

/// An attempt under way, as far as the dispatcher must know.
struct UnderWay {
    origin: String,
    client_id: String,
    held: Held,
}

/// A row that must be given back when it is not tried.
struct Held {
    id: Uuid,
    lease: Uuid,
    /// The client whose probe it is.
    probe_of: Option<String>,
}

impl From<&Claimed> for Held {
    fn from(claimed: &Claimed) -> Self {
        let client_id = &claimed.delivery.client_id;
        Self {
            id: claimed.delivery.id,
            lease: claimed.lease.id,
            probe_of: claimed.is_probe.then(|| client_id.clone()),
        }
    }
}

/// What one server has claimed and what it has under way.
struct Dispatcher {
    attempts: Arc<Attempts>,
    waiting: Waiting,
    load: Load,
    // Tasks of their own: an attempt that holds a connection must go on while the dispatcher waits for one.
    tasks: JoinSet<Pace>,
    under_way: HashMap<Id, UnderWay>,
    /// Rows that will not have their turn soon: their origin has become slow since they were claimed.
    surplus: Vec<Held>,
}

/// Delivers until `stop` is cancelled. Then nothing more is claimed, what waits is given back, and what is under way
/// is finished first.
pub async fn run(provider: Arc<Provider>, stop: CancellationToken) {
    let (outcomes, recorded) = mpsc::channel(UNRECORDED);
    let recorder = tokio::spawn(acknowledge::run(Arc::clone(&provider), recorded));
    let mut dispatcher = Dispatcher {
        attempts: Arc::new(Attempts::new(Arc::clone(&provider), outcomes)),
        waiting: Waiting::default(),
        load: Load::default(),
        tasks: JoinSet::new(),
        under_way: HashMap::new(),
        surplus: Vec::new(),
    };
    let mut handed = provider.work.hand_over.open();
    let mut claims = Claims::default();
    let mut look_at = provider.clock.now();
    // Whether more is due than was of use at the last look, and how much waited after it.
    let (mut is_more, mut claimed) = (false, 0);
    while !stop.is_cancelled() {
        let now = provider.clock.now();
        if now >= look_at {
            // Before the work: what becomes due during it is claimed right after it.
            look_at = now + POLL;
            let Dispatcher { load, waiting, .. } = &mut dispatcher;
            match claims.take(&provider, load, waiting).await {
                Ok(more) => is_more = more,
                Err(error) => tracing::error!(%error, "due deliveries could not be claimed"),
            }
            claimed = dispatcher.waiting.len();
        }
        dispatcher.begin();
        tokio::select! {
            () = dispatcher.finished() => {
                // Half a queue at a time: claims take many rows each.
                if is_more && 2 * dispatcher.waiting.len() <= claimed {
                    look_at = now;
                }
                give_back(&provider, &std::mem::take(&mut dispatcher.surplus)).await;
            }
            Some(notices) = handed.recv() => {
                dispatcher.take_in(notices);
                give_back(&provider, &std::mem::take(&mut dispatcher.surplus)).await;
            }
            () = provider.work.left_for_deliveries() => look_at = now,
            () = provider.clock.sleep_until(look_at) => {}
            () = stop.cancelled() => {}
        }
    }
    let until = Instant::now() + FINISH;
    hand_over::rest(handed, until, |notices| dispatcher.take_in(notices)).await;
    dispatcher.stop(&provider, until).await;
    // The last one to send is gone: the recorder writes what is left and ends.
    drop(dispatcher);
    let _ = recorder.await;
}

impl Dispatcher {
    /// Takes in what is held already, but for what would wait beyond its lease: who is slow lets it, and a crowd.
    fn take_in(&mut self, notices: Vec<Claimed>) {
        for notice in notices {
            let is_crowded = self.waiting.len() >= MOST_WAITING;
            if is_crowded || self.load.is_slow(&notice.destination.origin) {
                self.surplus.push(Held::from(&notice));
            } else {
                self.waiting.push(notice);
            }
        }
    }

    /// Begins every attempt that there is room for.
    fn begin(&mut self) {
        while let Some(claimed) = self.waiting.next(&self.load) {
            let known = UnderWay {
                origin: claimed.destination.origin.clone(),
                client_id: claimed.delivery.client_id.clone(),
                held: Held::from(&claimed),
            };
            self.load.begin(&known.origin);
            let attempts = Arc::clone(&self.attempts);
            let task = self
                .tasks
                .spawn(async move { attempts.carry_out(claimed).await });
            self.under_way.insert(task.id(), known);
        }
    }

    /// Waits until an attempt is over, and takes note of all that are. Never comes back while none is under way.
    async fn finished(&mut self) {
        let Some(mut result) = self.tasks.join_next_with_id().await else {
            return std::future::pending().await;
        };
        loop {
            let (id, pace) = result.unwrap_or_else(|panicked| (panicked.id(), Pace::Unasked));
            if let Some(known) = self.under_way.remove(&id) {
                self.load.end(&known.origin, pace);
                if self.load.is_slow(&known.origin) {
                    // They would wait beyond their lease, or past a breaker that opens.
                    let left = self.waiting.take_of(&known.client_id);
                    self.surplus.extend(left.iter().map(Held::from));
                }
            }
            match self.tasks.try_join_next_with_id() {
                Some(next) => result = next,
                None => break,
            }
        }
    }

    /// Gives back what waits, finishes what is under way, and gives back what does not finish in time.
    async fn stop(&mut self, provider: &Provider, until: Instant) {
        let mut unsent = std::mem::take(&mut self.surplus);
        unsent.extend(self.waiting.take().map(|claimed| Held::from(&claimed)));
        give_back(provider, &unsent).await;
        let finish = async {
            while !self.under_way.is_empty() {
                self.finished().await;
            }
        };
        if tokio::time::timeout_at(until, finish).await.is_err() {
            self.tasks.shutdown().await;
            let unfinished: Vec<Held> = self
                .under_way
                .drain()
                .map(|(_, known)| known.held)
                .collect();
            give_back(provider, &unfinished).await;
        }
    }
}

/// Gives rows back that were claimed and not tried to the end.
async fn give_back(provider: &Provider, held: &[Held]) {
    if held.is_empty() {
        return;
    }
    let rows: Vec<(Uuid, Uuid)> = held.iter().map(|held| (held.id, held.lease)).collect();
    let probes: Vec<&str> = held
        .iter()
        .filter_map(|held| held.probe_of.as_deref())
        .collect();
    let release = async {
        let work = provider.begin_work().await?;
        queue::release(&work.tx, &rows).await?;
        if !probes.is_empty() {
            breakers::end_probes(&work.tx, &probes).await?;
        }
        work.commit().await
    };
    if let Err(error) = release.await {
        tracing::error!(%error, "claimed notices could not be given back; their leases run out");
    }
}

/// How long to wait between attempts.
fn backoff(provider: &Provider) -> Backoff {
    Backoff {
        first: provider.config.logout.retry_first,
        max: provider.config.logout.retry_max,
    }
}

/// How many notices one transaction changes, so that the writer is never held for long.
const AT_ONCE: usize = 500;

/// Tries these notices no more, those that did not arrive; answers how many there were.
///
/// # Errors
/// When the database fails; then some may be abandoned, and it may be repeated.
pub async fn abandon(provider: &Provider, delivery_ids: &[Uuid]) -> Result<usize, FlowError> {
    let mut abandoned = 0;
    for some in delivery_ids.chunks(AT_ONCE) {
        let tx = provider.database.begin().await?;
        abandoned += deliveries::abandon(&tx, some, provider.clock.now()).await?;
        store::commit(tx).await?;
    }
    provider.receipts.send_replace(());
    Ok(usize::try_from(abandoned).unwrap_or(usize::MAX))
}

/// Makes undelivered notices due again, now, and as long as a new one is; answers how many were. Where nobody
/// answered for a while, one of them goes first.
///
/// # Errors
/// When the database fails; then some may be due, and it may be repeated.
pub async fn retry(provider: &Provider, delivery_ids: &[Uuid]) -> Result<usize, FlowError> {
    let mut due = 0;
    for some in delivery_ids.chunks(AT_ONCE) {
        due += retry_some(provider, some).await?;
    }
    provider.work.notify_one();
    Ok(usize::try_from(due).unwrap_or(usize::MAX))
}

async fn retry_some(provider: &Provider, delivery_ids: &[Uuid]) -> Result<u64, FlowError> {
    let now = provider.clock.now();
    let tx = provider.database.begin().await?;
    let by_client = deliveries::by_client(&tx, delivery_ids).await?;
    let mut due = 0;
    for (client_id, ids) in &by_client {
        let known = clients::find(&tx, client_id).await?;
        let metadata = known.map(|known| known.client.metadata).unwrap_or_default();
        let give_up_at = now + provider.give_up_after(&metadata);
        due += deliveries::retry(&tx, ids, give_up_at, now).await?;
    }
    let client_ids: Vec<&str> = by_client.keys().map(String::as_str).collect();
    breakers::probe_now(&tx, &client_ids, now).await?;
    store::commit(tx).await?;
    Ok(due)
}
