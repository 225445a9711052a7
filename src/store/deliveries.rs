//! `logout_deliveries`: the outbox. One row for each application that took part in a session that
//! ended, written in the transaction that ended it.
//!
//! How the rows are worked off is in [`queue`].

pub mod listing;
pub mod queue;

use std::collections::BTreeMap;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _};
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _, QuerySelect as _};

use self::queue::Lease;
use super::locking::in_order;
use super::{StoreError, breakers, database, millis, rows, time, time_or_none};
use crate::clock::Timestamp;
use crate::oidc::logout::{Cause, Channel, DeliveryState};

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "logout_deliveries")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    session_id: Uuid,
    sid: Uuid,
    client_id: String,
    user_id: Uuid,
    channel: String,
    state: String,
    cause: String,
    attempts: i32,
    created_at: i64,
    due_at: Option<i64>,
    give_up_at: i64,
    believes_until: i64,
    lease: Option<Uuid>,
    lease_until: Option<i64>,
    finished_at: Option<i64>,
    last_status: Option<i32>,
    last_problem: Option<String>,
    order_id: Option<Uuid>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// What one application is to be told, and how that went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The row's identifier.
    pub id: Uuid,
    /// The session that ended.
    pub session_id: Uuid,
    /// What the application knew it by.
    pub sid: Uuid,
    /// The application.
    pub client_id: String,
    /// Whose session it was.
    pub user_id: Uuid,
    /// How the application can be told.
    pub channel: Channel,
    /// How far it got.
    pub state: DeliveryState,
    /// Why the session ended.
    pub cause: Cause,
    /// The order that ended it among others, if one did.
    pub order_id: Option<Uuid>,
    /// How often it was tried; of a front-channel application, how many pages that frame it were sent.
    pub attempts: i32,
    /// When the session ended.
    pub created_at: Timestamp,
    /// When it is tried next; none when it will not be.
    pub due_at: Option<Timestamp>,
    /// When trying stops.
    pub give_up_at: Timestamp,
    /// When the application stops believing in the session by itself.
    pub believes_until: Timestamp,
    /// When its state became final.
    pub finished_at: Option<Timestamp>,
    /// The HTTP status of the last answer.
    pub last_status: Option<i32>,
    /// What went wrong last, in words.
    pub last_problem: Option<String>,
}

impl TryFrom<Model> for Delivery {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            session_id: row.session_id,
            sid: row.sid,
            client_id: row.client_id,
            user_id: row.user_id,
            channel: Channel::from_name(&row.channel).ok_or(StoreError::Damaged("a channel"))?,
            state: DeliveryState::from_name(&row.state)
                .ok_or(StoreError::Damaged("a delivery's state"))?,
            cause: Cause::from_name(&row.cause).ok_or(StoreError::Damaged("a cause"))?,
            order_id: row.order_id,
            attempts: row.attempts,
            created_at: time(row.created_at)?,
            due_at: time_or_none(row.due_at)?,
            give_up_at: time(row.give_up_at)?,
            believes_until: time(row.believes_until)?,
            finished_at: time_or_none(row.finished_at)?,
            last_status: row.last_status,
            last_problem: row.last_problem,
        })
    }
}

/// Writes the rows, held under `lease` from the first, if there is one.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    db: &impl ConnectionTrait,
    deliveries: &[Delivery],
    lease: Option<Lease>,
) -> Result<(), StoreError> {
    // SQLite takes at most 32,766 values a statement; a row has 19.
    for some in deliveries.chunks(1_000) {
        let rows = some.iter().map(|delivery| ActiveModel {
            id: Set(delivery.id),
            session_id: Set(delivery.session_id),
            sid: Set(delivery.sid),
            client_id: Set(delivery.client_id.clone()),
            user_id: Set(delivery.user_id),
            channel: Set(delivery.channel.as_str().to_owned()),
            state: Set(delivery.state.as_str().to_owned()),
            cause: Set(delivery.cause.as_str().to_owned()),
            attempts: Set(delivery.attempts),
            created_at: Set(millis(delivery.created_at)),
            due_at: Set(delivery.due_at.map(millis)),
            give_up_at: Set(millis(delivery.give_up_at)),
            believes_until: Set(millis(delivery.believes_until)),
            lease: Set(lease.map(|lease| lease.id)),
            lease_until: Set(lease.map(|lease| millis(lease.until))),
            finished_at: Set(delivery.finished_at.map(millis)),
            last_status: Set(delivery.last_status),
            last_problem: Set(delivery.last_problem.clone()),
            order_id: Set(delivery.order_id),
        });
        Entity::insert_many(rows).exec_without_returning(db).await?;
    }
    let is_due = |delivery: &Delivery| delivery.due_at.is_some();
    if lease.is_none() && deliveries.iter().any(is_due) {
        database::hint(db).await?;
    }
    Ok(())
}

/// Rows as they are shown: while a client's breaker is open, the next try is not before it lets one pass.
async fn read(
    db: &impl ConnectionTrait,
    these: Select<Entity>,
) -> Result<Vec<Delivery>, StoreError> {
    breakers::defer(db, rows::all(db, these).await?).await
}

/// What the applications of one session were told, in the order the rows were written.
///
/// # Errors
/// When the database fails.
pub async fn of_session(
    db: &impl ConnectionTrait,
    session_id: Uuid,
) -> Result<Vec<Delivery>, StoreError> {
    let found = Entity::find()
        .filter(Column::SessionId.eq(session_id))
        .order_by_asc(Column::Id);
    read(db, found).await
}

