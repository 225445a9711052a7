//! The only code that ends sessions, whatever the cause. In one transaction: the session is marked,
//! its tokens are revoked, and one delivery row is written for each application that took part.

use chrono::TimeDelta;
use uuid::Uuid;

use super::{FlowError, Provider};
use crate::clock::Timestamp;
use crate::jose::HashPurpose;
use crate::oidc::client::ClientMetadata;
use crate::oidc::logout::{Cause, Channel, DeliveryState};
use crate::store::deliveries::{self, Delivery};
use crate::store::grants::{self, Of};
use crate::store::leavings::{self, Leaving};
use crate::store::orders::{self, Order, OrderScope};
use crate::store::participants::{self, Participant};
use crate::store::sessions;
use crate::store::{self, Transaction, clients};

/// How often receipts are looked for that another node may have written.
const LOOK_AGAIN: TimeDelta = TimeDelta::milliseconds(50);

/// How many sessions one transaction of an order ends: a few hundred, so that the writer is never
/// held for long.
const SESSIONS_AT_ONCE: u64 = 200;

/// Ends a session. False when its end was recorded before: two causes at once end it once.
///
/// # Errors
/// When it can't be told whether it ended; nobody may then be told that it has.
pub async fn end_session(
    provider: &Provider,
    session_id: Uuid,
    cause: Cause,
) -> Result<bool, FlowError> {
    let now = provider.clock.now();
    let tx = provider.database.begin().await?;
    let ended = end_in(provider, &tx, session_id, cause, now).await?;
    store::commit(tx).await?;
    provider.work.notify_one();
    Ok(ended)
}

/// Ends one application's part in a session. False when it had none.
///
/// # Errors
/// As [`end_session`].
pub async fn end_participation(
    provider: &Provider,
    session_id: Uuid,
    client_id: &str,
    cause: Cause,
) -> Result<bool, FlowError> {
    let now = provider.clock.now();
    let tx = provider.database.begin().await?;
    let ended = end_participation_in(provider, &tx, session_id, client_id, cause, now).await?;
    store::commit(tx).await?;
    provider.work.notify_one();
    Ok(ended)
}

/// As [`end_session`], in a transaction of the caller's.
///
/// # Errors
/// When the database fails.
pub(super) async fn end_in(
    provider: &Provider,
    tx: &Transaction,
    session_id: Uuid,
    cause: Cause,
    now: Timestamp,
) -> Result<bool, FlowError> {
    let Some(session) = sessions::lock_unended(tx, session_id).await? else {
        return Ok(false);
    };
    sessions::mark_ended(tx, session_id, cause, now).await?;
    let keep_offline = cause.keeps_offline_access();
    grants::revoke(
        tx,
        Of::Session {
            session_id,
            keep_offline,
        },
        now,
    )
    .await?;
    let participants = participants::list_open(tx, session_id).await?;
    tell(provider, tx, session.user_id, participants, cause, now).await?;
    Ok(true)
}

/// As [`end_participation`], in a transaction of the caller's.
///
/// # Errors
/// When the database fails.
pub(super) async fn end_participation_in(
    provider: &Provider,
    tx: &Transaction,
    session_id: Uuid,
    client_id: &str,
    cause: Cause,
    now: Timestamp,
) -> Result<bool, FlowError> {
    let Some(session) = sessions::lock_unended(tx, session_id).await? else {
        return Ok(false);
    };
    let keep_offline = cause.keeps_offline_access();
    grants::revoke(
        tx,
        Of::Participant {
            session_id,
            client_id,
            keep_offline,
        },
        now,
    )
    .await?;
    let Some(participant) = participants::find_open(tx, session_id, client_id).await? else {
        return Ok(false);
    };
    tell(provider, tx, session.user_id, vec![participant], cause, now).await?;
    Ok(true)
}

