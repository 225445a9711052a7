//! `interactions`: authorization requests that wait for a person, bound to the browser they came in; and for a moment those
//! that were answered, bound to who did it, too.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait};

use super::{StoreError, millis, rows, time};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "interactions")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    handle_hash: String,
    browser_hash: String,
    client_id: String,
    params: String,
    requested_at: i64,
    expires_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// A request that waits, or that somebody has just answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interaction {
    /// The keyed hash of the handle that the page's form carries.
    pub handle_hash: String,
    /// The keyed hash of the browser's own cookie; the row of one that was answered has that of the cookie and the person.
    pub browser_hash: String,
    /// Who asked.
    pub client_id: String,
    /// The request's parameters, form-urlencoded.
    pub params: String,
    /// When it was made: a sign-in since then answers its `prompt=login`.
    pub requested_at: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// Parks a request.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    db: &impl ConnectionTrait,
    interaction: &Interaction,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        handle_hash: Set(interaction.handle_hash.clone()),
        browser_hash: Set(interaction.browser_hash.clone()),
        client_id: Set(interaction.client_id.clone()),
        params: Set(interaction.params.clone()),
        requested_at: Set(millis(interaction.requested_at)),
        expires_at: Set(millis(interaction.expires_at)),
    };
    rows::insert(db, row).await
}

/// The request with that handle that was made in that browser and has not been forgotten.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    handle_hash: &str,
    browser_hash: &str,
    now: Timestamp,
) -> Result<Option<Interaction>, StoreError> {
    let row = Entity::find_by_id(handle_hash)
        .filter(Column::BrowserHash.eq(browser_hash))
        .filter(Column::ExpiresAt.gt(millis(now)))
        .one(db)
        .await?;
    row.map(|row| {
        Ok(Interaction {
            handle_hash: row.handle_hash,
            browser_hash: row.browser_hash,
            client_id: row.client_id,
            params: row.params,
            requested_at: time(row.requested_at)?,
            expires_at: time(row.expires_at)?,
        })
    })
    .transpose()
}

/// The request has been answered: it is found by `answered_hash` instead, until a moment. False when it does not wait any more.
///
/// # Errors
/// When the database fails.
pub async fn answer(
    db: &impl ConnectionTrait,
    waiting: &Interaction,
    answered_hash: &str,
    until: Timestamp,
) -> Result<bool, StoreError> {
    let answered = Entity::update_many()
        .col_expr(Column::BrowserHash, Expr::value(answered_hash))
        .col_expr(Column::ExpiresAt, Expr::value(millis(until)))
        .filter(Column::HandleHash.eq(waiting.handle_hash.as_str()))
        .filter(Column::BrowserHash.eq(waiting.browser_hash.as_str()))
        .exec(db)
        .await?;
    Ok(answered.rows_affected == 1)
}

/// The request is given up; false when it does not wait any more.
///
/// # Errors
/// When the database fails.
pub async fn give_up(db: &impl ConnectionTrait, waiting: &Interaction) -> Result<bool, StoreError> {
    let given_up = Entity::delete_many()
        .filter(Column::HandleHash.eq(waiting.handle_hash.as_str()))
        .filter(Column::BrowserHash.eq(waiting.browser_hash.as_str()))
        .exec(db)
        .await?;
    Ok(given_up.rows_affected == 1)
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
