//! The hint that there is something for the workers: from this process, and on PostgreSQL from every other.

use std::sync::Arc;

use chrono::TimeDelta;
use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio_util::sync::CancellationToken;

use super::Provider;
use super::deliver_logouts::HandOver;
use crate::store::{self, Hint, StoreError, Transaction};

/// How soon listening is tried again when it failed.
const AGAIN: TimeDelta = TimeDelta::seconds(1);

/// Wakes the workers. Nothing depends on it: they look by themselves too.
#[derive(Debug, Default)]
pub struct Work {
    deliveries: Notify,
    orders: Notify,
    revocations: Notify,
    /// Where notices go that need not be looked for.
    pub(super) hand_over: HandOver,
    /// Whose turn to write it is, of the workers.
    turn: Mutex<()>,
}

impl Work {
    /// Wakes whoever has to do with notices, orders and what was taken back: something was committed for them.
    pub fn notify_one(&self) {
        self.deliveries.notify_one();
        self.orders.notify_one();
        self.revocations.notify_one();
    }

    /// Wakes whoever numbers what was taken back: something was.
    pub(super) fn taken_back(&self) {
        self.revocations.notify_one();
    }

    /// Waits until there may be entries of the revocation log to number, or to read.
    pub(super) async fn left_for_revocations(&self) {
        self.revocations.notified().await;
    }

    /// Waits until there may be notices to deliver.
    pub(super) async fn left_for_deliveries(&self) {
        self.deliveries.notified().await;
    }

    /// Waits until there may be orders to carry out.
    pub(super) async fn left_for_orders(&self) {
        self.orders.notified().await;
    }
}

/// A worker's transaction.
pub(super) struct Writing<'a> {
    /// The transaction.
    pub tx: Transaction,
    /// Given back with it.
    _turn: Option<MutexGuard<'a, ()>>,
}

impl Writing<'_> {
    /// As [`store::commit`]; then it is the next worker's turn.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        store::commit(self.tx).await
    }
}

impl Provider {
    /// A transaction for a worker. Where there is but one writer the workers wait for each other before they stand in
    /// its queue, so that a person's request stands behind one of them at most.
    pub(super) async fn begin_work(&self) -> Result<Writing<'_>, StoreError> {
        let turn = match self.config.database.is_postgres() {
            true => None,
            false => Some(self.work.turn.lock().await),
        };
        Ok(Writing {
            tx: self.database.begin().await?,
            _turn: turn,
        })
    }
}

/// Passes on the hints of other processes until `stop` is cancelled; ends at once where the database has none.
pub async fn listen(provider: Arc<Provider>, stop: CancellationToken) {
    let mut listener = None;
    while !stop.is_cancelled() {
        let heard = async {
            match &mut listener {
                None => match provider.database.listen().await? {
                    None => {
                        stop.cancelled().await;
                        Ok(Hint::Work)
                    }
                    some => {
                        listener = some;
                        Ok(Hint::Work)
                    }
                },
                Some(listener) => listener.hint().await,
            }
        };
        let heard: Result<Hint, StoreError> = tokio::select! {
            heard = heard => heard,
            () = stop.cancelled() => return,
        };
        match heard {
            Ok(Hint::Work) => provider.work.notify_one(),
            Ok(Hint::Revocations) => provider.work.taken_back(),
            Err(error) => {
                listener = None;
                tracing::warn!(%error, "hints are not heard; work is looked for every second all the same");
                tokio::select! {
                    () = provider.clock.sleep_until(provider.clock.now() + AGAIN) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
    }
}
