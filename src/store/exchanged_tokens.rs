//! `exchanged_tokens`: which tokens came from which (RFC 8693), by their names, so that who takes one back takes back what
//! came of it; and which clients' tokens a service has by that.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _, QuerySelect as _};

use super::{StoreError, millis, rows, time};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "exchanged_tokens")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    jti: String,
    /// Empty, where the other has no name.
    #[sea_orm(primary_key, auto_increment = false)]
    parent_jti: String,
    client_id: String,
    audience: String,
    generation: i32,
    expires_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// A token that came from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangedToken {
    /// Its name.
    pub jti: String,
    /// The other's, if it has one.
    pub parent_jti: Option<String>,
    /// The client that it says.
    pub client_id: String,
    /// Whom it is for.
    pub audience: String,
    /// How many exchanges lie behind it, its own included.
    pub generation: i32,
    /// When it is no longer good.
    pub expires_at: Timestamp,
}

/// Keeps one.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &impl ConnectionTrait, token: &ExchangedToken) -> Result<(), StoreError> {
    let row = ActiveModel {
        jti: Set(token.jti.clone()),
        parent_jti: Set(token.parent_jti.clone().unwrap_or_default()),
        client_id: Set(token.client_id.clone()),
        audience: Set(token.audience.clone()),
        generation: Set(token.generation),
        expires_at: Set(millis(token.expires_at)),
    };
    rows::insert(db, row).await
}

/// Holds what is known of the tokens of these names: nobody takes them back with what they came from until this
/// transaction is over. Answers how many exchanges lie behind the one with the most.
///
/// # Errors
/// When the database fails.
pub async fn hold(db: &impl ConnectionTrait, names: &[String]) -> Result<i32, StoreError> {
    let held = Entity::find()
        .filter(Column::Jti.is_in(names))
        .order_by_asc(Column::Jti)
        .order_by_asc(Column::ParentJti)
        .lock_exclusive()
        .all(db)
        .await?;
    let generations = held.iter().map(|row| row.generation);
    Ok(generations.max().unwrap_or_default())
}

/// Whether a token of this name came from another, is for this service, and says that it was issued to this client.
///
/// # Errors
/// When the database fails.
pub async fn is_for(
    db: &impl ConnectionTrait,
    jti: &str,
    audience: &str,
    client_id: &str,
) -> Result<bool, StoreError> {
    let found = Entity::find()
        .filter(Column::Jti.eq(jti))
        .filter(Column::ClientId.eq(client_id))
        .filter(Column::Audience.eq(audience));
    Ok(found.one(db).await?.is_some())
}

/// Those that came from one of these and are not over, which are held then: nobody exchanges them until this transaction is
/// over.
///
/// # Errors
/// When the database fails.
pub async fn children(
    db: &impl ConnectionTrait,
    parents: &[String],
    now: Timestamp,
) -> Result<Vec<ExchangedToken>, StoreError> {
    let rows = Entity::find()
        .filter(Column::ParentJti.is_in(parents))
        .filter(Column::ExpiresAt.gt(millis(now)))
        .order_by_asc(Column::Jti)
        .order_by_asc(Column::ParentJti)
        .lock_exclusive()
        .all(db)
        .await?;
    let read = |row: Model| {
        Ok(ExchangedToken {
            jti: row.jti,
            parent_jti: Some(row.parent_jti).filter(|jti| !jti.is_empty()),
            client_id: row.client_id,
            audience: row.audience,
            generation: row.generation,
            expires_at: time(row.expires_at)?,
        })
    };
    rows.into_iter().map(read).collect()
}

/// The clients of which there are tokens for this service that are not over.
///
/// # Errors
/// When the database fails.
pub async fn clients_at(
    db: &impl ConnectionTrait,
    audience: &str,
    now: Timestamp,
) -> Result<Vec<String>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .column(Column::ClientId)
        .distinct()
        .filter(Column::Audience.eq(audience))
        .filter(Column::ExpiresAt.gt(millis(now)))
        .into_tuple()
        .all(db)
        .await?)
}

/// Forgets those that nobody accepts any more.
///
/// # Errors
/// When the database fails.
pub async fn purge(db: &impl ConnectionTrait, before: Timestamp) -> Result<(), StoreError> {
    rows::purge::<Entity>(db, Column::Jti, Column::ExpiresAt, before).await
}
