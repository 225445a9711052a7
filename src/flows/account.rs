//! What a person does to what is theirs.

use std::net::IpAddr;

use chrono::TimeDelta;
use secrecy::SecretString;
use uuid::Uuid;

use super::end_session::{self, Ending};
use super::sign_in::{BrowserCookies, Buckets, is_still, verify};
use super::{FlowError, Provider, known_browser, revocations};
use crate::clock::Timestamp;
use crate::jose::HashPurpose;
use crate::oidc::logout::Cause;
use crate::store::grants::{self, Of};
use crate::store::orders::OrderScope;
use crate::store::passwords::Password;
use crate::store::sessions::{self, Session};
use crate::store::{self, clients, consents, passwords, users};

/// How exactly the last use of a session is known at most: a write for each call would cost too much.
const LAST_SEEN_GRAIN: TimeDelta = TimeDelta::minutes(1);

/// How many sessions of a person one transaction ends parts of.
const SESSIONS_AT_ONCE: u64 = 200;

/// What the form for a new password and its connection tell.
pub struct NewPassword<'a> {
    /// The session in which it is asked for.
    pub session: &'a Session,
    /// As typed.
    pub current: &'a SecretString,
    /// As typed, and found good enough.
    pub new: &'a SecretString,
    /// Where the connection comes from.
    pub address: IpAddr,
    /// The cookie by which the browser is known, if one came along.
    pub known: Option<&'a str>,
}

/// How that went.
pub enum PasswordChange {
    /// It is the new one from now on; the session goes on under these cookies.
    Done(BrowserCookies),
    /// The current password is another, or the session has ended meanwhile.
    Refused,
    /// Too many attempts; the next one may come at this moment.
    TooOften(Timestamp),
}

/// Sets a person's password for themselves. Every other session of theirs ends, and what was granted in
/// them; the one in which they ask goes on.
///
/// # Errors
/// When we can't tell; the password is then the old one.
pub async fn change_password(
    provider: &Provider,
    wanted: &NewPassword<'_>,
) -> Result<PasswordChange, FlowError> {
    let session = wanted.session;
    let now = provider.clock.now();
    let Some(user) = users::find(provider.database.read(), session.user_id).await? else {
        return Ok(PasswordChange::Refused);
    };
    // Who holds a browser that is signed in guesses no faster than who is at the front door.
    let buckets = Buckets::of(provider, &user.username, wanted.address, wanted.known).await?;
    if let Err(again_at) = buckets.admit(provider, now).await? {
        return Ok(PasswordChange::TooOften(again_at));
    }
    let Some((user, password)) = verify(provider, &user.username, wanted.current).await? else {
        return Ok(PasswordChange::Refused);
    };
    let hash = provider.passwords.hash(wanted.new).await?;
    let cookie = provider.random.secret();
    let tx = provider.database.begin().await?;
    // Read again, and held: much can happen while passwords are hashed.
    let user = users::lock(&tx, user.id).await?;
    let now = provider.clock.now();
    let Some(user) = user.filter(|user| user.disabled_at.is_none()) else {
        return Ok(PasswordChange::Refused);
    };
    if !is_still(&password, passwords::find(&tx, user.id).await?) {
        return Ok(PasswordChange::Refused);
    }
    let alive = provider.alive(now);
    if user.id != session.user_id
        || sessions::lock_living(&tx, session.id, alive)
            .await?
            .is_none()
    {
        return Ok(PasswordChange::Refused);
    }
    let password = Password {
        hash: hash.as_str().to_owned(),
        set_at: now,
        // The configuration does not undo this until it declares another.
        declared_fingerprint: password.declared_fingerprint,
    };
    passwords::save(&tx, user.id, &password).await?;
    let (user_id, except) = (user.id, session.id);
    let elsewhere = Of::UserElsewhere { user_id, except };
    revocations::grants_end(provider, &tx, elsewhere, now).await?;
    grants::revoke(&tx, &[elsewhere], now).await?;
    let scope = OrderScope::OthersOf { user_id, except };
    end_session::order(provider, &tx, scope, Cause::PasswordChanged, now).await?;
    let renewed = Session {
        auth_time: now,
        last_seen_at: now,
        expires_at: now + provider.config.session.absolute,
        ..session.clone()
    };
    let cookie_hash = provider.master.hash(HashPurpose::SessionCookie, &cookie);
    // Not by the old cookie: who has a copy of it may be whom the new password keeps out.
    sessions::renew(&tx, &renewed, cookie_hash, None).await?;
    buckets.forget(&tx).await?;
    store::commit(tx).await?;
    provider.work.notify_one();
    Ok(PasswordChange::Done(BrowserCookies {
        session: cookie,
        known: known_browser::introduce(provider, user.id, now),
    }))
}

/// Takes back what a person allowed a client: the consent, every grant (those with `offline_access` too),
/// and its part in each of their sessions. False when there was no consent.
///
/// # Errors
/// When the database fails; then nothing was done.
pub async fn withdraw_consent(
    provider: &Provider,
    user_id: Uuid,
    client_id: &str,
) -> Result<bool, FlowError> {
    let tx = provider.database.begin().await?;
    // No code is issued while the person is held.
    users::lock(&tx, user_id).await?;
    let now = provider.clock.now();
    let (cause, before) = (Cause::ConsentWithdrawn, now + TimeDelta::milliseconds(1));
    let limit = SESSIONS_AT_ONCE + 1;
    let ids = sessions::unended_before(&tx, Some(user_id), None, before, limit).await?;
    let few = u64::try_from(ids.len()).unwrap_or(limit) < limit;
    // Sessions, client, consents, grants, as everywhere: two orders would wait for each other.
    if few {
        sessions::lock_unended(&tx, &ids).await?;
    }
    clients::lock(&tx, client_id).await?;
    if !consents::remove(&tx, user_id, client_id).await? {
        return Ok(false);
    }
    let of = Of::UserAtClient { user_id, client_id };
    revocations::grants_end(provider, &tx, of, now).await?;
    grants::revoke(&tx, &[of], now).await?;
    if few {
        let ending = Ending::by(cause, now);
        end_session::end_participation_in(provider, &tx, &ids, client_id, ending).await?;
    } else {
        let client_id = client_id.to_owned();
        let scope = OrderScope::UserAtClient { user_id, client_id };
        end_session::order(provider, &tx, scope, cause, now).await?;
    }
    store::commit(tx).await?;
    provider.work.notify_one();
    Ok(true)
}

/// Records that a session is in use, which keeps it from idling.
///
/// # Errors
/// When the database fails.
pub async fn seen(provider: &Provider, session: &Session) -> Result<(), FlowError> {
    let now = provider.clock.now();
    if now - session.last_seen_at >= last_seen_grain(provider.config.session.idle) {
        let tx = provider.database.begin().await?;
        sessions::touch(&tx, session.id, now).await?;
        store::commit(tx).await?;
    }
    Ok(())
}

/// A session that may idle for less than ten minutes must be known more exactly, or it ends while it is in use.
fn last_seen_grain(idle: Option<TimeDelta>) -> TimeDelta {
    idle.map_or(LAST_SEEN_GRAIN, |idle| LAST_SEEN_GRAIN.min(idle / 10))
}
