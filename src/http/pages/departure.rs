//! One application that leaves: what is known of it, and how that is said.

use chrono::TimeDelta;

use super::ui::{Moment, Sentence};
use super::{Application, Ui};
use crate::clock::Timestamp;

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
    /// Its page, in an iframe of ours, said that it is done.
    ConfirmedInBrowser {
        /// When the browser told us.
        at: Timestamp,
    },
    /// A page that frames its own was sent (Front-Channel Logout 1.0): nobody knows what it did.
    Asked,
    /// It has not answered as it should; there will be another attempt.
    Retrying {
        /// When.
        next_at: Timestamp,
    },
    /// It answered that it does not accept the notice: final.
    Refused(Lasts),
    /// We gave up.
    Failed(Lasts),
    /// There is no way to tell it.
    EndsByItself(Lasts),
}

/// How long an application that was not told keeps what we gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasts {
    /// Until then.
    Until(Timestamp),
    /// It has expired.
    Over,
    /// Nobody knows: the person let it keep its access while they are away.
    Unknown,
}

/// Who reads a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// A page, which stays as it is: it says when.
    Page,
    /// A script, which asks again: it says how long until then.
    Script,
}

impl DepartureState {
    /// Whether the answer is known, so that there is nothing left to wait for.
    pub fn is_settled(self) -> bool {
        !matches!(self, Self::Telling | Self::Retrying { .. })
    }

    /// Whether it went as it should.
    pub(super) fn is_well(self) -> bool {
        matches!(
            self,
            Self::Confirmed { .. } | Self::ConfirmedInBrowser { .. } | Self::Asked
        )
    }

    /// The state's name: in the JSON, in `data-state`, of its icon, and at the end of its keys.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Telling => "telling",
            Self::Confirmed { .. } | Self::ConfirmedInBrowser { .. } => "confirmed",
            Self::Asked => "asked",
            Self::Retrying { .. } => "retrying",
            Self::Refused(_) => "refused",
            Self::Failed(_) => "failed",
            Self::EndsByItself(_) => "ends",
        }
    }

    /// The state in a few words.
    pub(super) fn label(self, ui: &Ui, now: Timestamp) -> Sentence {
        match self {
            Self::Confirmed { at } | Self::ConfirmedInBrowser { at } => {
                ui.sentence_with_time("state-confirmed", Moment::to_the_second(at, now))
            }
            Self::EndsByItself(Lasts::Until(at)) => {
                ui.sentence_with_time("state-ends-until", Moment::to_the_minute(at, now))
            }
            Self::EndsByItself(Lasts::Over) => ui.sentence("state-ends-over"),
            _ => ui.sentence(&format!("state-{}", self.name())),
        }
    }

    /// What it means, in a sentence or two.
    pub(super) fn detail(self, ui: &Ui, now: Timestamp, reader: Reader) -> Option<Sentence> {
        let lasting = |key: &str, lasts| match lasts {
            Lasts::Until(at) => ui.sentence_with_time(
                &format!("detail-{key}-until"),
                Moment::to_the_minute(at, now),
            ),
            Lasts::Over => ui.sentence(&format!("detail-{key}-over")),
            Lasts::Unknown => ui.sentence(&format!("detail-{key}")),
        };
        match self {
            Self::Telling | Self::Confirmed { .. } => None,
            Self::ConfirmedInBrowser { .. } => Some(ui.sentence("detail-confirmed-in-browser")),
            Self::Asked => Some(ui.sentence("detail-asked")),
            Self::Retrying { next_at } => Some(retrying(ui, next_at, now, reader)),
            Self::Refused(lasts) => Some(lasting("refused", lasts)),
            Self::Failed(lasts) => Some(lasting("failed", lasts)),
            // Its label has the moment.
            Self::EndsByItself(Lasts::Until(_)) => Some(ui.sentence("detail-ends-until")),
            Self::EndsByItself(lasts) => Some(lasting("ends", lasts)),
        }
    }
}

/// When the next try comes. What is counted is rounded up, so that it never comes later than was said.
fn retrying(ui: &Ui, next_at: Timestamp, now: Timestamp, reader: Reader) -> Sentence {
    let left = next_at - now;
    if left <= TimeDelta::zero() {
        return ui.sentence("detail-retrying-now");
    }
    if reader == Reader::Page {
        return ui.sentence_with_time("detail-retrying-at", Moment::to_the_second(next_at, now));
    }
    let up_to_whole = |unit: i64| {
        let whole = (left.num_milliseconds() + unit - 1) / unit;
        TimeDelta::milliseconds(whole * unit)
    };
    let seconds = up_to_whole(1_000);
    if seconds < TimeDelta::minutes(1) {
        ui.sentence_with("detail-retrying-in", "wait", ui.duration(seconds))
    } else {
        ui.sentence_with(
            "detail-retrying-within",
            "wait",
            ui.duration(up_to_whole(60_000)),
        )
    }
}
