//! Sessions as they are looked at: in lists, newest first, a page at a time. A page begins where the last one ended, not
//! at a number: sessions that begin or end meanwhile shift nothing.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;
use sea_orm::{ConnectionTrait, QueryOrder as _, QuerySelect as _};

use super::{Column, Entity, Liveness, Session};
use crate::clock::Timestamp;
use crate::store::{StoreError, millis, participants, rows};

/// Which sessions.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    /// Those of one person.
    pub user_id: Option<Uuid>,
    /// Those in which one application took part.
    pub client_id: Option<&'a str>,
    /// Those that live, or those that do not; none: both.
    pub ended: Option<bool>,
    /// Those before this one.
    pub after: Option<(Timestamp, Uuid)>,
}

/// At most `limit` of them, newest first.
///
/// # Errors
/// When the database fails.
pub async fn page(
    db: &impl ConnectionTrait,
    wanted: &Wanted<'_>,
    alive: Liveness,
    limit: u64,
) -> Result<Vec<Session>, StoreError> {
    let ended = wanted.ended.map(|ended| match ended {
        true => alive.condition().not(),
        false => alive.condition(),
    });
    let order = (Column::CreatedAt, Column::Id);
    let after = wanted.after.map(|last| rows::behind(order, last));
    let at_client = wanted
        .client_id
        .map(|client_id| Column::Id.in_subquery(participants::sessions_with(client_id)));
    let found = Entity::find()
        .filter(
            Condition::all()
                .add_option(wanted.user_id.map(|user_id| Column::UserId.eq(user_id)))
                .add_option(at_client)
                .add_option(ended)
                .add_option(after),
        )
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .limit(limit);
    rows::all(db, found).await
}

/// How many sessions have no recorded end, of one person or of all.
///
/// # Errors
/// When the database fails.
pub async fn count_unended(
    db: &impl ConnectionTrait,
    user_id: Option<Uuid>,
) -> Result<u64, StoreError> {
    Ok(Entity::find()
        .filter(Column::EndedAt.is_null())
        .filter(Condition::all().add_option(user_id.map(|user_id| Column::UserId.eq(user_id))))
        .count(db)
        .await?)
}

/// At most `limit` sessions of a person that ended since a moment, the last to end first.
///
/// # Errors
/// When the database fails.
pub async fn list_ended(
    db: &impl ConnectionTrait,
    user_id: Uuid,
    since: Timestamp,
    limit: u64,
) -> Result<Vec<Session>, StoreError> {
    let found = Entity::find()
        .filter(Column::UserId.eq(user_id))
        .filter(Column::EndedAt.gte(millis(since)))
        .order_by_desc(Column::EndedAt)
        .limit(limit);
    rows::all(db, found).await
}

/// The sessions with these identifiers, ended or not.
///
/// # Errors
/// When the database fails.
pub async fn find_all(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<Session>, StoreError> {
    let found = Entity::find().filter(Column::Id.is_in(ids.iter().copied()));
    rows::all(db, found).await
}
