//! `identities`: who is who at other providers. A person is known there by issuer and subject, never by an address.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _};

use super::{StoreError, millis, rows, time};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "identities")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    issuer: String,
    #[sea_orm(primary_key, auto_increment = false)]
    subject: String,
    user_id: Uuid,
    created_at: i64,
    last_used_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// Somebody at an upstream, who is one of our people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The upstream's issuer.
    pub issuer: String,
    /// Their `sub` there.
    pub subject: String,
    /// Who they are here.
    pub user_id: Uuid,
    /// Since when.
    pub created_at: Timestamp,
    /// When they last signed in through it.
    pub last_used_at: Timestamp,
}

impl TryFrom<Model> for Identity {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            issuer: row.issuer,
            subject: row.subject,
            user_id: row.user_id,
            created_at: time(row.created_at)?,
            last_used_at: time(row.last_used_at)?,
        })
    }
}

/// Who that is here, if anybody.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    issuer: &str,
    subject: &str,
) -> Result<Option<Identity>, StoreError> {
    let key = (issuer.to_owned(), subject.to_owned());
    rows::one(db, Entity::find_by_id(key)).await
}

/// Who a person is elsewhere, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn of_user(
    db: &impl ConnectionTrait,
    user_id: Uuid,
) -> Result<Vec<Identity>, StoreError> {
    let found = Entity::find()
        .filter(Column::UserId.eq(user_id))
        .order_by_asc(Column::CreatedAt);
    rows::all(db, found).await
}

/// Remembers who somebody is.
///
/// # Errors
/// When they are somebody already ([`StoreError::is_duplicate`]) or the database fails.
pub async fn insert(db: &impl ConnectionTrait, identity: &Identity) -> Result<(), StoreError> {
    let row = ActiveModel {
        issuer: Set(identity.issuer.clone()),
        subject: Set(identity.subject.clone()),
        user_id: Set(identity.user_id),
        created_at: Set(millis(identity.created_at)),
        last_used_at: Set(millis(identity.last_used_at)),
    };
    rows::insert(db, row).await
}

/// Records that they signed in; false when they are that person no more.
///
/// # Errors
/// When the database fails.
pub async fn used(
    db: &impl ConnectionTrait,
    identity: &Identity,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let updated = Entity::update_many()
        .col_expr(Column::LastUsedAt, Expr::value(millis(now)))
        .filter(Column::Issuer.eq(&identity.issuer))
        .filter(Column::Subject.eq(&identity.subject))
        .filter(Column::UserId.eq(identity.user_id))
        .exec(db)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Forgets that this person is that one; false when they were not.
///
/// # Errors
/// When the database fails.
pub async fn remove(
    db: &impl ConnectionTrait,
    user_id: Uuid,
    issuer: &str,
    subject: &str,
) -> Result<bool, StoreError> {
    let removed = Entity::delete_many()
        .filter(Column::Issuer.eq(issuer))
        .filter(Column::Subject.eq(subject))
        .filter(Column::UserId.eq(user_id))
        .exec(db)
        .await?;
    Ok(removed.rows_affected == 1)
}

/// Forgets who this person is elsewhere: they are gone.
///
/// # Errors
/// When the database fails.
pub async fn remove_of_user(db: &impl ConnectionTrait, user_id: Uuid) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::UserId.eq(user_id))
        .exec(db)
        .await?;
    Ok(())
}
