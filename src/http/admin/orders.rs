//! `/admin/v1/orders`: the end of many sessions by one row, and how far it has got.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::{Json, Path};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::{Reader, Writer};
use super::problem::Problem;
use super::sessions::{counted, person};
use crate::flows::end_session;
use crate::oidc::logout::Cause;
use crate::store::deliveries::listing;
use crate::store::orders::{self, OrderScope};
use crate::store::{clients, users};

/// Whose sessions to end: of a person, of an application, of a person at an application, or everyone's.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOrder {
    /// The person, by username.
    user: Option<String>,
    /// The application: its part in the sessions ends, and the sessions go on.
    client_id: Option<String>,
    /// `true`, alone: everyone's sessions.
    #[serde(default)]
    all: bool,
}

/// An order was given: from now on what it names counts as ended.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrderGiven {
    id: Uuid,
}

/// An order, and how far it has got.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrderDetails {
    id: Uuid,
    cause: String,
    /// The person, if it is about one.
    user: Option<String>,
    /// The application, if it is about one.
    client_id: Option<String>,
    /// It names what began before this moment.
    before: DateTime<Utc>,
    /// When everything that it names was ended, and each application's notice written.
    carried_out_at: Option<DateTime<Utc>>,
    /// How many notices there are so far in each state.
    deliveries: BTreeMap<String, u64>,
}

/// Ends many sessions. From the answer on they count as ended; workers tell the applications.
#[utoipa::path(
    post, path = "/admin/v1/orders", tag = "orders", request_body = NewOrder,
    responses(
        (status = 202, body = OrderGiven),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such person or application", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn give(caller: Writer, asked: Json<NewOrder>) -> Result<HttpResponse, Problem> {
    let provider = &caller.provider;
    let NewOrder {
        user,
        client_id,
        all,
    } = asked.into_inner();
    if let Some(client_id) = &client_id {
        let known = clients::find(provider.database.read(), client_id)
            .await
            .map_err(caller.store())?;
        known.ok_or_else(|| caller.not_found())?;
    }
    let user_id = person(&caller, user.as_deref()).await?;
    let scope = match (user_id, client_id, all) {
        (Some(user_id), None, false) => OrderScope::User(user_id),
        (None, Some(client_id), false) => OrderScope::Client(client_id),
        (Some(user_id), Some(client_id), false) => OrderScope::UserAtClient { user_id, client_id },
        (None, None, true) => OrderScope::All,
        (None, None, false) | (Some(_), _, true) | (_, Some(_), true) => {
            return Err(caller.bad("name a user, a client_id or both, or all alone"));
        }
    };
    let id = end_session::end_many(provider, scope, Cause::Administrator)
        .await
        .map_err(caller.flow())?;
    Ok(HttpResponse::Accepted()
        .insert_header(("Location", format!("/admin/v1/orders/{id}")))
        .json(OrderGiven { id }))
}

/// How far an order has got.
#[utoipa::path(
    get, path = "/admin/v1/orders/{id}", tag = "orders", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = OrderDetails),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(caller: Reader, id: Path<Uuid>) -> Result<Json<OrderDetails>, Problem> {
    let db = caller.provider.database.read();
    let found = orders::find(db, *id).await.map_err(caller.store())?;
    let (order, carried_out_at) = found.ok_or_else(|| caller.not_found())?;
    let (user_id, client_id) = match order.scope {
        OrderScope::User(user_id) | OrderScope::OthersOf { user_id, .. } => (Some(user_id), None),
        OrderScope::UserAtClient { user_id, client_id } => (Some(user_id), Some(client_id)),
        OrderScope::Client(client_id) => (None, Some(client_id)),
        OrderScope::All => (None, None),
    };
    let user = match user_id {
        Some(user_id) => users::find(db, user_id).await.map_err(caller.store())?,
        None => None,
    };
    let of_order = listing::Wanted {
        order_id: Some(order.id),
        ..listing::Wanted::default()
    };
    Ok(Json(OrderDetails {
        id: order.id,
        cause: order.cause.as_str().to_owned(),
        user: user.map(|user| user.username),
        client_id,
        before: order.before,
        carried_out_at,
        deliveries: counted(&caller, &of_order).await?,
    }))
}
