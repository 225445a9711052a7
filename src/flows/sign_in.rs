//! A person proves who they are.

use std::net::IpAddr;

use chrono::TimeDelta;
use secrecy::SecretString;

use super::{FlowError, Provider, end_session};
use crate::clock::Timestamp;
use crate::config::canonical_name;
use crate::jose::{HashPurpose, PasswordError, PasswordHash};
use crate::metrics::SignInResult;
use crate::oidc::authorization::decision::AMR_PASSWORD;
use crate::oidc::logout::Cause;
use crate::store::passwords::Password;
use crate::store::sessions::Session;
use crate::store::throttles::{self, Pace};
use crate::store::users::User;
use crate::store::{self, passwords, sessions, users};

/// One name from one address: as often as a person mistypes.
const NAME_AND_ADDRESS: Pace = Pace {
    interval: TimeDelta::seconds(15),
    burst: 10,
};
/// One name from everywhere: generous, since it lets a stranger keep the person out (attack 85).
const NAME: Pace = Pace {
    interval: TimeDelta::seconds(5),
    burst: 100,
};
/// One address: an office behind one of them must still get in.
const ADDRESS: Pace = Pace {
    interval: TimeDelta::milliseconds(500),
    burst: 100,
};
/// Everybody: what two cores can hash.
const EVERYBODY: Pace = Pace {
    interval: TimeDelta::milliseconds(25),
    burst: 400,
};

/// What the sign-in form and its connection tell.
pub struct Attempt<'a> {
    /// As typed.
    pub username: &'a str,
    /// As typed.
    pub password: &'a SecretString,
    /// Where the connection comes from.
    pub address: IpAddr,
    /// What the browser calls itself.
    pub user_agent: &'a str,
    /// The session cookie that came along, if one did.
    pub cookie: Option<&'a str>,
}

/// How an attempt went.
pub enum SignIn {
    /// They are who they say: the browser's new cookie.
    Done {
        /// The value for the session cookie.
        cookie: String,
    },
    /// Name and password do not go together, or the person is shut out: nobody outside can tell.
    Refused,
    /// Too many attempts; the next one may come at this moment.
    TooOften(Timestamp),
}

/// Checks the password and begins a session, or renews the one that this person has in this browser.
/// Somebody else's session in this browser ends.
///
/// # Errors
/// When we can't tell.
pub async fn sign_in(provider: &Provider, attempt: &Attempt<'_>) -> Result<SignIn, FlowError> {
    let answer = prove(provider, attempt).await?;
    provider.metrics.tried_to_sign_in(match &answer {
        SignIn::Done { .. } => SignInResult::Done,
        SignIn::Refused => {
            // By whom, the request's span says. Not the name: people type their password there.
            tracing::info!("a sign-in was refused");
            SignInResult::Refused
        }
        SignIn::TooOften(_) => SignInResult::TooOften,
    });
    Ok(answer)
}

async fn prove(provider: &Provider, attempt: &Attempt<'_>) -> Result<SignIn, FlowError> {
    let now = provider.clock.now();
    let username = canonical_name(attempt.username);
    if let Err(again_at) = admit(provider, &username, attempt.address, now).await? {
        return Ok(SignIn::TooOften(again_at));
    }
    let Some((user, password)) = verify(provider, &username, attempt.password).await? else {
        return Ok(SignIn::Refused);
    };
    let cookie = provider.random.secret();
    let tx = provider.database.begin().await?;
    // Read again, and held: they may have been shut out, or given another password, while this one
    // was hashed.
    let user = users::lock(&tx, user.id).await?;
    let Some(user) = user.filter(|user| user.disabled_at.is_none()) else {
        return Ok(SignIn::Refused);
    };
    if passwords::find(&tx, user.id).await?.as_ref() != Some(&password) {
        return Ok(SignIn::Refused);
    }
    let before = match attempt.cookie {
        Some(cookie) => {
            let hash = provider.master.hash(HashPurpose::SessionCookie, cookie);
            sessions::find_by_cookie(&tx, &hash, provider.alive(now)).await?
        }
        None => None,
    };
    let session = Session {
        id: provider.random.row_id(now),
        user_id: user.id,
        auth_time: now,
        amr: AMR_PASSWORD.to_owned(),
        created_at: now,
        last_seen_at: now,
        expires_at: now + provider.config.session.absolute,
        ended_at: None,
        end_cause: None,
        user_agent: attempt.user_agent.chars().take(256).collect(),
    };
    let cookie_hash = provider.master.hash(HashPurpose::SessionCookie, &cookie);
    match before {
        Some(before) if before.user_id == user.id => {
            let renewed = Session {
                id: before.id,
                ..session
            };
            if sessions::lock_living(&tx, before.id, provider.alive(now))
                .await?
                .is_some()
            {
                sessions::renew(&tx, &renewed, cookie_hash).await?;
            } else {
                sessions::insert(
                    &tx,
                    &Session {
                        id: provider.random.row_id(now),
                        ..renewed
                    },
                    cookie_hash,
                )
                .await?;
            }
        }
        before => {
            if let Some(before) = before {
                let ending = end_session::Ending::by(Cause::Replaced, now);
                end_session::end_in(provider, &tx, &[before.id], ending).await?;
            }
            sessions::insert(&tx, &session, cookie_hash).await?;
        }
    }
    throttles::forget(&tx, &name_and_address(provider, &username, attempt.address)).await?;
    store::commit(tx).await?;
    provider.work.notify_one();
    Ok(SignIn::Done { cookie })
}

/// The person whose password it is, and how it is kept; the same work whether or not there is such a
/// person.
pub(super) async fn verify(
    provider: &Provider,
    username: &str,
    password: &SecretString,
) -> Result<Option<(User, Password)>, FlowError> {
    let db = provider.database.read();
    let user = users::find_by_username(db, username).await?;
    let stored = match &user {
        Some(user) => passwords::find(db, user.id).await?,
        None => None,
    };
    let hash = stored
        .as_ref()
        .and_then(|stored| PasswordHash::parse(&stored.hash).ok());
    match provider.passwords.verify(password, hash.as_ref()).await {
        Ok(true) => Ok(user.filter(|user| user.disabled_at.is_none()).zip(stored)),
        Ok(false) | Err(PasswordError::Empty | PasswordError::TooLong) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Counts the attempt before any work is done for it, so that a parallel burst gets no more than its
/// share (attack 84).
pub(super) async fn admit(
    provider: &Provider,
    username: &str,
    address: IpAddr,
    now: Timestamp,
) -> Result<Result<(), Timestamp>, FlowError> {
    let name = provider.master.hash(HashPurpose::Handle, username);
    let buckets = [
        (
            name_and_address(provider, username, address),
            NAME_AND_ADDRESS,
        ),
        (format!("name {name}"), NAME),
        (format!("address {}", network(address)), ADDRESS),
        ("everybody".to_owned(), EVERYBODY),
    ];
    let tx = provider.database.begin().await?;
    for (bucket, pace) in &buckets {
        if let Err(again_at) = throttles::admit(&tx, bucket, *pace, now).await? {
            // What was counted in the buckets before stays counted: an attempt is an attempt.
            store::commit(tx).await?;
            return Ok(Err(again_at));
        }
    }
    store::commit(tx).await?;
    Ok(Ok(()))
}

pub(super) fn name_and_address(provider: &Provider, username: &str, address: IpAddr) -> String {
    let name = provider.master.hash(HashPurpose::Handle, username);
    format!("name {name} address {}", network(address))
}

/// Whom an address belongs to: of IPv6, a household has at least 2^64.
pub(super) fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}
