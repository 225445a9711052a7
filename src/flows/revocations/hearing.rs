//! What a service hears of the log: what concerns its own tokens, in the identifiers that these carry, and nothing of
//! anybody else's.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::flows::{FlowError, Provider};
use crate::oidc::client::ClientMetadata;
use crate::oidc::revocation::{Piece, TakenBack, What};
use crate::oidc::service::Service;
use crate::oidc::token::exchange::policy::Policy;
use crate::store::participants::{self, Participant};
use crate::store::revocations::{self, Dead, Entry};
use crate::store::{clients, exchanged_tokens, grants, services};

/// How many entries of the log are looked at for one answer.
const MOST: u64 = 1000;

/// What a reader hears who knows the log up to `after`. None: it can't go on from there and takes a snapshot, since what
/// came after has been forgotten in part, or nobody here gave that number.
///
/// # Errors
/// When the database fails.
pub async fn hear<'a>(
    provider: &'a Provider,
    service: &Service,
    after: i64,
) -> Result<Option<Piece<'a>>, FlowError> {
    let db = provider.database.read();
    let given = revocations::given(db).await?;
    if after > given || after < revocations::forgotten(db).await? {
        return Ok(None);
    }
    Ok(Some(piece(provider, service, after, given).await?))
}

/// How far a snapshot goes that begins now.
///
/// # Errors
/// When the database fails.
pub async fn end(provider: &Provider) -> Result<i64, FlowError> {
    Ok(revocations::given(provider.database.read()).await?)
}

/// What the service hears of the entries after `after`, up to `to` at most. Of a snapshot, pieces are taken until one
/// ends at `to`.
///
/// # Errors
/// When the database fails.
pub async fn piece<'a>(
    provider: &'a Provider,
    service: &Service,
    after: i64,
    to: i64,
) -> Result<Piece<'a>, FlowError> {
    let now = provider.clock.now();
    let log = revocations::list(provider.database.read(), after, to, MOST, now).await?;
    let is_more = u64::try_from(log.len()).is_ok_and(|read| read == MOST);
    let last = log.last().map(|entry| entry.number);
    Ok(Piece {
        issuer: provider.config.issuer.as_str(),
        from: after,
        to: last.filter(|_| is_more).unwrap_or(to),
        now: now.timestamp(),
        entries: Told::gather(provider, service, &log).await?.tell(&log),
    })
}

/// What comes of waiting.
#[derive(Debug)]
pub enum Heard<'a> {
    /// Something, or nothing until the time was over.
    Piece(Piece<'a>),
    /// The reader can't go on: see [`hear`].
    Gone,
    /// The service may hear nothing any more.
    ShutOut,
}

/// As [`hear`], but waits until something concerns the service, until `deadline` or until the server stops.
///
/// # Errors
/// When the database fails.
pub async fn wait_for_more<'a>(
    provider: &'a Provider,
    identifier: &str,
    after: i64,
    deadline: Timestamp,
) -> Result<Heard<'a>, FlowError> {
    let mut read = after;
    loop {
        // Before the look: what is told then is as fresh as it says.
        let is_over = provider.clock.now() >= deadline || provider.closing.is_cancelled();
        // It may have been shut out meanwhile.
        let known = services::find(provider.database.read(), identifier).await?;
        let Some(known) = known.filter(|known| known.disabled_at.is_none()) else {
            return Ok(Heard::ShutOut);
        };
        let Some(piece) = hear(provider, &known.service, read).await? else {
            return Ok(Heard::Gone);
        };
        if is_over || !piece.entries.is_empty() {
            let from = after;
            return Ok(Heard::Piece(Piece { from, ..piece }));
        }
        read = piece.to;
        wait(provider, read, deadline).await;
    }
}

/// Waits until there may be something after `after`. Whether something is there, the database says.
async fn wait(provider: &Provider, after: i64, deadline: Timestamp) {
    let mut revoked = provider.revoked.subscribe();
    tokio::select! {
        _ = revoked.wait_for(|given| *given > after) => {}
        () = provider.clock.sleep_until(deadline) => {}
        () = provider.closing.cancelled() => {}
    }
}

/// What entries are told by.
struct Told<'a> {
    service: &'a Service,
    /// Whose tokens can become tokens for it.
    policy: &'a Policy,
    /// Whose have, though no rule may say so any more.
    exchanged: Vec<String>,
    /// The parts in the sessions that are named.
    parts: HashMap<Uuid, Vec<Participant>>,
    /// As whom the service's tokens know the people who are named.
    subjects: HashMap<Uuid, BTreeSet<String>>,
}

