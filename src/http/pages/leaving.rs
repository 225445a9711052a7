//! Leaving: what each application has answered, and the pages that show it.
//!
//! These pages say only what is known. An iframe that was loaded proves nothing; an application that refused, or that
//! cannot be told, keeps what we gave it until that expires. The same rows are written twice: into the page, where every
//! moment is absolute and stays true, and for its script, which asks again and may count down.

use std::time::Duration;

use askama::Template;
use chrono::TimeDelta;
use serde::Serialize;

use super::departure::{Departure, DepartureState, Reader};
use super::ui::{Moment, Sentence};
use super::{Details, Elsewhere, Onward, SignOutNotice, Ui};
use crate::clock::Timestamp;

/// How long the page stays for frames to load, counted from when it starts them.
const FRAMES_WAIT: Duration = Duration::from_secs(5);

/// What is told soon changes soon: how long the script waits before it asks again, in milliseconds.
const SOON: u64 = 400;
/// The same while there is a countdown in seconds to keep current, or where there are too many rows to ask so often.
const EACH_SECOND: u64 = 1_000;
/// The same while nothing is expected within the minute.
const NOW_AND_THEN: u64 = 5_000;
/// More rows than can be taken in at a glance.
pub const MANY: usize = 12;

/// "Signing you out of N applications". The session has ended by the time this is shown.
#[derive(Debug, Clone, Template)]
#[template(path = "leaving.html")]
pub struct Leaving {
    /// Language, issuer and request.
    pub ui: Ui,
    /// The applications.
    pub departures: Vec<Departure>,
    /// What there is in this browser now.
    pub here: Here,
    /// The pages of applications that are asked by this page.
    pub frames: Vec<Framed>,
    /// Our name, which a framed page repeats when it says that it is done.
    pub issuer: String,
    /// Path of the endpoint that answers [`LeavingStatus`] as JSON.
    pub status_href: String,
    /// Path of the endpoint that takes what a framed page said, and answers the same.
    pub acknowledge_href: String,
    /// What that endpoint must be shown.
    pub csrf: String,
    /// Path of this page: "Check again".
    pub again_href: String,
    /// Where the person goes next: the provider from which they came, the application that asked, or our signed-out page.
    pub onward: Onward,
    /// The provider from which they came, if there is something to say of it.
    pub elsewhere: Option<Elsewhere>,
    /// `logout.page_wait`.
    pub page_wait: Duration,
    /// When the page is sent.
    pub now: Timestamp,
}

/// What a sign-out left in the browser that looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Here {
    /// The session has ended.
    SignedOut,
    /// One application was left, and the session goes on.
    GoesOn,
    /// The session has ended, and another has begun.
    SignedInAgain,
}

/// An application's page that is loaded in an iframe.
#[derive(Debug, Clone)]
pub struct Framed {
    /// The [`Departure::id`] of its row.
    pub id: String,
    /// The front-channel logout URI with `iss` and `sid`.
    pub url: String,
    /// The only origin that may speak for it.
    pub origin: String,
    /// What it knows the session by.
    pub sid: String,
}

/// What the pages' script reads.
#[derive(Debug, Clone, Serialize)]
pub struct LeavingStatus {
    summary: String,
    /// Nothing will change any more without a new attempt by somebody.
    finished: bool,
    /// Every application has confirmed or was asked: there is nothing that somebody should read.
    well: bool,
    /// When to ask again, in milliseconds.
    again_in: u64,
    applications: Vec<Row>,
}

/// One application as the page shows it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) state: &'static str,
    pub(super) label: Sentence,
    pub(super) detail: Option<Sentence>,
}

/// "You are signed out", with the receipts.
#[derive(Debug, Clone, Template)]
#[template(path = "signed_out.html")]
pub struct SignedOut {
    /// Language, issuer and request.
    pub ui: Ui,
    /// Whether this request found anyone signed in.
    pub was_signed_in: bool,
    /// The applications that take or took part.
    pub departures: Vec<Departure>,
    /// What is wrong with the request, if anything.
    pub notice: Option<SignOutNotice>,
    /// The same for a developer.
    pub details: Option<Details>,
    /// The registered URI of the application, if there is somewhere to go.
    pub onward: Option<Onward>,
    /// Where to sign in again at the application, if there is nowhere to go and it has an address for that.
    pub sign_in_again: Option<Onward>,
    /// Path of the endpoint that answers [`LeavingStatus`] as JSON, if something is still open.
    pub status_href: Option<String>,
    /// Path of this page, if it can be shown again.
    pub again_href: Option<String>,
    /// The provider from which they came, if there is something to say of it.
    pub elsewhere: Option<Elsewhere>,
    /// When the page is sent.
    pub now: Timestamp,
}

