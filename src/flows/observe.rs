//! What can be seen of a sign-out from outside: counted for `metrics`, and written to the log under
//! identifiers by which one sign-out can be followed: `request_id` to `session_id` to `delivery_id`.
//! Never cookies, tokens or names of people.

use std::collections::HashSet;

use chrono::TimeDelta;
use tracing::Span;
use uuid::Uuid;

use super::end_session::Ending;
use super::{FlowError, Provider};
use crate::oidc::logout::DeliveryState;
use crate::store::deliveries::Delivery;
use crate::store::deliveries::listing;
use crate::store::delivery_attempts::Attempt;
use crate::store::orders::Order;
use crate::store::participants::Participant;

/// An order is being given, in a transaction that is about to be committed.
pub(super) fn ordering(order: &Order) {
    let (order_id, cause) = (order.id, order.cause.as_str());
    tracing::info!(%order_id, cause, "an order to end sessions");
}

/// Sessions are being ended, in a transaction that is about to be committed.
pub(super) fn ending(
    provider: &Provider,
    session_ids: &[Uuid],
    participants: &[Participant],
    ending: Ending,
) {
    let cause = ending.cause.as_str();
    provider
        .metrics
        .sessions_ended(ending.cause, session_ids.len());
    if let Some(order_id) = ending.order_id {
        let (sessions, notices) = (session_ids.len(), participants.len());
        tracing::info!(%order_id, cause, sessions, notices, "an order ends sessions");
    }
    for session_id in session_ids {
        let notices = participants
            .iter()
            .filter(|known| known.session_id == *session_id)
            .count();
        match ending.order_id {
            // Of an order's hundred thousand the log gets a line a batch, unless more is asked for.
            Some(order_id) => {
                tracing::debug!(%session_id, %order_id, cause, notices, "a session ends");
            }
            None => tracing::info!(%session_id, cause, notices, "a session ends"),
        }
    }
}

/// Parts in sessions that go on are being ended.
pub(super) fn ending_parts(participants: &[Participant], ending: Ending) {
    let cause = ending.cause.as_str();
    for part in participants {
        let (session_id, client_id) = (part.session_id, &part.client_id);
        let order_id = ending.order_id.map(tracing::field::display);
        tracing::info!(%session_id, client_id, order_id, cause, "a part in a session ends");
    }
}

/// The span of one attempt.
pub(super) fn attempt(delivery: &Delivery) -> Span {
    tracing::info_span!(
        "attempt",
        delivery_id = %delivery.id,
        session_id = %delivery.session_id,
        order_id = delivery.order_id.map(tracing::field::display),
        client_id = delivery.client_id,
        attempt = delivery.attempts + 1,
    )
}

/// Attempts were made; the last of each is whether its lease was still ours, so that it is on record.
pub(super) fn tried(provider: &Provider, tried: &[(&Delivery, Option<&Attempt>, bool)]) {
    for (delivery, attempt, ours) in tried {
        count(provider, delivery, *attempt, *ours);
        let state = delivery.state.as_str();
        if *ours {
            tracing::info!(
                delivery_id = %delivery.id,
                session_id = %delivery.session_id,
                order_id = delivery.order_id.map(tracing::field::display),
                client_id = delivery.client_id,
                jti = attempt.map(|attempt| tracing::field::display(attempt.jti)),
                attempt = delivery.attempts,
                status = delivery.last_status,
                problem = delivery.last_problem,
                state,
                "an application was asked to end a session"
            );
        } else {
            tracing::warn!(
                delivery_id = %delivery.id,
                session_id = %delivery.session_id,
                client_id = delivery.client_id,
                state,
                "the lease was lost before the answer could be recorded"
            );
        }
    }
}

fn count(provider: &Provider, delivery: &Delivery, attempt: Option<&Attempt>, ours: bool) {
    let metrics = &provider.metrics;
    if let Some(attempt) = attempt {
        let since_end = (delivery.attempts == 1).then_some(attempt.at - delivery.created_at);
        let took = TimeDelta::milliseconds(attempt.latency.into());
        metrics.attempted(&delivery.client_id, result(attempt.status), took, since_end);
    }
    if let (true, Some(at)) = (ours, delivery.finished_at) {
        let since_end = at - delivery.created_at;
        metrics.settled(&delivery.client_id, delivery.state, since_end);
    }
}

fn result(status: Option<i32>) -> &'static str {
    match status {
        Some(200..=299) => "2xx",
        Some(300..=399) => "3xx",
        Some(400..=499) => "4xx",
        Some(_) => "5xx",
        None => "no_answer",
    }
}

/// Where a confirmation was the last that a session waited for, says how long that took.
///
/// # Errors
/// When the database fails; nothing was lost but the measurement.
pub(super) async fn told(
    provider: &Provider,
    tried: &[(&Delivery, Option<&Attempt>, bool)],
) -> Result<(), FlowError> {
    let confirmed: Vec<&Delivery> = tried
        .iter()
        .filter(|(delivery, _, ours)| *ours && delivery.state == DeliveryState::Confirmed)
        .map(|(delivery, _, _)| *delivery)
        .collect();
    let session_ids: HashSet<Uuid> = confirmed
        .iter()
        .map(|delivery| delivery.session_id)
        .collect();
    if session_ids.is_empty() {
        return Ok(());
    }
    let session_ids: Vec<Uuid> = session_ids.into_iter().collect();
    for session_id in listing::without_waiting(provider.database.read(), &session_ids).await? {
        let last = confirmed
            .iter()
            .filter(|delivery| delivery.session_id == session_id)
            .filter_map(|delivery| Some(delivery.finished_at? - delivery.created_at))
            .max();
        if let Some(since_end) = last {
            provider.metrics.everyone_told(since_end);
        }
    }
    Ok(())
}
