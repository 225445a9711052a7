//! The worker that has upstreams take back the refresh tokens that were let go ([`super::refresh_tokens`]): it asks (RFC 7009)
//! until it is answered or the time is over.

use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::future::join_all;
use secrecy::ExposeSecret as _;
use tokio_util::sync::CancellationToken;

use super::client_auth::credentials;
use super::metadata_of;
use super::refresh_tokens::sealed_for;
use crate::clock::Timestamp;
use crate::flows::{FlowError, Provider};
use crate::metrics::Returned;
use crate::oidc::logout::delivery::{self, Backoff, Verdict};
use crate::outbound::RetryAfter;
use crate::store::upstream_tokens::{self, UpstreamToken};
use crate::store::upstreams;

/// How soon one is noticed that is to be taken back.
const LOOK: TimeDelta = TimeDelta::seconds(1);
/// How many are tried at once.
const AT_ONCE: usize = 32;
/// How long whoever tries may take before another does: longer than the client of connections to others lets it.
const LEASE: TimeDelta = TimeDelta::minutes(1);
/// The longest answer that is read: nothing in it matters.
const LONGEST: usize = 16 * 1024;

/// Takes tokens back until `stop` is cancelled. Any node may: what one tries another leaves alone for a while.
pub async fn run(provider: Arc<Provider>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let again = provider.clock.now() + LOOK;
        let looked = tokio::select! {
            looked = look(&provider) => looked,
            // What is left under way is tried once more: it does no harm.
            () = stop.cancelled() => return,
        };
        match looked {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "upstreams' refresh tokens can't be taken back"),
        }
        tokio::select! {
            () = provider.clock.sleep_until(again) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Tries those that are due; answers whether there may be more.
async fn look(provider: &Provider) -> Result<bool, FlowError> {
    let now = provider.clock.now();
    let due = upstream_tokens::due(provider.database.read(), now, AT_ONCE as u64).await?;
    if due.is_empty() {
        return Ok(false);
    }
    let is_more = due.len() == AT_ONCE;
    let claimed = claim(provider, due, now).await?;
    let attempts = claimed.into_iter().map(|token| async move {
        let outcome = attempt(provider, &token).await.unwrap_or_else(|error| {
            tracing::error!(%error, issuer = token.issuer, "a refresh token can't be taken back");
            Outcome::Again(None)
        });
        (token, outcome)
    });
    record(provider, join_all(attempts).await).await?;
    Ok(is_more)
}

/// Those of them that no other node tries.
async fn claim(
    provider: &Provider,
    mut due: Vec<UpstreamToken>,
    now: Timestamp,
) -> Result<Vec<UpstreamToken>, FlowError> {
    // In one order on every node, or two of them would wait for each other.
    due.sort_by_key(|token| token.id);
    let mut claimed = Vec::with_capacity(due.len());
    let work = provider.begin_work().await?;
    for token in due {
        let (attempts, until) = (token.attempts + 1, now + LEASE);
        if upstream_tokens::put_off(&work.tx, &token, attempts, until).await? {
            claimed.push(UpstreamToken {
                due_at: Some(until),
                attempts,
                ..token
            });
        }
    }
    work.commit().await?;
    Ok(claimed)
}

/// What came of a try.
enum Outcome {
    /// It is good there no more.
    Done,
    /// The upstream does not take it back, and will not the next time.
    Refused,
    /// There is nobody to ask.
    Impossible,
    /// Nobody answered, or could; not again before this long.
    Again(Option<TimeDelta>),
}

async fn attempt(provider: &Provider, token: &UpstreamToken) -> Result<Outcome, FlowError> {
    let known = upstreams::list(provider.database.read()).await?.into_iter();
    // Whether people still sign in through it does not matter, as long as nobody does through another of its name.
    let known = known
        .filter(|known| known.upstream.issuer == token.issuer)
        .min_by_key(|known| known.disabled_at.is_some());
    let Some(known) = known else {
        return Ok(Outcome::Impossible);
    };
    let upstream = &known.upstream;
    if upstream.oauth2.is_some() {
        // Nobody told us where it takes tokens back.
        return Ok(Outcome::Impossible);
    }
    let Ok(plain) = provider
        .master
        .open(&sealed_for(token.id), &token.sealed_token)
    else {
        return Ok(Outcome::Impossible);
    };
    let plain = String::from_utf8_lossy(plain.expose_secret());
    let Some(metadata) = metadata_of(provider, upstream).await? else {
        return Ok(Outcome::Again(None));
    };
    let Some(url) = metadata.fit_revocation_endpoint() else {
        return Ok(Outcome::Impossible);
    };
    let credentials = credentials(provider, &known)?;
    let mut fields = vec![("token", &*plain), ("token_type_hint", "refresh_token")];
    let own = credentials.fields.iter();
    fields.extend(own.map(|(name, value)| (*name, value.as_str())));
    let authorization = credentials.authorization.as_deref();
    let answer = provider
        .outbound
        .within(&upstream.private_networks)?
        .ask(url, authorization, Some(&fields), LONGEST)
        .await;
    let Ok(answer) = answer else {
        return Ok(Outcome::Again(None));
    };
    if matches!(answer.status, 401 | 403) {
        // Our secret there is wrong, and may be right again.
        return Ok(Outcome::Again(None));
    }
    let now = provider.clock.now();
    let wait = |after: RetryAfter| after.moment(now) - now;
    // What statuses mean is the same as with notices.
    let verdict = delivery::classify(Ok(delivery::Answer {
        status: answer.status,
        retry_after: answer.retry_after.map(wait),
    }));
    Ok(match verdict {
        Verdict::Confirmed => Outcome::Done,
        Verdict::Refused | Verdict::Final => Outcome::Refused,
        Verdict::Again { after } => Outcome::Again(after),
    })
}

/// Forgets what is done or can't be, and puts off the rest.
async fn record(
    provider: &Provider,
    tried: Vec<(UpstreamToken, Outcome)>,
) -> Result<(), FlowError> {
    let logout = &provider.config.logout;
    let backoff = Backoff {
        first: logout.retry_first,
        max: logout.retry_max,
    };
    let now = provider.clock.now();
    let work = provider.begin_work().await?;
    for (token, outcome) in tried {
        let (result, again_at) = match outcome {
            Outcome::Done => (Returned::Revoked, None),
            Outcome::Refused => (Returned::Refused, None),
            Outcome::Impossible => (Returned::Impossible, None),
            Outcome::Again(after) => {
                let jitter = provider.random.fraction();
                let next = backoff.next_attempt(token.attempts, jitter, after, now);
                match token.give_up_at.is_none_or(|until| next <= until) {
                    true => (Returned::Again, Some(next)),
                    false => (Returned::GivenUp, None),
                }
            }
        };
        match again_at {
            Some(next) => {
                upstream_tokens::put_off(&work.tx, &token, token.attempts, next).await?;
            }
            None => upstream_tokens::remove(&work.tx, token.id).await?,
        }
        provider.metrics.upstreams.returned(result);
        tracing::info!(
            session_id = %token.session_id,
            issuer = token.issuer,
            attempt = token.attempts,
            result = result.as_str(),
            "an upstream was asked to take a refresh token back"
        );
    }
    Ok(work.commit().await?)
}
