//! ACTS: what must happen together. A flow reads the clock once, owns its transactions, asks the
//! rules in `oidc` what is right, and writes it with `store`.
//!
//! What belongs here: writes of several row-sets that must agree, and what workers do. What does not:
//! a single query for a page (the handler asks `store` itself), cookies, headers, status codes.

pub mod access;
pub mod account;
mod applications;
pub mod authenticate_client;
mod authenticate_service;
pub mod authorize;
pub mod client_keys;
pub mod client_secrets;
pub mod declare;
pub mod deliver_logouts;
pub mod documents;
mod encrypted;
pub mod end_session;
pub mod exchange;
pub mod introspect;
pub mod keys;
pub mod known_browser;
pub mod logos;
mod observe;
pub mod people;
pub mod redeem;
pub mod refresh;
pub mod register;
pub mod registered;
pub mod request_objects;
pub mod restored;
pub mod revocations;
pub mod revoke;
pub mod sector;
pub mod send_notice;
pub mod service_keys;
pub mod services;
pub mod sign_in;
pub mod status_list;
pub mod sweep;
mod tokens;
pub mod trusted_issuers;
pub mod upstream;
pub mod watching;
pub mod work;

pub use authenticate_service::authenticate_service;

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use self::documents::Documents;
use self::trusted_issuers::IssuersDocuments;
use self::work::Work;
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::jose::{
    KeyError, KeyRing, MasterKey, OpenError, PasswordError, PasswordPool, ServiceTokenError,
    SigningFailed,
};
use crate::metrics::Metrics;
use crate::oidc;
use crate::oidc::algorithm::SigningAlgorithm;
use crate::oidc::client::ClientMetadata;
use crate::oidc::upstream::metadata::Metadata as UpstreamMetadata;
use crate::outbound::{Outbound, SetupError};
use crate::random::Random;
use crate::store::sessions::Liveness;
use crate::store::{Database, StoreError};

/// Everything that acts need: settings, facts, secrets, the way out, time and randomness.
pub struct Provider {
    /// The settings that the server was started with.
    pub config: Config,
    /// The facts.
    pub database: Database,
    /// The keys that sign.
    pub keys: KeyRing,
    /// The key that hashes and seals.
    pub master: Arc<MasterKey>,
    /// Where passwords are hashed.
    pub passwords: Arc<PasswordPool>,
    /// The way out.
    pub outbound: Outbound,
    /// The keys that clients publish.
    pub client_keys: Arc<Documents<Value>>,
    /// The request objects that they publish.
    pub request_objects: Arc<Documents<String>>,
    /// What trusted issuers publish.
    pub issuers: Arc<IssuersDocuments>,
    /// What upstreams say of themselves.
    pub upstream_metadata: Arc<Documents<UpstreamMetadata>>,
    /// The keys that upstreams publish.
    pub upstream_keys: Arc<Documents<upstream::UpstreamKeys>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Rung after a commit that left something for the workers; a hint, polling is the truth.
    pub work: Arc<Work>,
    /// Changes whenever an application's answer was recorded at this node.
    pub receipts: watch::Sender<()>,
    /// How far the revocation log goes, as far as this process knows.
    pub revoked: watch::Sender<i64>,
    /// Cancelled when the server is about to stop: who waits for something to come is sent home.
    pub closing: CancellationToken,
    /// What goes on when its request is over: a stop waits for it.
    pub outliving: TaskTracker,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Provider {
    /// The same provider over connections of its own, for another runtime.
    pub fn beside(&self, database: Database) -> Self {
        Self {
            config: self.config.clone(),
            database,
            keys: self.keys.clone(),
            master: Arc::clone(&self.master),
            passwords: Arc::clone(&self.passwords),
            outbound: self.outbound.clone(),
            client_keys: Arc::clone(&self.client_keys),
            request_objects: Arc::clone(&self.request_objects),
            issuers: Arc::clone(&self.issuers),
            upstream_metadata: Arc::clone(&self.upstream_metadata),
            upstream_keys: Arc::clone(&self.upstream_keys),
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
            work: Arc::clone(&self.work),
            receipts: self.receipts.clone(),
            revoked: self.revoked.clone(),
            closing: self.closing.clone(),
            outliving: self.outliving.clone(),
            metrics: Arc::clone(&self.metrics),
        }
    }

    /// Waits for what outlives its request; for ten seconds at most, longer than another provider may take to answer.
    pub async fn see_through(&self) {
        self.outliving.close();
        tokio::select! {
            () = self.outliving.wait() => {}
            () = self.clock.sleep_until(self.clock.now() + TimeDelta::seconds(10)) => {}
        }
    }

    /// How long a notice to such a client is tried.
    pub fn give_up_after(&self, metadata: &ClientMetadata) -> TimeDelta {
        let own = metadata.logout_give_up_after.map(|lifetime| lifetime.0);
        own.unwrap_or(self.config.logout.give_up_after)
    }

    /// The `sub` under which a client knows a person (Core §8): the only one that it is ever told.
    pub fn subject(&self, metadata: &ClientMetadata, user_id: Uuid) -> String {
        match oidc::sector::of(metadata) {
            None => user_id.to_string(),
            Some(sector) => self.master.pairwise_subject(&sector, user_id),
        }
    }

    /// When sessions count as over, as of `now`.
    pub fn alive(&self, now: Timestamp) -> Liveness {
        Liveness {
            now,
            seen_since: self.config.session.idle.map(|idle| now - idle),
        }
    }
}

/// What can go wrong on our side. Its words are for our log, never for a client.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A signing key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A signature.
    #[error(transparent)]
    Signing(#[from] SigningFailed),
    /// There is no key to sign with.
    #[error("there is no {0} key that may sign now")]
    NoSigningKey(SigningAlgorithm),
    /// A client's secret.
    #[error("a client's secret: {0}")]
    Secret(#[from] OpenError),
    /// A service whose tokens need a key has none that may be used now.
    #[error("service {0} has no key for its tokens: `exeunt service rotate-keys` makes one")]
    NoServiceKey(String),
    /// So many tokens were made under a service's key that the next one could give it away.
    #[error("the key of service {0} is worn out: `exeunt service rotate-keys` makes another")]
    WornOutKey(String),
    /// So many tokens of a service have a place in its status lists that none was found.
    #[error("no place was found in the status lists of service {0}")]
    NoPlace(String),
    /// A token under a service's key.
    #[error(transparent)]
    ServiceToken(#[from] ServiceTokenError),
    /// The client for connections to others could not be set up for a client's networks.
    #[error(transparent)]
    Outbound(#[from] SetupError),
    /// A client that the configuration declares can't be what it says.
    #[error("client {client_id}: {field} does not fit: {message}")]
    Unfit {
        /// Which client.
        client_id: String,
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// The configuration declares somebody who came in through an upstream.
    #[error(
        "user {0} is somebody already, who is known by another provider, and the configuration file would make them its own: \
         give the declared one another name, or `exeunt user delete` the other first"
    )]
    KnownElsewhere(String),
    /// A password could not be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// What had to be finished whoever hangs up was not: nobody knows what was written.
    #[error("a task that must not stop did: {0}")]
    Stopped(#[from] tokio::task::JoinError),
}

impl FlowError {
    /// Whether it is likely to be gone by itself in a moment.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_passing())
    }
}
