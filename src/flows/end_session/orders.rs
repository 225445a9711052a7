//! Ending many sessions at once: one row that counts from its commit, carried out some sessions a
//! transaction.

use chrono::TimeDelta;
use uuid::Uuid;

use super::{Ending, end_in, end_participation_in, sessions_at_once};
use crate::clock::Timestamp;
use crate::flows::{FlowError, Provider, observe, revocations};
use crate::oidc::logout::Cause;
use crate::store::grants::{self, Of};
use crate::store::orders::{self, Order, OrderScope};
use crate::store::{self, Transaction, clients, participants, sessions};

/// Orders the end of many sessions; answers the order's identifier. From the commit on they count as
/// ended; workers do the rest.
///
/// # Errors
/// When the database fails.
pub(in crate::flows) async fn order(
    provider: &Provider,
    tx: &Transaction,
    scope: OrderScope,
    cause: Cause,
    now: Timestamp,
) -> Result<Uuid, FlowError> {
    // A code on its way to an application has no part yet that an order could end.
    let at_client = match &scope {
        OrderScope::Client(client_id) => Some((None, client_id.as_str())),
        OrderScope::UserAtClient { user_id, client_id } => {
            Some((Some(*user_id), client_id.as_str()))
        }
        OrderScope::User(_) | OrderScope::OthersOf { .. } | OrderScope::All => None,
    };
    let mut now = now;
    if let Some((user_id, client_id)) = at_client {
        // Nobody joins between our look at what there is and the order's commit.
        clients::lock(tx, client_id).await?;
        // Who joined while we waited for that is meant too.
        now = now.max(provider.clock.now());
        let of = Of::UnredeemedAtClient { user_id, client_id };
        grants::revoke(tx, &[of], now).await?;
    }
    let order = Order {
        id: provider.random.row_id(now),
        scope,
        cause,
        // What began in this very millisecond is meant too.
        before: now + TimeDelta::milliseconds(1),
    };
    orders::insert(tx, &order).await?;
    revocations::ordered(provider, tx, &order, now).await?;
    observe::ordering(&order);
    Ok(order.id)
}

/// Orders the end of many sessions, in a transaction of its own; answers the order's identifier.
///
/// # Errors
/// When the database fails.
pub async fn end_many(
    provider: &Provider,
    scope: OrderScope,
    cause: Cause,
) -> Result<Uuid, FlowError> {
    let tx = provider.database.begin().await?;
    let order_id = order(provider, &tx, scope, cause, provider.clock.now()).await?;
    store::commit(tx).await?;
    provider.work.notify_one();
    Ok(order_id)
}

/// Carries out every open order, some sessions a transaction. Any node may, at any time: what one has
/// ended another passes over.
///
/// # Errors
/// When the database fails; the next call goes on where this one stopped.
pub async fn carry_out_orders(provider: &Provider) -> Result<(), FlowError> {
    // In turns: a person who is shut out need not wait for a storm that was ordered before.
    let mut left = orders::open(provider.database.read()).await?;
    let mut failed = None;
    while !left.is_empty() {
        let mut still = Vec::new();
        for order in left {
            match carry_out_some(provider, &order).await {
                Ok(true) => {
                    provider.work.notify_one();
                    still.push(order);
                }
                Ok(false) => {}
                Err(error) => failed = Some(error),
            }
        }
        left = still;
    }
    failed.map_or(Ok(()), Err)
}

async fn carry_out_some(provider: &Provider, order: &Order) -> Result<bool, FlowError> {
    let ending = Ending {
        cause: order.cause,
        order_id: Some(order.id),
        before: Some(order.before),
        now: provider.clock.now(),
        lease: None,
    };
    let work = provider.begin_work().await?;
    let (limit, before) = (sessions_at_once(provider), order.before);
    let (user_id, except, client_id) = match &order.scope {
        OrderScope::User(user_id) => (Some(*user_id), None, None),
        OrderScope::OthersOf { user_id, except } => (Some(*user_id), Some(*except), None),
        OrderScope::UserAtClient { user_id, client_id } => (Some(*user_id), None, Some(client_id)),
        OrderScope::Client(client_id) => (None, None, Some(client_id)),
        OrderScope::All => (None, None, None),
    };
    let session_ids = match client_id {
        Some(client_id) => {
            participants::sessions_of_client(&work.tx, client_id, user_id, before, limit).await?
        }
        None => sessions::unended_before(&work.tx, user_id, except, before, limit).await?,
    };
    match client_id {
        Some(client_id) => {
            end_participation_in(provider, &work.tx, &session_ids, client_id, ending).await?;
        }
        None => {
            end_in(provider, &work.tx, &session_ids, ending).await?;
        }
    }
    if session_ids.is_empty() {
        orders::close(&work.tx, order.id, ending.now).await?;
    }
    work.commit().await?;
    Ok(!session_ids.is_empty())
}
