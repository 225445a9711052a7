//! Time as an argument. Rules take `now`; only flows, workers and the server hold a [`Clock`].

use std::pin::Pin;
use std::sync::Mutex;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use tokio::sync::watch;

/// A moment in time, UTC, with the millisecond precision that the database keeps.
pub type Timestamp = DateTime<Utc>;

/// Where flows and workers learn what time it is.
pub trait Clock: Send + Sync + 'static {
    /// The current moment, cut to whole milliseconds so that a stored time equals the one in memory.
    fn now(&self) -> Timestamp;
    /// Resolves once [`Clock::now`] is at or after `moment`; at once if it already is.
    fn sleep_until(&self, moment: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the machine's clock"
    )]
    fn now(&self) -> Timestamp {
        Utc::now().trunc_subsecs(3)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that waits by the machine's clock"
    )]
    fn sleep_until(&self, moment: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        // A millisecond is added because `now` is cut down: waking early would make callers spin.
        let wait = (moment - self.now())
            .to_std()
            .map(|wait| wait + std::time::Duration::from_millis(1));
        Box::pin(async move {
            if let Ok(wait) = wait {
                tokio::time::sleep(wait).await;
            }
        })
    }
}

/// A clock that moves only when it is told to: for tests.
#[derive(Debug)]
pub struct ManualClock {
    now: watch::Sender<Timestamp>,
    // Serialises `advance`, so that two threads cannot both read the old time.
    moving: Mutex<()>,
}

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self {
            now: watch::Sender::new(now.trunc_subsecs(3)),
            moving: Mutex::new(()),
        }
    }

    /// Moves the clock forward and wakes those who waited for a moment passed.
    pub fn advance(&self, by: TimeDelta) {
        let _moving = self
            .moving
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let next = *self.now.borrow() + by;
        self.now.send_replace(next);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn sleep_until(&self, moment: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut ticks = self.now.subscribe();
        Box::pin(async move {
            // The sender lives as long as `self`, so waiting cannot fail while we borrow it.
            let _ = ticks.wait_for(|now| *now >= moment).await;
        })
    }
}
