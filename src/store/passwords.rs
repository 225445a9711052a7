//! `passwords`: apart from people, so that a person may have none.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QuerySelect as _};

use super::{StoreError, millis, rows, time};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "passwords")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    user_id: Uuid,
    hash: String,
    changed_at: i64,
    declared_fingerprint: Option<String>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// A person's password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Password {
    /// An argon2id PHC string.
    pub hash: String,
    /// When it was set.
    pub set_at: Timestamp,
    /// A keyed hash of the value that the configuration last declared: it tells a changed
    /// declaration from a password that the person has changed since.
    pub declared_fingerprint: Option<String>,
}

/// The password of `user_id`, if there is one.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    user_id: Uuid,
) -> Result<Option<Password>, StoreError> {
    let row = Entity::find_by_id(user_id).one(db).await?;
    row.map(|row| {
        Ok(Password {
            hash: row.hash,
            set_at: time(row.changed_at)?,
            declared_fingerprint: row.declared_fingerprint,
        })
    })
    .transpose()
}

/// Whether anybody has one.
///
/// # Errors
/// When the database fails.
pub async fn is_any(db: &impl ConnectionTrait) -> Result<bool, StoreError> {
    let any: Option<Uuid> = Entity::find()
        .select_only()
        .column(Column::UserId)
        .limit(1)
        .into_tuple()
        .one(db)
        .await?;
    Ok(any.is_some())
}

/// Sets the password of `user_id`.
///
/// # Errors
/// When the database fails.
pub async fn save(
    db: &impl ConnectionTrait,
    user_id: Uuid,
    password: &Password,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        user_id: Set(user_id),
        hash: Set(password.hash.clone()),
        changed_at: Set(millis(password.set_at)),
        declared_fingerprint: Set(password.declared_fingerprint.clone()),
    };
    rows::save(db, row, &[]).await
}

/// Keeps the same password of `user_id` under another hash.
///
/// # Errors
/// When the database fails.
pub async fn save_hash(
    db: &impl ConnectionTrait,
    user_id: Uuid,
    hash: &str,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::Hash, Expr::value(hash))
        .filter(Column::UserId.eq(user_id))
        .exec(db)
        .await?;
    Ok(())
}

/// The hashes that were declared, and have not been made anew here since.
///
/// # Errors
/// When the database fails.
pub async fn declared_hashes(
    db: &impl ConnectionTrait,
    but_those_with: &str,
) -> Result<Vec<String>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .column(Column::Hash)
        .filter(Column::DeclaredFingerprint.is_not_null())
        .filter(Column::Hash.not_like(format!("{but_those_with}%")))
        .into_tuple()
        .all(db)
        .await?)
}

/// Forgets the password of `user_id`.
///
/// # Errors
/// When the database fails.
pub async fn remove(db: &impl ConnectionTrait, user_id: Uuid) -> Result<(), StoreError> {
    Entity::delete_by_id(user_id).exec(db).await?;
    Ok(())
}
