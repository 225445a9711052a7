//! A person proves who they are.

use std::net::IpAddr;

use chrono::TimeDelta;
use secrecy::SecretString;
use uuid::Uuid;

use super::{FlowError, Provider, end_session, known_browser};
use crate::clock::Timestamp;
use crate::config::canonical_name;
use crate::jose::{HashPurpose, PasswordError, PasswordHash};
use crate::metrics::SignInResult;
use crate::oidc::authorization::decision::{ACR_PASSWORD, AMR_PASSWORD};
use crate::oidc::logout::Cause;
use crate::store::passwords::Password;
use crate::store::sessions::Session;
use crate::store::throttles::{self, Pace};
use crate::store::users::User;
use crate::store::{self, Transaction, passwords, sessions, users};

/// One name from one address: as often as a person mistypes.
const NAME_AND_ADDRESS: Pace = Pace {
    interval: TimeDelta::seconds(15),
    burst: 10,
};
/// One name from everywhere: generous, since it lets a stranger keep the person out (attack 85) where their browser is
/// not known.
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
    /// The cookie by which the browser is known, if one came along.
    pub known: Option<&'a str>,
}

/// What the browser gets of somebody who has proved who they are: the values of two cookies.
pub struct BrowserCookies {
    /// Of the session.
    pub session: String,
    /// By which the browser is known the next time.
    pub known: String,
}

