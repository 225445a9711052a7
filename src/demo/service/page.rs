//! The service's page.

use askama::Template;
use exeunt_guard::bearer::Challenge;

use super::visits::{Event, fate};
use super::{Desk, NAME};
use crate::clock::Timestamp;
use crate::demo::door::Link;
use crate::demo::pages::Entry;

#[derive(Template)]
#[template(path = "demo/service.html")]
pub(super) struct Front<'a> {
    name: &'static str,
    is_listening: bool,
    denied: usize,
    /// For how many seconds nobody has vouched for the deny-list; none: nobody ever has.
    age: Option<u64>,
    callers: Vec<Caller>,
    log: Vec<Entry>,
    revision: String,
    others: &'a [Link],
}

struct Caller {
    fingerprint: String,
    client_id: String,
    name: String,
    calls: usize,
    last: Timestamp,
    /// What has become of the token; none: it is good.
    fate: Option<&'static str>,
}

impl<'a> Front<'a> {
    pub(super) fn of(desk: &'a Desk) -> Self {
        // Before the rest: what the page shows is at least as new as it says.
        let revision = revision(desk);
        let visits = desk.visits();
        let guard = desk.guard.get();
        let callers = visits.callers().map(|known| Caller {
            fingerprint: known.fingerprint.clone(),
            client_id: known.client_id.clone(),
            name: known.name.clone(),
            calls: known.accepted + known.refused,
            last: known.last,
            fate: guard
                .and_then(|guard| guard.verify(&known.token).err())
                .map(fate),
        });
        Self {
            name: NAME,
            is_listening: guard.is_some(),
            denied: desk.denied(),
            age: age(desk),
            callers: callers.collect(),
            log: visits
                .log()
                .map(|(at, event)| Entry::new(*at, words(event)))
                .collect(),
            revision,
            others: &desk.others,
        }
    }
}

/// Differs whenever the page does.
pub(super) fn revision(desk: &Desk) -> String {
    let age = age(desk).map_or_else(String::new, |age| age.to_string());
    format!("{}-{age}", desk.visits().revision())
}

fn age(desk: &Desk) -> Option<u64> {
    Some(desk.guard.get()?.age()?.as_secs())
}

fn words(event: &Event) -> String {
    match event {
        Event::Hears => "The provider's keys are known, and its feed is followed".to_owned(),
        Event::Accepted { client_id, name } => format!("Call of {client_id} for {name}: answered"),
        Event::Refused { whose, why } => {
            let why = match why {
                Challenge::Refused(refused) => fate(*refused),
                Challenge::Scope { .. } => "not for this",
                Challenge::Stale => "nobody can say whether it is good",
                Challenge::Missing | Challenge::Malformed => "none",
            };
            match whose.is_empty() {
                true => format!("Call refused: the token is {why}"),
                false => format!("Call refused ({whose}): the token is {why}"),
            }
        }
        Event::TakenBack { more: 1, all } => format!("Heard: 1 more taken back, {all} in all"),
        Event::TakenBack { more, all } => format!("Heard: {more} more taken back, {all} in all"),
    }
}
