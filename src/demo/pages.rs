//! The applications' pages.

use askama::Template;

use super::Part;
use super::asking::AccessToken;
use super::door::Link;
use super::memory::{Event, Session};
use crate::clock::Timestamp;

/// An application's only real page.
#[derive(Template)]
#[template(path = "demo/front.html")]
pub(super) struct Front<'a> {
    pub(super) part: &'static Part,
    pub(super) session: Option<&'a Session>,
    /// For the service: of the session, or of the one before it.
    pub(super) access_token: Option<&'a AccessToken>,
    pub(super) is_down: bool,
    pub(super) revision: u64,
    pub(super) log: Vec<Entry>,
    pub(super) others: &'a [Link],
}

/// A few words and a way back.
#[derive(Template)]
#[template(path = "demo/message.html")]
pub(super) struct Message {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) text: String,
}

/// The front-channel page, whose script tells the provider's page that it is done.
#[derive(Template)]
#[template(path = "demo/frontchannel.html")]
pub(super) struct LetGo<'a> {
    pub(super) name: &'static str,
    pub(super) issuer: &'a str,
    pub(super) sid: &'a str,
    /// The only origin that may read the message.
    pub(super) provider: &'a str,
}

/// One line of the log.
pub(super) struct Entry {
    pub(super) at: Timestamp,
    pub(super) text: String,
}

impl Entry {
    pub(super) fn new(at: Timestamp, text: String) -> Self {
        Self { at, text }
    }
}

impl From<&(Timestamp, Event)> for Entry {
    fn from((at, event): &(Timestamp, Event)) -> Self {
        Self::new(*at, words(event))
    }
}

fn words(event: &Event) -> String {
    match event {
        Event::SignedIn => "Somebody signed in".to_owned(),
        Event::SignedOutHere => "Somebody signed out here".to_owned(),
        Event::BackFromSigningOut => "They came back from signing out".to_owned(),
        Event::Asked(answer) => match answer.status() {
            Some(status) => format!("Almanac called: it answered {status}"),
            None => "Almanac called: no answer".to_owned(),
        },
        Event::LogoutToken { ended } => format!("Logout token received: {}", ended_words(*ended)),
        Event::FrontChannel { ended } => {
            format!("Front-channel page loaded: {}", ended_words(*ended))
        }
        Event::Refused(reason) => format!("Logout token refused: {reason}"),
        Event::TurnedAway => "Logout token turned away with 503".to_owned(),
        Event::PretendsToBeDown => "Pretends to be down".to_owned(),
        Event::IsUpAgain => "Is up again".to_owned(),
    }
}

fn ended_words(ended: usize) -> String {
    match ended {
        0 => "its session had ended already".to_owned(),
        1 => "one session ended".to_owned(),
        several => format!("{several} sessions ended"),
    }
}