/// Orders the end of many sessions. From the commit on they count as ended; workers do the rest.
///
/// # Errors
/// When the database fails.
pub(super) async fn order(
    provider: &Provider,
    tx: &Transaction,
    scope: OrderScope,
    cause: Cause,
    now: Timestamp,
) -> Result<(), FlowError> {
    // What began in this very millisecond is meant too.
    let before = now + TimeDelta::milliseconds(1);
    let order = Order {
        id: provider.random.row_id(now),
        scope,
        cause,
        before,
    };
    Ok(orders::insert(tx, &order).await?)
}

/// Orders the end of many sessions, in a transaction of its own.
///
/// # Errors
/// When the database fails.
pub async fn end_many(
    provider: &Provider,
    scope: OrderScope,
    cause: Cause,
) -> Result<(), FlowError> {
    let tx = provider.database.begin().await?;
    order(provider, &tx, scope, cause, provider.clock.now()).await?;
    store::commit(tx).await?;
    provider.work.notify_one();
    Ok(())
}

/// Carries out every open order, some sessions a transaction. Any node may, at any time: what one has
/// ended another passes over.
///
/// # Errors
/// When the database fails; the next call goes on where this one stopped.
pub async fn carry_out_orders(provider: &Provider) -> Result<(), FlowError> {
    for order in orders::open(provider.database.read()).await? {
        while carry_out_some(provider, &order).await? {
            provider.work.notify_one();
        }
    }
    Ok(())
}

async fn carry_out_some(provider: &Provider, order: &Order) -> Result<bool, FlowError> {
    let now = provider.clock.now();
    let tx = provider.database.begin().await?;
    let session_ids = match &order.scope {
        OrderScope::Client(client_id) => {
            participants::sessions_of_client(&tx, client_id, order.before, SESSIONS_AT_ONCE).await?
        }
        OrderScope::User(user_id) => {
            sessions::unended_before(&tx, Some(*user_id), order.before, SESSIONS_AT_ONCE).await?
        }
        OrderScope::All => {
            sessions::unended_before(&tx, None, order.before, SESSIONS_AT_ONCE).await?
        }
    };
    for session_id in &session_ids {
        match &order.scope {
            OrderScope::Client(client_id) => {
                end_participation_in(provider, &tx, *session_id, client_id, order.cause, now)
                    .await?;
            }
            OrderScope::User(_) | OrderScope::All => {
                end_in(provider, &tx, *session_id, order.cause, now).await?;
            }
        }
    }
    if session_ids.is_empty() {
        orders::close(&tx, order.id, now).await?;
    }
    store::commit(tx).await?;
    Ok(!session_ids.is_empty())
}

/// Ends sessions whose time is over, some a transaction.
///
/// # Errors
/// When the database fails; the next call goes on where this one stopped.
pub async fn end_expired(provider: &Provider) -> Result<(), FlowError> {
    loop {
        let now = provider.clock.now();
        let alive = provider.alive(now);
        if sessions::expired(provider.database.read(), alive, 1)
            .await?
            .is_empty()
        {
            return Ok(());
        }
        let tx = provider.database.begin().await?;
        for session_id in sessions::expired(&tx, alive, SESSIONS_AT_ONCE).await? {
            end_in(provider, &tx, session_id, Cause::Expired, now).await?;
        }
        store::commit(tx).await?;
        provider.work.notify_one();
    }
}

