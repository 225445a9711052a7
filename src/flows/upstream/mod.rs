//! Signing in through other providers: a person is sent there ([`start`]), comes back ([`finish`]), and is let in
//! ([`admit`]) or linked ([`link`]). Which upstreams there are, [`known`] knows; [`invitations`] let people in for the first
//! time, and [`trial`] says whether an upstream fits. Who signs out here may leave there too ([`leave`]), and what the upstream
//! gave for later ([`refresh_tokens`]) is taken back ([`revoke`]). [`told`] hears of sign-outs there.

pub mod admit;
mod client_auth;
pub mod finish;
pub mod invitations;
pub mod known;
pub mod leave;
pub mod link;
pub mod refresh_tokens;
pub mod revoke;
pub mod start;
pub mod told;
pub mod trial;

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
use crate::oidc::upstream::oauth2::OAuth2;
use crate::store::upstreams::KnownUpstream;

/// The longest document of an upstream's that is read, in bytes.
const LONGEST_DOCUMENT: usize = 128 * 1024;

/// An upstream's keys.
pub type UpstreamKeys = CoreJsonWebKeySet;

/// No metadata yet. They change seldom, and are kept a while so that not every sign-in asks for them.
pub fn no_metadata() -> Arc<Documents<Metadata>> {
    Arc::new(Documents::new(Kind {
        accept: "application/json",
        longest: LONGEST_DOCUMENT,
        read: Metadata::read,
        least: TimeDelta::minutes(1),
        unsaid: TimeDelta::hours(1),
    }))
}

/// No keys yet.
pub fn no_keys() -> Arc<Documents<UpstreamKeys>> {
    Arc::new(Documents::new(Kind {
        accept: "application/jwk-set+json, application/json",
        longest: LONGEST_DOCUMENT,
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
    /// To come in for the first time, by this invitation, and to their own account.
    Invitation(Uuid),
}

/// Where an upstream is asked.
enum Endpoints {
    /// As it says itself.
    Discovered(Arc<Metadata>),
    /// As we were told: there are no ID tokens.
    Configured(OAuth2),
}

impl Endpoints {
    /// Where people are sent.
    fn authorization(&self) -> &str {
        match self {
            Self::Discovered(metadata) => &metadata.authorization_endpoint,
            Self::Configured(told) => &told.authorization_endpoint,
        }
    }

    /// Where codes are redeemed.
    fn token(&self) -> &str {
        match self {
            Self::Discovered(metadata) => &metadata.token_endpoint,
            Self::Configured(told) => &told.token_endpoint,
        }
    }

    /// Whether it says that its answers name it (RFC 9207).
    fn name_themselves(&self) -> bool {
        match self {
            Self::Discovered(metadata) => metadata.authorization_response_iss_parameter_supported,
            Self::Configured(_) => false,
        }
    }
}

/// Where this upstream is asked; none when it can't say so now.
async fn endpoints_of(
    provider: &Provider,
    upstream: &Upstream,
) -> Result<Option<Endpoints>, FlowError> {
    if let Some(told) = &upstream.oauth2 {
        return Ok(Some(Endpoints::Configured(told.clone())));
    }
    let Some(metadata) = metadata_of(provider, upstream).await? else {
        return Ok(None);
    };
    let unfit = metadata.unfit_endpoints();
    if !unfit.is_empty() {
        tracing::warn!(upstream = upstream.id, ?unfit, "nobody can sign in there");
        return Ok(None);
    }
    Ok(Some(Endpoints::Discovered(metadata)))
}

/// What an upstream says of itself, if it can be had and is what we were told of (Discovery 1.0 §4.3). One that is no
/// OpenID Provider is not asked: whatever lies there is none of its own.
pub(super) async fn metadata_of(
    provider: &Provider,
    upstream: &Upstream,
) -> Result<Option<Arc<Metadata>>, FlowError> {
    if upstream.oauth2.is_some() {
        return Ok(None);
    }
    let address = metadata::address(&upstream.issuer);
    let found = provider
        .upstream_metadata
        .current(provider, publisher(upstream), &address)
        .await?;
    Ok(found.filter(|found| is_its_own(found, upstream)))
}

/// The same, if it is known already, be it a little old: nobody waits for it.
fn known_metadata_of(
    provider: &Provider,
    upstream: &Upstream,
) -> Result<Option<Arc<Metadata>>, FlowError> {
    let address = metadata::address(&upstream.issuer);
    let held = provider
        .upstream_metadata
        .held(provider, publisher(upstream), &address)?;
    Ok(held.filter(|held| is_its_own(held, upstream)))
}

fn is_its_own(found: &Metadata, upstream: &Upstream) -> bool {
    let is_its_own = found.issuer == upstream.issuer;
    if !is_its_own {
        tracing::warn!(upstream = upstream.id, "its metadata name another issuer");
    }
    is_its_own
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
