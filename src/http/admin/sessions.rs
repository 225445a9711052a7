//! `/admin/v1/sessions`.

#![expect(
    unused_qualifications,
    reason = "what utoipa derives for parameters spells its paths out"
)]

use std::collections::{BTreeMap, HashMap};

use actix_web::HttpResponse;
use actix_web::web::{Json, Path, Query};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::caller::{Caller, Reader, Writer};
use super::paging;
use super::problem::Problem;
use crate::config::canonical_name;
use crate::flows::end_session;
use crate::oidc::logout::Cause;
use crate::store::deliveries::listing as deliveries;
use crate::store::sessions::Session;
use crate::store::sessions::listing::{self, Wanted};
use crate::store::{participants, sessions, users};

/// Which sessions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Those of one person, by username.
    user: Option<String>,
    /// Those in which one application took part.
    client_id: Option<String>,
    /// `true`: those that ended; `false`: those that live. Left out: both.
    ended: Option<bool>,
    /// How many at most: 1 to 500, usually 50.
    limit: Option<u64>,
    /// Where the page begins: `next` of the one before.
    after: Option<String>,
}

/// A page of sessions, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionPage {
    items: Vec<SessionSummary>,
    /// `after` of the next page; null when this is the last.
    next: Option<String>,
}

/// A browser's session.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionSummary {
    id: Uuid,
    username: String,
    sub: Uuid,
    /// What the browser called itself.
    user_agent: String,
    created_at: DateTime<Utc>,
    auth_time: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    /// When it ends at the latest.
    expires_at: DateTime<Utc>,
    /// When its end was recorded. One that an open order names has ended before.
    ended_at: Option<DateTime<Utc>>,
    end_cause: Option<String>,
}

/// A session with who took part in it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionDetails {
    session: SessionSummary,
    /// Whether it lives: is not over, idle, or named by an order.
    alive: bool,
    applications: Vec<Part>,
    /// How many notices about its end there are in each state.
    deliveries: BTreeMap<String, u64>,
}

/// One application's part in a session.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Part {
    client_id: String,
    /// What the application knows the session by.
    sid: Uuid,
    joined_at: DateTime<Utc>,
    /// When the application stops believing in the session by itself.
    believes_until: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
}

/// A session was ended.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ended {
    /// The session, whose resource counts the notices.
    session_id: Uuid,
    /// Whether it was this request that ended it; false: it was over already.
    ended: bool,
}

fn summary(session: Session, username: String) -> SessionSummary {
    SessionSummary {
        id: session.id,
        username,
        sub: session.user_id,
        user_agent: session.user_agent,
        created_at: session.created_at,
        auth_time: session.auth_time,
        last_seen_at: session.last_seen_at,
        expires_at: session.expires_at,
        ended_at: session.ended_at,
        end_cause: session.end_cause.map(|cause| cause.as_str().to_owned()),
    }
}

/// Sessions, newest first.
#[utoipa::path(
    get, path = "/admin/v1/sessions", tag = "sessions", params(Which),
    responses(
        (status = 200, body = SessionPage),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such person", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    caller: Reader,
    which: Query<Which>,
) -> Result<Json<SessionPage>, Problem> {
    let db = caller.provider.database.read();
    let limit = paging::limit(which.limit).ok_or_else(|| caller.bad(paging::BAD_LIMIT))?;
    let wanted = Wanted {
        user_id: person(&caller, which.user.as_deref()).await?,
        client_id: which.client_id.as_deref(),
        ended: which.ended,
        after: place(&caller, which.after.as_deref())?,
    };
    let alive = caller.provider.alive(caller.provider.clock.now());
    let found = listing::page(db, &wanted, alive, limit)
        .await
        .map_err(caller.store())?;
    let next = paging::next(&found, limit, |last| {
        paging::write(last.created_at, last.id)
    });
    let user_ids: Vec<Uuid> = found.iter().map(|session| session.user_id).collect();
    let mut names: HashMap<Uuid, String> = HashMap::new();
    for user in users::find_all(db, &user_ids)
        .await
        .map_err(caller.store())?
    {
        names.insert(user.id, user.username);
    }
    let items = found
        .into_iter()
        .map(|session| {
            let username = names.get(&session.user_id).cloned().unwrap_or_default();
            summary(session, username)
        })
        .collect();
    Ok(Json(SessionPage { items, next }))
}

