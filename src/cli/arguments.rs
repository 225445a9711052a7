//! What may stand on the command line. Others script against it: names stay.

mod clients;
mod demo;
mod notices;
mod people;
mod services;
mod upstreams;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use uuid::Uuid;

pub use clients::ClientInvite;
pub use demo::DemoArguments;
pub use notices::{
    DeliveryAbandon, DeliveryCommand, DeliveryList, DeliveryRetry, SessionCommand, SessionEnd,
};
pub use people::{UserAdd, UserCommand};
pub use services::{ServiceAdd, ServiceCommand, ServiceRotateKeys};
pub use upstreams::{UpstreamAdd, UpstreamCommand, UpstreamInvite};

use crate::oidc::algorithm::SigningAlgorithm;

/// An OpenID Connect provider that signs everyone out as dependably as it signs them in.
#[derive(Debug, Parser)]
#[command(
    name = "exeunt",
    version,
    after_help = "Examples:\n  \
                  exeunt demo\n  \
                  exeunt config check --config exeunt.toml\n  \
                  exeunt serve --config exeunt.toml\n\n\
                  EXEUNT_CONFIG names the configuration file where --config does not (but for the demo). Without a file\n\
                  everything has a default: http://localhost:8080, ./exeunt.db, ./exeunt.key.\n\
                  Single values also come from the environment: EXEUNT__DATABASE__URL is [database] url."
)]
pub struct Arguments {
    /// The configuration file; left out: the one that EXEUNT_CONFIG names, or the defaults
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the provider
    ///
    /// Applies migrations, makes keys where there are none, applies the clients, services and users that the file declares, and
    /// serves until SIGTERM or Ctrl-C.
    Serve,
    /// Bring the database up to date, and nothing else
    Migrate,
    /// Make a database fit to be served again that was put back from a copy
    ///
    /// Ends every session, takes back every grant and replaces the signing keys, since the copy can't know what was
    /// ended and revoked after it was made; the applications are told by the next `exeunt serve`. Other commands refuse
    /// such a database until this one has succeeded. It may be repeated.
    #[command(
        after_help = "Examples:\n  exeunt restored --config exeunt.toml\n  exeunt restored --yes"
    )]
    Restored {
        /// Ask nothing
        #[arg(long)]
        yes: bool,
    },
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// The applications that people sign in to
    ///
    /// Those that the configuration file declares are changed there, not here.
    #[command(subcommand)]
    Client(ClientCommand),
    /// The services that applications call with access tokens
    ///
    /// Those that the configuration file declares are changed there, not here.
    #[command(subcommand)]
    Service(ServiceCommand),
    /// The other providers through which people sign in
    ///
    /// Those that the configuration file declares are changed there, not here.
    #[command(subcommand)]
    Upstream(UpstreamCommand),
    /// The people who sign in
    #[command(subcommand)]
    User(UserCommand),
    /// Who is signed in, and ending it
    #[command(subcommand)]
    Session(SessionCommand),
    /// The notices that tell applications of a session's end
    #[command(subcommand)]
    Delivery(DeliveryCommand),
    /// The keys that tokens are signed with
    #[command(subcommand)]
    Keys(KeysCommand),
    /// See everyone leave: the provider, three applications and their service, on this machine
    ///
    /// Issuer, keys, database, clients and people are its own, and forgotten when it ends. With --config the file's
    /// [outbound], [session], [tokens] and [logout] hold for it.
    Demo(DemoArguments),
    /// Ask a running server whether it is ready; exits 0 if it is
    ///
    /// Asks /readyz at the listener of the configuration, over TLS if it speaks that: for containers, which have no other
    /// program to ask with.
    Healthcheck,
}

/// `exeunt config ...`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Say everything that is wrong with the configuration, each with its line and its mend
    ///
    /// Reads the file and the environment as `exeunt serve` would, and touches nothing. Exits 0 if all is sound.
    Check,
}

