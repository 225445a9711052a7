//! `/admin/v1/deliveries`: what applications were told, and what they answered.

#![expect(
    unused_qualifications,
    reason = "what utoipa derives for parameters spells its paths out"
)]

use actix_web::HttpResponse;
use actix_web::web::{Json, Path, Query};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::caller::{Caller, Reader, Writer};
use super::paging;
use super::problem::Problem;
use super::sessions::{person, place};
use crate::flows::deliver_logouts;
use crate::oidc::logout::{Cause, DeliveryState};
use crate::store::clients;
use crate::store::deliveries::listing::{self, Wanted};
use crate::store::deliveries::{self, Delivery};
use crate::store::delivery_attempts::{self, Attempt};

/// Which notices.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichDeliveries {
    /// Those in one of these states, separated by commas: pending, retrying, confirmed, refused, failed, dead,
    /// abandoned, asked, unreachable.
    state: Option<String>,
    /// Those to one application.
    client_id: Option<String>,
    /// Those about one person's sessions, by username.
    user: Option<String>,
    /// Those about one session.
    session_id: Option<Uuid>,
    /// Those of one order.
    order_id: Option<Uuid>,
    /// Those about sessions that ended so.
    cause: Option<String>,
    /// Those about sessions that ended before this moment (RFC 3339).
    ended_before: Option<DateTime<Utc>>,
    /// Those about sessions that ended at this moment or later (RFC 3339).
    ended_since: Option<DateTime<Utc>>,
    /// How many at most: 1 to 500, usually 50.
    limit: Option<u64>,
    /// Where the page begins: `next` of the one before.
    after: Option<String>,
}

/// A page of notices, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryPage {
    items: Vec<DeliverySummary>,
    /// `after` of the next page; null when this is the last.
    next: Option<String>,
}

/// A notice to one application.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliverySummary {
    id: Uuid,
    session_id: Uuid,
    /// What the application knew the session by.
    sid: Uuid,
    client_id: String,
    sub: Uuid,
    order_id: Option<Uuid>,
    /// How the application can be told: back, front or none.
    channel: String,
    state: String,
    cause: String,
    attempts: i32,
    /// When the session ended.
    created_at: DateTime<Utc>,
    /// When it is tried next; null when it will not be.
    due_at: Option<DateTime<Utc>>,
    give_up_at: DateTime<Utc>,
    /// When the application stops believing in the session by itself.
    believes_until: DateTime<Utc>,
    /// When its state became final.
    finished_at: Option<DateTime<Utc>>,
    last_status: Option<i32>,
    last_problem: Option<String>,
}

/// A notice with every attempt at it, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryDetails {
    delivery: DeliverySummary,
    attempts: Vec<Try>,
}

/// One attempt.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Try {
    /// The `jti` of the logout token that was sent.
    jti: Uuid,
    at: DateTime<Utc>,
    outcome: String,
    status: Option<i32>,
    latency_ms: i32,
    problem: Option<String>,
}

/// Which notices to try again: all undelivered ones to an application, or all that were given up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RetryMany {
    /// The application.
    client_id: Option<String>,
    /// `true`, alone: all dead ones.
    #[serde(default)]
    all_dead: bool,
}

/// Notices that are due now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Due {
    due: u64,
}

impl From<Delivery> for DeliverySummary {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            session_id: delivery.session_id,
            sid: delivery.sid,
            client_id: delivery.client_id,
            sub: delivery.user_id,
            order_id: delivery.order_id,
            channel: delivery.channel.as_str().to_owned(),
            state: delivery.state.as_str().to_owned(),
            cause: delivery.cause.as_str().to_owned(),
            attempts: delivery.attempts,
            created_at: delivery.created_at,
            due_at: delivery.due_at,
            give_up_at: delivery.give_up_at,
            believes_until: delivery.believes_until,
            finished_at: delivery.finished_at,
            last_status: delivery.last_status,
            last_problem: delivery.last_problem,
        }
    }
}

impl From<Attempt> for Try {
    fn from(attempt: Attempt) -> Self {
        Self {
            jti: attempt.jti,
            at: attempt.at,
            outcome: attempt.outcome,
            status: attempt.status,
            latency_ms: attempt.latency,
            problem: attempt.problem,
        }
    }
}

