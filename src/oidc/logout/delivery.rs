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
            408 | 425 | 429 | 500 | 502 | 503 | 504 => Verdict::Again {
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
    /// The longest wait after the first attempt.
    pub first: TimeDelta,
    /// The longest wait at all, whatever the application asks.
    pub max: TimeDelta,
}

impl Backoff {
    /// When to try again after `attempts` of them: exponential, spread by `jitter` (`0.0..1.0`) over
    /// the whole wait so that many do not come back together, never at once, and not before
    /// `retry_after` as far as `max` allows.
    pub fn next_attempt(
        &self,
        attempts: u32,
        jitter: f64,
        retry_after: Option<TimeDelta>,
        now: Timestamp,
    ) -> Timestamp {
        let doublings = attempts.saturating_sub(1).min(30);
        let longest = self
            .first
            .checked_mul(1 << doublings)
            .map_or(self.max, |wait| wait.min(self.max));
        let floor = (self.first / 2).min(longest);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "a fraction of a wait, in milliseconds, is far below 2^52"
        )]
        let spread = ((longest - floor).num_milliseconds() as f64 * jitter) as i64;
        let wait = floor + TimeDelta::milliseconds(spread);
        now + retry_after.unwrap_or_default().min(self.max).max(wait)
    }
}
