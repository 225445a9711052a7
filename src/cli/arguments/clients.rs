//! `exeunt client invite`

use chrono::TimeDelta;
use clap::{Args, value_parser};

use super::Output;
use crate::oidc::duration;

/// The longest that a token for registering is good.
const LONGEST: TimeDelta = TimeDelta::days(400);

/// `exeunt client invite`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  exeunt client invite --note 'Ledger, for Grace'\n  \
                  exeunt client invite --uses 20 --expires-in 30d --json"
)]
pub struct ClientInvite {
    /// How many applications may register with it
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = value_parser!(i32).range(1..=1_000_000))]
    pub uses: i32,
    /// How long it is good: 90s, 5m, 1h, 7d; 400d at most
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = lifetime)]
    pub expires_in: TimeDelta,
    /// For whom it is; `client list` and `client show` say so of those that register with it
    #[arg(long, value_name = "TEXT", value_parser = note)]
    pub note: Option<String>,
    /// For people or for programs.
    #[command(flatten)]
    pub output: Output,
}

fn lifetime(text: &str) -> Result<TimeDelta, String> {
    time_until(text, LONGEST).ok_or_else(|| {
        "write a number and s, m, h or d, of 400d at most: 90s, 5m, 1h, 7d".to_owned()
    })
}

/// A time of a second at least and `longest` at most.
pub(super) fn time_until(text: &str, longest: TimeDelta) -> Option<TimeDelta> {
    let time = duration::parse(text)?;
    (TimeDelta::seconds(1)..=longest)
        .contains(&time)
        .then_some(time)
}

pub(super) fn note(text: &str) -> Result<String, String> {
    let fits = (1..=200).contains(&text.chars().count());
    fits.then(|| text.to_owned())
        .ok_or_else(|| "write 1 to 200 characters".to_owned())
}
