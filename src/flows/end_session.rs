//! The only code that ends sessions, whatever the cause. In one transaction: the session is marked,
//! its tokens are revoked, and one delivery row is written for each application that took part.

mod orders;

use std::collections::{HashMap, HashSet};

use chrono::TimeDelta;
use uuid::Uuid;

use super::{FlowError, Provider, observe};
use crate::clock::Timestamp;
use crate::oidc::client::ClientMetadata;
use crate::oidc::logout::{Cause, Channel, DeliveryState};
use crate::store::deliveries::{self, Delivery};
use crate::store::grants::{self, Of};
use crate::store::orders::OrderScope;
use crate::store::participants::{self, Participant};
use crate::store::sessions::{self, Over, Session};
use crate::store::{self, Transaction, clients};

pub(super) use orders::order;
pub use orders::{carry_out_orders, end_many};

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
    let ended = end_in(provider, &tx, &[session_id], Ending::by(cause, now)).await?;
    store::commit(tx).await?;
    provider.work.notify_one();
    Ok(ended == 1)
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
    let ending = Ending::by(cause, now);
    let ended = end_participation_in(provider, &tx, &[session_id], client_id, ending).await?;
    store::commit(tx).await?;
    provider.work.notify_one();
    Ok(ended == 1)
}

/// Ends this session and every other of its person. False when this one's end was recorded before.
///
/// # Errors
/// As [`end_session`].
pub async fn end_everywhere(
    provider: &Provider,
    session: &Session,
    cause: Cause,
) -> Result<bool, FlowError> {
    let now = provider.clock.now();
    let tx = provider.database.begin().await?;
    // This one at once, whose receipts are waited for; the others when a worker comes to them.
    let ended = end_in(provider, &tx, &[session.id], Ending::by(cause, now)).await?;
    let scope = OrderScope::User(session.user_id);
    order(provider, &tx, scope, cause, now).await?;
    store::commit(tx).await?;
    provider.work.notify_one();
    Ok(ended == 1)
}

/// Why sessions end, for which order, and when: what every row about it says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    /// The cause.
    pub cause: Cause,
    /// The order, if it is one that ends them.
    pub order_id: Option<Uuid>,
    /// Of an order about one application: parts and grants that began at this moment or later are others.
    pub before: Option<Timestamp>,
    /// The moment.
    pub now: Timestamp,
}

impl Ending {
    /// An end that nobody ordered.
    pub(super) fn by(cause: Cause, now: Timestamp) -> Self {
        Self {
            cause,
            order_id: None,
            before: None,
            now,
        }
    }
}

/// Ends those of these sessions that had no end, in a transaction of the caller's; answers how many.
///
/// # Errors
/// When the database fails.
pub(super) async fn end_in(
    provider: &Provider,
    tx: &Transaction,
    session_ids: &[Uuid],
    ending: Ending,
) -> Result<usize, FlowError> {
    let held = sessions::lock_unended(tx, session_ids).await?;
    let ids: Vec<Uuid> = held.iter().map(|(id, _)| *id).collect();
    if ids.is_empty() {
        return Ok(0);
    }
    sessions::mark_ended(tx, &ids, ending.cause, ending.now).await?;
    let of = Of::Sessions {
        session_ids: &ids,
        client_id: None,
        keep_offline: ending.cause.keeps_offline_access(),
        before: None,
    };
    grants::revoke(tx, &[of], ending.now).await?;
    let participants = participants::list_open(tx, &ids, None, None).await?;
    observe::ending(provider, &ids, &participants, ending);
    tell(provider, tx, &held, participants, ending).await?;
    Ok(ids.len())
}

/// Ends one application's part in those of these sessions that have no end; answers in how many it
/// had one.
///
/// # Errors
/// When the database fails.
pub(super) async fn end_participation_in(
    provider: &Provider,
    tx: &Transaction,
    session_ids: &[Uuid],
    client_id: &str,
    ending: Ending,
) -> Result<usize, FlowError> {
    let held = sessions::lock_unended(tx, session_ids).await?;
    let ids: Vec<Uuid> = held.iter().map(|(id, _)| *id).collect();
    if ids.is_empty() {
        return Ok(0);
    }
    take_back(tx, &ids, client_id, ending).await?;
    let participants = participants::list_open(tx, &ids, Some(client_id), ending.before).await?;
    let parts = participants.len();
    observe::ending_parts(&participants, ending);
    tell(provider, tx, &held, participants, ending).await?;
    Ok(parts)
}

