//! The only code that ends sessions, whatever the cause. In one transaction: the session is marked,
//! its tokens are revoked, and one delivery row is written for each application that took part.

mod from_upstream;
mod notices;
mod orders;

use std::sync::Arc;

use chrono::TimeDelta;
use uuid::Uuid;

use super::deliver_logouts::{Claimed, Place};
use super::work::Work;
use super::{FlowError, Provider, observe, revocations, upstream};
use crate::clock::Timestamp;
use crate::oidc::logout::Cause;
use crate::store::deliveries::queue::Lease;
use crate::store::deliveries::{self, Delivery};
use crate::store::grants::{self, Of};
use crate::store::orders::OrderScope;
use crate::store::participants;
use crate::store::sessions::{self, Over, Session};
use crate::store::{self, Transaction};

pub use from_upstream::{Left, end_from_upstream};
use notices::tell;
pub(super) use orders::order;
pub use orders::{carry_out_orders, end_many};

/// How often receipts are looked for that another node may have written.
const LOOK_AGAIN: TimeDelta = TimeDelta::milliseconds(50);

/// How many sessions one transaction of a worker ends, so that nobody is held up for long. On SQLite everybody's writes
/// stand behind it, a sign-in's twice; on PostgreSQL nobody's but those of the same sessions.
fn sessions_at_once(provider: &Provider) -> u64 {
    match provider.config.database.is_postgres() {
        true => 200,
        false => 50,
    }
}

/// Ends a session. False when its end was recorded before: two causes at once end it once.
///
/// # Errors
/// When it can't be told whether it ended; nobody may then be told that it has.
pub async fn end_session(
    provider: &Provider,
    session_id: Uuid,
    cause: Cause,
) -> Result<bool, FlowError> {
    let at_once = AtOnce::begin(provider, cause).await?;
    let ended = end_in(provider, &at_once.tx, &[session_id], at_once.ending).await?;
    Ok(at_once.finish(ended).await? == 1)
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
    let at_once = AtOnce::begin(provider, cause).await?;
    let (tx, ending) = (&at_once.tx, at_once.ending);
    let ended = end_participation_in(provider, tx, &[session_id], client_id, ending).await?;
    Ok(at_once.finish(ended).await? == 1)
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
    let at_once = AtOnce::begin(provider, cause).await?;
    let (tx, ending) = (&at_once.tx, at_once.ending);
    // This one at once, whose receipts are waited for; the others when a worker comes to them.
    let ended = end_in(provider, tx, &[session.id], ending).await?;
    let scope = OrderScope::User(session.user_id);
    order(provider, tx, scope, cause, ending.now).await?;
    let ended = Ended {
        is_more: true,
        ..ended
    };
    Ok(at_once.finish(ended).await? == 1)
}

/// An end that somebody waits for: its notices are held by this server's dispatcher from the first, where there is a
/// place for them.
struct AtOnce {
    tx: Transaction,
    ending: Ending,
    place: Option<Place>,
    work: Arc<Work>,
}

impl AtOnce {
    async fn begin(provider: &Provider, cause: Cause) -> Result<Self, FlowError> {
        let tx = provider.database.begin().await?;
        // When it is our turn to write: a lease counts from then.
        let now = provider.clock.now();
        let place = provider.work.hand_over.place(&*provider.random, now);
        let ending = Ending {
            lease: place.as_ref().map(|place| place.lease),
            ..Ending::by(cause, now)
        };
        Ok(Self {
            tx,
            ending,
            place,
            work: Arc::clone(&provider.work),
        })
    }

    /// Commits, and sends the notices on their way. Answers how many sessions, or parts in them, ended.
    async fn finish(self, ended: Ended) -> Result<usize, FlowError> {
        // Apart from this request: who hangs up between the two would leave notices that nobody sends before their
        // lease is over.
        let committed = tokio::spawn(async move {
            store::commit(self.tx).await?;
            if let Some(place) = self.place {
                place.hand_over(ended.held);
            }
            if ended.is_more {
                self.work.notify_one();
            } else {
                self.work.taken_back();
            }
            Ok(ended.count)
        });
        committed.await?
    }
}

