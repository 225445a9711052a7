//! `logout_deliveries` as a queue: which rows are due, who holds them, and what became of them. Each statement takes
//! many rows.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;
use sea_orm::{
    ConnectionTrait, DbBackend, FromQueryResult as _, QueryOrder as _, QuerySelect as _, Statement,
};

use super::{Column, Delivery, Entity, Model};
use crate::clock::Timestamp;
use crate::oidc::logout::DeliveryState;
use crate::store::locking::in_order;
use crate::store::places::Places;
use crate::store::{StoreError, millis};

/// The most rows that one statement writes: SQLite takes 32,766 values, and a write should be short.
pub const MOST_ROWS: usize = 500;

/// How many of a client's rows to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The client.
    pub client_id: String,
    /// At most so many.
    pub limit: usize,
}

/// Who holds a row: a fencing token, and until when it is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Told apart by this, also from earlier ones of the same holder.
    pub id: Uuid,
    /// From then on the row is free again.
    pub until: Timestamp,
}

/// What became of a row that was held.
#[derive(Debug, Clone)]
pub struct Settled<'a> {
    /// The row as it is to be.
    pub delivery: &'a Delivery,
    /// What it was held under.
    pub lease: Uuid,
}

/// The clients for whom there is something to claim, the longest waiting first: a look that takes no
/// lock, and that costs as much as there are clients, however long the queue is.
///
/// # Errors
/// When the database fails.
pub async fn due_clients(
    db: &impl ConnectionTrait,
    now: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let look = Statement::from_sql_and_values(
        db.get_database_backend(),
        "SELECT client_id FROM (SELECT client_id, (SELECT due_at FROM logout_deliveries \
         WHERE logout_deliveries.client_id = clients.client_id AND due_at <= $1 \
         AND (lease_until IS NULL OR lease_until <= $1) ORDER BY due_at LIMIT 1) AS since \
         FROM clients) AS waiting WHERE since IS NOT NULL ORDER BY since, client_id",
        [millis(now).into()],
    );
    let rows = db.query_all_raw(look).await?;
    rows.iter()
        .map(|row| Ok(row.try_get_by_index(0)?))
        .collect()
}

/// Takes rows that are due and that nobody holds, of each client its share, the longest due first.
///
/// # Errors
/// When the database fails.
pub async fn claim(
    db: &impl ConnectionTrait,
    shares: &[Share],
    lease: Lease,
    now: Timestamp,
) -> Result<Vec<Delivery>, StoreError> {
    let backend = db.get_database_backend();
    // What another node is about to take is passed over, not waited for. SQLite's writer is alone.
    let skip = match backend {
        DbBackend::Postgres => " FOR UPDATE SKIP LOCKED",
        _ => "",
    };
    let mut claimed = Vec::new();
    // SQLite joins at most 500 selects.
    for shares in shares.chunks(200) {
        let mut places = Places::on(backend);
        let mut picks = Vec::with_capacity(shares.len());
        for (number, share) in shares.iter().enumerate() {
            let limit = i64::try_from(share.limit).unwrap_or(i64::MAX);
            picks.push(format!(
                "SELECT id FROM (SELECT id FROM logout_deliveries WHERE client_id = {} \
                 AND due_at <= {} AND (lease_until IS NULL OR lease_until <= {}) \
                 ORDER BY due_at LIMIT {}{skip}) AS pick{number}",
                places.next(share.client_id.as_str()),
                places.next(millis(now)),
                places.next(millis(now)),
                places.next(limit),
            ));
        }
        let take = format!(
            "WITH picked(id) AS ({}) UPDATE logout_deliveries SET lease = {}, lease_until = {} \
             WHERE id IN (SELECT id FROM picked) RETURNING *",
            picks.join(" UNION ALL "),
            places.next(lease.id),
            places.next(millis(lease.until)),
        );
        let rows = db.query_all_raw(places.fill(take)).await?;
        for row in rows {
            claimed.push(Model::from_query_result(&row, "")?.try_into()?);
        }
    }
    claimed.sort_by_key(|delivery: &Delivery| (delivery.due_at, delivery.id));
    Ok(claimed)
}

