//! `delivery_attempts`: every try to tell an application, with what it answered.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _};

use super::{StoreError, millis, time};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery_attempts")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    jti: Uuid,
    delivery_id: Uuid,
    at: i64,
    outcome: String,
    status: Option<i32>,
    latency: i32,
    problem: Option<String>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The `jti` of the logout token that was sent.
    pub jti: Uuid,
    /// The delivery.
    pub delivery_id: Uuid,
    /// When it was sent.
    pub at: Timestamp,
    /// `confirmed`, `refused`, `failed` or `retrying`.
    pub outcome: String,
    /// The HTTP status, if there was an answer.
    pub status: Option<i32>,
    /// How long it took, in milliseconds.
    pub latency: i32,
    /// What went wrong, in words.
    pub problem: Option<String>,
}

/// Records tries.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &impl ConnectionTrait, attempts: &[Attempt]) -> Result<(), StoreError> {
    // SQLite takes at most 32,766 values a statement; a row has 7.
    for some in attempts.chunks(1_000) {
        let rows = some.iter().map(|attempt| ActiveModel {
            jti: Set(attempt.jti),
            delivery_id: Set(attempt.delivery_id),
            at: Set(millis(attempt.at)),
            outcome: Set(attempt.outcome.clone()),
            status: Set(attempt.status),
            latency: Set(attempt.latency),
            problem: Set(attempt.problem.clone()),
        });
        // A write whose answer was lost is written again: what is there already is the same.
        Entity::insert_many(rows)
            .on_conflict(OnConflict::column(Column::Jti).do_nothing().to_owned())
            .exec_without_returning(db)
            .await?;
    }
    Ok(())
}

/// The tries of one delivery, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &impl ConnectionTrait,
    delivery_id: Uuid,
) -> Result<Vec<Attempt>, StoreError> {
    let rows = Entity::find()
        .filter(Column::DeliveryId.eq(delivery_id))
        .order_by_asc(Column::At)
        .all(db)
        .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Attempt {
                jti: row.jti,
                delivery_id: row.delivery_id,
                at: time(row.at)?,
                outcome: row.outcome,
                status: row.status,
                latency: row.latency,
                problem: row.problem,
            })
        })
        .collect()
}