/// Why sessions end, for which order, and when: what every row about it says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    /// The cause.
    pub cause: Cause,
    /// The order, if it is one that ends them.
    pub order_id: Option<Uuid>,
    /// Of an order: what it names was issued before this moment. Where it is about one application, parts and grants that
    /// began at this moment or later are others.
    pub before: Option<Timestamp>,
    /// The moment.
    pub now: Timestamp,
    /// What the notices are held under from the first, by this server.
    pub lease: Option<Lease>,
}

impl Ending {
    /// An end that nobody ordered.
    pub(super) fn by(cause: Cause, now: Timestamp) -> Self {
        Self {
            cause,
            order_id: None,
            before: None,
            now,
            lease: None,
        }
    }
}

/// What was ended, and whom it leaves to be told.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// How many: sessions, or parts in them.
    count: usize,
    /// Notices that are held for this server's dispatcher.
    held: Vec<Claimed>,
    /// Whether workers find more to do: other notices, or an order.
    is_more: bool,
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
) -> Result<Ended, FlowError> {
    let held = sessions::lock_unended(tx, session_ids).await?;
    let ids: Vec<Uuid> = held.iter().map(|(id, _)| *id).collect();
    if ids.is_empty() {
        return Ok(Ended::default());
    }
    sessions::mark_ended(tx, &ids, ending.cause, ending.now).await?;
    upstream::refresh_tokens::let_go_with(provider, tx, &ids, ending.now).await?;
    let of = Of::Sessions {
        session_ids: &ids,
        client_id: None,
        keep_offline: ending.cause.keeps_offline_access(),
        before: None,
    };
    revoke(provider, tx, &[of], ending).await?;
    let participants = participants::list_open(tx, &ids, None, None).await?;
    revocations::sessions_ended(provider, tx, &participants, ending).await?;
    observe::ending(provider, &ids, &participants, ending);
    let told = tell(provider, tx, &held, participants, ending).await?;
    Ok(Ended {
        count: ids.len(),
        ..told
    })
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
) -> Result<Ended, FlowError> {
    let held = sessions::lock_unended(tx, session_ids).await?;
    let ids: Vec<Uuid> = held.iter().map(|(id, _)| *id).collect();
    if ids.is_empty() {
        return Ok(Ended::default());
    }
    take_back(provider, tx, &ids, client_id, ending).await?;
    let participants = participants::list_open(tx, &ids, Some(client_id), ending.before).await?;
    revocations::parts_ended(provider, tx, &participants, ending).await?;
    let parts = participants.len();
    observe::ending_parts(&participants, ending);
    let told = tell(provider, tx, &held, participants, ending).await?;
    Ok(Ended {
        count: parts,
        ..told
    })
}

/// Takes back what was issued to an application in these sessions, as far as the cause reaches.
async fn take_back(
    provider: &Provider,
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
    revoke(provider, tx, &taken, ending).await
}

/// Takes grants back. Where those with `offline_access` die too, their tokens may name no session; of an order they are
/// named already.
async fn revoke(
    provider: &Provider,
    tx: &Transaction,
    of: &[Of<'_>],
    ending: Ending,
) -> Result<(), FlowError> {
    if !ending.cause.keeps_offline_access() && ending.order_id.is_none() {
        for of in of {
            revocations::grants_end(provider, tx, *of, ending.now).await?;
        }
    }
    grants::revoke(tx, of, ending.now).await?;
    Ok(())
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
            let at_once = sessions_at_once(provider);
            let work = provider.begin_work().await?;
            let session_ids = sessions::over(&work.tx, why, alive, at_once).await?;
            end_in(provider, &work.tx, &session_ids, Ending::by(cause, now)).await?;
            work.commit().await?;
            provider.work.notify_one();
        }
    }
    Ok(())
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
