//! `leavings`: who may look at the receipts of a session that is over, found by a handle in a cookie.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait};

use super::{StoreError, millis, rows, time};
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
    upstream_asked_at: Option<i64>,
    upstream_state_hash: Option<String>,
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
    /// How far the browser came with signing out at the provider from which the session came.
    pub elsewhere: Elsewhere,
}

/// How far a browser came with signing out where a session came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elsewhere {
    /// It was not sent there.
    NotSent,
    /// It was sent there, and has not come back.
    Sent,
    /// It has come back.
    Back,
}

/// Keeps a handle. Its browser is not being sent anywhere yet.
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
        upstream_asked_at: Set(
            (leaving.elsewhere == Elsewhere::Back).then(|| millis(leaving.created_at))
        ),
        upstream_state_hash: Set(None),
    };
    rows::insert(db, row).await
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
            elsewhere: match (row.upstream_asked_at, row.upstream_state_hash) {
                (None, _) => Elsewhere::NotSent,
                (Some(_), Some(_)) => Elsewhere::Sent,
                (Some(_), None) => Elsewhere::Back,
            },
        })
    })
    .transpose()
}

/// The handle's browser is sent to sign out where the session came from, and brings back what has this keyed hash; what it
/// would have brought back before counts no more. False when the handle works no more.
///
/// # Errors
/// When the database fails.
pub async fn send_elsewhere(
    db: &impl ConnectionTrait,
    handle_hash: &str,
    state_hash: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sent = Entity::update_many()
        .col_expr(Column::UpstreamAskedAt, Expr::value(millis(now)))
        .col_expr(Column::UpstreamStateHash, Expr::value(state_hash))
        .filter(Column::HandleHash.eq(handle_hash))
        .filter(Column::ExpiresAt.gt(millis(now)))
        .exec(db)
        .await?;
    Ok(sent.rows_affected == 1)
}

/// The handle's browser brings that back. False, and nothing changed, when it was not sent with it or has brought it
/// before.
///
/// # Errors
/// When the database fails.
pub async fn come_back(
    db: &impl ConnectionTrait,
    handle_hash: &str,
    state_hash: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let back = Entity::update_many()
        .col_expr(
            Column::UpstreamStateHash,
            Expr::value(Option::<String>::None),
        )
        .filter(Column::HandleHash.eq(handle_hash))
        .filter(Column::UpstreamStateHash.eq(state_hash))
        .filter(Column::ExpiresAt.gt(millis(now)))
        .exec(db)
        .await?;
    Ok(back.rows_affected == 1)
}

/// Forgets handles whose time is over.
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
