//! What an application's answer to a logout token means, and when to try again
//! (Back-Channel Logout 1.0 §2.8, RFC 9110 §10.2.3, §15).

use chrono::TimeDelta;

use crate::clock::Timestamp;

/// An answer, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// How long the application asks us to wait.
    pub retry_after: Option<TimeDelta>,
}

/// Why there was no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionProblem {
    /// It took too long.
    Timeout,
    /// There was nobody, or they hung up.
    Connection,
    /// TLS failed: an expired certificate, most often.
    Tls,
    /// The address lies where we do not connect to. Names may resolve better next time.
    Forbidden,
}

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The application ended its session.
    Confirmed,
    /// It says that the token is wrong or that it failed, for good (§2.8).
    Refused,
    /// No use in trying again as it is: the URI or the application must be mended.
    Final,
    /// Try again.
    Again {
        /// Not before this long.
        after: Option<TimeDelta>,
    },
}

/// Judges an attempt.
pub fn classify(attempt: Result<Answer, ConnectionProblem>) -> Verdict {
    match attempt {
        Ok(answer) => match answer.status {
            200 | 204 => Verdict::Confirmed,
            400 => Verdict::Refused,
            // "Not implemented" will not be implemented by the next try.
            501 => Verdict::Final,
            // Of the 5xx that have no meaning of their own here (520 to 530 of some gateways, 507, 508, ...) the
            // class counts: the server failed, and may not fail next time.
            408 | 425 | 429 | 500..=599 => Verdict::Again {
                after: answer.retry_after,
            },
            _ => Verdict::Final,
        },
        Err(_) => Verdict::Again { after: None },
    }
}

/// How long to wait between attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The shortest wait.
    pub first: TimeDelta,
    /// The longest wait at all, whatever the application asks.
    pub max: TimeDelta,
}

impl Backoff {
    /// When to try again after `attempts` of them: exponential, spread by `jitter` (`0.0..1.0`) over
    /// everything from `first` to twice as much, four times, ..., `max`, so that many do not come back
    /// together, and not before `retry_after` as far as `max` allows.
    pub fn next_attempt(
        &self,
        attempts: u32,
        jitter: f64,
        retry_after: Option<TimeDelta>,
        now: Timestamp,
    ) -> Timestamp {
        let doublings = attempts.clamp(1, 30);
        let longest = self
            .first
            .checked_mul(1 << doublings)
            .map_or(self.max, |wait| wait.min(self.max));
        let floor = self.first.min(longest);
        let spread = ((longest - floor).num_milliseconds() as f64 * jitter) as i64;
        let wait = floor + TimeDelta::milliseconds(spread);
        now + retry_after.unwrap_or_default().min(self.max).max(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{TimeZone as _, Utc};

    const AGAIN: Verdict = Verdict::Again { after: None };

    fn status(status: u16) -> Verdict {
        classify(Ok(Answer {
            status,
            retry_after: None,
        }))
    }

    fn backoff() -> Backoff {
        Backoff {
            first: TimeDelta::seconds(1),
            max: TimeDelta::minutes(15),
        }
    }

    fn noon() -> Timestamp {
        Utc.with_ymd_and_hms(2026, 1, 1, 12, 0, 0).unwrap()
    }

    fn wait(attempts: u32, jitter: f64, retry_after: Option<TimeDelta>) -> TimeDelta {
        backoff().next_attempt(attempts, jitter, retry_after, noon()) - noon()
    }

    #[test]
    fn every_answer_has_one_meaning() {
        for (verdict, statuses) in [
            (Verdict::Confirmed, &[200, 204][..]),
            (Verdict::Refused, &[400]),
            (
                AGAIN,
                &[408, 425, 429, 500, 502, 503, 504, 505, 507, 520, 599],
            ),
            (
                Verdict::Final,
                &[
                    100, 201, 202, 206, 301, 302, 303, 307, 308, 401, 403, 404, 405, 410, 422, 501,
                ],
            ),
        ] {
            for code in statuses {
                assert_eq!(status(*code), verdict, "{code}");
            }
        }
    }

    #[test]
    fn no_answer_means_again() {
        for problem in [
            ConnectionProblem::Timeout,
            ConnectionProblem::Connection,
            ConnectionProblem::Tls,
            ConnectionProblem::Forbidden,
        ] {
            assert_eq!(classify(Err(problem)), AGAIN, "{problem:?}");
        }
    }

    #[test]
    fn an_application_may_ask_for_patience_only_when_there_is_an_again() {
        let retry_after = Some(TimeDelta::seconds(7));
        let answer = |status| {
            classify(Ok(Answer {
                status,
                retry_after,
            }))
        };
        assert_eq!(answer(503), Verdict::Again { after: retry_after });
        assert_eq!(answer(302), Verdict::Final);
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let longest = |attempts| wait(attempts, 0.999_999, None).num_seconds() + 1;
        assert_eq!(
            [1, 2, 3, 4, 10, 11, 100, u32::MAX].map(longest),
            [2, 4, 8, 16, 900, 900, 900, 900]
        );
    }

    #[test]
    fn no_wait_is_ever_nothing() {
        for attempts in [0, 1, 2, 40] {
            assert_eq!(
                wait(attempts, 0.0, None),
                TimeDelta::seconds(1),
                "{attempts}"
            );
        }
        assert_eq!(
            wait(1, 0.0, Some(TimeDelta::seconds(-9))),
            TimeDelta::seconds(1)
        );
    }

    #[test]
    fn a_longer_retry_after_is_honoured_as_far_as_the_longest_wait() {
        assert_eq!(
            wait(1, 0.5, Some(TimeDelta::seconds(30))),
            TimeDelta::seconds(30)
        );
        assert_eq!(
            wait(1, 0.5, Some(TimeDelta::days(9))),
            TimeDelta::minutes(15)
        );
        assert_eq!(
            wait(1, 0.5, Some(TimeDelta::zero())),
            TimeDelta::milliseconds(1500)
        );
    }
}
