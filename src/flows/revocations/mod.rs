//! Taking back, as services hear of it: every cause writes in its own transaction what is no longer good. What belongs
//! here: which entries a cause needs, for how long, how they get their numbers, and what a service is told of them.

pub mod hearing;
mod numbers;

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta};
use uuid::Uuid;

use super::end_session::Ending;
use super::{FlowError, Provider};
use crate::clock::Timestamp;
use crate::oidc::logout::Cause;
use crate::store::grants::{self, Of};
use crate::store::marks::{self, LONGEST_ACCESS};
use crate::store::orders::{self, Order, OrderScope};
use crate::store::participants::{self, Participant};
use crate::store::revocations::{self, Dead, Revocation};
use crate::store::{self, Transaction, services, sessions};

pub use numbers::run;

/// By how much clocks may differ, ours and those of services: for so long an entry outlives what it concerns.
pub(super) const SLACK: TimeDelta = TimeDelta::minutes(1);

/// How long a transaction takes at most that gives a token. One that began before an order and commits after it gives a
/// token which the order names, perhaps to a service that did not hear of it: the grant by which it is told may have come
/// with that token.
const UNDER_WAY: TimeDelta = TimeDelta::seconds(30);

/// The start of the second: tokens know their moment no better.
fn whole_second(at: Timestamp) -> Timestamp {
    DateTime::from_timestamp(at.timestamp(), 0).unwrap_or(at)
}

/// For how long an access token is good at most that could be good now.
pub(super) async fn longest_access(
    provider: &Provider,
    tx: &Transaction,
) -> Result<TimeDelta, FlowError> {
    let ever = TimeDelta::milliseconds(marks::number(tx, LONGEST_ACCESS).await?);
    Ok(ever.max(lifetimes(provider, tx).await?.1))
}

/// For how long an access token is good at least and at most that is issued now, whomever it is for.
async fn lifetimes(
    provider: &Provider,
    tx: &Transaction,
) -> Result<(TimeDelta, TimeDelta), FlowError> {
    let access = provider.config.tokens.access;
    let of_services = services::lifetimes(tx).await?;
    let (shortest, longest) = of_services.unwrap_or((access, access));
    Ok((access.min(shortest), access.max(longest)))
}

/// Remembers for how long access tokens are good from now on: those that were issued before the configuration became
/// shorter are good for longer than it says (P3).
///
/// # Errors
/// When the database fails.
pub async fn remember_lifetimes(provider: &Provider) -> Result<(), FlowError> {
    let tx = provider.database.begin().await?;
    remember_lifetimes_in(provider, &tx).await?;
    Ok(store::commit(tx).await?)
}

/// The same, in a transaction that makes a service known.
pub(super) async fn remember_lifetimes_in(
    provider: &Provider,
    tx: &Transaction,
) -> Result<(), FlowError> {
    let ever = marks::number(tx, LONGEST_ACCESS).await?;
    let now = lifetimes(provider, tx).await?.1.num_milliseconds();
    if ever == 0 {
        begin(provider, tx).await?;
    }
    if ever < now {
        marks::set_number(tx, LONGEST_ACCESS, now).await?;
    }
    Ok(())
}

/// What ended before there was a log is in it too, as far as tokens could still be good (P3: not by an upgrade).
async fn begin(provider: &Provider, tx: &Transaction) -> Result<(), FlowError> {
    let now = provider.clock.now();
    let parts = participants::list_ended(tx, now).await?;
    let parts = parts.into_iter().map(|part| {
        let until = part.believes_until;
        let (sid, client_id) = (part.sid, part.client_id);
        (Dead::Part { sid, client_id }, until)
    });
    write_until(provider, tx, parts, now).await?;
    let since = now - lifetimes(provider, tx).await?.1;
    let grants = grants::revoked_since(tx, since).await?;
    write(provider, tx, grants.into_iter().map(named), now).await?;
    for order in orders::open(tx).await? {
        ordered(provider, tx, &order, now).await?;
    }
    Ok(())
}

