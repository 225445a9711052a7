//! `leavings`: who may look at the receipts of a session that is over, found by a handle in a cookie.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;
use sea_orm::{ActiveValue::Set, ConnectionTrait};

use super::locking::unheld;
use super::{StoreError, millis, time};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "leavings")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    handle_hash: String,
    session_id: Uuid,
    client_id: Option<String>,
    continue_to: Option<String>,
    created_at: i64,
    expires_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// A sign-out that somebody is watching.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    /// The keyed hash of the handle.
    pub handle_hash: String,
    /// The session that ended.
    pub session_id: Uuid,
    /// The application that asked, if one did.
    pub client_id: Option<String>,
    /// Where to go on to: a registered `post_logout_redirect_uri` with its `state`.
    pub continue_to: Option<String>,
    /// When the session ended.
    pub created_at: Timestamp,
    /// When the handle stops to work.
    pub expires_at: Timestamp,
}

/// Keeps a handle.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &impl ConnectionTrait, leaving: &Leaving) -> Result<(), StoreError> {
    let row = ActiveModel {
        handle_hash: Set(leaving.handle_hash.clone()),
        session_id: Set(leaving.session_id),
        client_id: Set(leaving.client_id.clone()),
        continue_to: Set(leaving.continue_to.clone()),
        created_at: Set(millis(leaving.created_at)),
        expires_at: Set(millis(leaving.expires_at)),
    };
    Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// The sign-out of a handle.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    handle_hash: &str,
    now: Timestamp,
) -> Result<Option<Leaving>, StoreError> {
    let row = Entity::find_by_id(handle_hash)
        .filter(Column::ExpiresAt.gt(millis(now)))
        .one(db)
        .await?;
    row.map(|row| {
        Ok(Leaving {
            handle_hash: row.handle_hash,
            session_id: row.session_id,
            client_id: row.client_id,
            continue_to: row.continue_to,
            created_at: time(row.created_at)?,
            expires_at: time(row.expires_at)?,
        })
    })
    .transpose()
}

/// Forgets handles whose time is over.
///
/// # Errors
/// When the database fails.
pub async fn purge(db: &impl ConnectionTrait, before: Timestamp) -> Result<(), StoreError> {
    let over = Condition::all().add(Column::ExpiresAt.lt(millis(before)));
    Entity::delete_many()
        .filter(unheld::<Entity>(Column::HandleHash, over))
        .exec(db)
        .await?;
    Ok(())
}

/// Forgets every one.
///
/// # Errors
/// When the database fails.
pub async fn forget_all(db: &impl ConnectionTrait) -> Result<(), StoreError> {
    Entity::delete_many().exec(db).await?;
    Ok(())
}
