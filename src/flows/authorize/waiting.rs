//! Requests that wait: for a person, or for the cookie that a POST from another site does not bring. And what was answered
//! a moment ago, for whose second click dropped the answer.

use std::net::IpAddr;

use chrono::TimeDelta;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::config::canonical_name;
use crate::flows::sign_in::network;
use crate::flows::{FlowError, Provider};
use crate::jose::HashPurpose;
use crate::oidc::client::Client;
use crate::oidc::params::Params;
use crate::store::interactions::{self, Interaction};
use crate::store::sessions::listing::{self, Wanted};
use crate::store::throttles::{self, Pace};
use crate::store::{self, Transaction, parked_requests, users};

/// How long a person may take to sign in.
const PATIENCE: TimeDelta = TimeDelta::hours(1);
/// How long whoever has answered a request may do so again: at a second click browsers drop the first answer.
const AGAIN: TimeDelta = TimeDelta::minutes(1);
/// How long a browser takes to follow a redirect to ourselves.
const ONE_HOP: TimeDelta = TimeDelta::minutes(2);
/// Requests that wait, from one network: everyone of an office may begin the day at once. Those that wait for a person
/// and POSTs from other sites have a bucket each.
const PARKED: Pace = Pace {
    interval: TimeDelta::milliseconds(500),
    burst: 100,
};
/// The most bytes of a request that waits: nobody has shown yet that they may leave anything here.
const MOST_PARKED_BYTES: usize = 16 * 1024;
/// Among so many of a person's sessions, the newest, the one that began a moment ago is looked for.
const MOST_SESSIONS: u64 = 50;

/// Why a request was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotParked {
    /// Its network has sent too many; the next one may come at this moment.
    TooOften(Timestamp),
    /// It is longer than what is kept.
    TooLong,
}

/// Parks a request until the person has done what it needs; answers the handle for the page's form. Anyone can send
/// one, whatever cookies they make up.
///
/// # Errors
/// When the database fails.
pub async fn park(
    provider: &Provider,
    client: &Client,
    params: &Params,
    browser: &str,
    address: IpAddr,
) -> Result<Result<String, NotParked>, FlowError> {
    let now = provider.clock.now();
    let handle = provider.random.secret();
    let text = params.to_text();
    if text.len() > MOST_PARKED_BYTES {
        return Ok(Err(NotParked::TooLong));
    }
    let tx = provider.database.begin().await?;
    let bucket = format!("waiting address {}", network(address));
    if let Err(again_at) = throttles::admit(&tx, &bucket, PARKED, now).await? {
        return Ok(Err(NotParked::TooOften(again_at)));
    }
    interactions::insert(
        &tx,
        &Interaction {
            handle_hash: provider.master.hash(HashPurpose::Handle, &handle),
            browser_hash: provider.master.hash(HashPurpose::Handle, browser),
            client_id: client.client_id.clone(),
            params: text,
            requested_at: now,
            expires_at: now + PATIENCE,
        },
    )
    .await?;
    store::commit(tx).await?;
    Ok(Ok(handle))
}

/// The request parked under `handle` in this browser, if it still waits.
///
/// # Errors
/// When the database fails.
pub async fn parked(
    provider: &Provider,
    handle: &str,
    browser: &str,
) -> Result<Option<Interaction>, FlowError> {
    let handle_hash = provider.master.hash(HashPurpose::Handle, handle);
    let browser_hash = provider.master.hash(HashPurpose::Handle, browser);
    let db = provider.database.read();
    Ok(interactions::find(db, &handle_hash, &browser_hash, provider.clock.now()).await?)
}

/// The request parked under `handle` that this person has answered in this browser a moment ago.
///
/// # Errors
/// When the database fails.
pub async fn answered(
    provider: &Provider,
    handle: &str,
    browser: &str,
    user_id: Uuid,
) -> Result<Option<Interaction>, FlowError> {
    let handle_hash = provider.master.hash(HashPurpose::Handle, handle);
    let browser_hash = provider.master.hash(HashPurpose::Handle, browser);
    let by_them = answered_hash(provider, &browser_hash, user_id);
    let db = provider.database.read();
    let known = interactions::find(db, &handle_hash, &by_them, provider.clock.now()).await?;
    // As it was when it waited: whatever becomes of it is looked for under either.
    Ok(known.map(|known| Interaction {
        browser_hash,
        ..known
    }))
}

