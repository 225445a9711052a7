//! The hint that there is something for the workers: from this process, and on PostgreSQL from every other.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::{Mutex, MutexGuard, Notify, watch};
use tokio_util::sync::CancellationToken;

use super::Provider;
use super::deliver_logouts::HandOver;
use crate::store::{self, Hint, StoreError, Transaction};

/// How soon listening is tried again when it failed.
const AGAIN: TimeDelta = TimeDelta::seconds(1);

/// How long workers hold back for people. Somebody always signs in where an attacker wants it so: the work goes on then.
const COURTESY: Duration = Duration::from_millis(50);

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
    /// How many people are signing in.
    people: watch::Sender<usize>,
}

/// Somebody who is signing in, until it is dropped.
pub(super) struct Person<'a>(&'a Work);

impl Drop for Person<'_> {
    fn drop(&mut self) {
        self.0.people.send_modify(|people| *people -= 1);
    }
}

impl Work {
    /// Workers hold back while the answer lives: a password takes a processor for some 20 ms, and a storm of notices
    /// would take it all.
    pub(super) fn person(&self) -> Person<'_> {
        self.people.send_modify(|people| *people += 1);
        Person(self)
    }

    /// Waits while somebody is signing in, but not for long.
    pub(super) async fn after_you(&self) {
        if *self.people.borrow() == 0 {
            return;
        }
        let mut people = self.people.subscribe();
        // The sender is this one's own: it is never closed.
        let _ = tokio::time::timeout(COURTESY, people.wait_for(|people| *people == 0)).await;
    }

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
        self.work.after_you().await;
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn workers_wait_until_the_last_person_has_signed_in() {
        let work = Work::default();
        assert_eq!(work.after_you().now_or_never(), Some(()));
        let (one, other) = (work.person(), work.person());
        let mut waiting = Box::pin(work.after_you());
        assert_eq!(waiting.as_mut().now_or_never(), None);
        drop(one);
        assert_eq!(waiting.as_mut().now_or_never(), None);
        drop(other);
        assert_eq!(waiting.as_mut().now_or_never(), Some(()));
    }

    #[tokio::test]
    async fn workers_go_on_though_somebody_signs_in_all_the_time() {
        let work = Work::default();
        let _always = work.person();
        work.after_you().await;
    }
}
