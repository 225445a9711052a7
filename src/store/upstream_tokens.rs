//! `upstream_tokens`: refresh tokens that other providers gave us, each sealed. Nothing is done with one but to take it
//! back there when its session has ended.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _, QuerySelect as _};

use super::{StoreError, millis, time_or_none};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "upstream_tokens")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    session_id: Uuid,
    issuer: String,
    sealed_token: String,
    due_at: Option<i64>,
    give_up_at: Option<i64>,
    attempts: i32,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// A refresh token of another provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamToken {
    /// The row.
    pub id: Uuid,
    /// The session that came of the sign-in that it was given for; where none did, one that never was.
    pub session_id: Uuid,
    /// Who gave it.
    pub issuer: String,
    /// The token, sealed.
    pub sealed_token: String,
    /// When it is to be taken back; none while its session lives.
    pub due_at: Option<Timestamp>,
    /// After which moment that is not tried any more, where it is to be done.
    pub give_up_at: Option<Timestamp>,
    /// How often it was tried.
    pub attempts: u32,
}

impl TryFrom<Model> for UpstreamToken {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            session_id: row.session_id,
            issuer: row.issuer,
            sealed_token: row.sealed_token,
            due_at: time_or_none(row.due_at)?,
            give_up_at: time_or_none(row.give_up_at)?,
            attempts: row.attempts.unsigned_abs(),
        })
    }
}

/// Keeps one that has not been tried.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &impl ConnectionTrait, token: &UpstreamToken) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: Set(token.id),
        session_id: Set(token.session_id),
        issuer: Set(token.issuer.clone()),
        sealed_token: Set(token.sealed_token.clone()),
        due_at: Set(token.due_at.map(millis)),
        give_up_at: Set(token.give_up_at.map(millis)),
        attempts: Set(0),
    };
    Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Those of these sessions, which are held, are to be taken back from now on.
///
/// # Errors
/// When the database fails.
pub async fn let_go(
    db: &impl ConnectionTrait,
    session_ids: &[Uuid],
    now: Timestamp,
    give_up_at: Timestamp,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(millis(now)))
        .col_expr(Column::GiveUpAt, Expr::value(millis(give_up_at)))
        .filter(Column::SessionId.is_in(session_ids.iter().copied()))
        .filter(Column::DueAt.is_null())
        .exec(db)
        .await?;
    Ok(())
}

/// At most `limit` that are to be taken back now, the ones that wait longest first.
///
/// # Errors
/// When the database fails.
pub async fn due(
    db: &impl ConnectionTrait,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<UpstreamToken>, StoreError> {
    Entity::find()
        .filter(Column::DueAt.lte(millis(now)))
        .order_by_asc(Column::DueAt)
        .limit(limit)
        .all(db)
        .await?
        .into_iter()
        .map(TryInto::try_into)
        .collect()
}

/// Puts the next try off until a moment, if it stands as it was read: of two nodes one may try. `attempts` is how many
/// there have been.
///
/// # Errors
/// When the database fails.
pub async fn put_off(
    db: &impl ConnectionTrait,
    token: &UpstreamToken,
    attempts: u32,
    until: Timestamp,
) -> Result<bool, StoreError> {
    let put_off = Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(millis(until)))
        .col_expr(Column::Attempts, Expr::value(attempts.cast_signed()))
        .filter(Column::Id.eq(token.id))
        .filter(Column::DueAt.eq(token.due_at.map(millis)))
        .exec(db)
        .await?;
    Ok(put_off.rows_affected == 1)
}

/// Forgets one: it was taken back, or can't be.
///
/// # Errors
/// When the database fails.
pub async fn remove(db: &impl ConnectionTrait, id: Uuid) -> Result<(), StoreError> {
    Entity::delete_by_id(id).exec(db).await?;
    Ok(())
}

/// How many are to be taken back and were not yet.
///
/// # Errors
/// When the database fails.
pub async fn count_waiting(db: &impl ConnectionTrait) -> Result<u64, StoreError> {
    Ok(Entity::find()
        .filter(Column::DueAt.is_not_null())
        .count(db)
        .await?)
}
