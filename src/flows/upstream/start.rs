//! Somebody is sent to an upstream.

use std::net::IpAddr;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{Purpose, endpoints_of};
use crate::clock::Timestamp;
use crate::flows::sign_in::network;
use crate::flows::{FlowError, Provider};
use crate::jose::HashPurpose;
use crate::oidc::upstream::request::{self, Fresh, Wanted};
use crate::store::throttles::{self, Pace};
use crate::store::upstream_requests::{self, UpstreamRequest};
use crate::store::{self, upstreams};

/// How long somebody may take there.
const PATIENCE: TimeDelta = TimeDelta::minutes(30);
/// From one network: everyone of an office may begin the day at once.
const STARTED: Pace = Pace {
    interval: TimeDelta::milliseconds(500),
    burst: 100,
};

/// What is kept until they come back, and nobody else may know.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    pub nonce: String,
    pub code_verifier: String,
    /// The issuer that was asked: the file may name another by the time they come back.
    pub issuer: String,
    /// Whether it was asked without an ID token.
    pub is_oauth2: bool,
    pub asked_at: Timestamp,
    pub purpose: Purpose,
}

/// Whether somebody can be sent.
#[derive(Debug)]
pub enum Started {
    /// To this address.
    At(String),
    /// There is no such upstream.
    Unknown,
    /// It can't be reached.
    Unavailable,
    /// Their network has sent too many; the next one may go at this moment.
    TooOften(Timestamp),
}

/// Remembers what somebody in the browser with this cookie goes there for; answers where to send them.
///
/// # Errors
/// When we can't tell.
pub async fn start(
    provider: &Provider,
    upstream_id: &str,
    purpose: Purpose,
    wanted: &Wanted,
    browser: &str,
    address: IpAddr,
) -> Result<Started, FlowError> {
    let known = upstreams::find(provider.database.read(), upstream_id).await?;
    let Some(known) = known.filter(|known| known.disabled_at.is_none()) else {
        return Ok(Started::Unknown);
    };
    let upstream = known.upstream;
    // Before anything is kept, and before we say when we asked: it may take a while.
    let Some(endpoints) = endpoints_of(provider, &upstream).await? else {
        return Ok(Started::Unavailable);
    };
    let now = provider.clock.now();
    let state = provider.random.secret();
    let kept = Kept {
        nonce: provider.random.secret(),
        code_verifier: provider.random.secret(),
        issuer: upstream.issuer.clone(),
        is_oauth2: upstream.oauth2.is_some(),
        asked_at: now,
        purpose,
    };
    let location = request::address(
        &upstream,
        endpoints.authorization(),
        &provider.config.issuer,
        wanted,
        Fresh {
            state: &state,
            nonce: &kept.nonce,
            code_verifier: &kept.code_verifier,
        },
        provider.config.session.absolute,
    );
    let state_hash = provider.master.hash(HashPurpose::Handle, &state);
    let plain = serde_json::to_vec(&kept).unwrap_or_default();
    let row = UpstreamRequest {
        sealed: provider
            .master
            .seal(provider.random.as_ref(), &sealed_for(&state_hash), &plain),
        state_hash,
        browser_hash: provider.master.hash(HashPurpose::Handle, browser),
        upstream_id: upstream.id,
        expires_at: now + PATIENCE,
    };
    let tx = provider.database.begin().await?;
    let bucket = format!("upstream address {}", network(address));
    if let Err(again_at) = throttles::admit(&tx, &bucket, STARTED, now).await? {
        return Ok(Started::TooOften(again_at));
    }
    upstream_requests::insert(&tx, &row).await?;
    store::commit(tx).await?;
    Ok(Started::At(location))
}

/// Whose it is.
pub(super) fn sealed_for(state_hash: &str) -> String {
    format!("upstream request {state_hash}")
}
