//! Almanac, a service (an API) that the applications call: it says what day it is, to whoever has a good token.
//!
//! What belongs here: a service as its own developers would write it, on `exeunt-guard`. It checks tokens by itself,
//! follows the feed of what was taken back, and never asks the provider about a token. Beside that it has a page on which
//! one can watch it.

mod api;
mod page;
mod visits;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer};
use anyhow::Context as _;
use chrono::TimeDelta;
use exeunt_guard::{Guard, Staleness, deny_list};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tokio::task::AbortHandle;

use self::visits::Visits;
use super::Options;
use super::door::Link;
use super::place::{Place, Reserved};
use crate::clock::{Clock, Timestamp};
use crate::oidc::scope::Scope;
use crate::oidc::service::{Service as Declaration, TokenFormat};

/// What people read.
pub(super) const NAME: &str = "Almanac";
/// What tokens must allow.
pub(super) const SCOPE: &str = "today";
/// Where the API is, below its address.
pub(super) const PATH: &str = "today";
const PORT_OPTION: &str = "--almanac-port";

/// How long its tokens are good. What is taken back stays in the deny-list for as long: one can watch it grow.
const LIFETIME: TimeDelta = TimeDelta::hours(1);
/// Between two tries to reach the provider, which may start later.
const BETWEEN_TRIES: TimeDelta = TimeDelta::milliseconds(250);
/// Between two looks at how long the deny-list is.
const BETWEEN_LOOKS: TimeDelta = TimeDelta::milliseconds(50);
/// How long tokens are believed while nobody says what was taken back.
const STALE: Duration = Duration::from_secs(60);

/// What the API answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Today {
    /// The day, in words.
    pub(super) today: String,
    /// Whose token it was.
    pub(super) name: String,
}

/// The service, for the provider's configuration.
#[derive(Debug, Clone)]
pub struct DeclaredService {
    /// The service.
    pub service: Declaration,
    /// By which it proves who it is when it asks for the feed.
    pub secret: SecretString,
}

/// The running service.
pub struct Service {
    /// Where it is reached, without a trailing slash.
    pub base_url: String,
    desk: Arc<Desk>,
    server: ServerHandle,
    listening: AbortHandle,
}

/// What the handlers share.
struct Desk {
    /// As soon as the provider could be reached.
    guard: OnceLock<Guard>,
    visits: Mutex<Visits>,
    issuer: String,
    /// What applications send as `resource`: the address of its page.
    identifier: String,
    secret: SecretString,
    others: Vec<Link>,
    clock: Arc<dyn Clock>,
}

/// By which a person recognises a token that two pages show.
pub(super) fn fingerprint(token: &str) -> String {
    let hash = deny_list::token_hash(token);
    let readable = hash.chars().filter(char::is_ascii_alphanumeric);
    readable.take(8).collect()
}

pub(super) fn reserve(bind: IpAddr, place: &Place) -> Result<Reserved, anyhow::Error> {
    Reserved::new(NAME, PORT_OPTION, bind, place)
}

impl Service {
    pub(super) fn start(
        reserved: Reserved,
        options: &Options,
        everyone: &[Link],
    ) -> Result<Self, anyhow::Error> {
        let others = everyone.iter().filter(|link| link.name != NAME);
        let desk = Arc::new(Desk {
            guard: OnceLock::new(),
            visits: Mutex::default(),
            issuer: options.issuer.clone(),
            identifier: reserved.home(),
            secret: reserved.secret,
            others: others.cloned().collect(),
            clock: Arc::clone(&options.clock),
        });
        let shared = Arc::clone(&desk);
        let server = HttpServer::new(move || {
            let desk = Arc::clone(&shared);
            App::new().configure(move |routes| api::configure(routes, desk))
        })
        .workers(1)
        .disable_signals()
        .listen(reserved.listener)
        .with_context(|| format!("{NAME} cannot listen"))?
        .run();
        let handle = server.handle();
        tokio::spawn(server);
        let listening = tokio::spawn(Arc::clone(&desk).listen()).abort_handle();
        Ok(Self {
            base_url: reserved.base_url,
            desk,
            server: handle,
            listening,
        })
    }

    /// How many entries its deny-list has.
    pub fn denied(&self) -> usize {
        self.desk.denied()
    }

    pub(super) fn declared(&self, clients: &[&str]) -> DeclaredService {
        DeclaredService {
            service: Declaration {
                identifier: self.desk.identifier.clone(),
                name: Some(NAME.to_owned()),
                format: TokenFormat::Jwt,
                scope: Scope::parse(SCOPE).unwrap_or_default(),
                lifetime: LIFETIME,
                claims: vec!["name".to_owned()],
                clients: Some(clients.iter().map(|&client| client.to_owned()).collect()),
            },
            secret: self.desk.secret.clone(),
        }
    }

    pub(super) async fn stop(self) {
        self.listening.abort();
        self.server.stop(false).await;
    }
}

impl Desk {
    fn visits(&self) -> MutexGuard<'_, Visits> {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn denied(&self) -> usize {
        self.guard.get().map_or(0, |guard| guard.deny_list().len())
    }

    /// Makes the guard, and then notes how its deny-list grows.
    async fn listen(self: Arc<Self>) {
        while self.guard.get().is_none() {
            let again = self.now() + BETWEEN_TRIES;
            let guard = Guard::builder(&self.issuer, &self.identifier)
                .service_secret(self.secret.expose_secret())
                .staleness(Staleness::RefuseBeyond(STALE))
                .connect();
            match guard.await {
                Ok(guard) => {
                    let _only_we_set_it = self.guard.set(guard);
                    self.visits().hears_the_provider(self.now());
                }
                Err(error) => tracing::debug!("{NAME} waits for the provider: {error}"),
            }
            self.clock.sleep_until(again).await;
        }
        loop {
            let denied = self.denied();
            self.visits().denied(denied, self.now());
            self.clock.sleep_until(self.now() + BETWEEN_LOOKS).await;
        }
    }
}
