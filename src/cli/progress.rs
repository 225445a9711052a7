//! How far the telling has got: a bar on a terminal, lines elsewhere. To stop watching stops nothing else.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};

use chrono::TimeDelta;
use indicatif::{ProgressBar, ProgressStyle};
use uuid::Uuid;

use super::arguments::Output;
use super::show;
use crate::flows::Provider;
use crate::oidc::logout::DeliveryState;
use crate::store::deliveries::listing::{self, Wanted};
use crate::store::orders;

/// How often it is looked.
const LOOK: TimeDelta = TimeDelta::milliseconds(200);
/// After this long without a change nothing is likely to come soon: no server runs, or an application is down.
const STILL: TimeDelta = TimeDelta::seconds(3);

/// Notices that are on their way.
pub(super) struct Watched<'a> {
    /// How many there will be.
    pub expected: u64,
    /// The order that writes them, if one does.
    pub order_id: Option<Uuid>,
    /// Which they are.
    pub wanted: &'a Wanted<'a>,
}

/// How far they got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// How many there are in each state.
    pub by_state: BTreeMap<&'static str, u64>,
    /// Whether all are written.
    pub is_complete: bool,
    interrupted: bool,
}

impl Seen {
    fn of(&self, state: DeliveryState) -> u64 {
        self.by_state
            .get(state.as_str())
            .copied()
            .unwrap_or_default()
    }

    fn written(&self) -> u64 {
        self.by_state.values().sum()
    }

    fn open(&self) -> u64 {
        self.of(DeliveryState::Pending) + self.of(DeliveryState::Retrying)
    }

    /// Whether nothing more will come.
    pub(super) fn is_settled(&self) -> bool {
        self.is_complete && self.open() == 0
    }

    fn counts(&self) -> String {
        format!(
            "{} confirmed, {} refused, {} retrying",
            self.of(DeliveryState::Confirmed),
            self.of(DeliveryState::Refused),
            self.of(DeliveryState::Retrying)
        )
    }

    /// What is known now, and what goes on without us.
    pub(super) fn in_words(&self) -> String {
        let mut text = self.counts();
        for (state, what) in [
            (DeliveryState::Pending, "not tried yet"),
            (DeliveryState::Failed, "failed"),
            (DeliveryState::Dead, "given up"),
            (DeliveryState::Abandoned, "abandoned"),
            (DeliveryState::Asked, "asked in a browser"),
            (
                DeliveryState::Unreachable,
                "that only a browser could tell, or nobody",
            ),
        ] {
            let count = self.of(state);
            if count > 0 {
                text += &format!(", {count} {what}");
            }
        }
        text += ".";
        if self.is_settled() {
            return text;
        }
        if !self.is_complete {
            text += " Not all of the sessions\u{2019} notices are written yet; the sessions are over all the same.";
        }
        text += if self.interrupted {
            " What is open goes on without this command: `exeunt delivery list --open` shows it."
        } else {
            " Nothing has moved for a while. A running server goes on with what is open, and without one the next \
             `exeunt serve` does: `exeunt delivery list --open` shows it."
        };
        text
    }
}

impl Watched<'_> {
    /// How far it has got.
    pub(super) async fn look(&self, provider: &Provider) -> anyhow::Result<Seen> {
        let db = provider.database.read();
        // The order first: what is written after it is then counted, or seen to be missing.
        let is_complete = match self.order_id {
            Some(id) => orders::find(db, id)
                .await?
                .is_some_and(|(_, carried_out_at)| carried_out_at.is_some()),
            None => true,
        };
        let counted = listing::count(db, self.wanted).await?;
        Ok(Seen {
            by_state: counted
                .into_iter()
                .map(|(state, count)| (state.as_str(), count))
                .collect(),
            is_complete,
            interrupted: false,
        })
    }

    /// Watches until every application has answered for good, nothing has moved for a while, nobody reads any more, or
    /// Ctrl-C.
    pub(super) async fn until_still(
        &self,
        provider: &Provider,
        output: Output,
    ) -> anyhow::Result<Seen> {
        let stop = super::serve::stop_signal()?;
        tokio::pin!(stop);
        let bar = self.bar(output);
        let mut seen = self.look(provider).await?;
        let mut moved_at = provider.clock.now();
        while !seen.is_settled() {
            let now = provider.clock.now();
            if now - moved_at >= STILL {
                break;
            }
            tokio::select! {
                _ = &mut stop => {
                    seen.interrupted = true;
                    break;
                }
                () = provider.clock.sleep_until(now + LOOK) => {}
            }
            let mut next = self.look(provider).await?;
            if next != seen {
                moved_at = provider.clock.now();
                // Whoever reads no more waits for nothing.
                next.interrupted = !self.show(&bar, &next, output)?;
            }
            seen = next;
            if seen.interrupted {
                break;
            }
        }
        bar.finish_and_clear();
        Ok(seen)
    }

    fn bar(&self, output: Output) -> ProgressBar {
        if output.json || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(self.expected);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len}  {msg}") {
            bar.set_style(style);
        }
        bar
    }

    /// False when nobody reads any more.
    fn show(&self, bar: &ProgressBar, seen: &Seen, output: Output) -> anyhow::Result<bool> {
        if bar.is_hidden() {
            return if output.json {
                Ok(true)
            } else {
                show::is_read(&format!("{} ...", seen.counts()))
            };
        }
        bar.set_length(self.expected.max(seen.written()));
        bar.set_position(seen.written() - seen.open());
        bar.set_message(seen.counts());
        Ok(true)
    }
}
