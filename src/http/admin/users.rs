//! `/admin/v1/users`.

#![expect(
    unused_qualifications,
    reason = "what utoipa derives for parameters spells its paths out"
)]

use actix_web::web::{Json, Path, Query};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::caller::{Caller, Reader, Writer};
use super::paging;
use super::problem::Problem;
use crate::flows::people;
use crate::store::users::{self, User};

/// Which people.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichPeople {
    /// How many at most: 1 to 500, usually 50.
    limit: Option<u64>,
    /// Where the page begins: `next` of the one before.
    after: Option<String>,
}

/// A page of people, by username.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PersonPage {
    items: Vec<Person>,
    /// `after` of the next page; null when this is the last.
    next: Option<String>,
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Person {
    /// The `sub` that applications see.
    id: Uuid,
    username: String,
    name: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    disabled_at: Option<DateTime<Utc>>,
    /// Whether the configuration file declares them.
    declared: bool,
}

impl From<User> for Person {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username,
            name: user.claims.name,
            created_at: user.created_at,
            updated_at: user.updated_at,
            disabled_at: user.disabled_at,
            declared: user.declared,
        }
    }
}

/// People, by username.
#[utoipa::path(
    get, path = "/admin/v1/users", tag = "users", params(WhichPeople),
    responses(
        (status = 200, body = PersonPage),
        (status = 400, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    caller: Reader,
    which: Query<WhichPeople>,
) -> Result<Json<PersonPage>, Problem> {
    let limit = paging::limit(which.limit).ok_or_else(|| caller.bad(paging::BAD_LIMIT))?;
    let db = caller.provider.database.read();
    let found = users::page(db, which.after.as_deref(), limit)
        .await
        .map_err(caller.store())?;
    let next = paging::next(&found, limit, |last| last.username.clone());
    Ok(Json(PersonPage {
        items: found.into_iter().map(Into::into).collect(),
        next,
    }))
}

/// A person. Of who was deleted nothing is left.
#[utoipa::path(
    get, path = "/admin/v1/users/{id}", tag = "users", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = Person),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(caller: Reader, id: Path<Uuid>) -> Result<Json<Person>, Problem> {
    Ok(Json(find(&caller, *id).await?.into()))
}

/// Shuts a person out: they can't sign in, their sessions end, what they granted is taken back.
#[utoipa::path(
    post, path = "/admin/v1/users/{id}/disable", tag = "users", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = Person),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn disable(caller: Writer, id: Path<Uuid>) -> Result<Json<Person>, Problem> {
    let user = find(&caller, *id).await?;
    people::disable_user(&caller.provider, &user.username)
        .await
        .map_err(caller.flow())?
        .map_err(|_gone_meanwhile| caller.not_found())?;
    Ok(Json(find(&caller, *id).await?.into()))
}

/// Lets a person in again who was shut out. What ended stays ended.
#[utoipa::path(
    post, path = "/admin/v1/users/{id}/enable", tag = "users", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = Person),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn enable(caller: Writer, id: Path<Uuid>) -> Result<Json<Person>, Problem> {
    let user = find(&caller, *id).await?;
    people::enable_user(&caller.provider, &user.username)
        .await
        .map_err(caller.flow())?
        .map_err(|_gone_meanwhile| caller.not_found())?;
    Ok(Json(find(&caller, *id).await?.into()))
}

async fn find(caller: &Caller, id: Uuid) -> Result<User, Problem> {
    let found = users::find(caller.provider.database.read(), id)
        .await
        .map_err(caller.store())?;
    found.ok_or_else(|| caller.not_found())
}
