//! `participants`: which application took part in which session, each with a `sid` of its own. Kept
//! past the session's end, and never derived from tokens, which are forgotten sooner.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, Query, SelectStatement};
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _, QuerySelect as _};

use super::locking::in_order;
use super::orders::OrderScope;
use super::{StoreError, millis, orders, rows, sessions, time, time_or_none};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "participants")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    sid: Uuid,
    session_id: Uuid,
    client_id: String,
    joined_at: i64,
    believes_until: i64,
    ended_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// An application's part in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// What the application knows the session by.
    pub sid: Uuid,
    /// The session.
    pub session_id: Uuid,
    /// The application.
    pub client_id: String,
    /// Since when.
    pub joined_at: Timestamp,
    /// When the last token it was given expires: then it stops believing in the session by itself.
    pub believes_until: Timestamp,
    /// When its part ended, if it has.
    pub ended_at: Option<Timestamp>,
}

impl TryFrom<Model> for Participant {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            sid: row.sid,
            session_id: row.session_id,
            client_id: row.client_id,
            joined_at: time(row.joined_at)?,
            believes_until: time(row.believes_until)?,
            ended_at: time_or_none(row.ended_at)?,
        })
    }
}

/// The application joins the session, or is found to be in it; answers its `sid`. The caller holds
/// the session's lock.
///
/// # Errors
/// When the database fails.
pub async fn join(
    db: &impl ConnectionTrait,
    participant: &Participant,
) -> Result<Uuid, StoreError> {
    if let Some(known) = find_open(db, participant.session_id, &participant.client_id).await? {
        believe(db, known.sid, participant.believes_until).await?;
        return Ok(known.sid);
    }
    let row = ActiveModel {
        sid: Set(participant.sid),
        session_id: Set(participant.session_id),
        client_id: Set(participant.client_id.clone()),
        joined_at: Set(millis(participant.joined_at)),
        believes_until: Set(millis(participant.believes_until)),
        ended_at: Set(None),
    };
    rows::insert(db, row).await?;
    Ok(participant.sid)
}

/// The application was given a token that is good until `until`.
///
/// # Errors
/// When the database fails.
pub async fn believe(
    db: &impl ConnectionTrait,
    sid: Uuid,
    until: Timestamp,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::BelievesUntil, Expr::value(millis(until)))
        .filter(Column::Sid.eq(sid))
        .filter(Column::BelievesUntil.lt(millis(until)))
        .exec(db)
        .await?;
    Ok(())
}

/// "Its end is not recorded, and no open order names it."
fn living() -> Condition {
    Condition::all()
        .add(Column::EndedAt.is_null())
        .add(orders::none_names_part(
            Expr::col((Entity, Column::ClientId)),
            sessions::user_of(Expr::col((Entity, Column::SessionId))),
            Expr::col((Entity, Column::JoinedAt)),
        ))
}

/// The part with that `sid`, over or not.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &impl ConnectionTrait, sid: Uuid) -> Result<Option<Participant>, StoreError> {
    rows::one(db, Entity::find_by_id(sid)).await
}

/// The part with that `sid`, if it is not over; its session may be.
///
/// # Errors
/// When the database fails.
pub async fn find_living(
    db: &impl ConnectionTrait,
    sid: Uuid,
) -> Result<Option<Participant>, StoreError> {
    let found = Entity::find_by_id(sid).filter(living());
    rows::one(db, found).await
}

/// Whether the person has a part at the client that is not over.
///
/// # Errors
/// When the database fails.
pub async fn has_living(
    db: &impl ConnectionTrait,
    user_id: Uuid,
    client_id: &str,
) -> Result<bool, StoreError> {
    let theirs = Column::SessionId.in_subquery(sessions::of_user(user_id));
    any_living(db, client_id, theirs).await
}

/// Whether the application's part in the session is not over; the session may be.
///
/// # Errors
/// When the database fails.
pub async fn takes_part(
    db: &impl ConnectionTrait,
    session_id: Uuid,
    client_id: &str,
) -> Result<bool, StoreError> {
    any_living(db, client_id, Column::SessionId.eq(session_id)).await
}

async fn any_living(
    db: &impl ConnectionTrait,
    client_id: &str,
    in_which: Expr,
) -> Result<bool, StoreError> {
    let found = Entity::find()
        .filter(Column::ClientId.eq(client_id))
        .filter(in_which)
        .filter(living())
        .one(db)
        .await?;
    Ok(found.is_some())
}

/// The application's part in the session, if its end is not recorded.
///
/// # Errors
/// When the database fails.
pub async fn find_open(
    db: &impl ConnectionTrait,
    session_id: Uuid,
    client_id: &str,
) -> Result<Option<Participant>, StoreError> {
    let found = Entity::find()
        .filter(Column::SessionId.eq(session_id))
        .filter(Column::ClientId.eq(client_id))
        .filter(Column::EndedAt.is_null());
    rows::one(db, found).await
}