impl LeavingStatus {
    /// The state of `departures` at `now`, in the person's language.
    pub fn new(ui: &Ui, departures: &[Departure], now: Timestamp) -> Self {
        let row = |departure| Row::new(ui, departure, now, Reader::Script);
        Self {
            summary: summary(ui, departures),
            finished: departures.iter().all(|it| it.state.is_settled()),
            well: departures.iter().all(|it| it.state.is_well()),
            again_in: again_in(departures, now),
            applications: departures.iter().map(row).collect(),
        }
    }
}

/// How long what was just told stays current, in milliseconds.
fn again_in(departures: &[Departure], now: Timestamp) -> u64 {
    let within = |time: TimeDelta| {
        departures.iter().any(|it| match it.state {
            DepartureState::Telling => true,
            DepartureState::Retrying { next_at } => next_at - now < time,
            _ => false,
        })
    };
    if within(TimeDelta::seconds(2)) && departures.len() <= MANY {
        SOON
    } else if within(TimeDelta::seconds(62)) {
        EACH_SECOND
    } else {
        NOW_AND_THEN
    }
}

impl Row {
    pub(super) fn new(ui: &Ui, departure: &Departure, now: Timestamp, reader: Reader) -> Self {
        let state = departure.state;
        Self {
            id: departure.id.clone(),
            state: state.name(),
            label: state.label(ui, now),
            detail: state.detail(ui, now, reader),
        }
    }
}

impl Leaving {
    fn summary(&self) -> String {
        summary(&self.ui, &self.departures)
    }

    fn row(&self, departure: &Departure) -> Row {
        Row::new(&self.ui, departure, self.now, Reader::Page)
    }

    fn stale(&self) -> Sentence {
        stale(&self.ui, self.now)
    }

    /// What there is here now, and what goes on, as a key.
    fn here(&self) -> &'static str {
        match self.here {
            Here::GoesOn => "leaving-goes-on",
            Here::SignedInAgain => "leaving-signed-in-again",
            Here::SignedOut if self.departures.iter().all(|it| it.state.is_settled()) => {
                "leaving-ended"
            }
            Here::SignedOut => "leaving-ended-telling",
        }
    }

    /// Whether it waits for the person to go on: there is something to choose, or to know.
    fn waits(&self) -> bool {
        self.elsewhere
            .as_ref()
            .is_some_and(Elsewhere::is_to_be_read)
    }

    /// How long the page stays at most, in milliseconds: longer than it stays otherwise while a frame is loading.
    fn wait(&self) -> u128 {
        let wait = if self.frames.is_empty() {
            self.page_wait
        } else {
            self.page_wait.max(FRAMES_WAIT)
        };
        wait.as_millis()
    }
}

impl SignedOut {
    fn stale(&self) -> Sentence {
        stale(&self.ui, self.now)
    }

    fn title(&self) -> String {
        self.ui.text(if self.was_signed_in {
            "signed-out-title"
        } else {
            "signed-out-nobody-title"
        })
    }

    fn summary(&self) -> String {
        summary(&self.ui, &self.departures)
    }

    fn row(&self, departure: &Departure) -> Row {
        Row::new(&self.ui, departure, self.now, Reader::Page)
    }
}

/// What the script shows when it can't look again, with the moment of its last look.
fn stale(ui: &Ui, now: Timestamp) -> Sentence {
    ui.sentence_with_time("leaving-stale", Moment::to_the_second(now, now))
}

/// "2 confirmed, 1 being tried again", or one sentence when all have confirmed.
fn summary(ui: &Ui, departures: &[Departure]) -> String {
    const NAMES: [&str; 7] = [
        "confirmed",
        "asked",
        "telling",
        "retrying",
        "refused",
        "failed",
        "ends",
    ];
    let of = |name: &str| {
        let same = departures.iter().filter(|it| it.state.name() == name);
        same.count()
    };
    if of("confirmed") == departures.len() {
        return ui.count("summary-all-confirmed", departures.len());
    }
    let parts = NAMES.into_iter().filter(|name| of(name) > 0);
    let parts = parts.map(|name| ui.count(&format!("summary-{name}"), of(name)));
    parts
        .collect::<Vec<_>>()
        .join(&ui.text("summary-separator"))
}
