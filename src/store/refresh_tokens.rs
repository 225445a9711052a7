//! `refresh_tokens`: found by keyed hash; a family shares its grant and dies with it.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, Query, SimpleExpr};
use sea_orm::{ActiveValue::Set, ConnectionTrait};

use super::{StoreError, millis, rows, time, time_or_none};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_tokens")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    token_hash: String,
    grant_id: Uuid,
    client_id: String,
    auth_time: i64,
    issued_at: i64,
    expires_at: i64,
    rotated_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// A refresh token as it was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// The keyed hash of the token.
    pub token_hash: String,
    /// The grant it renews.
    pub grant_id: Uuid,
    /// To whom it was issued.
    pub client_id: String,
    /// The `auth_time` of the ID tokens it gives.
    pub auth_time: Timestamp,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// The first moment at which it is no longer good.
    pub expires_at: Timestamp,
    /// When its successor was issued, if it was.
    pub rotated_at: Option<Timestamp>,
}

impl TryFrom<Model> for RefreshToken {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            token_hash: row.token_hash,
            grant_id: row.grant_id,
            client_id: row.client_id,
            auth_time: time(row.auth_time)?,
            issued_at: time(row.issued_at)?,
            expires_at: time(row.expires_at)?,
            rotated_at: time_or_none(row.rotated_at)?,
        })
    }
}

/// Keeps a new token.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &impl ConnectionTrait, token: &RefreshToken) -> Result<(), StoreError> {
    let row = ActiveModel {
        token_hash: Set(token.token_hash.clone()),
        grant_id: Set(token.grant_id),
        client_id: Set(token.client_id.clone()),
        auth_time: Set(millis(token.auth_time)),
        issued_at: Set(millis(token.issued_at)),
        expires_at: Set(millis(token.expires_at)),
        rotated_at: Set(None),
    };
    rows::insert(db, row).await
}

/// The token with that hash, rotated or not.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    token_hash: &str,
) -> Result<Option<RefreshToken>, StoreError> {
    rows::one(db, Entity::find_by_id(token_hash)).await
}

/// Marks the token as followed by another; false when somebody else has.
///
/// # Errors
/// When the database fails.
pub async fn rotate(
    db: &impl ConnectionTrait,
    token_hash: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let changed = Entity::update_many()
        .col_expr(Column::RotatedAt, Expr::value(millis(now)))
        .filter(Column::TokenHash.eq(token_hash))
        .filter(Column::RotatedAt.is_null())
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// "The grant gave tokens since a moment", for queries on `grants`.
pub(super) fn given_since(grant_id: SimpleExpr, since: Timestamp) -> SimpleExpr {
    let given = Query::select()
        .expr(Expr::value(1))
        .from(Entity)
        .and_where(Expr::col((Entity, Column::GrantId)).eq(grant_id))
        .and_where(Expr::col((Entity, Column::IssuedAt)).gte(millis(since)))
        .to_owned();
    Expr::exists(given)
}

/// Forgets tokens that expired before a moment.
///
/// # Errors
/// When the database fails.
pub async fn purge(db: &impl ConnectionTrait, before: Timestamp) -> Result<(), StoreError> {
    rows::purge::<Entity>(db, Column::TokenHash, Column::ExpiresAt, before).await
}
