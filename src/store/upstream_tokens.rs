//! `upstream_tokens`: refresh tokens that other providers gave us, each sealed. Nothing is done with one but to take it
//! back there when its session has ended, or none came of its sign-in.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _};
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _, QuerySelect as _};

use super::locking::unheld;
use super::{StoreError, millis, rows, sessions, time_or_none};
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
    /// When it is to be taken back; none while its session lives. Of a sign-in under way, when that has taken too long.
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

/// Writes down one that has not been tried.
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
    rows::insert(db, row).await
}

/// "It is as it was written": nobody has kept it, let it go or tried it.
fn as_written(id: Uuid, due_at: Timestamp) -> Condition {
    Condition::all()
        .add(Column::Id.eq(id))
        .add(Column::DueAt.eq(millis(due_at)))
        .add(Column::Attempts.eq(0))
}

/// Whether it is as it was written, to be taken back at this moment: nobody has kept it, let it go or tried it.
///
/// # Errors
/// When the database fails.
pub async fn is_as_written(
    db: &impl ConnectionTrait,
    id: Uuid,
    due_at: Timestamp,
) -> Result<bool, StoreError> {
    let found = Entity::find()
        .filter(as_written(id, due_at))
        .one(db)
        .await?;
    Ok(found.is_some())
}

/// Keeps it for this session, if it is as it was written: of this and whoever takes it back one happens.
///
/// # Errors
/// When the database fails.
pub async fn keep(
    db: &impl ConnectionTrait,
    id: Uuid,
    due_at: Timestamp,
    session_id: Uuid,
) -> Result<bool, StoreError> {
    let kept = Entity::update_many()
        .col_expr(Column::SessionId, Expr::value(session_id))
        .col_expr(Column::DueAt, Expr::value(None::<i64>))
        .col_expr(Column::GiveUpAt, Expr::value(None::<i64>))
        .filter(as_written(id, due_at))
        .exec(db)
        .await?;
    Ok(kept.rows_affected == 1)
}

/// It is to be taken back from now on, if it is as it was written.
///
/// # Errors
/// When the database fails.
pub async fn let_go(
    db: &impl ConnectionTrait,
    id: Uuid,
    due_at: Timestamp,
    now: Timestamp,
    give_up_at: Timestamp,
) -> Result<(), StoreError> {
    let_go_of(db, as_written(id, due_at), now, give_up_at).await?;
    Ok(())
}

/// Those of these sessions, which are held, are to be taken back from now on.
///
/// # Errors
/// When the database fails.
pub async fn let_go_with(
    db: &impl ConnectionTrait,
    session_ids: &[Uuid],
    now: Timestamp,
    give_up_at: Timestamp,
) -> Result<(), StoreError> {
    let kept = Condition::all()
        .add(Column::SessionId.is_in(session_ids.iter().copied()))
        .add(Column::DueAt.is_null());
    let_go_of(db, kept, now, give_up_at).await?;
    Ok(())
}

/// At most `limit` that are kept though their sessions are over, or are not known.
///
/// # Errors
/// When the database fails.
pub async fn overlooked(db: &impl ConnectionTrait, limit: u64) -> Result<Vec<Uuid>, StoreError> {
    let session_id = Expr::col((Entity, Column::SessionId));
    Ok(Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::DueAt.is_null())
        .filter(sessions::is_unended(session_id).not())
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?)
}

/// Those of these that are kept still are to be taken back from now on, as far as nobody holds them; answers how many.
///
/// # Errors
/// When the database fails.
pub async fn let_go_overlooked(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    now: Timestamp,
    give_up_at: Timestamp,
) -> Result<u64, StoreError> {
    let kept = Condition::all()
        .add(Column::Id.is_in(ids.iter().copied()))
        .add(Column::DueAt.is_null());
    let kept = Condition::all().add(unheld::<Entity>(Column::Id, kept));
    let_go_of(db, kept, now, give_up_at).await
}

async fn let_go_of(
    db: &impl ConnectionTrait,
    which: Condition,
    now: Timestamp,
    give_up_at: Timestamp,
) -> Result<u64, StoreError> {
    let let_go = Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(millis(now)))
        .col_expr(Column::GiveUpAt, Expr::value(millis(give_up_at)))
        .filter(which)
        .exec(db)
        .await?;
    Ok(let_go.rows_affected)
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
    let due = Entity::find()
        .filter(Column::DueAt.lte(millis(now)))
        .order_by_asc(Column::DueAt)
        .limit(limit);
    rows::all(db, due).await
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

/// How many are to be taken back and were not yet: none of a sign-in under way.
///
/// # Errors
/// When the database fails.
pub async fn count_waiting(db: &impl ConnectionTrait, now: Timestamp) -> Result<u64, StoreError> {
    let tried = Condition::all()
        .add(Column::DueAt.is_not_null())
        .add(Column::Attempts.gt(0));
    let waiting = Condition::any()
        .add(Column::DueAt.lte(millis(now)))
        .add(tried);
    Ok(Entity::find().filter(waiting).count(db).await?)
}
