//! When a signing key is published, signs and retires: pure rules over times.

use chrono::TimeDelta;

use crate::clock::Timestamp;

/// The life of one signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// From when the JWKS shows it.
    pub publish_at: Timestamp,
    /// From when it may sign.
    pub sign_from: Timestamp,
    /// From when it neither signs, verifies nor is published; `None`: not planned.
    pub retire_at: Option<Timestamp>,
}

impl Schedule {
    /// A key that is published and signs at once: the first of its algorithm, or after a compromise.
    pub fn at_once(now: Timestamp) -> Self {
        Self {
            publish_at: now,
            sign_from: now,
            retire_at: None,
        }
    }

    /// A key of an ordinary rotation: published now, and signing only when every cached copy of the JWKS that does
    /// not show it is older than `max_age`.
    pub fn announced(now: Timestamp, max_age: TimeDelta) -> Self {
        Self {
            publish_at: now,
            sign_from: now + max_age,
            retire_at: None,
        }
    }

    /// The schedule of a key whose work `successor` takes over: it verifies for `longest_life` after its last
    /// signature, the longest life of a token it signs. An earlier retirement stays.
    pub fn superseded_by(self, successor: &Self, longest_life: TimeDelta) -> Self {
        let last = successor.sign_from + longest_life;
        Self {
            retire_at: Some(self.retire_at.map_or(last, |planned| planned.min(last))),
            ..self
        }
    }

    /// From when a key of an algorithm that has these keys needs to be announced, so that the newest of them signs for
    /// no longer than `rotate_after`: `ahead` before that. None where one is announced already, or all have an end.
    pub fn due_at(
        keys: &[Self],
        now: Timestamp,
        rotate_after: TimeDelta,
        ahead: TimeDelta,
    ) -> Option<Timestamp> {
        let going_on = keys.iter().filter(|key| key.retire_at.is_none());
        let newest = going_on.max_by_key(|key| key.sign_from)?;
        newest
            .may_sign(now)
            .then(|| newest.sign_from + rotate_after - ahead)
    }

    /// Whether the JWKS shows the key, which is also when its signatures are accepted.
    pub fn is_published(&self, now: Timestamp) -> bool {
        self.publish_at <= now && !self.is_retired(now)
    }

    /// Whether the key may sign.
    pub fn may_sign(&self, now: Timestamp) -> bool {
        self.sign_from <= now && self.is_published(now)
    }

    /// Whether a key may be retired at `at`, `others` being the further keys of its algorithm: one without a planned
    /// end must sign by then, so that the algorithm is never without a key and the JWKS never empty.
    pub fn may_retire(at: Timestamp, others: &[Self]) -> bool {
        others
            .iter()
            .any(|other| other.retire_at.is_none() && other.may_sign(at))
    }

    fn is_retired(&self, now: Timestamp) -> bool {
        self.retire_at.is_some_and(|retire_at| retire_at <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_AGE: TimeDelta = TimeDelta::minutes(15);
    const LIFE: TimeDelta = TimeDelta::minutes(10);
    const INSTANT: TimeDelta = TimeDelta::milliseconds(1);

    fn noon() -> Timestamp {
        "2026-01-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_first_key_is_published_and_signs_at_once() {
        let first = Schedule::at_once(noon());
        assert!(first.may_sign(noon()) && first.is_published(noon()));
        assert!(!first.is_published(noon() - INSTANT));
    }

    #[test]
    fn a_successor_is_due_before_the_newest_key_is_too_old_and_only_once() {
        let old = Schedule::at_once(noon());
        let day = TimeDelta::days(1);
        let due = |keys: &[Schedule], now| Schedule::due_at(keys, now, day, MAX_AGE);
        assert_eq!(due(&[old], noon()), Some(noon() + day - MAX_AGE));
        let next = Schedule::announced(noon() + day - MAX_AGE, MAX_AGE);
        let old = old.superseded_by(&next, LIFE);
        assert_eq!(due(&[old, next], noon() + day - INSTANT), None);
        let again = noon() + day * 2 - MAX_AGE;
        assert_eq!(due(&[old, next], noon() + day), Some(again));
        assert_eq!(due(&[old], noon()), None);
    }

    #[test]
    fn a_rotated_key_is_published_at_once_and_signs_when_the_jwks_has_expired_everywhere() {
        let next = Schedule::announced(noon(), MAX_AGE);
        assert!(next.is_published(noon()));
        assert!(!next.may_sign(noon() + MAX_AGE - INSTANT));
        assert!(next.may_sign(noon() + MAX_AGE));
    }

    /// Attack 36: the old key verifies until the last token it signed has expired, and not a moment longer.
    #[test]
    fn a_superseded_key_is_published_until_its_last_token_has_expired() {
        let next = Schedule::announced(noon(), MAX_AGE);
        let old = Schedule::at_once(noon() - LIFE).superseded_by(&next, LIFE);
        assert!(old.is_published(noon() + MAX_AGE + LIFE - INSTANT));
        assert!(!old.is_published(noon() + MAX_AGE + LIFE));
        assert!(!old.may_sign(noon() + MAX_AGE + LIFE));
    }

    #[test]
    fn superseding_never_postpones_a_retirement() {
        let mut old = Schedule::at_once(noon());
        old.retire_at = Some(noon() + INSTANT);
        let next = Schedule::announced(noon(), MAX_AGE);
        assert_eq!(old.superseded_by(&next, LIFE), old);
    }

    /// Attack 36: the last key of an algorithm cannot be retired, nor two keys relying on each other.
    #[test]
    fn a_key_may_retire_only_when_a_lasting_one_signs_by_then() {
        let next = Schedule::announced(noon(), MAX_AGE);
        assert!(!Schedule::may_retire(noon(), &[]));
        assert!(!Schedule::may_retire(noon() + MAX_AGE - INSTANT, &[next]));
        assert!(Schedule::may_retire(noon() + MAX_AGE, &[next]));
        let ending = Schedule {
            retire_at: Some(noon() + LIFE * 9),
            ..next
        };
        assert!(!Schedule::may_retire(noon() + MAX_AGE, &[ending]));
    }
}
