//! `sessions`: a browser's session with us. Its cookie's value is never its identifier.

pub mod listing;
mod living;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait, Query, SelectStatement};
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _, QuerySelect as _};

pub use listing::{count_unended, find_all, list_ended};
pub use living::{
    Liveness, find_by_cookie, find_by_this_or_the_next_cookie, find_ended_by_cookie, find_living,
};

use super::{StoreError, millis, rows, time, time_or_none};
use crate::clock::Timestamp;
use crate::oidc::logout::Cause;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    cookie_hash: String,
    previous_cookie_hash: Option<String>,
    user_id: Uuid,
    auth_time: i64,
    amr: String,
    acr: Option<String>,
    created_at: i64,
    last_seen_at: i64,
    expires_at: i64,
    ended_at: Option<i64>,
    end_cause: Option<String>,
    user_agent: String,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The row's identifier: to know it gives nobody anything.
    pub id: Uuid,
    /// Whose.
    pub user_id: Uuid,
    /// When they last proved who they are.
    pub auth_time: Timestamp,
    /// How (RFC 8176), separated by spaces.
    pub amr: String,
    /// Of which class that was (Core §2), if that is known.
    pub acr: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// When it ended, if it has.
    pub ended_at: Option<Timestamp>,
    /// Why it ended.
    pub end_cause: Option<Cause>,
    /// What the browser called itself.
    pub user_agent: String,
}

impl TryFrom<Model> for Session {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let end_cause = row
            .end_cause
            .map(|name| Cause::from_name(&name).ok_or(StoreError::Damaged("a cause")))
            .transpose()?;
        Ok(Self {
            id: row.id,
            user_id: row.user_id,
            auth_time: time(row.auth_time)?,
            amr: row.amr,
            acr: row.acr,
            created_at: time(row.created_at)?,
            last_seen_at: time(row.last_seen_at)?,
            expires_at: time(row.expires_at)?,
            ended_at: time_or_none(row.ended_at)?,
            end_cause,
            user_agent: row.user_agent,
        })
    }
}

/// Begins a session, found by the keyed hash of its cookie.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    db: &impl ConnectionTrait,
    session: &Session,
    cookie_hash: String,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: Set(session.id),
        cookie_hash: Set(cookie_hash),
        previous_cookie_hash: Set(None),
        user_id: Set(session.user_id),
        auth_time: Set(millis(session.auth_time)),
        amr: Set(session.amr.clone()),
        acr: Set(session.acr.clone()),
        created_at: Set(millis(session.created_at)),
        last_seen_at: Set(millis(session.last_seen_at)),
        expires_at: Set(millis(session.expires_at)),
        ended_at: Set(None),
        end_cause: Set(None),
        user_agent: Set(session.user_agent.clone()),
    };
    rows::insert(db, row).await
}

/// The session with that identifier, alive or not.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Session>, StoreError> {
    rows::one(db, Entity::find_by_id(id)).await
}

/// As [`find_living`], and nobody else ends or joins it until this transaction is over.
///
/// # Errors
/// When the database fails.
pub async fn lock_living(
    db: &impl ConnectionTrait,
    id: Uuid,
    alive: Liveness,
) -> Result<Option<Session>, StoreError> {
    let found = Entity::find_by_id(id)
        .filter(alive.condition())
        .lock_exclusive();
    rows::one(db, found).await
}

/// Those of these sessions whose end nobody has recorded, each with its person, held as by
/// [`lock_living`].
///
/// # Errors
/// When the database fails.
pub async fn lock_unended(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Uuid)>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .column(Column::Id)
        .column(Column::UserId)
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(Column::EndedAt.is_null())
        // Every node locks them in the same order.
        .order_by_asc(Column::Id)
        .lock_exclusive()
        .into_tuple()
        .all(db)
        .await?)
}

/// Records the end of sessions.
///
/// # Errors
/// When the database fails.
pub async fn mark_ended(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    cause: Cause,
    now: Timestamp,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::EndedAt, Expr::value(millis(now)))
        .col_expr(Column::EndCause, Expr::value(cause.as_str()))
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(Column::EndedAt.is_null())
        .exec(db)
        .await?;
    Ok(())
}

