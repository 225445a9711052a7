//! `initial_access_tokens`: who may register a client, and how often (RFC 7591 §1.2).

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _};

use super::{StoreError, millis, rows, time};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "initial_access_tokens")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    token_hash: String,
    note: Option<String>,
    uses: i32,
    uses_left: i32,
    created_at: i64,
    expires_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// An initial access token; of itself its hash alone is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitialAccessToken {
    /// What administrators call it.
    pub id: Uuid,
    /// What whoever made it wrote beside it.
    pub note: Option<String>,
    /// How many clients it was made for.
    pub uses: i32,
    /// How many it can still register.
    pub uses_left: i32,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is of no use.
    pub expires_at: Timestamp,
}

impl TryFrom<Model> for InitialAccessToken {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            note: row.note,
            uses: row.uses,
            uses_left: row.uses_left,
            created_at: time(row.created_at)?,
            expires_at: time(row.expires_at)?,
        })
    }
}

/// Keeps a new token under its hash.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    db: &impl ConnectionTrait,
    token: &InitialAccessToken,
    token_hash: String,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: Set(token.id),
        token_hash: Set(token_hash),
        note: Set(token.note.clone()),
        uses: Set(token.uses),
        uses_left: Set(token.uses_left),
        created_at: Set(millis(token.created_at)),
        expires_at: Set(millis(token.expires_at)),
    };
    rows::insert(db, row).await
}

/// The token of that hash, if it can register a client now.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    token_hash: &str,
    now: Timestamp,
) -> Result<Option<InitialAccessToken>, StoreError> {
    let found = Entity::find()
        .filter(Column::TokenHash.eq(token_hash))
        .filter(Column::UsesLeft.gt(0))
        .filter(Column::ExpiresAt.gt(millis(now)));
    rows::one(db, found).await
}

/// Uses the token once; false when somebody else was faster, or it can be used no more.
///
/// # Errors
/// When the database fails.
pub async fn use_once(
    db: &impl ConnectionTrait,
    id: Uuid,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let used = Entity::update_many()
        .col_expr(Column::UsesLeft, Expr::col(Column::UsesLeft).sub(1))
        .filter(Column::Id.eq(id))
        .filter(Column::UsesLeft.gt(0))
        .filter(Column::ExpiresAt.gt(millis(now)))
        .exec(db)
        .await?;
    Ok(used.rows_affected == 1)
}

/// Every token that has not been taken back or forgotten, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &impl ConnectionTrait) -> Result<Vec<InitialAccessToken>, StoreError> {
    let found = Entity::find()
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id);
    rows::all(db, found).await
}

/// Takes a token back; false when there is none of that name.
///
/// # Errors
/// When the database fails.
pub async fn remove(db: &impl ConnectionTrait, id: Uuid) -> Result<bool, StoreError> {
    Ok(Entity::delete_by_id(id).exec(db).await?.rows_affected == 1)
}

/// Takes every token back.
///
/// # Errors
/// When the database fails.
pub async fn forget_all(db: &impl ConnectionTrait) -> Result<(), StoreError> {
    Entity::delete_many().exec(db).await?;
    Ok(())
}

/// Forgets tokens that have expired.
///
/// # Errors
/// When the database fails.
pub async fn purge(db: &impl ConnectionTrait, before: Timestamp) -> Result<(), StoreError> {
    rows::purge::<Entity>(db, Column::Id, Column::ExpiresAt, before).await
}
