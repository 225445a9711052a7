//! `breakers`: the clients that fail to answer, for every server to know. One that answers has no row.

use std::collections::HashMap;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _, QuerySelect as _};

use super::deliveries::Delivery;
use super::locking::in_order;
use super::{StoreError, millis, rows, time_or_none};
use crate::clock::Timestamp;
use crate::oidc::logout::breaker::Breaker;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "breakers")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    client_id: String,
    failures: i32,
    open_until: Option<i64>,
    probing_until: Option<i64>,
    updated_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

fn read(rows: Vec<Model>) -> Result<HashMap<String, Breaker>, StoreError> {
    rows.into_iter()
        .map(|row| {
            let breaker = Breaker {
                failures: u32::try_from(row.failures).unwrap_or_default(),
                open_until: time_or_none(row.open_until)?,
                probing_until: time_or_none(row.probing_until)?,
            };
            Ok((row.client_id, breaker))
        })
        .collect()
}

fn of(client_ids: &[&str]) -> Condition {
    Condition::all().add(Column::ClientId.is_in(client_ids.iter().copied()))
}

/// Every client that failed to answer last.
///
/// # Errors
/// When the database fails.
pub async fn all(db: &impl ConnectionTrait) -> Result<HashMap<String, Breaker>, StoreError> {
    read(Entity::find().all(db).await?)
}

/// Those of these clients that failed to answer last, and nobody else changes what is known of them until this
/// transaction is over.
///
/// # Errors
/// When the database fails.
pub async fn lock(
    db: &impl ConnectionTrait,
    client_ids: &[&str],
) -> Result<HashMap<String, Breaker>, StoreError> {
    let rows = Entity::find()
        .filter(of(client_ids))
        // Every node locks them in the same order.
        .order_by_asc(Column::ClientId)
        .lock_exclusive()
        .all(db)
        .await?;
    read(rows)
}

/// Keeps what is known of a client now.
///
/// # Errors
/// When the database fails.
pub async fn save(
    db: &impl ConnectionTrait,
    client_id: &str,
    breaker: Breaker,
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        client_id: Set(client_id.to_owned()),
        failures: Set(i32::try_from(breaker.failures).unwrap_or(i32::MAX)),
        open_until: Set(breaker.open_until.map(millis)),
        probing_until: Set(breaker.probing_until.map(millis)),
        updated_at: Set(millis(now)),
    };
    rows::save(db, row, &[]).await
}

/// Forgets clients that answer.
///
/// # Errors
/// When the database fails.
pub async fn forget(db: &impl ConnectionTrait, client_ids: &[&str]) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(in_order::<Entity>(Column::ClientId, of(client_ids)))
        .exec(db)
        .await?;
    Ok(())
}

/// Takes the one probe that an open breaker lets pass once its time is over; false when somebody else has it.
///
/// # Errors
/// When the database fails.
pub async fn begin_probe(
    db: &impl ConnectionTrait,
    client_id: &str,
    probing_until: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let nobody = Condition::any()
        .add(Column::ProbingUntil.is_null())
        .add(Column::ProbingUntil.lte(millis(now)));
    let taken = Entity::update_many()
        .col_expr(Column::ProbingUntil, Expr::value(millis(probing_until)))
        .col_expr(Column::UpdatedAt, Expr::value(millis(now)))
        .filter(Column::ClientId.eq(client_id))
        .filter(Column::OpenUntil.lte(millis(now)))
        .filter(nobody)
        .exec(db)
        .await?;
    Ok(taken.rows_affected == 1)
}

/// Gives the probes of these clients back: they were not sent.
///
/// # Errors
/// When the database fails.
pub async fn end_probes(db: &impl ConnectionTrait, client_ids: &[&str]) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::ProbingUntil, Expr::value(None::<i64>))
        .filter(in_order::<Entity>(Column::ClientId, of(client_ids)))
        .exec(db)
        .await?;
    Ok(())
}

/// Lets a probe pass at once where a breaker is open: somebody says that the client answers again.
///
/// # Errors
/// When the database fails.
pub async fn probe_now(
    db: &impl ConnectionTrait,
    client_ids: &[&str],
    now: Timestamp,
) -> Result<(), StoreError> {
    let open = of(client_ids).add(Column::OpenUntil.gt(millis(now)));
    Entity::update_many()
        .col_expr(Column::OpenUntil, Expr::value(millis(now)))
        .filter(in_order::<Entity>(Column::ClientId, open))
        .exec(db)
        .await?;
    Ok(())
}

/// Moves the next try of notices that wait behind an open breaker to when it may be: their rows are not rewritten
/// one by one.
///
/// # Errors
/// When the database fails.
pub(super) async fn defer(
    db: &impl ConnectionTrait,
    mut notices: Vec<Delivery>,
) -> Result<Vec<Delivery>, StoreError> {
    let waiting: Vec<&str> = notices
        .iter()
        .filter(|notice| notice.due_at.is_some())
        .map(|notice| notice.client_id.as_str())
        .collect();
    if waiting.is_empty() {
        return Ok(notices);
    }
    let open = Entity::find()
        .filter(Column::ClientId.is_in(waiting))
        .filter(Column::OpenUntil.is_not_null())
        .all(db)
        .await?;
    let open = read(open)?;
    for notice in &mut notices {
        let until = open
            .get(&notice.client_id)
            .and_then(|breaker| breaker.open_until);
        notice.due_at = notice
            .due_at
            .map(|due_at| until.map_or(due_at, |until| due_at.max(until)));
    }
    Ok(notices)
}
