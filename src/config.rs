//! The only reader of the environment and of configuration files: text becomes checked types here.
//!
//! [`Config::load`] gives a [`Config`] in which every value is sound, or all errors at once, each with its place and its
//! mend. What the values do is not decided here; whether keys and hashes are usable, `jose` says. The file is described
//! key by key in `docs/exeunt.toml`.

mod bus;
mod clients;
mod database;
mod error;
mod examples;
mod exchange;
mod fields;
mod mistyped;
mod reader;
mod registration;
mod requested_claims;
mod section;
mod services;
mod settings;
#[cfg(test)]
mod tests;
mod upstreams;
mod users;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use ipnet::IpNet;
use secrecy::SecretString;

pub use bus::{Bus, RedisUrl};
pub use clients::{DeclaredClient, check_client_id};
pub use database::DatabaseUrl;
pub use error::{ConfigError, ConfigErrors, Place};
pub use services::DeclaredService;
pub use upstreams::DeclaredUpstream;
pub use users::{DeclaredUser, canonical_name, check_password, check_username};

use crate::oidc::issuer::Issuer;
use crate::oidc::registration::Networks;
use crate::oidc::registration::dynamic::Offer;
use crate::oidc::token::exchange::policy::Policy;

/// Everything that can be set. Values that [`Config::load`] gave are checked; a program that fills the fields itself
/// answers for them.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who we are, in every token and for every application.
    pub issuer: Issuer,
    /// Where the server listens.
    pub listen: SocketAddr,
    /// The certificate, when the server speaks https itself.
    pub tls: Option<Tls>,
    /// Who may say where a request came from.
    pub proxies: Proxies,
    /// Where administrators and those who measure are served; none: nowhere.
    pub admin: Option<Admin>,
    /// Where the facts are kept.
    pub database: DatabaseUrl,
    /// Where it is kept how long the database has lived, if not at the usual place: see [`Config::marker_file`].
    pub marker_file: Option<PathBuf>,
    /// The file of the key under which every other secret lies; made on first start if absent.
    pub master_key_file: PathBuf,
    /// How we connect to others.
    pub outbound: Outbound,
    /// Where services find what was taken back, beside the feed; none: nowhere.
    pub bus: Option<Bus>,
    /// How long a person stays signed in.
    pub session: SessionLifetimes,
    /// How long codes and tokens are good.
    pub tokens: TokenLifetimes,
    /// How a session's end reaches the applications.
    pub logout: Logout,
    /// How long our keys sign.
    pub keys: Keys,
    /// Whether applications' pages may ask in the browser whether anything has changed (Session Management 1.0).
    pub session_management: bool,
    /// Whether applications may register themselves, and as what.
    pub registration: Registration,
    /// The applications that the file declares.
    pub clients: Vec<DeclaredClient>,
    /// The services (resource servers) that the file declares.
    pub services: Vec<DeclaredService>,
    /// Who may exchange which tokens for which.
    pub exchange: Policy,
    /// The providers through which people sign in.
    pub upstreams: Vec<DeclaredUpstream>,
    /// The people that the file declares.
    pub users: Vec<DeclaredUser>,
}

/// `[tls]`: PEM files for https in process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain, our own first.
    pub certificate: PathBuf,
    /// Its private key.
    pub private_key: PathBuf,
}

/// `[proxies]`: whom we believe where a request came from, when it came through them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// The networks of our own proxies; what anyone else writes into the header counts for nothing.
    pub trusted: Vec<IpNet>,
    /// The header into which they write. The other is not read: they may pass on whatever a stranger put there.
    pub header: ForwardedHeader,
}

/// Where a proxy writes from whom a request came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, what nearly all of them write.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// `[admin]`: the listener of administrators' programs and of those who measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admin {
    /// Where it listens. Without [`Tls`], which counts here too, on this machine alone.
    pub listen: SocketAddr,
}

/// `[outbound]`: connections that we open to others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outbound {
    /// Private addresses that may be connected to; all others are refused.
    pub allow_private_networks: Vec<IpNet>,
    /// Private networks that only those clients reach which name them.
    pub private_networks: BTreeMap<String, Vec<IpNet>>,
    /// PEM file of authorities trusted beside the system's own.
    pub extra_ca_file: Option<PathBuf>,
}

impl Outbound {
    /// Where connections may go beside the public internet, as the rules of registration take it.
    pub fn networks(&self) -> Networks {
        Networks {
            everyone: self.allow_private_networks.clone(),
            named: self.private_networks.clone(),
        }
    }
}

/// `[session]`: how long a person stays signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLifetimes {
    /// After the sign-in, whatever happens.
    pub absolute: TimeDelta,
    /// After the last activity; none: inactivity ends nothing.
    pub idle: Option<TimeDelta>,
}

/// `[tokens]`: how long codes and tokens are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLifetimes {
    /// An authorization code.
    pub code: TimeDelta,
    /// An ID token.
    pub id: TimeDelta,
    /// An access token.
    pub access: TimeDelta,
    /// A refresh token, unless its session ends sooner.
    pub refresh: TimeDelta,
    /// How long a spent refresh token still gives the same successor.
    pub refresh_grace: TimeDelta,
    /// What ends when a spent refresh token comes back after that.
    pub refresh_reuse: RefreshReuse,
    /// Whether an application that gives a refresh token back takes part in the session no more.
    pub revocation_ends_participation: bool,
}

/// What the reuse of a refresh token ends, beside its family (RFC 9700 §4.14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshReuse {
    /// That application's part in the session.
    Participation,
    /// The whole session.
    Session,
}

