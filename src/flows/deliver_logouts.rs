//! The worker that tells applications: claims due rows under a lease, signs and posts each, records
//! what was answered. Nothing of it is kept in memory alone: a crash leaves rows whose lease runs out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use uuid::Uuid;

use super::{FlowError, Provider, observe, tokens};
use crate::clock::Timestamp;
use crate::oidc::client::ClientMetadata;
use crate::oidc::logout::DeliveryState;
use crate::oidc::logout::delivery::{self, Backoff, ConnectionProblem, Verdict};
use crate::oidc::logout::logout_token::{self, LogoutTokenClaims};
use crate::outbound::{self, OutboundError};
use crate::store::deliveries::{self, Delivery};
use crate::store::delivery_attempts::{self, Attempt};
use crate::store::{self, clients};

/// How long the truth may go unlooked at when no hint comes.
const POLL: TimeDelta = TimeDelta::seconds(1);
/// How long a claimed row stays ours: well beyond the longest attempt.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// How long an application may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Attempts under way at once, to all applications and to one.
const IN_FLIGHT: usize = 128;
const IN_FLIGHT_OF_ONE: usize = 4;

/// Delivers until `stop` is cancelled; what is under way then is finished first.
pub async fn run(provider: Arc<Provider>, stop: CancellationToken) {
    // Tasks of their own: an attempt that holds a connection must go on while this one waits for one.
    let mut under_way = JoinSet::new();
    let mut busy: HashMap<Id, String> = HashMap::new();
    while !stop.is_cancelled() {
        // Before the work: what becomes due during it is claimed right after it.
        let again = provider.clock.now() + POLL;
        let room = IN_FLIGHT - under_way.len();
        match claim(&provider, &busy, room).await {
            Ok(claimed) => {
                for (delivery, lease) in claimed {
                    let client_id = delivery.client_id.clone();
                    let task = under_way.spawn(attempt(Arc::clone(&provider), delivery, lease));
                    busy.insert(task.id(), client_id);
                }
            }
            Err(error) => tracing::error!(%error, "due deliveries could not be claimed"),
        }
        tokio::select! {
            Some(done) = under_way.join_next_with_id() => {
                let id = done.map_or_else(|panicked| panicked.id(), |(id, ())| id);
                busy.remove(&id);
            }
            () = provider.work.notified(), if under_way.len() < IN_FLIGHT => {}
            () = provider.clock.sleep_until(again), if under_way.len() < IN_FLIGHT => {}
            () = stop.cancelled() => {}
        }
    }
    while under_way.join_next().await.is_some() {}
}

/// Makes undelivered notices due again, now, and as long as a new one is; answers how many were.
///
/// # Errors
/// When the database fails; then none was.
pub async fn retry(provider: &Provider, delivery_ids: &[Uuid]) -> Result<usize, FlowError> {
    let now = provider.clock.now();
    let give_up_at = now + provider.config.logout.give_up_after;
    let tx = provider.database.begin().await?;
    let mut due = 0;
    for id in delivery_ids {
        due += usize::from(deliveries::retry(&tx, *id, give_up_at, now).await?);
    }
    store::commit(tx).await?;
    provider.work.notify_one();
    Ok(due)
}

/// Claims rows for as many attempts as there is room for, of each application at most its share: a
/// slow one never takes the others' places.
async fn claim(
    provider: &Provider,
    busy: &HashMap<Id, String>,
    mut room: usize,
) -> Result<Vec<(Delivery, Uuid)>, FlowError> {
    let now = provider.clock.now();
    if room == 0 {
        return Ok(Vec::new());
    }
    let shares: Vec<(String, usize)> = deliveries::due_clients(provider.database.read(), now)
        .await?
        .into_iter()
        .map(|client_id| {
            let under_way = busy.values().filter(|busy| **busy == client_id).count();
            (client_id, IN_FLIGHT_OF_ONE.saturating_sub(under_way))
        })
        .filter(|(_, share)| *share > 0)
        .collect();
    if shares.is_empty() {
        return Ok(Vec::new());
    }
    let lease = provider.random.row_id(now);
    let mut claimed = Vec::new();
    let tx = provider.database.begin().await?;
    for (client_id, share) in shares {
        let limit = share.min(room);
        if limit == 0 {
            break;
        }
        let rows =
            deliveries::claim(&tx, &client_id, lease, now + LEASE, limit as u64, now).await?;
        room -= rows.len();
        claimed.extend(rows.into_iter().map(|delivery| (delivery, lease)));
    }
    store::commit(tx).await?;
    Ok(claimed)
}

/// One attempt, from the token to the record.
async fn attempt(provider: Arc<Provider>, delivery: Delivery, lease: Uuid) {
    let span = observe::attempt(&delivery);
    async move {
        if let Err(error) = try_once(&provider, delivery, lease).await {
            // The lease runs out and the row is claimed again.
            tracing::error!(%error, "a delivery could not be carried out");
        }
    }
    .instrument(span)
    .await;
}

