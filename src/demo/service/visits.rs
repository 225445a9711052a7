//! What the service remembers for its page, in memory alone: which tokens it saw, and what happened.

use std::collections::VecDeque;

use exeunt_guard::bearer::Challenge;
use exeunt_guard::{Claims, Refused};

use crate::clock::Timestamp;
use crate::demo::service::fingerprint;

const LOG_LENGTH: usize = 20;
const MOST_CALLERS: usize = 20;

/// A token that was good at least once. A service has no reason to keep tokens when it has answered; this one does, so that
/// its page can say whether they are still good.
pub(super) struct Caller {
    pub(super) token: String,
    pub(super) fingerprint: String,
    pub(super) client_id: String,
    pub(super) name: String,
    pub(super) accepted: usize,
    pub(super) refused: usize,
    pub(super) last: Timestamp,
}

/// Something that happened, for the log on the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// The provider could be reached.
    Hears,
    /// Whose call was answered.
    Accepted { client_id: String, name: String },
    /// Whose call was refused, if that is known, and why.
    Refused { whose: String, why: Challenge },
    /// How many more entries the deny-list has, and how many it has now.
    TakenBack { more: usize, all: usize },
}

#[derive(Default)]
pub(super) struct Visits {
    /// The latest first.
    callers: VecDeque<Caller>,
    log: VecDeque<(Timestamp, Event)>,
    denied: usize,
    revision: u64,
}

impl Visits {
    /// Grows with everything that changes what the page shows.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn callers(&self) -> impl Iterator<Item = &Caller> {
        self.callers.iter()
    }

    /// The latest first.
    pub(super) fn log(&self) -> impl Iterator<Item = &(Timestamp, Event)> {
        self.log.iter()
    }

    pub(super) fn hears_the_provider(&mut self, now: Timestamp) {
        self.note(Event::Hears, now);
    }

    /// Somebody called with this token, and it was good.
    pub(super) fn accepted(&mut self, token: &str, claims: &Claims, now: Timestamp) {
        let mut caller = self.take(token).unwrap_or_else(|| Caller {
            token: token.to_owned(),
            fingerprint: fingerprint(token),
            client_id: claims.client_id.clone().unwrap_or_default(),
            name: name_of(claims),
            accepted: 0,
            refused: 0,
            last: now,
        });
        caller.accepted += 1;
        caller.last = now;
        let event = Event::Accepted {
            client_id: caller.client_id.clone(),
            name: caller.name.clone(),
        };
        self.put(caller);
        self.note(event, now);
    }

    /// Somebody called and was sent away.
    pub(super) fn refused(&mut self, token: &str, why: Challenge, now: Timestamp) {
        let mut whose = String::new();
        if let Some(mut caller) = self.take(token) {
            caller.refused += 1;
            caller.last = now;
            whose = format!("{}, {}", caller.client_id, caller.name);
            self.put(caller);
        }
        self.note(Event::Refused { whose, why }, now);
    }

    /// The deny-list has so many entries.
    pub(super) fn denied(&mut self, all: usize, now: Timestamp) {
        let known = std::mem::replace(&mut self.denied, all);
        if all > known {
            let more = all - known;
            self.note(Event::TakenBack { more, all }, now);
        } else if all < known {
            self.revision += 1;
        }
    }

    fn note(&mut self, event: Event, now: Timestamp) {
        self.revision += 1;
        self.log.truncate(LOG_LENGTH - 1);
        self.log.push_front((now, event));
    }

    fn take(&mut self, token: &str) -> Option<Caller> {
        let at = self.callers.iter().position(|known| known.token == token)?;
        self.callers.remove(at)
    }

    fn put(&mut self, caller: Caller) {
        self.callers.truncate(MOST_CALLERS - 1);
        self.callers.push_front(caller);
    }
}

/// What a person is called, or at least who they are.
pub(super) fn name_of(claims: &Claims) -> String {
    let name = claims.more.get("name").and_then(|name| name.as_str());
    name.unwrap_or(&claims.sub).to_owned()
}

/// What has become of a token, in words.
pub(super) fn fate(refused: Refused) -> &'static str {
    match refused {
        Refused::Revoked => "taken back",
        Refused::Expired => "expired",
        Refused::Stale => "not known",
        _ => "not good",
    }
}
