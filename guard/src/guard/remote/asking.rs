//! Asking Redis about each token (docs/revocation.md, "Asking"): for a service that keeps no list of its own.

use std::fmt;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};
use tokio::sync::Mutex;

use crate::claims::Claims;
use crate::deny_list::token_hash;
use crate::errors::Refused;
use crate::guard::Shared;

/// Until a connection stands, and until an answer has come: somebody waits for it.
const PATIENCE: Duration = Duration::from_secs(1);
/// For how long nobody waits again for a Redis that did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// The connection to Redis. It is made when it is needed, and again when it broke.
pub(crate) struct Asking {
    client: Client,
    prefix: String,
    connection: Mutex<Connection>,
}

#[derive(Default)]
struct Connection {
    is_there: Option<MultiplexedConnection>,
    /// When it last broke, or could not be made.
    failed: Option<Instant>,
}

/// What Redis says of a token.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Denied,
    NotDenied,
    /// It does not answer, or nobody keeps its list up to date.
    Nothing,
}

impl Asking {
    /// For the Redis at this URL. Nothing is connected yet.
    ///
    /// # Errors
    /// When the URL is none.
    pub(super) fn new(shared: &Shared, url: &str) -> Result<Self, RedisError> {
        let service = &shared.expected.audience;
        Ok(Self {
            client: Client::open(url)?,
            prefix: format!("exeunt:{{{service}}}:"),
            connection: Mutex::default(),
        })
    }

    /// As [`Shared::verify`]; and Redis is asked, of which a good word is worth as much as a fresh list.
    pub(crate) async fn verify(&self, shared: &Shared, token: &str) -> Result<Claims, Refused> {
        let mut names = Vec::new();
        let claims = shared.read(token, |claims, kids| {
            names = self.names(token, claims, kids);
            shared.judge(token, claims, kids)
        })?;
        match self.ask(&shared.expected.issuer, &names, claims.iat).await {
            Said::Denied => Err(Refused::Revoked),
            Said::NotDenied => Ok(claims),
            Said::Nothing => shared.is_fresh().map(|()| claims),
        }
    }

    /// The keys that deny the token, behind the one that vouches for them.
    fn names(&self, token: &str, claims: &Claims, kids: &[&str]) -> Vec<String> {
        let denied = |kind: &str, name: &str| format!("{}denied:{kind}:{name}", self.prefix);
        let mut names = vec![
            format!("{}alive", self.prefix),
            format!("{}denied:all", self.prefix),
            denied("subject", &claims.sub),
        ];
        let hash;
        let name = match &claims.jti {
            Some(jti) => jti,
            None => {
                hash = token_hash(token);
                &hash
            }
        };
        names.push(denied("token", name));
        for (kind, name) in [
            ("session", &claims.sid),
            ("grant", &claims.grant),
            ("client", &claims.client_id),
        ] {
            names.extend(name.as_deref().map(|name| denied(kind, name)));
        }
        names.extend(kids.iter().map(|kid| denied("key", kid)));
        names
    }

    async fn ask(&self, issuer: &str, names: &[String], issued: i64) -> Said {
        loop {
            let Some((mut connection, is_new)) = self.connection().await else {
                return Said::Nothing;
            };
            let answer: Result<(Option<String>, Vec<Option<String>>), _> = redis::pipe()
                .hget(format!("{}state", self.prefix), "issuer")
                .cmd("MGET")
                .arg(names)
                .query_async(&mut connection)
                .await;
            let error = match answer {
                Ok((whose, values)) => {
                    return said(whose.map(|whose| whose == issuer), &values, issued);
                }
                Err(error) => error,
            };
            let is_over =
                error.is_timeout() || error.is_io_error() || error.is_connection_dropped();
            if !is_over {
                // It says no, and it will over another connection.
                return Said::Nothing;
            }
            let mut known = self.connection.lock().await;
            known.is_there = None;
            // One that was kept may have been cut off long ago: another one is worth a try.
            if is_new || error.is_timeout() {
                known.failed = Some(Instant::now());
                return Said::Nothing;
            }
        }
    }

    /// A connection, and whether it was made for this question.
    async fn connection(&self) -> Option<(MultiplexedConnection, bool)> {
        let mut known = self.connection.lock().await;
        if let Some(connection) = &known.is_there {
            return Some((connection.clone(), false));
        }
        if known.failed.is_some_and(|failed| failed.elapsed() < PAUSE) {
            return None;
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let made = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await;
        match made {
            Ok(connection) => Some((known.is_there.insert(connection).clone(), true)),
            Err(_away) => {
                known.failed = Some(Instant::now());
                None
            }
        }
    }
}

/// What these values say of a token that was issued then, the first of which vouches for the others. One that is not
/// understood denies it. `is_ours`: whether the list is of the token's issuer, if it says whose it is.
fn said(is_ours: Option<bool>, values: &[Option<String>], issued: i64) -> Said {
    let denies = |value: &String| value.parse().map_or(true, |before: i64| issued < before);
    match (is_ours, values.split_first()) {
        (Some(false), _) | (_, None) => Said::Nothing,
        (_, Some((_, rest))) if rest.iter().flatten().any(denies) => Said::Denied,
        (Some(true), Some((Some(_alive), _))) => Said::NotDenied,
        _ => Said::Nothing,
    }
}

impl fmt::Debug for Asking {
    /// Without the client, which knows the password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Asking")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(all: &[Option<&str>]) -> Vec<Option<String>> {
        all.iter().map(|value| value.map(str::to_owned)).collect()
    }

    #[test]
    fn a_value_denies_everything_or_what_was_issued_before_it() {
        for (value, expected) in [
            (None, Said::NotDenied),
            (Some("*"), Said::Denied),
            (Some("101"), Said::Denied),
            (Some("100"), Said::NotDenied),
            (Some(""), Said::Denied),
            (Some("later"), Said::Denied),
        ] {
            let all = values(&[Some("7"), None, value]);
            assert_eq!(said(Some(true), &all, 100), expected, "{value:?}");
        }
    }

    #[test]
    fn what_nobody_vouches_for_may_deny_and_not_let_in() {
        for (is_ours, all, expected) in [
            (Some(true), &[None, None][..], Said::Nothing),
            (Some(true), &[None, Some("*")], Said::Denied),
            (Some(true), &[], Said::Nothing),
            (None, &[Some("7"), None], Said::Nothing),
            (None, &[Some("7"), Some("*")], Said::Denied),
            // Another issuer's list says nothing of ours.
            (Some(false), &[Some("7"), None], Said::Nothing),
            (Some(false), &[Some("7"), Some("*")], Said::Nothing),
        ] {
            assert_eq!(
                said(is_ours, &values(all), 100),
                expected,
                "{is_ours:?} {all:?}"
            );
        }
    }
}
