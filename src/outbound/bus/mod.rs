//! The way to Redis, where services find what was taken back (docs/revocation.md, "Redis"): one connection, and the two
//! things that are done over it. The administrator named the server, so no guard stands before it.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, Script};
use tokio::sync::Mutex;

use crate::oidc::revocation::{TakenBack, What};

/// Until a connection stands, and until an answer has come.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a list is kept that nobody writes any more: longer than any token lives.
const KEPT: Duration = Duration::from_secs(25 * 60 * 60);
/// How long a list vouches for itself to who asks without following.
const VOUCHES: Duration = Duration::from_secs(15);
/// How much longer than an entry its key is kept: the most by which services may think clocks to differ, in seconds.
const LEEWAY: i64 = 60;

/// The connection to Redis. It is made when it is needed, and again when it broke.
pub struct Bus {
    client: Client,
    connection: Mutex<Option<MultiplexedConnection>>,
    script: Script,
}

/// Why Redis could not be told.
#[derive(Debug, thiserror::Error)]
#[error("Redis: {0}")]
pub struct BusError(#[from] RedisError);

impl BusError {
    /// Whether Redis is not there, rather than that it says no.
    pub fn is_away(&self) -> bool {
        self.0.is_io_error() || self.0.is_timeout() || self.0.is_connection_dropped()
    }
}

/// A service's list as it was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Its name: another one, and it was begun anew. Empty when there is none.
    pub history: String,
    /// Where it stands, if that can be read.
    pub state: Option<State>,
}

/// Where a service's list stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Whose it is.
    pub issuer: String,
    /// Of which database it was made.
    pub origin: i64,
    /// The last number that was looked at for it.
    pub to: i64,
    /// Whether it has as many entries as were written.
    pub is_whole: bool,
}

/// What is written.
#[derive(Debug)]
pub struct Publication<'a> {
    /// The service's identifier.
    pub service: &'a str,
    /// The history that was found there; empty when there was none.
    pub known: &'a str,
    /// The history that is continued, or another that begins.
    pub history: &'a str,
    /// After which number it goes on.
    pub from: i64,
    /// The last number that was looked at.
    pub to: i64,
    /// The database.
    pub origin: i64,
    /// Us.
    pub issuer: &'a str,
    /// The present moment, in seconds since 1970.
    pub now: i64,
    /// Below this number nothing concerns any token.
    pub oldest: i64,
    /// Whether it is complete with this.
    pub is_complete: bool,
    /// What was taken back in between.
    pub entries: &'a [TakenBack],
}

impl Bus {
    /// For the Redis at this URL. Nothing is connected yet.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn new(url: &str) -> Result<Self, BusError> {
        Ok(Self {
            client: Client::open(url)?,
            connection: Mutex::new(None),
            script: Script::new(include_str!("publish.lua")),
        })
    }

    /// Connects, unless that is done.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn connect(&self) -> Result<(), BusError> {
        self.connection().await.map(drop)
    }

    /// Where a service's list stands.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn look(&self, service: &str) -> Result<Found, BusError> {
        let mut connection = self.connection().await?;
        let answer = redis::pipe()
            .atomic()
            .hgetall(key(service, "state"))
            .xlen(key(service, "log"))
            .query_async(&mut connection)
            .await;
        let (state, count): (HashMap<String, String>, i64) = self.heard(answer).await?;
        let number = |name: &str| state.get(name)?.parse::<i64>().ok();
        let text = |name: &str| state.get(name).cloned();
        let read = || {
            Some(State {
                issuer: text("issuer")?,
                origin: number("origin")?,
                to: number("to")?,
                is_whole: number("count")? == count,
            })
        };
        Ok(Found {
            history: text("history").unwrap_or_default(),
            state: read(),
        })
    }

    /// Writes all of it at once; or nothing, when the list does not stand where it says. Then it answers false.
    ///
    /// # Errors
    /// When Redis does not answer: nobody knows then whether it was written. To write it again does no harm.
    pub async fn publish(&self, publication: &Publication<'_>) -> Result<bool, BusError> {
        let service = publication.service;
        let mut call = self.script.key(key(service, "state"));
        call.key(key(service, "log")).key(key(service, "alive"));
        call.arg(publication.known)
            .arg(publication.history)
            .arg(publication.from)
            .arg(publication.to)
            .arg(publication.origin)
            .arg(publication.issuer)
            .arg(publication.now)
            .arg(publication.oldest)
            .arg(KEPT.as_millis().to_string());
        let vouches = VOUCHES.as_millis().to_string();
        call.arg(if publication.is_complete {
            &*vouches
        } else {
            ""
        });
        let (mut number, mut place) = (0, 0);
        for entry in publication.entries {
            place = if entry.number == number { place + 1 } else { 0 };
            number = entry.number;
            let (name, before) = denied(&entry.what);
            let left = (entry.until - publication.now).max(0) + LEEWAY;
            call.key(key(service, &format!("denied:{name}")))
                .arg(format!("{number}-{place}"))
                .arg(serde_json::to_string(entry).unwrap_or_default())
                .arg(before.map_or(String::new(), |before| before.to_string()))
                .arg(left * 1000);
        }
        let mut connection = self.connection().await?;
        let answer = call.invoke_async(&mut connection).await;
        self.heard(answer).await
    }

    async fn connection(&self) -> Result<MultiplexedConnection, BusError> {
        let mut connection = self.connection.lock().await;
        if let Some(connection) = &*connection {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let made = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        Ok(connection.insert(made).clone())
    }

    /// A connection that broke is not used again.
    async fn heard<T>(&self, answer: Result<T, RedisError>) -> Result<T, BusError> {
        let answer = answer.map_err(BusError::from);
        if answer.as_ref().is_err_and(BusError::is_away) {
            self.connection.lock().await.take();
        }
        answer
    }
}

impl fmt::Debug for Bus {
    /// Without the client, which knows the password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Bus").finish_non_exhaustive()
    }
}

/// A key of a service. The braces keep all of its keys together, and apart from any other's: no identifier has one.
fn key(service: &str, name: &str) -> String {
    format!("exeunt:{{{service}}}:{name}")
}

/// The key of an entry, for who asks without following; and the moment before which it denies, if not everything.
fn denied(what: &What) -> (String, Option<i64>) {
    match what {
        What::Token { jti: name } | What::TokenHash { hash: name } => {
            (format!("token:{name}"), None)
        }
        What::Session { sid } => (format!("session:{sid}"), None),
        What::Grant { grant } => (format!("grant:{grant}"), None),
        What::Subject { sub, before } => (format!("subject:{sub}"), Some(*before)),
        What::Client { client_id, before } => (format!("client:{client_id}"), Some(*before)),
        What::Key { kid } => (format!("key:{kid}"), None),
        What::All { before } => ("all".to_owned(), Some(*before)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_a_service_are_nobody_elses() {
        let of = |service| key(service, "log");
        assert_eq!(
            of("https://api.example/"),
            "exeunt:{https://api.example/}:log"
        );
        assert_eq!(
            denied(&What::All { before: 7 }),
            ("all".to_owned(), Some(7))
        );
        let token = What::Token { jti: "j1".into() };
        assert_eq!(denied(&token), ("token:j1".to_owned(), None));
    }

    #[test]
    fn a_password_does_not_get_into_words() {
        let bus = Bus::new("redis://exeunt:sesame@localhost:1/").unwrap();
        assert!(!format!("{bus:?}").contains("sesame"));
    }
}