/// How an attempt went.
pub enum SignIn {
    /// They are who they say.
    Done(BrowserCookies),
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
    let _first = provider.work.person();
    let answer = prove(provider, attempt).await?;
    provider.metrics.tried_to_sign_in(match &answer {
        SignIn::Done(_) => SignInResult::Done,
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
    let buckets = Buckets::of(provider, &username, attempt.address, attempt.known).await?;
    if let Err(again_at) = buckets.admit(provider, now).await? {
        return Ok(SignIn::TooOften(again_at));
    }
    let Some((user, password)) = verify(provider, &username, attempt.password).await? else {
        return Ok(SignIn::Refused);
    };
    // One that was declared at another cost tells by its time that somebody is known (attack 83).
    let renewed = match is_as_ours(&password) {
        true => None,
        false => Some(provider.passwords.hash(attempt.password).await?),
    };
    let tx = provider.database.begin().await?;
    // Read again, and held: they may have been shut out, or given another password, while this one
    // was hashed.
    let user = users::lock(&tx, user.id).await?;
    let Some(user) = user.filter(|user| user.disabled_at.is_none()) else {
        return Ok(SignIn::Refused);
    };
    if !is_still(&password, passwords::find(&tx, user.id).await?) {
        return Ok(SignIn::Refused);
    }
    if let Some(hash) = renewed {
        passwords::save_hash(&tx, user.id, hash.as_str()).await?;
    }
    let proof = Proof {
        user_id: user.id,
        auth_time: now,
        amr: AMR_PASSWORD.to_owned(),
        acr: Some(ACR_PASSWORD.to_owned()),
    };
    let (cookie, _) = begin_in(
        provider,
        &tx,
        proof,
        attempt.cookie,
        attempt.user_agent,
        now,
    )
    .await?;
    buckets.forget(&tx).await?;
    store::commit(tx).await?;
    provider.work.notify_one();
    Ok(SignIn::Done(BrowserCookies {
        session: cookie,
        known: known_browser::introduce(provider, user.id, password.set_at),
    }))
}

/// Who has proved who they are, when and how.
pub(super) struct Proof {
    pub user_id: Uuid,
    pub auth_time: Timestamp,
    /// Methods (RFC 8176), separated by spaces.
    pub amr: String,
    pub acr: Option<String>,
}

/// Begins a session, or renews the one that this person, who is held, has in this browser, whose `cookie` came along.
/// Somebody else's session in this browser ends. Answers the new value of the cookie, and the session.
pub(super) async fn begin_in(
    provider: &Provider,
    tx: &Transaction,
    proof: Proof,
    cookie: Option<&str>,
    user_agent: &str,
    now: Timestamp,
) -> Result<(String, Uuid), FlowError> {
    let hash = |cookie: &str| provider.master.hash(HashPurpose::SessionCookie, cookie);
    let shown_hash = cookie.map(hash);
    let before = match &shown_hash {
        Some(hash) => {
            sessions::find_by_this_or_the_next_cookie(tx, hash, provider.alive(now)).await?
        }
        None => None,
    };
    let cookie = provider.random.secret();
    let session = Session {
        id: provider.random.row_id(now),
        user_id: proof.user_id,
        auth_time: proof.auth_time,
        amr: proof.amr,
        acr: proof.acr,
        created_at: now,
        last_seen_at: now,
        expires_at: now + provider.config.session.absolute,
        ended_at: None,
        end_cause: None,
        user_agent: user_agent.chars().take(256).collect(),
    };
    let cookie_hash = hash(&cookie);
    let another = match before {
        Some(before) if before.user_id == proof.user_id => {
            let alive = provider.alive(now);
            if sessions::lock_living(tx, before.id, alive).await?.is_some() {
                let renewed = Session {
                    id: before.id,
                    ..session
                };
                sessions::renew(tx, &renewed, cookie_hash, shown_hash).await?;
                return Ok((cookie, before.id));
            }
            None
        }
        another => another,
    };
    if let Some(another) = another {
        let ending = end_session::Ending::by(Cause::Replaced, now);
        end_session::end_in(provider, tx, &[another.id], ending).await?;
    }
    sessions::insert(tx, &session, cookie_hash).await?;
    Ok((cookie, session.id))
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
    // Nobody is asked for too: what is asked of a database elsewhere takes a while.
    let user_id = user.as_ref().map_or(Uuid::nil(), |user| user.id);
    let stored = passwords::find(db, user_id).await?;
    let hash = stored
        .as_ref()
        .and_then(|stored| PasswordHash::parse(&stored.hash).ok());
    match provider.passwords.verify(password, hash.as_ref()).await {
        Ok(true) => Ok(user.filter(|user| user.disabled_at.is_none()).zip(stored)),
        Ok(false) | Err(PasswordError::Empty | PasswordError::TooLong) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether the password that was compared is set still, perhaps under a hash that another sign-in has made anew.
pub(super) fn is_still(compared: &Password, held: Option<Password>) -> bool {
    let Some(held) = held else {
        return false;
    };
    let made_anew = is_as_ours(&held) && !is_as_ours(compared);
    let same_hash = held.hash == compared.hash || made_anew;
    let (set_at, declared) = (compared.set_at, &compared.declared_fingerprint);
    same_hash && held.set_at == set_at && held.declared_fingerprint == *declared
}

fn is_as_ours(password: &Password) -> bool {
    PasswordHash::parse(&password.hash).is_ok_and(|hash| hash.is_as_ours())
}

/// Where an attempt is counted.
pub(super) struct Buckets {
    /// What is emptied when it succeeds.
    own: String,
    /// Where the attempt is not counted any more when it succeeds.
    name: Option<String>,
    all: Vec<(String, Pace)>,
}

impl Buckets {
    /// Those of an attempt at `username` (in its canonical form). In a browser that is known to have been theirs what
    /// others try at the name does not count.
    pub(super) async fn of(
        provider: &Provider,
        username: &str,
        address: IpAddr,
        known: Option<&str>,
    ) -> Result<Self, FlowError> {
        let name = provider.master.hash(HashPurpose::Handle, username);
        let network = network(address);
        let known = known_browser::bucket(provider, username, known).await?;
        let (own, name, mut all) = match known {
            Some(known) => (known.clone(), None, vec![(known, known_browser::PACE)]),
            None => {
                let own = format!("name {name} address {network}");
                let name = format!("name {name}");
                let all = vec![(own.clone(), NAME_AND_ADDRESS), (name.clone(), NAME)];
                (own, Some(name), all)
            }
        };
        all.push((format!("address {network}"), ADDRESS));
        all.push(("everybody".to_owned(), EVERYBODY));
        Ok(Self { own, name, all })
    }

    /// Counts the attempt before any work is done for it, so that a parallel burst gets no more than its
    /// share (attack 84).
    pub(super) async fn admit(
        &self,
        provider: &Provider,
        now: Timestamp,
    ) -> Result<Result<(), Timestamp>, FlowError> {
        let tx = provider.database.begin().await?;
        for (bucket, pace) in &self.all {
            if let Err(again_at) = throttles::admit(&tx, bucket, *pace, now).await? {
                // What was counted in the buckets before stays counted: an attempt is an attempt.
                store::commit(tx).await?;
                return Ok(Err(again_at));
            }
        }
        store::commit(tx).await?;
        Ok(Ok(()))
    }

    /// Who got in may mistype again tomorrow, and is none of those who guess at their name.
    pub(super) async fn forget(&self, tx: &Transaction) -> Result<(), FlowError> {
        throttles::forget(tx, &self.own).await?;
        if let Some(name) = &self.name {
            throttles::give_back(tx, name, NAME).await?;
        }
        Ok(())
    }
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
