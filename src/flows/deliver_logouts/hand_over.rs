//! Notices that need not be claimed. Who ends one session writes its rows as held by this server's dispatcher already,
//! and hands them over once they are committed: that spares the first attempts a look, a transaction and its way to
//! the disk. After a crash such rows wait until their lease is over, like those that were claimed.

use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use tokio::sync::mpsc::{self, OwnedPermit};
use tokio::time::Instant;

use super::claim::Claimed;
use crate::clock::Timestamp;
use crate::random::Random;
use crate::store::deliveries::queue::Lease;

/// How long such a row stays ours: well beyond the longest attempt, and no longer than a crash may delay it.
const LEASE: TimeDelta = TimeDelta::seconds(15);
/// How many sessions' notices may be on their way to the dispatcher at once.
const PLACES: usize = 4;
/// The most notices that one session hands over; others are claimed as usual.
pub(in crate::flows) const MOST: usize = 250;

/// The way from those who end sessions to the dispatcher of their process; closed where there is none.
#[derive(Debug, Default)]
pub(in crate::flows) struct HandOver {
    dispatcher: Mutex<Option<mpsc::Sender<Vec<Claimed>>>>,
}

/// A place that is kept until the rows are committed, or will not be.
#[derive(Debug)]
pub(in crate::flows) struct Place {
    permit: OwnedPermit<Vec<Claimed>>,
    /// What the rows are to be held under.
    pub lease: Lease,
}

impl HandOver {
    /// Opens the way for the dispatcher that listens at the other end.
    pub(super) fn open(&self) -> mpsc::Receiver<Vec<Claimed>> {
        let (sender, receiver) = mpsc::channel(PLACES);
        *self
            .dispatcher
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// A place for one session's notices; none where no dispatcher runs or too much is on its way.
    pub(in crate::flows) fn place(&self, random: &dyn Random, now: Timestamp) -> Option<Place> {
        let dispatcher = self
            .dispatcher
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()?;
        let permit = dispatcher.try_reserve_owned().ok()?;
        let lease = Lease {
            id: random.row_id(now),
            until: now + LEASE,
        };
        Some(Place { permit, lease })
    }
}

/// Nobody gets a place any more; whoever has one may use it `until` then.
pub(super) async fn rest(
    mut handed: mpsc::Receiver<Vec<Claimed>>,
    until: Instant,
    mut take_in: impl FnMut(Vec<Claimed>),
) {
    handed.close();
    // Nothing, once every place was used or given up.
    while let Ok(Some(notices)) = tokio::time::timeout_at(until, handed.recv()).await {
        take_in(notices);
    }
}

impl Place {
    /// The rows are committed: they are the dispatcher's to try.
    pub(in crate::flows) fn hand_over(self, notices: Vec<Claimed>) {
        if !notices.is_empty() {
            self.permit.send(notices);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock as _, SystemClock};
    use crate::random::SeededRandom;

    #[test]
    fn there_are_places_where_a_dispatcher_runs_and_only_some() {
        let (way, random) = (HandOver::default(), SeededRandom::new(1));
        let place = || way.place(&random, SystemClock.now());
        assert!(place().is_none(), "nobody listens");
        let mut dispatcher = way.open();
        let taken: Vec<Place> = std::iter::from_fn(place).collect();
        assert_eq!(taken.len(), PLACES);
        // Nothing came of these sessions' ends: what they had is free again.
        drop(taken);
        place().unwrap().hand_over(Vec::new());
        assert!(place().is_some());
        dispatcher.close();
        assert!(place().is_none(), "the server stops");
        assert!(dispatcher.try_recv().is_err());
    }

    #[tokio::test]
    async fn who_has_a_place_when_the_server_stops_may_use_it() {
        let (way, random) = (HandOver::default(), SeededRandom::new(1));
        let place = || way.place(&random, SystemClock.now());
        let handed = way.open();
        let (used, given_up) = (place().unwrap(), place().unwrap());
        let until = Instant::now() + std::time::Duration::from_secs(60);
        let stopping = tokio::spawn(async move {
            let mut came = 0;
            rest(handed, until, |_| came += 1).await;
            came
        });
        tokio::task::yield_now().await;
        assert!(place().is_none(), "it is for those who have one");
        used.permit.send(Vec::new());
        tokio::task::yield_now().await;
        assert!(!stopping.is_finished(), "somebody has a place yet");
        drop(given_up);
        assert_eq!(stopping.await.unwrap(), 1);
    }
}