/// Notices, newest first.
#[utoipa::path(
    get, path = "/admin/v1/deliveries", tag = "deliveries", params(WhichDeliveries),
    responses(
        (status = 200, body = DeliveryPage),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such person", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    caller: Reader,
    which: Query<WhichDeliveries>,
) -> Result<Json<DeliveryPage>, Problem> {
    let limit = paging::limit(which.limit).ok_or_else(|| caller.bad(paging::BAD_LIMIT))?;
    let states = states(which.state.as_deref()).ok_or_else(|| caller.bad("no such state"))?;
    let cause = match which.cause.as_deref().map(Cause::from_name) {
        None => None,
        Some(Some(cause)) => Some(cause),
        Some(None) => return Err(caller.bad("no such cause")),
    };
    let wanted = Wanted {
        states: &states,
        client_id: which.client_id.as_deref(),
        user_id: person(&caller, which.user.as_deref()).await?,
        session_id: which.session_id,
        order_id: which.order_id,
        cause,
        ended_before: which.ended_before,
        ended_since: which.ended_since,
        after: place(&caller, which.after.as_deref())?,
    };
    let found = listing::page(caller.provider.database.read(), &wanted, limit)
        .await
        .map_err(caller.store())?;
    let next = paging::next(&found, limit, |last| {
        paging::write(last.created_at, last.id)
    });
    Ok(Json(DeliveryPage {
        items: found.into_iter().map(Into::into).collect(),
        next,
    }))
}

/// The states of a list separated by commas; none when one is unknown.
fn states(text: Option<&str>) -> Option<Vec<DeliveryState>> {
    let Some(text) = text else {
        return Some(Vec::new());
    };
    text.split(',').map(DeliveryState::from_name).collect()
}

/// One notice, with every attempt at it.
#[utoipa::path(
    get, path = "/admin/v1/deliveries/{id}", tag = "deliveries", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = DeliveryDetails),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(caller: Reader, id: Path<Uuid>) -> Result<Json<DeliveryDetails>, Problem> {
    let delivery = find(&caller, *id).await?;
    let attempts = delivery_attempts::list(caller.provider.database.read(), *id)
        .await
        .map_err(caller.store())?;
    Ok(Json(DeliveryDetails {
        delivery: delivery.into(),
        attempts: attempts.into_iter().map(Into::into).collect(),
    }))
}

async fn find(caller: &Caller, id: Uuid) -> Result<Delivery, Problem> {
    let found = deliveries::find(caller.provider.database.read(), id)
        .await
        .map_err(caller.store())?;
    found.ok_or_else(|| caller.not_found())
}

/// Tries one notice again, at once, however final its state is.
#[utoipa::path(
    post, path = "/admin/v1/deliveries/{id}/retry", tag = "deliveries", params(("id" = Uuid, Path)),
    responses(
        (status = 202, body = Due),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It was confirmed, or is not for a server to tell", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn retry(caller: Writer, id: Path<Uuid>) -> Result<HttpResponse, Problem> {
    let delivery = find(&caller, *id).await?;
    let due = deliver_logouts::retry(&caller.provider, &[delivery.id])
        .await
        .map_err(caller.flow())?;
    if due == 0 {
        let detail = "it can't be tried again: it was confirmed, or is not for a server to tell";
        return Err(caller.conflict(detail));
    }
    Ok(HttpResponse::Accepted().json(Due { due: due as u64 }))
}

/// Tries many notices again, at once.
#[utoipa::path(
    post, path = "/admin/v1/deliveries/retry", tag = "deliveries", request_body = RetryMany,
    responses(
        (status = 202, body = Due),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such application", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn retry_many(
    caller: Writer,
    which: Json<RetryMany>,
) -> Result<HttpResponse, Problem> {
    let db = caller.provider.database.read();
    let wanted = match (&which.client_id, which.all_dead) {
        (Some(client_id), false) => {
            let known = clients::find(db, client_id).await.map_err(caller.store())?;
            known.ok_or_else(|| caller.not_found())?;
            Wanted {
                states: &DeliveryState::UNDELIVERED,
                client_id: Some(client_id),
                ..Wanted::default()
            }
        }
        (None, true) => Wanted {
            states: &[DeliveryState::Dead],
            ..Wanted::default()
        },
        _ => return Err(caller.bad("name a client_id, or all_dead alone")),
    };
    let ids = listing::ids(db, &wanted).await.map_err(caller.store())?;
    let due = deliver_logouts::retry(&caller.provider, &ids)
        .await
        .map_err(caller.flow())?;
    Ok(HttpResponse::Accepted().json(Due { due: due as u64 }))
}

/// Tries one notice no more: the application will not be told.
#[utoipa::path(
    post, path = "/admin/v1/deliveries/{id}/abandon", tag = "deliveries", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = DeliverySummary),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It arrived, or is not for a server to tell", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn abandon(
    caller: Writer,
    id: Path<Uuid>,
) -> Result<Json<DeliverySummary>, Problem> {
    let delivery = find(&caller, *id).await?;
    let abandoned = deliver_logouts::abandon(&caller.provider, &[delivery.id])
        .await
        .map_err(caller.flow())?;
    if abandoned == 0 {
        let detail = "it can't be abandoned: it arrived, or is not for a server to tell";
        return Err(caller.conflict(detail));
    }
    Ok(Json(find(&caller, *id).await?.into()))
}