impl<'a> Told<'a> {
    async fn gather(
        provider: &'a Provider,
        service: &'a Service,
        log: &[Entry],
    ) -> Result<Self, FlowError> {
        let db = provider.database.read();
        let mut told = Self {
            service,
            policy: &provider.config.exchange,
            exchanged: Vec::new(),
            parts: HashMap::new(),
            subjects: HashMap::new(),
        };
        if log.is_empty() {
            return Ok(told);
        }
        let (at, now) = (&service.identifier, provider.clock.now());
        told.exchanged = exchanged_tokens::clients_at(db, at, now).await?;
        let (mut sessions, mut people) = (Vec::new(), Vec::new());
        for entry in log {
            match &entry.dead {
                Dead::Session(id) => sessions.push(*id),
                Dead::Subject { user_id, .. } => people.push(*user_id),
                _ => {}
            }
        }
        if !sessions.is_empty() {
            for part in participants::list(db, &sessions).await? {
                told.parts.entry(part.session_id).or_default().push(part);
            }
        }
        if people.is_empty() {
            return Ok(told);
        }
        let known = grants::clients_of(db, &people).await?;
        let mut at: BTreeMap<String, Vec<Uuid>> = BTreeMap::new();
        for (user_id, client_id) in known {
            if told.may_hold(&client_id) {
                at.entry(client_id).or_default().push(user_id);
            }
        }
        let client_ids: Vec<String> = at.keys().cloned().collect();
        for known in clients::find_all(db, &client_ids).await? {
            let metadata: &ClientMetadata = &known.client.metadata;
            for user_id in at.remove(&known.client.client_id).unwrap_or_default() {
                let sub = provider.subject(metadata, user_id);
                told.subjects.entry(user_id).or_default().insert(sub);
            }
        }
        Ok(told)
    }

    /// Whether the client may have tokens for the service.
    fn may_hold(&self, client_id: &str) -> bool {
        let service = self.service;
        service.admits(client_id)
            || self.policy.leads_to(client_id, &service.identifier)
            || self.exchanged.iter().any(|known| known == client_id)
    }

    fn tell(&self, log: &[Entry]) -> Vec<TakenBack> {
        let one = |entry: &Entry, what| TakenBack {
            number: entry.number,
            what,
            until: until(entry),
        };
        let tell = |entry| {
            self.what(entry)
                .into_iter()
                .map(move |what| one(entry, what))
        };
        log.iter().flat_map(tell).collect()
    }

    fn what(&self, entry: &Entry) -> Vec<What> {
        match &entry.dead {
            Dead::Token { jti, audience, .. } => {
                let jti = jti.clone();
                only_if(*audience == self.service.identifier, What::Token { jti })
            }
            Dead::Session(id) => self.sids(*id, entry.created_at),
            Dead::Part { sid, client_id } => {
                let sid = sid.to_string();
                only_if(self.may_hold(client_id), What::Session { sid })
            }
            Dead::Grant { id, client_id } => {
                let grant = id.to_string();
                only_if(self.may_hold(client_id), What::Grant { grant })
            }
            Dead::Subject { user_id, before } => {
                let subjects = self.subjects.get(user_id).into_iter().flatten();
                let before = before.timestamp();
                let named = subjects.map(|sub| What::Subject {
                    sub: sub.clone(),
                    before,
                });
                named.collect()
            }
            Dead::Client { client_id, before } => {
                let what = What::Client {
                    client_id: client_id.clone(),
                    before: before.timestamp(),
                };
                only_if(self.may_hold(client_id), what)
            }
            Dead::Key(kid) => vec![What::Key { kid: kid.clone() }],
            Dead::All { before } => vec![What::All {
                before: before.timestamp(),
            }],
        }
    }

    /// What the applications called the session that took part in it to its end: of those that had left before, it was
    /// said when they did.
    fn sids(&self, session_id: Uuid, ended_at: Timestamp) -> Vec<What> {
        let parts = self.parts.get(&session_id).into_iter().flatten();
        parts
            .filter(|part| part.ended_at.is_none_or(|at| at >= ended_at))
            .filter(|part| self.may_hold(&part.client_id))
            .map(|part| What::Session {
                sid: part.sid.to_string(),
            })
            .collect()
    }
}

fn only_if(condition: bool, what: What) -> Vec<What> {
    if condition { vec![what] } else { Vec::new() }
}

/// The next whole second, so that nothing is forgotten too soon.
fn until(entry: &Entry) -> i64 {
    let at = entry.expires_at;
    at.timestamp() + i64::from(at.timestamp_subsec_nanos() > 0)
}