/// Everyone who took part in one of these sessions, in the order they came.
fn of_sessions(session_ids: &[Uuid]) -> Select<Entity> {
    Entity::find()
        .filter(Column::SessionId.is_in(session_ids.iter().copied()))
        .order_by_asc(Column::JoinedAt)
        .order_by_asc(Column::Sid)
}

/// Those whose part in these sessions has no recorded end, of one application or of all, that began
/// before a moment or ever, in the order they came.
///
/// # Errors
/// When the database fails.
pub async fn list_open(
    db: &impl ConnectionTrait,
    session_ids: &[Uuid],
    client_id: Option<&str>,
    before: Option<Timestamp>,
) -> Result<Vec<Participant>, StoreError> {
    let open = Condition::all()
        .add_option(client_id.map(|client_id| Column::ClientId.eq(client_id)))
        .add_option(before.map(|before| Column::JoinedAt.lt(millis(before))))
        .add(Column::EndedAt.is_null());
    rows::all(db, of_sessions(session_ids).filter(open)).await
}

/// Those whose part in these sessions is not over, in the order they came; the sessions may be.
///
/// # Errors
/// When the database fails.
pub async fn list_living(
    db: &impl ConnectionTrait,
    session_ids: &[Uuid],
) -> Result<Vec<Participant>, StoreError> {
    rows::all(db, of_sessions(session_ids).filter(living())).await
}

/// Everyone who took part in one of these sessions, in the order they came; their part may be over.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &impl ConnectionTrait,
    session_ids: &[Uuid],
) -> Result<Vec<Participant>, StoreError> {
    rows::all(db, of_sessions(session_ids)).await
}

/// The parts with these `sid`s, over or not.
///
/// # Errors
/// When the database fails.
pub async fn list_by_sid(
    db: &impl ConnectionTrait,
    sids: &[Uuid],
) -> Result<Vec<Participant>, StoreError> {
    if sids.is_empty() {
        return Ok(Vec::new());
    }
    let found = Entity::find().filter(Column::Sid.is_in(sids.iter().copied()));
    rows::all(db, found).await
}

/// The parts that are over, of applications that have tokens which would be good after `now`.
///
/// # Errors
/// When the database fails.
pub async fn list_ended(
    db: &impl ConnectionTrait,
    now: Timestamp,
) -> Result<Vec<Participant>, StoreError> {
    let found = Entity::find()
        .filter(Column::EndedAt.is_not_null())
        .filter(Column::BelievesUntil.gt(millis(now)));
    rows::all(db, found).await
}

/// How many parts are not over that an order of this scope would end.
///
/// # Errors
/// When the database fails.
pub async fn count_open(db: &impl ConnectionTrait, scope: &OrderScope) -> Result<u64, StoreError> {
    let open = Entity::find().filter(Column::EndedAt.is_null());
    let meant = match scope {
        OrderScope::All => open,
        OrderScope::Client(client_id) => open.filter(Column::ClientId.eq(client_id)),
        OrderScope::User(user_id) => {
            open.filter(Column::SessionId.in_subquery(sessions::of_user(*user_id)))
        }
        OrderScope::OthersOf { user_id, except } => open
            .filter(Column::SessionId.in_subquery(sessions::of_user(*user_id)))
            .filter(Column::SessionId.ne(*except)),
        OrderScope::UserAtClient { user_id, client_id } => open
            .filter(Column::SessionId.in_subquery(sessions::of_user(*user_id)))
            .filter(Column::ClientId.eq(client_id)),
    };
    Ok(meant.count(db).await?)
}

/// Sessions, of one person or of all, in which the client's part that began before a moment has no
/// recorded end, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn sessions_of_client(
    db: &impl ConnectionTrait,
    client_id: &str,
    user_id: Option<Uuid>,
    before: Timestamp,
    limit: u64,
) -> Result<Vec<Uuid>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .column(Column::SessionId)
        .filter(Column::ClientId.eq(client_id))
        .filter(Column::EndedAt.is_null())
        .filter(Column::JoinedAt.lt(millis(before)))
        .filter(Condition::all().add_option(
            user_id.map(|user_id| Column::SessionId.in_subquery(sessions::of_user(user_id))),
        ))
        // Every node locks them in the same order.
        .order_by_asc(Column::SessionId)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?)
}

/// "The client took part in the session", for queries on sessions.
pub(super) fn sessions_with(client_id: &str) -> SelectStatement {
    Query::select()
        .column(Column::SessionId)
        .from(Entity)
        .and_where(Column::ClientId.eq(client_id))
        .to_owned()
}

/// Records that these parts are over.
///
/// # Errors
/// When the database fails.
pub async fn mark_ended(
    db: &impl ConnectionTrait,
    sids: &[Uuid],
    now: Timestamp,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::EndedAt, Expr::value(millis(now)))
        .filter(in_order::<Entity>(
            Column::Sid,
            Condition::all()
                .add(Column::Sid.is_in(sids.iter().copied()))
                .add(Column::EndedAt.is_null()),
        ))
        .exec(db)
        .await?;
    Ok(())
}