/// At most `limit` deliveries of a person's sessions that ended since a moment, newest first.
///
/// # Errors
/// When the database fails.
pub async fn of_user(
    db: &impl ConnectionTrait,
    user_id: Uuid,
    since: Timestamp,
    limit: u64,
) -> Result<Vec<Delivery>, StoreError> {
    let found = Entity::find()
        .filter(Column::UserId.eq(user_id))
        .filter(Column::CreatedAt.gte(millis(since)))
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .limit(limit);
    read(db, found).await
}

/// The delivery with that identifier.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Delivery>, StoreError> {
    Ok(read(db, Entity::find_by_id(id)).await?.pop())
}

/// At most `limit` deliveries, newest first, in one of `states`, of one client or of all.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &impl ConnectionTrait,
    states: &[DeliveryState],
    client_id: Option<&str>,
    limit: u64,
) -> Result<Vec<Delivery>, StoreError> {
    let wanted = listing::Wanted {
        states,
        client_id,
        ..listing::Wanted::default()
    };
    listing::page(db, &wanted, limit).await
}

/// The clients that these notices are for, each with its notices, which are held.
///
/// # Errors
/// When the database fails.
pub async fn by_client(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<BTreeMap<String, Vec<Uuid>>, StoreError> {
    let mut clients: BTreeMap<String, Vec<Uuid>> = BTreeMap::new();
    for some in ids.chunks(10_000) {
        let found: Vec<(String, Uuid)> = Entity::find()
            .select_only()
            .column(Column::ClientId)
            .column(Column::Id)
            .filter(Column::Id.is_in(some.iter().copied()))
            // Whoever writes many locks them in this order, whose they are or not.
            .order_by_asc(Column::Id)
            .lock_exclusive()
            .into_tuple()
            .all(db)
            .await?;
        for (client_id, id) in found {
            clients.entry(client_id).or_default().push(id);
        }
    }
    Ok(clients)
}

/// Makes undelivered notices due again, however final their state was; answers how many there were. A try that is under
/// way loses its lease: a confirmation counts, any other answer of it is on record and puts nothing off.
///
/// # Errors
/// When the database fails.
pub async fn retry(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    give_up_at: Timestamp,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut due = 0;
    for some in ids.chunks(10_000) {
        let changed = Entity::update_many()
            .col_expr(Column::State, Expr::value(DeliveryState::Retrying.as_str()))
            .col_expr(Column::DueAt, Expr::value(millis(now)))
            .col_expr(Column::GiveUpAt, Expr::value(millis(give_up_at)))
            .col_expr(Column::FinishedAt, Expr::value(None::<i64>))
            .col_expr(Column::Lease, Expr::value(None::<Uuid>))
            .col_expr(Column::LeaseUntil, Expr::value(None::<i64>))
            .filter(in_order::<Entity>(
                Column::Id,
                Condition::all()
                    .add(Column::Id.is_in(some.iter().copied()))
                    .add(Column::Channel.eq(Channel::Back.as_str()))
                    .add(Column::State.ne(DeliveryState::Confirmed.as_str())),
            ))
            .exec(db)
            .await?;
        due += changed.rows_affected;
    }
    if due > 0 {
        database::hint(db).await?;
    }
    Ok(due)
}

/// Tries these notices no more, those that did not arrive; answers how many there were. A try that is under way
/// loses its lease, and its answer is on record and changes nothing.
///
/// # Errors
/// When the database fails.
pub async fn abandon(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    now: Timestamp,
) -> Result<u64, StoreError> {
    let undelivered = DeliveryState::UNDELIVERED.map(DeliveryState::as_str);
    let mut abandoned = 0;
    for some in ids.chunks(10_000) {
        let changed = Entity::update_many()
            .col_expr(
                Column::State,
                Expr::value(DeliveryState::Abandoned.as_str()),
            )
            .col_expr(Column::DueAt, Expr::value(None::<i64>))
            .col_expr(Column::FinishedAt, Expr::value(millis(now)))
            .col_expr(Column::Lease, Expr::value(None::<Uuid>))
            .col_expr(Column::LeaseUntil, Expr::value(None::<i64>))
            .filter(in_order::<Entity>(
                Column::Id,
                Condition::all()
                    .add(Column::Id.is_in(some.iter().copied()))
                    .add(Column::State.is_in(undelivered)),
            ))
            .exec(db)
            .await?;
        abandoned += changed.rows_affected;
    }
    Ok(abandoned)
}

/// The page that frames the applications of these deliveries is sent: they are asked, perhaps again.
///
/// # Errors
/// When the database fails.
pub async fn mark_asked(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    now: Timestamp,
) -> Result<(), StoreError> {
    let not_confirmed = [DeliveryState::Unreachable, DeliveryState::Asked];
    Entity::update_many()
        .col_expr(Column::State, Expr::value(DeliveryState::Asked.as_str()))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .col_expr(Column::FinishedAt, Expr::value(millis(now)))
        .filter(in_order::<Entity>(
            Column::Id,
            Condition::all()
                .add(Column::Id.is_in(ids.iter().copied()))
                .add(Column::Channel.eq(Channel::Front.as_str()))
                .add(Column::State.is_in(not_confirmed.map(DeliveryState::as_str))),
        ))
        .exec(db)
        .await?;
    Ok(())
}

/// The framed page of an application said in the browser that it is done; false, and nothing changed, unless it
/// was asked.
///
/// # Errors
/// When the database fails.
pub async fn confirm_asked(
    db: &impl ConnectionTrait,
    id: Uuid,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let changed = Entity::update_many()
        .col_expr(
            Column::State,
            Expr::value(DeliveryState::Confirmed.as_str()),
        )
        .col_expr(Column::FinishedAt, Expr::value(millis(now)))
        .filter(Column::Id.eq(id))
        .filter(Column::Channel.eq(Channel::Front.as_str()))
        .filter(Column::State.eq(DeliveryState::Asked.as_str()))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}
