//! Signing in through other providers: a person is sent there ([`start`]), comes back ([`finish`]), and is let in
//! ([`admit`]) or linked ([`link`]). Which upstreams there are, [`known`] knows. [`told`] hears of sign-outs there.

pub mod admit;
pub mod finish;
pub mod known;
pub mod link;
pub mod start;
pub mod told;

use std::sync::Arc;

use chrono::TimeDelta;
use openidconnect::core::CoreJsonWebKeySet;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::documents::{Documents, Kind, Publisher};
use super::{FlowError, Provider};
use crate::oidc::upstream::Upstream;
use crate::oidc::upstream::metadata::{self, Metadata};
use crate::store::upstreams::KnownUpstream;

/// An upstream's keys.
pub type UpstreamKeys = CoreJsonWebKeySet;

/// No metadata yet. They change seldom, and are kept a while so that not every sign-in asks for them.
pub fn no_metadata() -> Arc<Documents<Metadata>> {
    Arc::new(Documents::new(Kind {
        accept: "application/json",
        longest: 128 * 1024,
        read: Metadata::read,
        least: TimeDelta::minutes(1),
        unsaid: TimeDelta::hours(1),
    }))
}

/// No keys yet.
pub fn no_keys() -> Arc<Documents<UpstreamKeys>> {
    Arc::new(Documents::new(Kind {
        accept: "application/jwk-set+json, application/json",
        longest: 128 * 1024,
        read: |json| serde_json::from_slice(json).ok(),
        least: TimeDelta::minutes(1),
        unsaid: TimeDelta::minutes(10),
    }))
}

/// What somebody is sent to an upstream for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// To go on with the application's request that waits under this handle.
    Interaction(String),
    /// To come to their own account.
    Account,
    /// To show that they are somebody there too: they were signed in here in this session.
    Link(Uuid),
}

/// What an upstream says of itself, if it can be had and is what we were told of (Discovery 1.0 §4.3).
pub(super) async fn metadata_of(
    provider: &Provider,
    upstream: &Upstream,
) -> Result<Option<Arc<Metadata>>, FlowError> {
    let address = metadata::address(&upstream.issuer);
    let found = provider
        .upstream_metadata
        .current(provider, publisher(upstream), &address)
        .await?;
    let Some(found) = found else {
        return Ok(None);
    };
    if found.issuer != upstream.issuer {
        tracing::warn!(upstream = upstream.id, "its metadata name another issuer");
        return Ok(None);
    }
    Ok(Some(found))
}

fn publisher(upstream: &Upstream) -> Publisher<'_> {
    Publisher {
        name: &upstream.id,
        private_networks: &upstream.private_networks,
    }
}

/// Our secret at an upstream, if we have one.
pub(super) fn secret_at(
    provider: &Provider,
    known: &KnownUpstream,
) -> Result<Option<SecretString>, FlowError> {
    let Some(sealed) = &known.sealed_secret else {
        return Ok(None);
    };
    let opened = provider
        .master
        .open(&sealed_for(&known.upstream.id), sealed)?;
    let text = String::from_utf8_lossy(opened.expose_secret()).into_owned();
    Ok(Some(SecretString::from(text)))
}

/// Whose secret it is.
fn sealed_for(id: &str) -> String {
    format!("upstream {id} secret")
}
