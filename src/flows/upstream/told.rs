//! An upstream tells that somebody signed out there: its server by a logout token (Back-Channel Logout 1.0 §2.5), or its
//! page by a frame in the person's browser (Front-Channel Logout 1.0 §3). The sessions that came from there end.

use chrono::TimeDelta;
use uuid::Uuid;

use super::{UpstreamKeys, metadata_of, publisher};
use crate::flows::end_session::{Left, end_from_upstream};
use crate::flows::{FlowError, Provider};
use crate::metrics::UpstreamSaid;
use crate::oidc::params::Params;
use crate::oidc::upstream::Upstream;
use crate::oidc::upstream::logout_token::{SignedOut, Unfit, Unproved, framed};
use crate::store::session_upstreams::{self, Named};

/// How long is remembered what was told: longer than a logout token is good, and than anybody is on the way back from
/// there.
pub(in crate::flows) const REMEMBER: TimeDelta = TimeDelta::minutes(45);

/// The most sessions of which a frame's page tells applications.
const MOST_FRAMED: u64 = 20;

/// What came of a logout token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Whatever sessions came from there under these names are over.
    Done,
    /// Nobody is signed out by it.
    Unfit(Unfit),
    /// What would prove it can't be had now.
    Unprovable,
}

/// Its server told it. An upstream through which nobody signs in any more is heard as well: there may be sessions from
/// before.
///
/// # Errors
/// When it can't be told whether the sessions ended: it must be told again.
pub async fn by_server(
    provider: &Provider,
    upstream: &Upstream,
    token: &str,
) -> Result<Told, FlowError> {
    let told = by_token(provider, upstream, token).await?;
    let (said, why) = match told {
        Told::Done => return Ok(told),
        Told::Unfit(why) => (UpstreamSaid::Refused, why.0),
        Told::Unprovable => (UpstreamSaid::Unprovable, "its keys can't be had"),
    };
    provider.metrics.upstreams.said(&upstream.id, said);
    tracing::warn!(
        upstream = upstream.id,
        why,
        "a logout token signs nobody out"
    );
    Ok(told)
}

async fn by_token(
    provider: &Provider,
    upstream: &Upstream,
    token: &str,
) -> Result<Told, FlowError> {
    let unproved = match Unproved::read(token, upstream, provider.clock.now()) {
        Ok(unproved) => unproved,
        Err(why) => return Ok(Told::Unfit(why)),
    };
    let SignedOut { subject, sid, jti } = match prove(provider, upstream, &unproved).await? {
        Ok(says) => says,
        Err(told) => return Ok(told),
    };
    let named = Named {
        issuer: &upstream.issuer,
        subject: subject.as_deref(),
        sid: sid.as_deref(),
    };
    match end_from_upstream(provider, named, jti).await? {
        Left::Ended(count) => {
            done(provider, upstream, "back", count);
            Ok(Told::Done)
        }
        Left::Before => Ok(Told::Unfit(Unfit("the logout token was used before"))),
        Left::OfAnother => Ok(Told::Unfit(Unfit(
            "the logout token's sub and sid do not belong together",
        ))),
    }
}

/// What a token says, if the upstream has signed it. Under keys that we got before it came in a signature may not hold
/// because they are others by now: that is a reason to come again, and none to be refused (attack 62).
async fn prove<'a>(
    provider: &Provider,
    upstream: &Upstream,
    unproved: &'a Unproved<'_>,
) -> Result<Result<&'a SignedOut, Told>, FlowError> {
    let came_at = provider.clock.now();
    let Some(metadata) = metadata_of(provider, upstream).await? else {
        return Ok(Err(Told::Unprovable));
    };
    let (url, documents) = (&metadata.jwks_uri, &provider.upstream_keys);
    let signed_by = |keys: &UpstreamKeys| unproved.signed_by(keys);
    let whose = publisher(upstream);
    let Some(keys) = documents.current(provider, whose, url).await? else {
        return Ok(Err(Told::Unprovable));
    };
    if let Some(says) = signed_by(&keys) {
        return Ok(Ok(says));
    }
    let newer = documents.newer(provider, whose, url, &keys).await?;
    if let Some(says) = newer.as_deref().and_then(signed_by) {
        return Ok(Ok(says));
    }
    Ok(Err(match documents.is_since(whose, url, came_at).await {
        true => Told::Unfit(Unfit("no key of this upstream's has signed the token")),
        false => Told::Unprovable,
    }))
}

/// Its page told it, in the browser of whoever signed out there. Answers the sessions that came from there as what was
/// asked for, ended now or before: for each page that is asked for, none of which knows whether there was one.
///
/// # Errors
/// When it can't be told whether they ended.
pub async fn by_frame(
    provider: &Provider,
    upstream: &Upstream,
    params: &Params,
) -> Result<Result<Vec<Uuid>, Unfit>, FlowError> {
    let sid = match framed(params, upstream) {
        Ok(sid) => sid,
        Err(why) => {
            let said = UpstreamSaid::Refused;
            provider.metrics.upstreams.said(&upstream.id, said);
            tracing::warn!(upstream = upstream.id, %why, "a frame signs nobody out");
            return Ok(Err(why));
        }
    };
    let named = Named {
        issuer: &upstream.issuer,
        subject: None,
        sid: Some(sid),
    };
    let db = provider.database.read();
    // Who does not know of a session leaves nothing behind.
    if session_upstreams::unended(db, named, 1).await?.is_empty() {
        done(provider, upstream, "front", 0);
    } else {
        let name = format!("frame {}", provider.random.identifier());
        if let Left::Ended(count) = end_from_upstream(provider, named, &name).await? {
            done(provider, upstream, "front", count);
        }
    }
    Ok(Ok(session_upstreams::came(db, named, MOST_FRAMED).await?))
}

fn done(provider: &Provider, upstream: &Upstream, channel: &'static str, sessions: usize) {
    let said = match sessions {
        0 => UpstreamSaid::Nobody,
        _ => UpstreamSaid::Ended,
    };
    provider.metrics.upstreams.said(&upstream.id, said);
    let upstream = &upstream.id;
    tracing::info!(
        upstream,
        channel,
        sessions,
        "somebody signed out at an upstream"
    );
}