async fn try_once(
    provider: &Provider,
    mut delivery: Delivery,
    lease: Uuid,
) -> Result<(), FlowError> {
    let sent_at = provider.clock.now();
    let jti = provider.random.identifier();
    let known = clients::find(provider.database.read(), &delivery.client_id).await?;
    let metadata = known.map(|known| known.client.metadata).unwrap_or_default();
    let Some(uri) = &metadata.backchannel_logout_uri else {
        // The application gave up its URI after the session ended: there is nobody to tell.
        settle(&mut delivery, DeliveryState::Failed, sent_at);
        delivery.last_problem =
            Some("the application has no back-channel logout URI any more".to_owned());
        return record(provider, &delivery, lease, None).await;
    };
    let token = logout_token(provider, &delivery, &metadata, jti, sent_at)?;
    let answer = provider
        .outbound
        .post_form(uri, &[("logout_token", &token)], PATIENCE)
        .await;
    let now = provider.clock.now();
    delivery.attempts += 1;
    let (status, problem) = match &answer {
        Ok(answer) => (Some(i32::from(answer.status)), None),
        Err(error) => (None, Some(error.to_string())),
    };
    judge(provider, &mut delivery, answer, now);
    delivery.last_status = status;
    delivery.last_problem = problem.clone();
    let attempt = Attempt {
        jti,
        delivery_id: delivery.id,
        at: sent_at,
        outcome: delivery.state.as_str().to_owned(),
        status,
        latency: i32::try_from((now - sent_at).num_milliseconds()).unwrap_or(i32::MAX),
        problem,
    };
    record(provider, &delivery, lease, Some(attempt)).await
}

/// A token made for this attempt: the URI, the algorithm and the `jti` are those of now.
fn logout_token(
    provider: &Provider,
    delivery: &Delivery,
    metadata: &ClientMetadata,
    jti: Uuid,
    now: Timestamp,
) -> Result<String, FlowError> {
    let claims = LogoutTokenClaims::new(
        &provider.config.issuer,
        &delivery.client_id,
        &delivery.user_id.to_string(),
        Some(&delivery.sid.to_string()),
        &jti.to_string(),
        now,
    );
    let algorithm = metadata.id_token_signed_response_alg;
    tokens::sign(provider, algorithm, logout_token::TYPE, &claims, now)
}

/// Turns an answer into the delivery's next state.
fn judge(
    provider: &Provider,
    delivery: &mut Delivery,
    answer: Result<outbound::Answer, OutboundError>,
    now: Timestamp,
) {
    let facts = match answer {
        Ok(answer) => Ok(delivery::Answer {
            status: answer.status,
            retry_after: answer
                .retry_after
                .map(|retry_after| retry_after.moment(now) - now),
        }),
        Err(OutboundError::Timeout) => Err(ConnectionProblem::Timeout),
        Err(OutboundError::Tls) => Err(ConnectionProblem::Tls),
        Err(OutboundError::Refused(_)) => Err(ConnectionProblem::Forbidden),
        Err(OutboundError::Connect | OutboundError::TooLong | OutboundError::Other) => {
            Err(ConnectionProblem::Connection)
        }
    };
    match delivery::classify(facts) {
        Verdict::Confirmed => settle(delivery, DeliveryState::Confirmed, now),
        Verdict::Refused => settle(delivery, DeliveryState::Refused, now),
        Verdict::Final => settle(delivery, DeliveryState::Failed, now),
        Verdict::Again { after } => {
            let logout = &provider.config.logout;
            let backoff = Backoff {
                first: logout.retry_first,
                max: logout.retry_max,
            };
            let attempts = u32::try_from(delivery.attempts).unwrap_or(u32::MAX);
            let next = backoff.next_attempt(attempts, provider.random.fraction(), after, now);
            if next < delivery.give_up_at {
                delivery.state = DeliveryState::Retrying;
                delivery.due_at = Some(next);
            } else {
                settle(delivery, DeliveryState::Dead, now);
            }
        }
    }
}

fn settle(delivery: &mut Delivery, state: DeliveryState, now: Timestamp) {
    delivery.state = state;
    delivery.due_at = None;
    delivery.finished_at = Some(now);
}

async fn record(
    provider: &Provider,
    delivery: &Delivery,
    lease: Uuid,
    attempt: Option<Attempt>,
) -> Result<(), FlowError> {
    let tx = provider.database.begin().await?;
    if let Some(attempt) = &attempt {
        delivery_attempts::insert(&tx, attempt).await?;
    }
    let ours = deliveries::acknowledge(&tx, delivery, lease).await?;
    store::commit(tx).await?;
    let tried = [(delivery, attempt.as_ref(), ours)];
    observe::tried(provider, &tried);
    provider.receipts.send_replace(());
    observe::told(provider, &tried).await
}
