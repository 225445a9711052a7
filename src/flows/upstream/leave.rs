//! Somebody who came from an upstream has signed out here, and may leave there too (RP-Initiated Logout 1.0). Their session
//! here is over by then, whatever becomes of this.

use std::sync::Arc;

use chrono::TimeDelta;
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::admit::id_token_sealed_for;
use super::{known_metadata_of, metadata_of};
use crate::clock::Timestamp;
use crate::flows::{FlowError, Provider};
use crate::jose::HashPurpose;
use crate::oidc::logout::Cause;
use crate::oidc::upstream::Upstream;
use crate::oidc::upstream::leaving::{self, SignOut};
use crate::oidc::upstream::metadata::Metadata;
use crate::store::session_upstreams::SessionUpstream;
use crate::store::{self, leavings, session_upstreams, sessions, upstreams};

/// The longest that a person waits for what an upstream says of itself, where that is not known already.
const GRACE: TimeDelta = TimeDelta::milliseconds(500);

/// Until when to wait, of somebody who signs out or asks to be taken there: within the grace for receipts (P4).
pub fn deadline_there(provider: &Provider, now: Timestamp) -> Timestamp {
    now + provider.config.logout.grace.min(GRACE)
}

/// Where a session came from that is over.
#[derive(Debug)]
pub struct Elsewhere {
    /// The upstream; its policy is not to say nothing of it.
    pub upstream: Upstream,
    /// How to leave there; none where that is not known, or not possible.
    pub way: Option<Way>,
}

/// How to leave an upstream.
#[derive(Debug)]
pub struct Way {
    end_session_endpoint: String,
    id_token: SecretString,
}

/// Where the session came from, and whether its person is to leave there too. None where they signed in here, where the
/// upstream is not in use any more or has told us itself that they left there, and where its policy is to let them stay.
/// Where the upstream does not say how, that is waited for no longer than to the deadline; without one, not at all.
///
/// # Errors
/// When the database fails.
pub async fn elsewhere(
    provider: &Provider,
    session_id: Uuid,
    deadline: Option<Timestamp>,
) -> Result<Option<Elsewhere>, FlowError> {
    let db = provider.database.read();
    let Some(from) = session_upstreams::find(db, session_id).await? else {
        return Ok(None);
    };
    let session = sessions::find(db, session_id).await?;
    if session.is_some_and(|session| session.end_cause == Some(Cause::Upstream)) {
        return Ok(None);
    }
    let mut enabled = upstreams::list_enabled(db).await?.into_iter();
    let Some(upstream) = enabled.find(|known| known.issuer == from.issuer) else {
        return Ok(None);
    };
    // Without ID tokens there is no way there that anybody knows of.
    if upstream.sign_out == SignOut::Stay || upstream.oauth2.is_some() {
        return Ok(None);
    }
    let way = way(provider, &upstream, &from, deadline).await;
    Ok(Some(Elsewhere { upstream, way }))
}

/// How to leave there. What can't be had is told to our log: nobody stays signed in here for it.
async fn way(
    provider: &Provider,
    upstream: &Upstream,
    from: &SessionUpstream,
    deadline: Option<Timestamp>,
) -> Option<Way> {
    let none = |why: &str| {
        tracing::warn!(
            upstream = upstream.id,
            why,
            "nobody can be signed out there"
        );
        None
    };
    let Some(metadata) = soon(provider, upstream, deadline).await else {
        return none("it does not say how in time");
    };
    let Some(end_session_endpoint) = metadata.fit_end_session_endpoint() else {
        return none("it has no end session endpoint");
    };
    let associated = id_token_sealed_for(from.session_id);
    let sealed = from.sealed_id_token.as_deref();
    let Some(Ok(opened)) = sealed.map(|sealed| provider.master.open(&associated, sealed)) else {
        return none("its ID token does not open");
    };
    let id_token = String::from_utf8_lossy(opened.expose_secret()).into_owned();
    Some(Way {
        end_session_endpoint: end_session_endpoint.to_owned(),
        id_token: SecretString::from(id_token),
    })
}

/// What it says of itself, if that is known or comes in time. It is asked all the same: the next one knows.
async fn soon(
    provider: &Provider,
    upstream: &Upstream,
    deadline: Option<Timestamp>,
) -> Option<Arc<Metadata>> {
    let found = match (known_metadata_of(provider, upstream), deadline) {
        (Ok(None), Some(deadline)) => tokio::select! {
            found = metadata_of(provider, upstream) => found,
            () = provider.clock.sleep_until(deadline) => Ok(None),
        },
        (known, _) => known,
    };
    found.unwrap_or_else(|error| {
        tracing::error!(%error, upstream = upstream.id, "an upstream can't be asked");
        None
    })
}

/// Sends the browser with this handle there to leave; answers the address, which nobody else may see. None when the handle
/// works no more.
///
/// # Errors
/// When the database fails.
pub async fn send(
    provider: &Provider,
    handle: &str,
    upstream: &Upstream,
    way: &Way,
) -> Result<Option<String>, FlowError> {
    let state = provider.random.secret();
    let handle_hash = provider.master.hash(HashPurpose::Handle, handle);
    let state_hash = hash_of(provider, &upstream.id, &state);
    let tx = provider.database.begin().await?;
    let now = provider.clock.now();
    let sent = leavings::send_elsewhere(&tx, &handle_hash, &state_hash, now).await?;
    store::commit(tx).await?;
    tracing::info!(
        upstream = upstream.id,
        sent,
        "somebody goes there to sign out"
    );
    Ok(sent.then(|| {
        leaving::address(
            upstream,
            &way.end_session_endpoint,
            &provider.config.issuer,
            way.id_token.expose_secret(),
            &state,
        )
    }))
}

/// The browser with this handle comes back from there. False when it was not sent with this `state`, or is back already.
///
/// # Errors
/// When the database fails.
pub async fn come_back(
    provider: &Provider,
    handle: &str,
    upstream_id: &str,
    state: &str,
) -> Result<bool, FlowError> {
    let handle_hash = provider.master.hash(HashPurpose::Handle, handle);
    let state_hash = hash_of(provider, upstream_id, state);
    let tx = provider.database.begin().await?;
    let now = provider.clock.now();
    let back = leavings::come_back(&tx, &handle_hash, &state_hash, now).await?;
    store::commit(tx).await?;
    Ok(back)
}

/// What is kept of a `state`, which is good at one upstream's address alone.
fn hash_of(provider: &Provider, upstream_id: &str, state: &str) -> String {
    let bound = format!("{upstream_id} {state}");
    provider.master.hash(HashPurpose::Handle, &bound)
}