/// Whether a list is for people or for programs.
#[derive(Debug, Clone, Copy, Args)]
pub struct Output {
    /// Print JSON rather than a table
    #[arg(long)]
    pub json: bool,
}

/// `exeunt client ...`
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Register an application, and print its secret once
    ///
    /// The secret is made here, printed, and stored as a hash only.
    #[command(
        after_help = "Examples:\n  exeunt client add ledger --name Ledger --redirect-uri https://ledger.example/callback\n  \
                      exeunt client add phone --public --native --redirect-uri org.example.phone:/callback\n  \
                      exeunt client add ledger --metadata ledger.json"
    )]
    Add(Box<ClientAdd>),
    /// List the applications
    List(Output),
    /// Show all that an application registered
    Show {
        /// Its client_id
        client_id: String,
        /// For people or for programs.
        #[command(flatten)]
        output: Output,
    },
    /// Speak with an application no more; everyone's part in it ends and it is told
    Disable {
        /// Its client_id
        client_id: String,
    },
    /// Speak with an application again that was disabled
    Enable {
        /// Its client_id
        client_id: String,
    },
    /// Send a real logout token for a session that never was, and say what the application made of it
    ///
    /// Exits 0 only if a real notice would count as confirmed.
    TestLogout {
        /// Its client_id
        client_id: String,
        /// For people or for programs.
        #[command(flatten)]
        output: Output,
    },
    /// Remove an application for good; everyone's part in it ends and it is told
    Remove {
        /// Its client_id
        client_id: String,
    },
    /// Make a token with which applications may register themselves, and print it once
    ///
    /// It is the initial access token of OpenID Connect Dynamic Client Registration; [registration] policy must be
    /// "token" or "open".
    Invite(ClientInvite),
    /// List the tokens with which applications may register themselves
    Invites(Output),
    /// Take such a token back; whom it has registered stays
    Uninvite {
        /// Its identifier, as `exeunt client invites` shows it
        id: Uuid,
    },
}

/// `exeunt client add`
#[derive(Debug, Args)]
pub struct ClientAdd {
    /// Its name in the protocol
    pub client_id: String,
    /// A JSON file of OpenID registration metadata; the options below outrank it
    #[arg(long, value_name = "FILE")]
    pub metadata: Option<PathBuf>,
    /// What people see
    #[arg(long)]
    pub name: Option<String>,
    /// Where a sign-in may return to; may stand more than once
    #[arg(long = "redirect-uri", value_name = "URI")]
    pub redirect_uris: Vec<String>,
    /// Where a sign-out may return to; may stand more than once
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    pub post_logout_redirect_uris: Vec<String>,
    /// Where its server hears that a session ended
    #[arg(long, value_name = "URI")]
    pub backchannel_logout_uri: Option<String>,
    /// The page of its that browsers load when a session ends
    #[arg(long, value_name = "URI")]
    pub frontchannel_logout_uri: Option<String>,
    /// It can't keep a secret, and gets none
    #[arg(long)]
    pub public: bool,
    /// It runs on the person's device
    #[arg(long)]
    pub native: bool,
    /// People are not asked before it learns of them
    #[arg(long)]
    pub skip_consent: bool,
    /// For people or for programs.
    #[command(flatten)]
    pub output: Output,
}

/// `exeunt keys ...`
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// List the keys, with when each is published, signs and retires
    List(Output),
    /// Make a new key; it is published now and signs once every application can have seen it
    Rotate {
        /// Only this algorithm's
        #[arg(long, value_name = "ALGORITHM", value_parser = algorithm)]
        algorithm: Option<SigningAlgorithm>,
        /// Sign with it at once, because the old one is compromised
        ///
        /// Applications that keep our keys may refuse its signatures until they fetch them again.
        #[arg(long)]
        now: bool,
    },
    /// Publish a key no more; whatever it signed is refused from then on
    Retire {
        /// Its identifier, as `exeunt keys list` shows it
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
}