/// `[logout]`: how a session's end reaches the applications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logout {
    /// How long the request that ends a session waits for receipts.
    pub grace: TimeDelta,
    /// How long the leaving page stays.
    pub page_wait: TimeDelta,
    /// The wait before the second attempt; it doubles from there.
    pub retry_first: TimeDelta,
    /// The longest wait between two attempts.
    pub retry_max: TimeDelta,
    /// When a notice that nobody confirmed is given up, and shown as dead.
    pub give_up_after: TimeDelta,
    /// How long what is over is kept: sessions, notices with their attempts, grants.
    pub keep_receipts: TimeDelta,
}

/// `[keys]`: how long our keys sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// After which time of signing a key gets a successor; none: only when somebody asks for one.
    pub rotate_after: Option<TimeDelta>,
}

/// `[registration]`: whether applications may register themselves, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Who may.
    pub policy: RegistrationPolicy,
    /// What a registered client may have.
    pub offer: Offer,
    /// When a registration of which nothing came is forgotten; none: never.
    pub unused: Option<TimeDelta>,
}

/// Who may register an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationPolicy {
    /// Nobody; there is no registration endpoint.
    Closed,
    /// Whoever has an initial access token.
    Token,
    /// Anyone, at a modest pace.
    Open,
}

/// A declared secret: as itself, or as the hash of it. Neither is ever shown.
#[derive(Debug, Clone)]
pub enum Credential {
    /// The secret.
    Plain(SecretString),
    /// Its hash: for a person an argon2id PHC string, for a client the keyed hash that the database holds.
    Hash(SecretString),
}

impl Config {
    /// The defaults for `issuer`: listens on 127.0.0.1, at the issuer's port if that is plain http and at 8080 otherwise
    /// (where a proxy is in front), keeps its files in the current folder, knows nobody.
    pub fn for_issuer(issuer: Issuer) -> Self {
        let port = if issuer.is_loopback_http() {
            issuer.port()
        } else {
            8080
        };
        Self {
            issuer,
            listen: SocketAddr::from(([127, 0, 0, 1], port)),
            tls: None,
            proxies: Proxies::default(),
            admin: None,
            database: DatabaseUrl::default(),
            marker_file: None,
            master_key_file: PathBuf::from("exeunt.key"),
            outbound: Outbound::default(),
            bus: None,
            session: SessionLifetimes::default(),
            tokens: TokenLifetimes::default(),
            logout: Logout::default(),
            keys: Keys::default(),
            session_management: false,
            registration: Registration::default(),
            clients: Vec::new(),
            services: Vec::new(),
            exchange: Policy::default(),
            upstreams: Vec::new(),
            users: Vec::new(),
        }
    }

    /// Reads the file at `path`, if there is one, and then `environment`, whose `EXEUNT__` variables outrank it.
    ///
    /// Relative paths in the file start from the file's folder, those of the environment from the current one.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn load(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        settings::load(path, environment)
    }

    /// The file by which a database that was put back from an older copy is known for one: beside the database, or
    /// beside the master key where the database is elsewhere.
    pub fn marker_file(&self) -> PathBuf {
        if let Some(file) = &self.marker_file {
            return file.clone();
        }
        let mut name = self
            .database
            .file()
            .unwrap_or_else(|| self.master_key_file.clone())
            .into_os_string();
        name.push(".mark");
        PathBuf::from(name)
    }

    /// What is not wrong but probably not meant: for `config check` and the log at start.
    pub fn hints(&self) -> Vec<String> {
        let mut hints = Vec::new();
        let nobody_between = self.tls.is_some() || self.issuer.is_loopback_http();
        if nobody_between && self.issuer.port() != self.listen.port() {
            hints.push(format!(
                "The issuer is {} but the server listens on {}: unless something forwards the one to the other, nobody \
                 will reach it. Give both the same port.",
                self.issuer.as_str(),
                self.listen
            ));
        }
        if !nobody_between && self.proxies.trusted.is_empty() {
            hints.push(
                "The issuer is https:// and [tls] is not set, so a proxy must stand before the server: name its network \
                 in [proxies] trusted, or all people share its address, and the attempts to sign in that one address has."
                    .to_owned(),
            );
        }
        hints
    }
}

impl Default for SessionLifetimes {
    fn default() -> Self {
        Self {
            absolute: TimeDelta::days(30),
            idle: None,
        }
    }
}

impl Default for TokenLifetimes {
    fn default() -> Self {
        Self {
            code: TimeDelta::seconds(60),
            id: TimeDelta::minutes(10),
            access: TimeDelta::minutes(10),
            refresh: TimeDelta::days(30),
            refresh_grace: TimeDelta::seconds(10),
            refresh_reuse: RefreshReuse::Participation,
            revocation_ends_participation: false,
        }
    }
}

impl Default for Logout {
    fn default() -> Self {
        Self {
            grace: TimeDelta::milliseconds(300),
            page_wait: TimeDelta::seconds(2),
            retry_first: TimeDelta::seconds(1),
            retry_max: TimeDelta::minutes(15),
            give_up_after: TimeDelta::hours(24),
            keep_receipts: TimeDelta::days(30),
        }
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            rotate_after: Some(TimeDelta::days(90)),
        }
    }
}

impl Default for Registration {
    fn default() -> Self {
        Self {
            policy: RegistrationPolicy::Closed,
            offer: Offer::default(),
            unused: Some(TimeDelta::days(7)),
        }
    }
}

/// The configuration file that `EXEUNT_CONFIG` names, for those to whom none was named otherwise; empty is not set.
pub fn named_by_environment() -> Option<PathBuf> {
    std::env::var_os("EXEUNT_CONFIG")
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
}

/// The environment of this process, for [`Config::load`]. Bytes that are no Unicode become U+FFFD.
pub fn process_environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        (text(name), text(value))
    })
}