/// Takes back what was issued to an application in these sessions, as far as the cause reaches.
async fn take_back(
    tx: &Transaction,
    session_ids: &[Uuid],
    client_id: &str,
    ending: Ending,
) -> Result<(), FlowError> {
    let of = |keep_offline| Of::Sessions {
        session_ids,
        client_id: Some(client_id),
        keep_offline,
        before: ending.before,
    };
    let mut taken = vec![of(ending.cause.keeps_offline_access())];
    if ending.cause.keeps_offline_access() {
        // What outlives a part is what was given, not a code on its way: it would begin the next one.
        taken.push(Of::Unredeemed {
            session_ids,
            client_id,
            before: ending.before,
        });
    }
    Ok(grants::revoke(tx, &taken, ending.now).await?)
}

/// Ends sessions whose time is over, some a transaction.
///
/// # Errors
/// When the database fails; the next call goes on where this one stopped.
pub async fn end_expired(provider: &Provider) -> Result<(), FlowError> {
    for (why, cause) in [(Over::Expired, Cause::Expired), (Over::Idle, Cause::Idle)] {
        loop {
            let now = provider.clock.now();
            let alive = provider.alive(now);
            // A look that takes no lock: mostly there are none.
            if sessions::over(provider.database.read(), why, alive, 1)
                .await?
                .is_empty()
            {
                break;
            }
            let tx = provider.database.begin().await?;
            let session_ids = sessions::over(&tx, why, alive, SESSIONS_AT_ONCE).await?;
            end_in(provider, &tx, &session_ids, Ending::by(cause, now)).await?;
            store::commit(tx).await?;
            provider.work.notify_one();
        }
    }
    Ok(())
}

/// Writes a row for each application, and that its part is over. `sessions` has the person of each.
async fn tell(
    provider: &Provider,
    tx: &Transaction,
    sessions: &[(Uuid, Uuid)],
    participants: Vec<Participant>,
    ending: Ending,
) -> Result<(), FlowError> {
    if participants.is_empty() {
        return Ok(());
    }
    let now = ending.now;
    let mut client_ids: Vec<String> = participants
        .iter()
        .map(|known| known.client_id.clone())
        .collect();
    client_ids.sort_unstable();
    client_ids.dedup();
    let sids: Vec<Uuid> = participants.iter().map(|known| known.sid).collect();
    let known: HashMap<String, ClientMetadata> = clients::find_all(tx, &client_ids)
        .await?
        .into_iter()
        .map(|known| (known.client.client_id, known.client.metadata))
        .collect();
    let session_ids: Vec<Uuid> = sessions.iter().map(|(id, _)| *id).collect();
    let users: HashMap<Uuid, Uuid> = sessions.iter().copied().collect();
    // The grants that this cause takes back are taken back by now: of these nobody knows an end.
    let stay: HashSet<(Uuid, String)> = grants::with_offline_access(tx, &session_ids)
        .await?
        .into_iter()
        .collect();
    let mut rows = Vec::with_capacity(participants.len());
    for participant in participants {
        let Some(user_id) = users.get(&participant.session_id) else {
            continue;
        };
        let metadata = known.get(&participant.client_id);
        let channel = metadata.map_or(Channel::None, channel);
        let give_up_after = metadata.map_or(provider.config.logout.give_up_after, |metadata| {
            provider.give_up_after(metadata)
        });
        let by_server = channel == Channel::Back;
        let stays = stay.contains(&(participant.session_id, participant.client_id.clone()));
        rows.push(Delivery {
            id: provider.random.row_id(now),
            session_id: participant.session_id,
            sid: participant.sid,
            client_id: participant.client_id,
            user_id: *user_id,
            channel,
            // Until a page has framed it, an application that only a browser can tell is not reached.
            state: if by_server {
                DeliveryState::Pending
            } else {
                DeliveryState::Unreachable
            },
            cause: ending.cause,
            order_id: ending.order_id,
            attempts: 0,
            created_at: now,
            due_at: by_server.then_some(now),
            give_up_at: now + give_up_after,
            believes_until: if stays {
                now
            } else {
                participant.believes_until
            },
            finished_at: (!by_server).then_some(now),
            last_status: None,
            last_problem: None,
        });
    }
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