fn algorithm(name: &str) -> Result<SigningAlgorithm, String> {
    SigningAlgorithm::from_name(name).ok_or_else(|| {
        let known = SigningAlgorithm::ALL.map(SigningAlgorithm::as_str);
        format!("known are {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definitions_agree_with_each_other() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_documented_command_line_is_understood() {
        let id = "0192f3c1-8b5e-7c4d-9d7a-2f6b1c0e4a11";
        for line in [
            "serve --config exeunt.toml",
            "--config exeunt.toml serve",
            "migrate",
            "restored --yes",
            "config check",
            "client add ledger --public --redirect-uri a --redirect-uri b",
            "client list --json --config exeunt.toml",
            "client show ledger --json",
            "client disable ledger",
            "client enable ledger",
            "client test-logout ledger --json",
            "client remove ledger",
            "client invite --uses 3 --expires-in 1h --note Ledger --json",
            "client invites --json",
            &format!("client uninvite {id}"),
            "service add https://api.example/ --format cwt --scope read --lifetime 5m --claim name --client ledger",
            "service list --json",
            "service show https://api.example/ --json",
            "service add https://api.example/ --format jwe --jwks keys.json",
            "service rotate-keys https://api.example/ --after 24h --json",
            "service rotate-keys https://api.example/ --now",
            "service remove https://api.example/",
            "upstream add house --issuer https://id.house.example --client-id exeunt --first-sign-in claim --claim groups --claim-value staff",
            "upstream add code --kind oauth2 --issuer https://code.example --client-id exeunt --map name=login --logo code.png",
            "upstream test house --json",
            "upstream invite house --expires 24h --note Grace --json",
            "upstream invites --json",
            &format!("upstream uninvite {id}"),
            "upstream remove house",
            "user add ada --email ada@example.org --email-verified",
            "user list --json",
            "user disable ada",
            "user enable ada",
            "user delete ada --yes",
            "user set-password ada",
            "session list --user ada --json",
            &format!("session end {id}"),
            "session end --all",
            "delivery list --open --json",
            &format!("delivery show {id}"),
            "delivery list --user ada --cause expired --older-than 1h --newer-than 7d --state dead --follow",
            "delivery retry --client ledger",
            "delivery retry --dead",
            &format!("delivery abandon {id}"),
            "delivery abandon --client ledger --yes",
            &format!("session end --session {id} --json"),
            "session end --user ada --no-wait",
            "keys list --json",
            "keys rotate --now --algorithm ES256",
            "keys retire -abc",
            "demo --rehearse --port 1 --ledger-port 2 --atlas-port 3 --gallery-port 4 --almanac-port 5 --house-port 6",
            "demo --issuer http://exeunt.localhost:8080 --bind 0.0.0.0",
            "demo --config exeunt.toml --rehearse",
            "healthcheck",
        ] {
            let line = format!("exeunt {line}");
            let read = Arguments::try_parse_from(line.split(' '));
            assert!(read.is_ok(), "{line}: {read:?}");
        }
    }

    #[test]
    fn sessions_are_ended_only_when_it_is_said_which() {
        for line in [
            "exeunt session end",
            "exeunt session end --all --user ada",
            "exeunt delivery retry",
            "exeunt delivery retry --dead --client ledger",
            "exeunt delivery abandon",
            "exeunt delivery list --older-than soon",
            "exeunt delivery list --cause boredom",
            "exeunt client invite --uses 0",
            "exeunt client invite --expires-in 401d",
            "exeunt upstream invite house --expires 91d",
            "exeunt upstream add house --issuer x --client-id y --map name",
            "exeunt keys rotate --algorithm none",
            "exeunt service add https://api.example/ --format saml",
            "exeunt service add https://api.example/ --lifetime 2d",
            "exeunt service rotate-keys https://api.example/ --now --after 1h",
            "exeunt demo --rehearse --issuer x",
        ] {
            assert!(
                Arguments::try_parse_from(line.split(' ')).is_err(),
                "{line}"
            );
        }
    }
}