/// Records what became of rows and gives their leases back; answers the identifiers of those that it settled. A row whose
/// lease was lost stays as whoever holds it now made it; but what an application confirmed is confirmed, whoever else is
/// about to tell it again.
///
/// # Errors
/// When the database fails.
pub async fn acknowledge(
    db: &impl ConnectionTrait,
    settled: &[Settled<'_>],
) -> Result<Vec<Uuid>, StoreError> {
    let mut ours = Vec::with_capacity(settled.len());
    for some in settled.chunks(MOST_ROWS) {
        let backend = db.get_database_backend();
        let mut places = Places::on(backend);
        let mut rows = Vec::with_capacity(some.len());
        for Settled { delivery, lease } in some {
            let row = [
                places.next(delivery.id),
                places.next(*lease),
                places.next(delivery.state.as_str()),
                places.next(delivery.attempts),
                places.next(delivery.due_at.map(millis)),
                places.next(delivery.finished_at.map(millis)),
                places.next(delivery.last_status),
                places.next(delivery.last_problem.clone()),
            ];
            rows.push(format!("({})", row.join(", ")));
        }
        // Locked in the order in which everyone locks them, and no harder than by the attempts that refer to them: another node
        // may have one of the same row.
        let held = match backend {
            DbBackend::Postgres => {
                "(SELECT told.* FROM told JOIN logout_deliveries AS ours ON ours.id = told.id \
                 AND (ours.lease = told.held OR told.state = 'confirmed' \
                 AND ours.state NOT IN ('confirmed', 'abandoned')) \
                 ORDER BY told.id FOR NO KEY UPDATE OF ours) AS told"
            }
            _ => "told",
        };
        let write = format!(
            "WITH told(id, held, state, attempts, due_at, finished_at, status, problem) AS (VALUES {}) \
             UPDATE logout_deliveries SET state = told.state, attempts = CASE \
             WHEN logout_deliveries.attempts > told.attempts THEN logout_deliveries.attempts ELSE told.attempts END, \
             due_at = told.due_at, finished_at = told.finished_at, last_status = told.status, \
             last_problem = told.problem, lease = NULL, lease_until = NULL FROM {held} \
             WHERE logout_deliveries.id = told.id AND (logout_deliveries.lease = told.held \
             OR told.state = 'confirmed' AND logout_deliveries.state NOT IN ('confirmed', 'abandoned')) \
             RETURNING logout_deliveries.id",
            rows.join(", ")
        );
        let written = db.query_all_raw(places.fill(write)).await?;
        for row in written {
            ours.push(row.try_get_by_index(0)?);
        }
    }
    Ok(ours)
}

/// Gives back rows that were claimed and not tried: anyone may take them at once.
///
/// # Errors
/// When the database fails.
pub async fn release(db: &impl ConnectionTrait, held: &[(Uuid, Uuid)]) -> Result<(), StoreError> {
    let mut leases: Vec<Uuid> = held.iter().map(|(_, lease)| *lease).collect();
    leases.sort_unstable();
    leases.dedup();
    for some in held.chunks(MOST_ROWS) {
        Entity::update_many()
            .col_expr(Column::Lease, Expr::value(None::<Uuid>))
            .col_expr(Column::LeaseUntil, Expr::value(None::<i64>))
            .filter(in_order::<Entity>(
                Column::Id,
                Condition::all()
                    .add(Column::Id.is_in(some.iter().map(|(id, _)| *id)))
                    .add(Column::Lease.is_in(leases.iter().copied())),
            ))
            .exec(db)
            .await?;
    }
    Ok(())
}

/// Gives up those of a client's longest waiting rows whose time is over, though nobody tries them: its
/// breaker is open. Answers how many.
///
/// # Errors
/// When the database fails.
pub async fn give_up(
    db: &impl ConnectionTrait,
    client_id: &str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let unheld = Condition::any()
        .add(Column::LeaseUntil.is_null())
        .add(Column::LeaseUntil.lte(millis(now)));
    let waiting: Vec<(Uuid, i64)> = Entity::find()
        .select_only()
        .column(Column::Id)
        .column(Column::GiveUpAt)
        .filter(Column::ClientId.eq(client_id))
        .filter(Column::DueAt.lte(millis(now)))
        .filter(unheld.clone())
        .order_by_asc(Column::DueAt)
        .limit(MOST_ROWS as u64)
        .into_tuple()
        .all(db)
        .await?;
    let over: Vec<Uuid> = waiting
        .into_iter()
        .filter(|(_, give_up_at)| *give_up_at <= millis(now))
        .map(|(id, _)| id)
        .collect();
    if over.is_empty() {
        return Ok(0);
    }
    let given_up = Entity::update_many()
        .col_expr(Column::State, Expr::value(DeliveryState::Dead.as_str()))
        .col_expr(Column::DueAt, Expr::value(None::<i64>))
        .col_expr(Column::FinishedAt, Expr::value(millis(now)))
        .filter(in_order::<Entity>(
            Column::Id,
            Condition::all()
                .add(Column::Id.is_in(over))
                .add(Column::DueAt.is_not_null())
                .add(unheld),
        ))
        .exec(db)
        .await?;
    Ok(given_up.rows_affected)
}