/// Writes a row for each application, and that its part is over.
async fn tell(
    provider: &Provider,
    tx: &Transaction,
    user_id: Uuid,
    participants: Vec<Participant>,
    cause: Cause,
    now: Timestamp,
) -> Result<(), FlowError> {
    if participants.is_empty() {
        return Ok(());
    }
    let client_ids: Vec<String> = participants
        .iter()
        .map(|known| known.client_id.clone())
        .collect();
    let sids: Vec<Uuid> = participants.iter().map(|known| known.sid).collect();
    let known = clients::find_all(tx, &client_ids).await?;
    // The grants that this cause takes back are taken back by now: of these nobody knows an end.
    let stay = grants::clients_with_offline_access(tx, participants[0].session_id).await?;
    let channel_of = |client_id: &str| {
        known
            .iter()
            .find(|known| known.client.client_id == client_id)
            .map_or(Channel::None, |known| channel(&known.client.metadata))
    };
    let rows: Vec<Delivery> = participants
        .into_iter()
        .map(|participant| {
            let channel = channel_of(&participant.client_id);
            let by_server = channel == Channel::Back;
            let believes_until = if stay.contains(&participant.client_id) {
                now
            } else {
                participant.believes_until
            };
            Delivery {
                id: provider.random.row_id(now),
                session_id: participant.session_id,
                sid: participant.sid,
                client_id: participant.client_id,
                user_id,
                channel,
                // Until a page has framed it, an application that only a browser can tell is not reached.
                state: if by_server {
                    DeliveryState::Pending
                } else {
                    DeliveryState::Unreachable
                },
                cause,
                attempts: 0,
                created_at: now,
                due_at: by_server.then_some(now),
                give_up_at: now + provider.config.logout.give_up_after,
                believes_until,
                finished_at: (!by_server).then_some(now),
                last_status: None,
                last_problem: None,
            }
        })
        .collect();
    deliveries::insert(tx, &rows).await?;
    participants::mark_ended(tx, &sids, now).await?;
    Ok(())
}

fn channel(metadata: &ClientMetadata) -> Channel {
    match (
        &metadata.backchannel_logout_uri,
        &metadata.frontchannel_logout_uri,
    ) {
        (Some(_), _) => Channel::Back,
        (None, Some(_)) => Channel::Front,
        (None, None) => Channel::None,
    }
}

/// Waits until every application of the session has answered for good, at most until `deadline`;
/// answers what is known then.
///
/// # Errors
/// When the database fails.
pub async fn wait_for_receipts(
    provider: &Provider,
    session_id: Uuid,
    deadline: Timestamp,
) -> Result<Vec<Delivery>, FlowError> {
    let mut receipts = provider.receipts.subscribe();
    loop {
        let known = deliveries::of_session(provider.database.read(), session_id).await?;
        let now = provider.clock.now();
        if now >= deadline || !known.iter().any(|delivery| delivery.state.is_open()) {
            return Ok(known);
        }
        let again = deadline.min(now + LOOK_AGAIN);
        tokio::select! {
            _ = receipts.changed() => {}
            () = provider.clock.sleep_until(again) => {}
        }
    }
}

/// How long a browser may look at the receipts.
pub const WATCHED_FOR: TimeDelta = TimeDelta::minutes(10);

/// A sign-out that a browser may look at.
pub struct Watched {
    /// The session that ended, or in which a part did.
    pub session_id: Uuid,
    /// The application that asked, if one did.
    pub client_id: Option<String>,
    /// Where to go on to.
    pub continue_to: Option<String>,
    /// When it began: rows of the session from before are not shown.
    pub began_at: Timestamp,
}

/// Makes the handle by which a browser may look.
///
/// # Errors
/// When the database fails.
pub async fn watch(provider: &Provider, watched: Watched) -> Result<String, FlowError> {
    let handle = provider.random.secret();
    let leaving = Leaving {
        handle_hash: provider.master.hash(HashPurpose::Handle, &handle),
        session_id: watched.session_id,
        client_id: watched.client_id,
        continue_to: watched.continue_to,
        created_at: watched.began_at,
        expires_at: provider.clock.now() + WATCHED_FOR,
    };
    let tx = provider.database.begin().await?;
    leavings::insert(&tx, &leaving).await?;
    store::commit(tx).await?;
    Ok(handle)
}

/// A page that frames the applications of these deliveries is about to be sent.
///
/// # Errors
/// When the database fails; the page may then not say that they were asked.
pub async fn asked(provider: &Provider, delivery_ids: &[Uuid]) -> Result<(), FlowError> {
    let tx = provider.database.begin().await?;
    deliveries::mark_asked(&tx, delivery_ids, provider.clock.now()).await?;
    Ok(store::commit(tx).await?)
}