/// The identifier of the person who signs in as `username`.
pub(super) async fn person(
    caller: &Caller,
    username: Option<&str>,
) -> Result<Option<Uuid>, Problem> {
    let Some(username) = username else {
        return Ok(None);
    };
    let db = caller.provider.database.read();
    let user = users::find_by_username(db, &canonical_name(username))
        .await
        .map_err(caller.store())?;
    match user {
        Some(user) => Ok(Some(user.id)),
        None => Err(caller.not_found()),
    }
}

/// The place where a page begins.
pub(super) fn place(
    caller: &Caller,
    after: Option<&str>,
) -> Result<Option<(DateTime<Utc>, Uuid)>, Problem> {
    match after {
        None => Ok(None),
        Some(after) => match paging::read(after) {
            Some(place) => Ok(Some(place)),
            None => Err(caller.bad(paging::BAD_AFTER)),
        },
    }
}

/// One session, with its applications and how far they were told.
#[utoipa::path(
    get, path = "/admin/v1/sessions/{id}", tag = "sessions", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = SessionDetails),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(caller: Reader, id: Path<Uuid>) -> Result<Json<SessionDetails>, Problem> {
    let provider = &caller.provider;
    let db = provider.database.read();
    let found = sessions::find(db, *id).await.map_err(caller.store())?;
    let session = found.ok_or_else(|| caller.not_found())?;
    let alive = sessions::find_living(db, *id, provider.alive(provider.clock.now()))
        .await
        .map_err(caller.store())?
        .is_some();
    let username = users::find(db, session.user_id)
        .await
        .map_err(caller.store())?
        .map(|user| user.username)
        .unwrap_or_default();
    let applications = participants::list(db, &[*id])
        .await
        .map_err(caller.store())?
        .into_iter()
        .map(|part| Part {
            client_id: part.client_id,
            sid: part.sid,
            joined_at: part.joined_at,
            believes_until: part.believes_until,
            ended_at: part.ended_at,
        })
        .collect();
    let of_session = deliveries::Wanted {
        session_id: Some(*id),
        ..deliveries::Wanted::default()
    };
    let deliveries = counted(&caller, &of_session).await?;
    Ok(Json(SessionDetails {
        session: summary(session, username),
        alive,
        applications,
        deliveries,
    }))
}

/// How many deliveries there are in each state, by the state's name.
pub(super) async fn counted(
    caller: &Caller,
    wanted: &deliveries::Wanted<'_>,
) -> Result<BTreeMap<String, u64>, Problem> {
    let counted = deliveries::count(caller.provider.database.read(), wanted)
        .await
        .map_err(caller.store())?;
    Ok(counted
        .into_iter()
        .map(|(state, count)| (state.as_str().to_owned(), count))
        .collect())
}

/// Ends one session: when this is answered, that is committed; its applications are being told.
#[utoipa::path(
    post, path = "/admin/v1/sessions/{id}/end", tag = "sessions", params(("id" = Uuid, Path)),
    responses(
        (status = 202, body = Ended),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn end(caller: Writer, id: Path<Uuid>) -> Result<HttpResponse, Problem> {
    let provider = &caller.provider;
    let found = sessions::find(provider.database.read(), *id)
        .await
        .map_err(caller.store())?;
    let session = found.ok_or_else(|| caller.not_found())?;
    let ended = end_session::end_session(provider, session.id, Cause::Administrator)
        .await
        .map_err(caller.flow())?;
    Ok(HttpResponse::Accepted()
        .insert_header(("Location", format!("/admin/v1/sessions/{}", session.id)))
        .json(Ended {
            session_id: session.id,
            ended,
        }))
}
