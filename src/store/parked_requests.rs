//! `parked_requests`: POSTs that came from another site, and so without our cookie, kept for the GET
//! that brings it along.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait};

use super::{StoreError, millis, rows};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "parked_requests")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    handle_hash: String,
    params: String,
    expires_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// Parks `params` (form-urlencoded).
///
/// # Errors
/// When the database fails.
pub async fn insert(
    db: &impl ConnectionTrait,
    handle_hash: String,
    params: String,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        handle_hash: Set(handle_hash),
        params: Set(params),
        expires_at: Set(millis(expires_at)),
    };
    rows::insert(db, row).await
}

/// Takes the parameters out: each handle answers once.
///
/// # Errors
/// When the database fails.
pub async fn take(
    db: &impl ConnectionTrait,
    handle_hash: &str,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let row = Entity::find_by_id(handle_hash)
        .filter(Column::ExpiresAt.gt(millis(now)))
        .one(db)
        .await?;
    let taken = Entity::delete_by_id(handle_hash)
        .exec(db)
        .await?
        .rows_affected
        == 1;
    Ok(row.filter(|_| taken).map(|row| row.params))
}

/// Forgets requests whose time is over.
///
/// # Errors
/// When the database fails.
pub async fn purge(db: &impl ConnectionTrait, before: Timestamp) -> Result<(), StoreError> {
    rows::purge::<Entity>(db, Column::HandleHash, Column::ExpiresAt, before).await
}

/// Forgets every one.
///
/// # Errors
/// When the database fails.
pub async fn forget_all(db: &impl ConnectionTrait) -> Result<(), StoreError> {
    Entity::delete_many().exec(db).await?;
    Ok(())
}
