//! `upstream_requests`: people who have been sent to another provider and have not come back, each bound to the browser
//! that was sent.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait};

use super::{StoreError, millis, rows};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "upstream_requests")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    state_hash: String,
    browser_hash: String,
    upstream_id: String,
    sealed: String,
    expires_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// Somebody who was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamRequest {
    /// The keyed hash of the `state` that they come back with.
    pub state_hash: String,
    /// The keyed hash of the browser's own cookie.
    pub browser_hash: String,
    /// To whom.
    pub upstream_id: String,
    /// What nobody else may know, and what they came for.
    pub sealed: String,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// Remembers somebody who is sent.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    db: &impl ConnectionTrait,
    request: &UpstreamRequest,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        state_hash: Set(request.state_hash.clone()),
        browser_hash: Set(request.browser_hash.clone()),
        upstream_id: Set(request.upstream_id.clone()),
        sealed: Set(request.sealed.clone()),
        expires_at: Set(millis(request.expires_at)),
    };
    rows::insert(db, row).await
}

/// Takes out what was kept of somebody who comes back from there, in that browser: each `state` answers once. What
/// another browser or another upstream brings leaves it where it is.
///
/// # Errors
/// When the database fails.
pub async fn take(
    db: &impl ConnectionTrait,
    state_hash: &str,
    browser_hash: &str,
    upstream_id: &str,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let row = Entity::find_by_id(state_hash)
        .filter(Column::BrowserHash.eq(browser_hash))
        .filter(Column::UpstreamId.eq(upstream_id))
        .filter(Column::ExpiresAt.gt(millis(now)))
        .one(db)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let taken = Entity::delete_by_id(state_hash).exec(db).await?;
    Ok((taken.rows_affected == 1).then_some(row.sealed))
}

/// Forgets those who have not come back.
///
/// # Errors
/// When the database fails.
pub async fn purge(db: &impl ConnectionTrait, before: Timestamp) -> Result<(), StoreError> {
    rows::purge::<Entity>(db, Column::StateHash, Column::ExpiresAt, before).await
}

/// Forgets every one.
///
/// # Errors
/// When the database fails.
pub async fn forget_all(db: &impl ConnectionTrait) -> Result<(), StoreError> {
    Entity::delete_many().exec(db).await?;
    Ok(())
}
