//! How many requests may wait for what comes: each holds a connection and some memory for as long as it does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::metrics::Metrics;

/// Of one service: as many as it has processes, and a few that have just been cut off.
const MOST_OF_ONE: usize = 64;
/// Of all together.
const MOST: usize = 1024;

/// Who waits.
#[derive(Clone)]
pub(in crate::http) struct Waiters {
    counts: Arc<Mutex<HashMap<String, usize>>>,
    metrics: Arc<Metrics>,
}

/// One who waits, until it is dropped.
pub(super) struct Waiter {
    waiters: Waiters,
    service: String,
}

impl Waiters {
    /// Nobody yet; how many come is measured.
    pub(in crate::http) fn new(metrics: &Arc<Metrics>) -> Self {
        Self {
            counts: Arc::default(),
            metrics: Arc::clone(metrics),
        }
    }

    /// A place to wait, if there is one.
    pub(super) fn admit(&self, service: &str) -> Option<Waiter> {
        let mut waiting = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.values().sum::<usize>() >= MOST {
            return None;
        }
        let of_one = waiting.entry(service.to_owned()).or_default();
        if *of_one >= MOST_OF_ONE {
            return None;
        }
        *of_one += 1;
        self.metrics.taken_back.reader_came();
        Some(Waiter {
            waiters: self.clone(),
            service: service.to_owned(),
        })
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.waiters.metrics.taken_back.reader_left();
        let mut waiting = self
            .waiters
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = waiting.get_mut(&self.service) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.service);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn nobody() -> Waiters {
        Waiters::new(&Arc::new(Metrics::new(DateTime::UNIX_EPOCH, false)))
    }

    #[test]
    fn one_service_can_not_take_the_places_of_the_others() {
        let waiters = nobody();
        let mut first: Vec<_> = (0..MOST_OF_ONE)
            .map(|_| waiters.admit("a").unwrap())
            .collect();
        assert!(waiters.admit("a").is_none());
        assert!(waiters.admit("b").is_some());
        first.pop();
        assert!(waiters.admit("a").is_some());
        drop(first);
        assert!(waiters.counts.lock().unwrap().is_empty());
    }

    #[test]
    fn all_together_have_so_many_places_and_no_more() {
        let waiters = nobody();
        let all: Vec<_> = (0..MOST)
            .map(|number| waiters.admit(&number.to_string()).unwrap())
            .collect();
        assert!(waiters.admit("one more").is_none());
        drop(all);
        assert!(waiters.admit("one more").is_some());
    }
}
