//! How much is under way, and how much more may be: the shares of origins, which grow while they answer fast and
//! shrink while they do not.

use std::collections::HashMap;
use std::time::Duration;

/// Attempts under way at once to everyone together.
const ALL: usize = 256;
/// Of these, to origins that have not answered fast of late, and to those of them that answered slowly or not at all:
/// the rest is for the healthy, and for those whom nobody knows yet.
const NOT_KNOWN_FAST: usize = 192;
const SLOW: usize = 64;
/// The most under way at once to one origin.
const ONE: usize = 64;
/// Faster than this, and an origin gets twice as much; slower than the other, and it gets half.
const FAST: Duration = Duration::from_millis(250);
const TOO_SLOW: Duration = Duration::from_secs(1);

/// What an attempt said about the origin's speed; none when nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// It answered after this long.
    Answered(Duration),
    /// It did not answer, or with a server error.
    Failed,
    /// It was not asked.
    Unasked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Fast,
    Unknown,
    Slow,
}

#[derive(Debug, Clone, Copy)]
struct Origin {
    class: Class,
    share: usize,
    under_way: usize,
}

const STRANGER: Origin = Origin {
    class: Class::Unknown,
    share: 1,
    under_way: 0,
};

/// What this server has under way. What it has learned of origins is lost with it, and learned anew within a few
/// answers.
#[derive(Debug, Default)]
pub(super) struct Load {
    origins: HashMap<String, Origin>,
}

impl Load {
    /// Whether this origin answered slowly last, or not at all.
    pub(super) fn is_slow(&self, origin: &str) -> bool {
        let known = self.origins.get(origin);
        known.is_some_and(|known| known.class == Class::Slow)
    }

    /// How many rows for this origin are of use now: what may begin at once, and as many again for a fast one, so
    /// that it need not wait for the next claim.
    pub(super) fn wanted(&self, origin: &str) -> usize {
        let known = self.origins.get(origin).unwrap_or(&STRANGER);
        match known.class {
            Class::Fast => (2 * known.share).saturating_sub(known.under_way),
            Class::Unknown | Class::Slow if !self.has_room(origin) => 0,
            Class::Unknown | Class::Slow => known.share.saturating_sub(known.under_way),
        }
    }

    /// Whether one more attempt at this origin may begin.
    pub(super) fn has_room(&self, origin: &str) -> bool {
        let known = self.origins.get(origin).unwrap_or(&STRANGER);
        known.under_way < known.share
            && self.count(|_| true) < ALL
            && (known.class == Class::Fast
                || self.count(|class| class != Class::Fast) < NOT_KNOWN_FAST)
            && (known.class != Class::Slow || self.count(|class| class == Class::Slow) < SLOW)
    }

    /// An attempt begins.
    pub(super) fn begin(&mut self, origin: &str) {
        match self.origins.get_mut(origin) {
            Some(known) => known.under_way += 1,
            None => {
                let known = Origin {
                    under_way: 1,
                    ..STRANGER
                };
                self.origins.insert(origin.to_owned(), known);
            }
        }
    }

    /// An attempt has come back.
    pub(super) fn end(&mut self, origin: &str, pace: Pace) {
        let Some(known) = self.origins.get_mut(origin) else {
            return;
        };
        known.under_way = known.under_way.saturating_sub(1);
        match pace {
            Pace::Answered(after) if after < FAST => {
                known.class = Class::Fast;
                known.share = (known.share * 2).min(ONE);
            }
            Pace::Answered(after) if after < TOO_SLOW => {
                known.class = Class::Fast;
                known.share = (known.share + 1).min(ONE);
            }
            Pace::Answered(_) | Pace::Failed => {
                known.class = Class::Slow;
                known.share = (known.share / 2).max(1);
            }
            Pace::Unasked => {}
        }
    }

    fn count(&self, of: impl Fn(Class) -> bool) -> usize {
        self.origins
            .values()
            .filter(|origin| of(origin.class))
            .map(|origin| origin.under_way)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Pace = Pace::Answered(Duration::from_millis(5));

    /// Begins as much as there is room for.
    fn fill(load: &mut Load, origin: &str) -> usize {
        let mut begun = 0;
        while load.has_room(origin) {
            load.begin(origin);
            begun += 1;
        }
        begun
    }

    fn learned(load: &mut Load, origin: &str, pace: Pace, times: usize) {
        for _ in 0..times {
            load.begin(origin);
            load.end(origin, pace);
        }
    }

    #[test]
    fn a_share_grows_while_answers_are_fast_up_to_the_most_for_one() {
        let mut load = Load::default();
        assert_eq!(load.wanted("a"), 1);
        for share in [2, 4, 8, 16, 32, 64, 64] {
            learned(&mut load, "a", SOON, 1);
            assert_eq!(load.wanted("a"), 2 * share);
        }
        assert_eq!(fill(&mut load, "a"), ONE);
    }

    #[test]
    fn a_share_halves_with_each_failure_and_is_never_nothing() {
        let mut load = Load::default();
        learned(&mut load, "a", SOON, 6);
        for share in [32, 16, 8, 4, 2, 1, 1] {
            learned(&mut load, "a", Pace::Failed, 1);
            assert_eq!(load.wanted("a"), share);
        }
    }

    /// P4: applications that do not answer take none of the places of those that do.
    #[test]
    fn p4_however_many_are_slow_there_is_room_for_the_fast_and_for_strangers() {
        let mut load = Load::default();
        for number in 0..500 {
            let slow = format!("slow {number}");
            learned(&mut load, &slow, Pace::Failed, 1);
            fill(&mut load, &slow);
        }
        assert_eq!(load.count(|_| true), SLOW);
        for number in 0..500 {
            fill(&mut load, &format!("stranger {number}"));
        }
        assert_eq!(load.count(|_| true), NOT_KNOWN_FAST);
        learned(&mut load, "fast", SOON, 6);
        assert_eq!(fill(&mut load, "fast"), ONE);
        for number in 0..4 {
            let fast = format!("fast {number}");
            learned(&mut load, &fast, SOON, 6);
            fill(&mut load, &fast);
        }
        assert_eq!(load.count(|_| true), ALL);
    }

    #[test]
    fn what_was_not_asked_teaches_nothing() {
        let mut load = Load::default();
        learned(&mut load, "a", Pace::Unasked, 3);
        assert_eq!(load.wanted("a"), 1);
    }
}