/// Writes that all of these are no longer good, for as long as a token could be that was issued until now.
pub(super) async fn write(
    provider: &Provider,
    tx: &Transaction,
    dead: impl IntoIterator<Item = Dead>,
    now: Timestamp,
) -> Result<(), FlowError> {
    let mut dead = dead.into_iter().peekable();
    if dead.peek().is_none() {
        return Ok(());
    }
    let until = now + longest_access(provider, tx).await?;
    write_until(provider, tx, dead.map(|dead| (dead, until)), now).await
}

/// Writes that these are no longer good, each with the moment when its last token expires.
pub(super) async fn write_until(
    provider: &Provider,
    tx: &Transaction,
    dead: impl IntoIterator<Item = (Dead, Timestamp)>,
    now: Timestamp,
) -> Result<(), FlowError> {
    let entries: Vec<Revocation> = dead
        .into_iter()
        .map(|(dead, until)| Revocation {
            id: provider.random.row_id(now),
            dead,
            expires_at: until + SLACK,
        })
        .collect();
    if !entries.is_empty() {
        revocations::insert(tx, &entries, now).await?;
    }
    Ok(())
}

/// Of those that take part, whom the end leaves with tokens that nothing else names: an order names what was issued
/// before its second, so what is left is what they may have been given since, or while it was given.
async fn with_tokens<'a>(
    provider: &Provider,
    tx: &Transaction,
    participants: &'a [Participant],
    ending: Ending,
) -> Result<impl Iterator<Item = &'a Participant>, FlowError> {
    let shortest = match ending.before {
        Some(_) => lifetimes(provider, tx).await?.0,
        None => TimeDelta::zero(),
    };
    Ok(participants.iter().filter(move |part| match ending.before {
        None => part.believes_until + SLACK > ending.now,
        Some(before) => part.believes_until - shortest >= whole_second(before) - UNDER_WAY,
    }))
}

/// Sessions end, and with them the parts in them. One entry takes back all tokens of a session.
pub(super) async fn sessions_ended(
    provider: &Provider,
    tx: &Transaction,
    participants: &[Participant],
    ending: Ending,
) -> Result<(), FlowError> {
    let mut sessions: HashMap<Uuid, Timestamp> = HashMap::new();
    for part in with_tokens(provider, tx, participants, ending).await? {
        let until = sessions.entry(part.session_id).or_insert(ending.now);
        *until = part.believes_until.max(*until);
    }
    let dead = sessions
        .into_iter()
        .map(|(id, until)| (Dead::Session(id), until));
    write_until(provider, tx, dead, ending.now).await
}

/// Parts in sessions end that go on.
pub(super) async fn parts_ended(
    provider: &Provider,
    tx: &Transaction,
    participants: &[Participant],
    ending: Ending,
) -> Result<(), FlowError> {
    let parts = with_tokens(provider, tx, participants, ending).await?;
    let dead = parts.map(|part| {
        let dead = Dead::Part {
            sid: part.sid,
            client_id: part.client_id.clone(),
        };
        (dead, part.believes_until)
    });
    write_until(provider, tx, dead, ending.now).await
}

/// Grants of these are about to be taken back: those that may have given tokens without a session get entries. What
/// the others gave names a session or a part that ends too.
pub(super) async fn grants_end(
    provider: &Provider,
    tx: &Transaction,
    of: Of<'_>,
    now: Timestamp,
) -> Result<(), FlowError> {
    // Within the grace a spent refresh token gives an access token that leaves no trace.
    let since = now - longest_access(provider, tx).await? - provider.config.tokens.refresh_grace;
    let grants = grants::with_tokens_of_their_own(tx, of, since).await?;
    write(provider, tx, grants.into_iter().map(named), now).await
}

