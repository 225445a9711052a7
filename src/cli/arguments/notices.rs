//! `exeunt session ...` and `exeunt delivery ...`

use chrono::TimeDelta;
use clap::{ArgGroup, Args, Subcommand, value_parser};
use uuid::Uuid;

use super::Output;
use crate::oidc::duration;
use crate::oidc::logout::{Cause, DeliveryState};

/// `exeunt session ...`
#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// List the sessions, the newest first
    List {
        /// Only this person's
        #[arg(long, value_name = "USERNAME")]
        user: Option<String>,
        /// Those that ended too
        #[arg(long)]
        ended: bool,
        /// At most so many
        #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// For people or for programs.
        #[command(flatten)]
        output: Output,
    },
    /// End sessions, and tell every application that took part
    ///
    /// They are over once the first line is printed. Then it waits until the applications have answered, and shows how
    /// many have; Ctrl-C stops the waiting and nothing else. When nothing moves for a few seconds it says what is left,
    /// and leaves the rest to the server. Exits 0 when the sessions are over, whatever the applications answered.
    #[command(
        after_help = "Examples:\n  exeunt session end 0192f3c1-8b5e-7c4d-9d7a-2f6b1c0e4a11\n  \
                      exeunt session end --user ada\n  exeunt session end --all --no-wait"
    )]
    End(SessionEnd),
}

/// Which sessions `exeunt session end` ends: exactly one of these.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).multiple(false).args(["id", "session", "user", "client", "all"]))]
pub struct SessionEnd {
    /// The session of this identifier, as `exeunt session list` shows it
    #[arg(value_name = "SESSION")]
    pub id: Option<Uuid>,
    /// The same
    #[arg(long, value_name = "SESSION")]
    pub session: Option<Uuid>,
    /// All of this person's
    #[arg(long, value_name = "USERNAME")]
    pub user: Option<String>,
    /// All in which this application took part
    #[arg(long, value_name = "CLIENT_ID")]
    pub client: Option<String>,
    /// All there are
    #[arg(long)]
    pub all: bool,
    /// Do not wait for what the applications answer
    #[arg(long)]
    pub no_wait: bool,
    /// For people or for programs.
    #[command(flatten)]
    pub output: Output,
}

/// `exeunt delivery ...`
#[derive(Debug, Subcommand)]
pub enum DeliveryCommand {
    /// List the notices, the newest first
    #[command(
        after_help = "Examples:\n  exeunt delivery list --open\n  exeunt delivery list --client ledger --older-than 1h\n  \
                      exeunt delivery list --user ada --cause password_changed\n  exeunt delivery list --open --follow --json"
    )]
    List(DeliveryList),
    /// Show a notice and every attempt at it
    Show {
        /// Its identifier, as `exeunt delivery list` shows it
        delivery: Uuid,
        /// For people or for programs.
        #[command(flatten)]
        output: Output,
    },
    /// Try again, now, what was refused or given up
    #[command(
        after_help = "Examples:\n  exeunt delivery retry 0192f3c1-8b5e-7c4d-9d7a-2f6b1c0e4a11\n  \
                      exeunt delivery retry --client ledger\n  exeunt delivery retry --dead"
    )]
    Retry(DeliveryRetry),
    /// Try no more: the application will not be told
    ///
    /// What was abandoned stays visible, and `exeunt delivery retry` takes it up again.
    Abandon(DeliveryAbandon),
}

/// Which notices `exeunt delivery list` shows.
#[derive(Debug, Args)]
pub struct DeliveryList {
    /// Only those to this application
    #[arg(long, value_name = "CLIENT_ID")]
    pub client: Option<String>,
    /// Only those about this person's sessions
    #[arg(long, value_name = "USERNAME")]
    pub user: Option<String>,
    /// Only those about sessions that ended so, as the list shows it
    #[arg(long, value_name = "CAUSE", value_parser = cause)]
    pub cause: Option<Cause>,
    /// Only those about sessions that ended longer ago than this: 90s, 5m, 1h, 7d
    #[arg(long, value_name = "TIME", value_parser = age)]
    pub older_than: Option<TimeDelta>,
    /// Only those about sessions that ended since then
    #[arg(long, value_name = "TIME", value_parser = age)]
    pub newer_than: Option<TimeDelta>,
    /// Only those in this state; may stand more than once
    #[arg(long = "state", value_name = "STATE", value_parser = state)]
    pub states: Vec<DeliveryState>,
    /// Only those that did not arrive: pending, retrying, refused, failed and dead ones
    #[arg(long, conflicts_with = "states")]
    pub open: bool,
    /// At most so many; with --follow so many at first
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Go on printing those that come or change, one a line, until Ctrl-C
    #[arg(long)]
    pub follow: bool,
    /// For people or for programs.
    #[command(flatten)]
    pub output: Output,
}

/// Which notices `exeunt delivery retry` sends again: exactly one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct DeliveryRetry {
    /// The notice of this identifier
    pub delivery: Option<Uuid>,
    /// All to this application that did not arrive
    #[arg(long, value_name = "CLIENT_ID")]
    pub client: Option<String>,
    /// All that were given up, to whomever
    #[arg(long)]
    pub dead: bool,
}

/// Which notices `exeunt delivery abandon` gives up.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).multiple(false).args(["delivery", "client"]))]
pub struct DeliveryAbandon {
    /// The notice of this identifier
    pub delivery: Option<Uuid>,
    /// All to this application that did not arrive
    #[arg(long, value_name = "CLIENT_ID")]
    pub client: Option<String>,
    /// Do not ask whether that is meant
    #[arg(long)]
    pub yes: bool,
}

fn state(name: &str) -> Result<DeliveryState, String> {
    DeliveryState::from_name(name).ok_or_else(|| {
        let known = DeliveryState::ALL.map(DeliveryState::as_str);
        format!("known are {}", known.join(", "))
    })
}

fn cause(name: &str) -> Result<Cause, String> {
    Cause::from_name(name).ok_or_else(|| {
        let known = Cause::ALL.map(Cause::as_str);
        format!("known are {}", known.join(", "))
    })
}

fn age(text: &str) -> Result<TimeDelta, String> {
    duration::parse(text)
        .ok_or_else(|| "write a number and s, m, h or d: 90s, 5m, 1h, 7d".to_owned())
}
