//! A browser in which a person has signed in before is known by a cookie of its own, so that strangers who guess at
//! their name don't keep them out there (attack 85). Nothing is stored: the cookie proves itself.

use chrono::TimeDelta;
use uuid::Uuid;

use super::{FlowError, Provider};
use crate::clock::Timestamp;
use crate::jose::HashPurpose;
use crate::store::throttles::Pace;
use crate::store::{passwords, users};

/// How long a browser keeps the cookie.
pub const KNOWN_FOR: TimeDelta = TimeDelta::days(180);
/// The length of the cookie's value: a random secret, a point, and the proof.
pub const LENGTH: usize = 87;
/// One person in one browser that is known: as often as a person mistypes.
pub(super) const PACE: Pace = Pace {
    interval: TimeDelta::seconds(15),
    burst: 10,
};

/// The value for the cookie of a browser in which this person, whose password was set at `set_at`, has just signed in.
pub(super) fn introduce(provider: &Provider, user_id: Uuid, set_at: Timestamp) -> String {
    let secret = provider.random.secret();
    let said = said(user_id, set_at, &secret);
    let proof = provider.master.hash(HashPurpose::KnownBrowser, &said);
    format!("{secret}.{proof}")
}

/// The bucket of a browser that is known to have been `username`'s; none for any other. Who sets a new password is known
/// nowhere else any more: somebody else may have known the old one, in as many browsers as they like.
///
/// # Errors
/// When the database fails.
pub(super) async fn bucket(
    provider: &Provider,
    username: &str,
    cookie: Option<&str>,
) -> Result<Option<String>, FlowError> {
    let Some((secret, shown)) = cookie.and_then(|cookie| cookie.split_once('.')) else {
        return Ok(None);
    };
    let db = provider.database.read();
    let user = users::find_by_username(db, username).await?;
    // As many questions for a name that nobody has (attack 83).
    let user_id = user.map_or(Uuid::nil(), |user| user.id);
    let Some(password) = passwords::find(db, user_id).await? else {
        return Ok(None);
    };
    let said = said(user_id, password.set_at, secret);
    let known = provider
        .master
        .matches(HashPurpose::KnownBrowser, &said, shown);
    Ok(known.then(|| format!("known {shown}")))
}

fn said(user_id: Uuid, set_at: Timestamp, secret: &str) -> String {
    format!("{user_id} {} {secret}", set_at.timestamp_millis())
}
