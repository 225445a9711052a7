//! How long ago the deny-list was known to be complete.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What to do with good tokens while nobody can say what was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Staleness {
    /// Accept them: they expire by themselves.
    #[default]
    Accept,
    /// Refuse them when the deny-list was not known to be complete for longer than this. The feed vouches for itself
    /// every 20 seconds when nothing is revoked: less than half a minute refuses good tokens on a quiet day.
    RefuseBeyond(Duration),
}

#[derive(Debug, Default)]
pub(crate) struct Freshness(Mutex<Option<Instant>>);

impl Freshness {
    /// It is complete as of this moment; an earlier one than is known changes nothing.
    pub(crate) fn set(&self, at: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = (*known).max(Some(at));
    }

    pub(crate) fn age(&self, now: Instant) -> Option<Duration> {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.map(|at| now.saturating_duration_since(at))
    }
}