/// As [`answered`], by the name in a sign-in form: they have signed in since the request came, and are signed in still. A form
/// that a browser sends again after they left signs nobody in.
///
/// # Errors
/// When the database fails.
pub async fn signed_in_and_answered(
    provider: &Provider,
    handle: &str,
    browser: &str,
    username: &str,
) -> Result<Option<Interaction>, FlowError> {
    let db = provider.database.read();
    let user = users::find_by_username(db, &canonical_name(username)).await?;
    // As many questions for a name that nobody has (attack 83).
    let user_id = user.map_or(Uuid::nil(), |user| user.id);
    let Some(known) = answered(provider, handle, browser, user_id).await? else {
        return Ok(None);
    };
    let wanted = Wanted {
        user_id: Some(user_id),
        ended: Some(false),
        ..Wanted::default()
    };
    let now = provider.clock.now();
    let living = listing::page(db, &wanted, provider.alive(now), MOST_SESSIONS).await?;
    // In this minute, since that is when it was answered: a session that they have elsewhere says nothing of here.
    let since = known.requested_at.max(now - AGAIN);
    let signed_in = living.iter().any(|session| session.auth_time >= since);
    Ok(signed_in.then_some(known))
}

/// Records that this person answers the request. True as well where they have a moment ago; false where somebody else has, or
/// it was given up.
pub(super) async fn answer(
    provider: &Provider,
    tx: &Transaction,
    interaction: &Interaction,
    user_id: Uuid,
    now: Timestamp,
) -> Result<bool, FlowError> {
    let by_them = answered_hash(provider, &interaction.browser_hash, user_id);
    if interactions::answer(tx, interaction, &by_them, now + AGAIN).await? {
        return Ok(true);
    }
    let again = interactions::find(tx, &interaction.handle_hash, &by_them, now).await?;
    Ok(again.is_some())
}

/// What binds an answered request to its browser and to who answered. Who that is does not stand in it.
fn answered_hash(provider: &Provider, browser_hash: &str, user_id: Uuid) -> String {
    let text = format!("{browser_hash} answered by {user_id}");
    provider.master.hash(HashPurpose::Handle, &text)
}

/// The person said no: the parked request is over. False when it was answered before.
///
/// # Errors
/// When the database fails.
pub async fn give_up(provider: &Provider, interaction: &Interaction) -> Result<bool, FlowError> {
    let tx = provider.database.begin().await?;
    let first = interactions::give_up(&tx, interaction).await?;
    store::commit(tx).await?;
    Ok(first)
}

/// Keeps the parameters of a POST from another site for the GET that brings our cookie along. Anyone can send them, and
/// nobody need ever fetch them.
///
/// # Errors
/// When the database fails.
pub async fn park_post(
    provider: &Provider,
    params: &Params,
    address: IpAddr,
) -> Result<Result<String, NotParked>, FlowError> {
    let now = provider.clock.now();
    let handle = provider.random.secret();
    let hash = provider.master.hash(HashPurpose::Handle, &handle);
    let text = params.to_text();
    if text.len() > MOST_PARKED_BYTES {
        return Ok(Err(NotParked::TooLong));
    }
    let tx = provider.database.begin().await?;
    let bucket = format!("parked address {}", network(address));
    if let Err(again_at) = throttles::admit(&tx, &bucket, PARKED, now).await? {
        return Ok(Err(NotParked::TooOften(again_at)));
    }
    parked_requests::insert(&tx, hash, text, now + ONE_HOP).await?;
    store::commit(tx).await?;
    Ok(Ok(handle))
}

/// Takes such parameters out again, once.
///
/// # Errors
/// When the database fails.
pub async fn take_post(provider: &Provider, handle: &str) -> Result<Option<Params>, FlowError> {
    let hash = provider.master.hash(HashPurpose::Handle, handle);
    let tx = provider.database.begin().await?;
    let text = parked_requests::take(&tx, &hash, provider.clock.now()).await?;
    store::commit(tx).await?;
    Ok(text.and_then(|text| Params::parse(text.as_bytes()).ok()))
}
