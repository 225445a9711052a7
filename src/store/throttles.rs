//! `throttles`: how fast something may be tried, at all nodes together: the generic cell rate
//! algorithm, one row and one statement a try, so that a parallel burst gets no more than its share.

use chrono::TimeDelta;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use sea_orm::{ActiveValue::Set, ConnectionTrait};

use super::{StoreError, millis, rows, time};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "throttles")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    name: String,
    arrival: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// How fast: `burst` at once, then one each `interval`.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// What one try costs.
    pub interval: TimeDelta,
    /// How many tries may come at once.
    pub burst: i32,
}

/// Counts a try; when it comes too soon, it is not counted and the answer is when to come again.
///
/// # Errors
/// When the database fails.
pub async fn admit(
    db: &impl ConnectionTrait,
    name: &str,
    pace: Pace,
    now: Timestamp,
) -> Result<Result<(), Timestamp>, StoreError> {
    let (now_millis, interval) = (millis(now), pace.interval.num_milliseconds());
    // A row says when all that was tried so far would be paid for. A try is admitted while that lies
    // no further ahead than the rest of the burst.
    let furthest = now_millis + interval * i64::from(pace.burst - 1);
    let arrival = || Expr::col((Entity, Column::Arrival));
    let paid = Expr::case(arrival().lt(now_millis), now_millis).finally(arrival());
    let row = ActiveModel {
        name: Set(name.to_owned()),
        arrival: Set(now_millis + interval),
    };
    let admitted = Entity::insert(row)
        .on_conflict(
            OnConflict::column(Column::Name)
                .value(Column::Arrival, Expr::expr(paid).add(interval))
                .action_and_where(Expr::col((Entity, Column::Arrival)).lte(furthest))
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    if admitted == 1 {
        return Ok(Ok(()));
    }
    let row = Entity::find_by_id(name).one(db).await?;
    let arrival = row.map_or(now_millis, |row| row.arrival);
    Ok(Err(time(arrival - interval * i64::from(pace.burst - 1))?))
}

/// Forgets what has been paid for.
///
/// # Errors
/// When the database fails.
pub async fn purge(db: &impl ConnectionTrait, before: Timestamp) -> Result<(), StoreError> {
    rows::purge::<Entity>(db, Column::Name, Column::Arrival, before).await
}

/// Takes back what one try cost.
///
/// # Errors
/// When the database fails.
pub async fn give_back(
    db: &impl ConnectionTrait,
    name: &str,
    pace: Pace,
) -> Result<(), StoreError> {
    let earlier = Expr::col(Column::Arrival).sub(pace.interval.num_milliseconds());
    Entity::update_many()
        .col_expr(Column::Arrival, earlier)
        .filter(Column::Name.eq(name))
        .exec(db)
        .await?;
    Ok(())
}

/// The bucket is full again: who got in may mistype again tomorrow.
///
/// # Errors
/// When the database fails.
pub async fn forget(db: &impl ConnectionTrait, name: &str) -> Result<(), StoreError> {
    Entity::delete_by_id(name).exec(db).await?;
    Ok(())
}
