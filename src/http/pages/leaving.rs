//! Leaving: what each application has answered, and the pages that show it.
//!
//! These pages say only what is known. An iframe that was loaded proves nothing; an application that refused, or that
//! cannot be told, keeps what we gave it until that expires.

use std::time::Duration;

use askama::Template;
use chrono::TimeDelta;
use serde::Serialize;

use super::ui::{Moment, Sentence};
use super::{Application, Details, Onward, SignOutNotice, Ui};
use crate::clock::Timestamp;

/// How long the page stays for frames to load, counted from when it starts them.
const FRAMES_WAIT: Duration = Duration::from_secs(5);

/// One application on its way out.
#[derive(Debug, Clone)]
pub struct Departure {
    /// Unique on the page, stable between polls, safe to show: letters, digits and hyphens.
    pub id: String,
    /// Which application.
    pub application: Application,
    /// What is known about it.
    pub state: DepartureState,
}

/// What is known about an application that is to be told of the end of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DepartureState {
    /// The notice is on its way for the first time.
    Telling,
    /// The application answered that it is done.
    Confirmed {
        /// When it answered.
        at: Timestamp,
    },
    /// Its page was loaded in an iframe (Front-Channel Logout 1.0): nobody knows what it did.
    Asked,
    /// It has not answered as it should; there will be another attempt.
    Retrying {
        /// The time until then.
        next_in: TimeDelta,
    },
    /// It answered that it does not accept the notice: final.
    Refused {
        /// When the last thing that we gave it expires, if known.
        ends_at: Option<Timestamp>,
    },
    /// We gave up.
    Failed {
        /// When the last thing that we gave it expires, if known.
        ends_at: Option<Timestamp>,
    },
    /// It has registered no way to be told.
    EndsByItself {
        /// When the last thing that we gave it expires, if known.
        ends_at: Option<Timestamp>,
    },
}

/// "Signing you out of N applications". The session has ended by the time this is shown.
#[derive(Debug, Clone, Template)]
#[template(path = "leaving.html")]
pub struct Leaving {
    /// Language, issuer and request.
    pub ui: Ui,
    /// The applications.
    pub departures: Vec<Departure>,
    /// Whether the session goes on, and only one application was left.
    pub session_lives: bool,
    /// Front-channel logout URIs with `iss` and `sid`, each to be loaded in an iframe once. Empty when the page is
    /// shown again.
    pub frames: Vec<String>,
    /// Path of the endpoint that answers [`LeavingStatus`] as JSON.
    pub status_href: String,
    /// Path of this page: "Check again".
    pub again_href: String,
    /// Where the person goes next: the application that asked, or our signed-out page.
    pub onward: Onward,
    /// `logout.page_wait`.
    pub page_wait: Duration,
}

/// What the leaving page's script reads.
#[derive(Debug, Clone, Serialize)]
pub struct LeavingStatus {
    summary: String,
    /// Nothing will change any more without a new attempt by somebody.
    finished: bool,
    applications: Vec<Row>,
}

/// One application as the page shows it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) state: &'static str,
    pub(super) text: String,
    pub(super) time: Option<Moment>,
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
    /// Path of this page, if it can be shown again.
    pub again_href: Option<String>,
}

impl DepartureState {
    /// Whether the answer is known, so that there is nothing left to wait for.
    pub fn is_settled(self) -> bool {
        !matches!(self, Self::Telling | Self::Retrying { .. })
    }

    /// The state's name: in the JSON, in `data-state`, of its icon, and at the end of its keys.
    fn name(self) -> &'static str {
        match self {
            Self::Telling => "telling",
            Self::Confirmed { .. } => "confirmed",
            Self::Asked => "asked",
            Self::Retrying { .. } => "retrying",
            Self::Refused { .. } => "refused",
            Self::Failed { .. } => "failed",
            Self::EndsByItself { .. } => "ends",
        }
    }

    fn detail(self, ui: &Ui) -> Option<Sentence> {
        let (known, unknown, ends_at) = match self {
            Self::Telling | Self::Confirmed { .. } => return None,
            Self::Asked => return Some(ui.sentence("detail-asked")),
            Self::Retrying { next_in } => {
                let before = if next_in.num_seconds() < 1 {
                    ui.text("detail-retrying-now")
                } else {
                    ui.text_with("detail-retrying", "wait", ui.duration(next_in))
                };
                return Some(Sentence {
                    before,
                    time: None,
                    after: String::new(),
                });
            }
            Self::Refused { ends_at } => ("detail-refused-until", "detail-refused", ends_at),
            Self::Failed { ends_at } => ("detail-failed-until", "detail-failed", ends_at),
            Self::EndsByItself { ends_at } => ("detail-ends-until", "detail-ends", ends_at),
        };
        Some(match ends_at {
            Some(at) => ui.sentence_with_time(known, Moment::to_the_minute(at)),
            None => ui.sentence(unknown),
        })
    }
}

impl LeavingStatus {
    /// The state of `departures` in the person's language.
    pub fn new(ui: &Ui, departures: &[Departure]) -> Self {
        Self {
            summary: summary(ui, departures),
            finished: departures.iter().all(|it| it.state.is_settled()),
            applications: departures.iter().map(|it| Row::new(ui, it)).collect(),
        }
    }
}

impl Row {
    pub(super) fn new(ui: &Ui, departure: &Departure) -> Self {
        let state = departure.state;
        Self {
            id: departure.id.clone(),
            state: state.name(),
            text: ui.text(&format!("state-{}", state.name())),
            time: match state {
                DepartureState::Confirmed { at } => Some(Moment::to_the_second(at)),
                _ => None,
            },
            detail: state.detail(ui),
        }
    }
}

impl Leaving {
    fn summary(&self) -> String {
        summary(&self.ui, &self.departures)
    }

    fn row(&self, departure: &Departure) -> Row {
        Row::new(&self.ui, departure)
    }

    /// How long the page stays at most, in milliseconds.
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
        Row::new(&self.ui, departure)
    }
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
