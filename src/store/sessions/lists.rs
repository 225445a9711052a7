//! Sessions as people look at them: in lists.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;
use sea_orm::{ConnectionTrait, QueryOrder as _, QuerySelect as _};

use super::{Column, Entity, Liveness, Session};
use crate::clock::Timestamp;
use crate::store::{StoreError, millis};

/// At most `limit` sessions that live, of one person or of all, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list_living(
    db: &impl ConnectionTrait,
    user_id: Option<Uuid>,
    alive: Liveness,
    limit: u64,
) -> Result<Vec<Session>, StoreError> {
    Entity::find()
        .filter(alive.condition())
        .filter(Condition::all().add_option(user_id.map(|user_id| Column::UserId.eq(user_id))))
        .order_by_desc(Column::CreatedAt)
        .limit(limit)
        .all(db)
        .await?
        .into_iter()
        .map(TryInto::try_into)
        .collect()
}

/// At most `limit` sessions, ended or not, of one person or of all, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &impl ConnectionTrait,
    user_id: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Session>, StoreError> {
    Entity::find()
        .filter(Condition::all().add_option(user_id.map(|user_id| Column::UserId.eq(user_id))))
        .order_by_desc(Column::CreatedAt)
        .limit(limit)
        .all(db)
        .await?
        .into_iter()
        .map(TryInto::try_into)
        .collect()
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
    Entity::find()
        .filter(Column::UserId.eq(user_id))
        .filter(Column::EndedAt.gte(millis(since)))
        .order_by_desc(Column::EndedAt)
        .limit(limit)
        .all(db)
        .await?
        .into_iter()
        .map(TryInto::try_into)
        .collect()
}

/// The sessions with these identifiers, ended or not.
///
/// # Errors
/// When the database fails.
pub async fn find_all(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<Session>, StoreError> {
    Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(db)
        .await?
        .into_iter()
        .map(TryInto::try_into)
        .collect()
}