/// One grant was taken back, and nothing else.
pub(super) async fn grant_ended(
    provider: &Provider,
    tx: &Transaction,
    id: Uuid,
    client_id: &str,
    now: Timestamp,
) -> Result<(), FlowError> {
    let grant = (id, client_id.to_owned());
    write(provider, tx, [named(grant)], now).await
}

fn named((id, client_id): (Uuid, String)) -> Dead {
    Dead::Grant { id, client_id }
}

/// An order was given. From its commit on everything is taken back that it names.
pub(super) async fn ordered(
    provider: &Provider,
    tx: &Transaction,
    order: &Order,
    now: Timestamp,
) -> Result<(), FlowError> {
    let before = match order.cause {
        // The history that was lost may have given tokens until this very moment. Under keys that are shared with services
        // nothing else names them: that history's sessions and grants are not known here.
        Cause::Restored => whole_second(order.before) + TimeDelta::seconds(1),
        _ => whole_second(order.before),
    };
    // What was given in the order's own second outside any session: within it `before` names nothing.
    let since = before - provider.config.tokens.refresh_grace;
    let dies = !order.cause.keeps_offline_access();
    let (dead, lately) = match &order.scope {
        OrderScope::User(user_id) => {
            let user_id = *user_id;
            (Dead::Subject { user_id, before }, Some(Of::User(user_id)))
        }
        OrderScope::Client(client_id) => {
            let named = client_id.clone();
            let dead = Dead::Client {
                client_id: named,
                before,
            };
            (dead, Some(Of::Client(client_id)))
        }
        OrderScope::All => (Dead::All { before }, None),
        OrderScope::OthersOf { user_id, except } => {
            let of = (*user_id, *except);
            return others_end(provider, tx, of, order, now).await;
        }
        OrderScope::UserAtClient { user_id, client_id } => {
            let of = (*user_id, client_id.as_str());
            return at_client_end(provider, tx, of, order, now).await;
        }
    };
    write(provider, tx, [dead], now).await?;
    if let Some(of) = lately.filter(|_| dies) {
        let grants = grants::with_tokens_of_their_own(tx, of, since).await?;
        write(provider, tx, grants.into_iter().map(named), now).await?;
    }
    Ok(())
}

/// As far as a person's other sessions go, each is named by itself: the one that goes on has tokens as old as theirs.
async fn others_end(
    provider: &Provider,
    tx: &Transaction,
    (user_id, except): (Uuid, Uuid),
    order: &Order,
    now: Timestamp,
) -> Result<(), FlowError> {
    let (before, all) = (order.before, i64::MAX.unsigned_abs());
    let ids = sessions::unended_before(tx, Some(user_id), Some(except), before, all).await?;
    let parts = participants::list_open(tx, &ids, None, None).await?;
    sessions_ended(provider, tx, &parts, Ending::by(order.cause, now)).await
}

/// A person's parts at one application: it has tokens of other people, and they have others.
async fn at_client_end(
    provider: &Provider,
    tx: &Transaction,
    (user_id, client_id): (Uuid, &str),
    order: &Order,
    now: Timestamp,
) -> Result<(), FlowError> {
    let (before, all) = (order.before, i64::MAX.unsigned_abs());
    let ids = participants::sessions_of_client(tx, client_id, Some(user_id), before, all).await?;
    let parts = participants::list_open(tx, &ids, Some(client_id), Some(before)).await?;
    parts_ended(provider, tx, &parts, Ending::by(order.cause, now)).await
}

/// Nothing of what was issued before the database was put back is good, and no number of the history that was lost
/// counts: whoever has one takes a snapshot.
pub(super) async fn begin_anew(tx: &Transaction, alive_at: Timestamp) -> Result<(), FlowError> {
    // Of every history the numbers lie above the moment at which it began, for no more than one entry a microsecond is
    // written; and later histories begin later.
    Ok(revocations::begin_above(tx, alive_at.timestamp_micros()).await?)
}
