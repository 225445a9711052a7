//! When an application that does not answer is left alone for a while, and when it is asked again. One breaker a
//! client, the same for every server and across restarts.

use chrono::TimeDelta;

use super::delivery::Backoff;
use crate::clock::Timestamp;

/// After so many attempts in a row without an answer the breaker opens.
pub const PATIENCE: u32 = 5;

/// The longest that a breaker stays open. A probe is one request: an application that has recovered should not wait
/// for long.
pub const LONGEST: TimeDelta = TimeDelta::minutes(1);

/// What is remembered of a client that failed to answer; of one that answers, nothing is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Breaker {
    /// Attempts in a row that had no answer.
    pub failures: u32,
    /// Nothing is sent before this moment; after it one probe is. None: the breaker is closed.
    pub open_until: Option<Timestamp>,
    /// Until when somebody's probe has to come back.
    pub probing_until: Option<Timestamp>,
}

/// Whether a client's notices may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// As many as there is room for.
    Free,
    /// One, to see whether it answers again.
    Probe,
    /// None, before this moment at the earliest.
    Shut(Timestamp),
}

/// What an attempt says about the client's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It answered, whatever the answer was worth.
    Answered,
    /// No connection, no answer in time, or a server error.
    Failed,
}

impl Breaker {
    /// What may be sent at `now`.
    pub fn passage(&self, now: Timestamp) -> Passage {
        match (self.open_until, self.probing_until) {
            (None, _) => Passage::Free,
            (Some(until), _) if now < until => Passage::Shut(until),
            (Some(_), Some(until)) if now < until => Passage::Shut(until),
            (Some(_), _) => Passage::Probe,
        }
    }

    /// The breaker after an attempt came back at `now`; none when there is nothing to remember any more.
    ///
    /// `backoff` is that of the notices, and `jitter` (`0.0..1.0`) keeps breakers from closing together.
    #[must_use]
    pub fn after(
        &self,
        health: Health,
        was_probe: bool,
        backoff: Backoff,
        jitter: f64,
        now: Timestamp,
    ) -> Option<Self> {
        if health == Health::Answered {
            return None;
        }
        let failures = self.failures.saturating_add(1);
        // What was under way when it opened says nothing new.
        if self.open_until.is_some() && !was_probe {
            return Some(*self);
        }
        let open_until = (failures >= PATIENCE).then(|| {
            let backoff = Backoff {
                max: backoff.max.min(LONGEST),
                ..backoff
            };
            backoff.next_attempt(failures - PATIENCE + 1, jitter, None, now)
        });
        Some(Self {
            failures,
            open_until,
            probing_until: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone as _;

    const BACKOFF: Backoff = Backoff {
        first: TimeDelta::seconds(1),
        max: TimeDelta::minutes(15),
    };

    fn at(second: i64) -> Timestamp {
        chrono::Utc.with_ymd_and_hms(2026, 1, 1, 12, 0, 0).unwrap() + TimeDelta::seconds(second)
    }

    fn after(breaker: Breaker, health: Health, was_probe: bool, second: i64) -> Option<Breaker> {
        breaker.after(health, was_probe, BACKOFF, 0.999_999, at(second))
    }

    /// Open at noon after as many failures as it takes.
    fn open() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..PATIENCE {
            assert_eq!(breaker.passage(at(0)), Passage::Free);
            breaker = after(breaker, Health::Failed, false, 0).unwrap();
        }
        breaker
    }

    #[test]
    fn it_opens_after_some_failures_in_a_row() {
        let until = open().open_until.unwrap();
        assert!(at(0) < until && until <= at(2), "{until}");
        assert_eq!(open().passage(at(0)), Passage::Shut(until));
    }

    #[test]
    fn one_answer_forgets_every_failure() {
        let nearly = Breaker {
            failures: PATIENCE - 1,
            ..Breaker::default()
        };
        for breaker in [nearly, open()] {
            for was_probe in [false, true] {
                assert_eq!(after(breaker, Health::Answered, was_probe, 1), None);
            }
        }
    }

    #[test]
    fn whoever_comes_when_its_time_is_over_probes_alone() {
        assert_eq!(open().passage(at(2)), Passage::Probe);
        let probed = Breaker {
            probing_until: Some(at(32)),
            ..open()
        };
        for (second, passage) in [
            (1, Passage::Shut(open().open_until.unwrap())),
            (2, Passage::Shut(at(32))),
            (31, Passage::Shut(at(32))),
            // The prober is gone.
            (32, Passage::Probe),
        ] {
            assert_eq!(probed.passage(at(second)), passage, "{second}");
        }
    }

    #[test]
    fn a_probe_without_an_answer_opens_it_for_longer_up_to_the_longest() {
        let mut breaker = open();
        let mut lengths = Vec::new();
        for _ in 0..10 {
            let reopened = after(breaker, Health::Failed, true, 0).unwrap();
            assert_eq!(reopened.probing_until, None);
            lengths.push((reopened.open_until.unwrap() - at(0)).num_seconds() + 1);
            breaker = reopened;
        }
        assert!(lengths.is_sorted(), "{lengths:?}");
        assert_eq!(lengths.last(), Some(&LONGEST.num_seconds()));
    }

    #[test]
    fn what_was_under_way_when_it_opened_changes_nothing() {
        assert_eq!(after(open(), Health::Failed, false, 1), Some(open()));
    }

    #[test]
    fn breakers_that_opened_together_do_not_close_together() {
        let opened = |jitter| {
            open()
                .after(Health::Failed, true, BACKOFF, jitter, at(0))
                .unwrap()
                .open_until
        };
        assert_ne!(opened(0.0), opened(0.9));
    }
}