/// The same person has proved again who they are: the session goes on under a new cookie. It is found by the one that was
/// shown, too, by whoever signs in again because this answer was lost.
///
/// # Errors
/// When the database fails.
pub async fn renew(
    db: &impl ConnectionTrait,
    session: &Session,
    cookie_hash: String,
    shown_hash: Option<String>,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::PreviousCookieHash, Expr::value(shown_hash))
        .col_expr(Column::CookieHash, Expr::value(cookie_hash))
        .col_expr(Column::AuthTime, Expr::value(millis(session.auth_time)))
        .col_expr(Column::Amr, Expr::value(session.amr.clone()))
        .col_expr(Column::Acr, Expr::value(session.acr.clone()))
        .col_expr(
            Column::LastSeenAt,
            Expr::value(millis(session.last_seen_at)),
        )
        .col_expr(Column::ExpiresAt, Expr::value(millis(session.expires_at)))
        .filter(Column::Id.eq(session.id))
        .exec(db)
        .await?;
    Ok(())
}

/// Records that the session was used.
///
/// # Errors
/// When the database fails.
pub async fn touch(db: &impl ConnectionTrait, id: Uuid, now: Timestamp) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::LastSeenAt, Expr::value(millis(now)))
        .filter(Column::Id.eq(id))
        .filter(Column::LastSeenAt.lt(millis(now)))
        .exec(db)
        .await?;
    Ok(())
}

/// Identifiers of at most `limit` sessions without a recorded end that began before a moment, of one
/// person or of all, but not `except`.
///
/// # Errors
/// When the database fails.
pub async fn unended_before(
    db: &impl ConnectionTrait,
    user_id: Option<Uuid>,
    except: Option<Uuid>,
    before: Timestamp,
    limit: u64,
) -> Result<Vec<Uuid>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::EndedAt.is_null())
        .filter(Column::CreatedAt.lt(millis(before)))
        .filter(
            Condition::all()
                .add_option(user_id.map(|user_id| Column::UserId.eq(user_id)))
                .add_option(except.map(|except| Column::Id.ne(except))),
        )
        // Every node locks them in the same order.
        .order_by_asc(Column::Id)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?)
}

/// Why a session's time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// It has lasted as long as sessions may.
    Expired,
    /// It was not used for as long as idling is allowed.
    Idle,
}

/// Identifiers of at most `limit` sessions whose time is over and whose end nobody has recorded.
///
/// # Errors
/// When the database fails.
pub async fn over(
    db: &impl ConnectionTrait,
    why: Over,
    alive: Liveness,
    limit: u64,
) -> Result<Vec<Uuid>, StoreError> {
    let over = match (why, alive.seen_since) {
        (Over::Expired, _) => Column::ExpiresAt.lte(millis(alive.now)),
        (Over::Idle, Some(since)) => Column::LastSeenAt.lt(millis(since)),
        (Over::Idle, None) => return Ok(Vec::new()),
    };
    Ok(Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::EndedAt.is_null())
        .filter(over)
        // Every node locks them in the same order.
        .order_by_asc(Column::Id)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?)
}

/// "The session is one of this person's", for queries on what belongs to sessions.
pub(super) fn of_user(user_id: Uuid) -> SelectStatement {
    Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Column::UserId.eq(user_id))
        .to_owned()
}

/// "Nobody has recorded the end of this session", for queries on what belongs to sessions.
pub(super) fn is_unended(session_id: Expr) -> Expr {
    let unended = Query::select()
        .expr(Expr::value(1))
        .from(Entity)
        .and_where(ExprTrait::eq(Expr::col((Entity, Column::Id)), session_id))
        .and_where(Column::EndedAt.is_null())
        .to_owned();
    Expr::exists(unended)
}

/// "The person of this session", for queries on what belongs to sessions.
pub(super) fn user_of(session_id: Expr) -> SelectStatement {
    Query::select()
        .column(Column::UserId)
        .from(Entity)
        // The method of this name on expressions, not the comparison of two of them.
        .and_where(ExprTrait::eq(Expr::col((Entity, Column::Id)), session_id))
        .to_owned()
}
