//! `exeunt service ...`

use chrono::TimeDelta;
use clap::{Args, Subcommand};

use super::Output;
use crate::oidc::duration;
use crate::oidc::service::{LONGEST_LIFETIME, SHORTEST_LIFETIME, TokenFormat};

/// `exeunt service ...`
#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    /// Make a service known, and print its secret once
    ///
    /// The secret is made here, printed, and stored as a hash only.
    #[command(
        after_help = "Examples:\n  exeunt service add https://api.example/ --scope 'read write' --client ledger\n  \
                      exeunt service add https://api.example/ --lifetime 5m --claim name --claim picture --json"
    )]
    Add(Box<ServiceAdd>),
    /// List the services
    List(Output),
    /// Show all that is known of a service
    Show {
        /// What applications send as resource
        identifier: String,
        /// For people or for programs.
        #[command(flatten)]
        output: Output,
    },
    /// Forget a service, with its secret and its keys; there are no tokens for it any more
    ///
    /// Those that it has live out their time there.
    Remove {
        /// What applications send as resource
        identifier: String,
    },
}

/// `exeunt service add`
#[derive(Debug, Args)]
pub struct ServiceAdd {
    /// What applications send as resource, and the aud of its tokens: an absolute URI
    pub identifier: String,
    /// What people see
    #[arg(long)]
    pub name: Option<String>,
    /// What its tokens are: jwt, jwe or cwt
    #[arg(long, default_value = "jwt", value_parser = format)]
    pub format: TokenFormat,
    /// Its scopes, with spaces between them
    #[arg(long, value_name = "SCOPES", default_value = "")]
    pub scope: String,
    /// How long its tokens are good: 90s, 5m, 1h; a day at most; left out: as [tokens] access says
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    pub lifetime: Option<TimeDelta>,
    /// What its tokens tell of the person; may stand more than once
    #[arg(long = "claim", value_name = "CLAIM")]
    pub claims: Vec<String>,
    /// An application that may ask for its tokens; may stand more than once; left out: all
    #[arg(long = "client", value_name = "CLIENT_ID")]
    pub clients: Vec<String>,
    /// For people or for programs.
    #[command(flatten)]
    pub output: Output,
}

fn format(name: &str) -> Result<TokenFormat, String> {
    TokenFormat::from_name(name).ok_or_else(|| {
        let known = TokenFormat::ALL.map(TokenFormat::as_str);
        format!("known are {}", known.join(", "))
    })
}

fn lifetime(text: &str) -> Result<TimeDelta, String> {
    duration::parse(text)
        .filter(|lifetime| (SHORTEST_LIFETIME..=LONGEST_LIFETIME).contains(lifetime))
        .ok_or_else(|| "write a number and s, m or h, of a day at most: 90s, 5m, 1h".to_owned())
}
