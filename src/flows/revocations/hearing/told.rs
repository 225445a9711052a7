//! Whom an entry concerns: the services for which there may be a token that it names.
//!
//! A token for a service comes of a grant that names it, of an application whose tokens are for it anyway
//! (`access_token_audience`), or of another token (RFC 8693). All three are written before the first token is made, and none is
//! forgotten before the last one has expired. Which applications the service admits today says nothing of the tokens that there are, so it is not asked.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::flows::revocations::SLACK;
use crate::flows::{FlowError, Provider};
use crate::oidc::revocation::{TakenBack, What};
use crate::oidc::service::Service;
use crate::store::grants::naming;
use crate::store::participants::{self, Participant};
use crate::store::revocations::{Dead, Entry, TokenName};
use crate::store::{clients, exchanged_tokens, grants};

/// What entries are told by.
pub(super) struct Told<'a> {
    service: &'a Service,
    /// The parts in the sessions that are named.
    parts: HashMap<Uuid, Vec<Participant>>,
    /// Those that are named themselves, by their `sid`.
    single: HashMap<Uuid, Participant>,
    /// In which sessions which applications were granted the service.
    in_sessions: HashSet<(Uuid, String)>,
    /// The grants that are named, as far as they are for the service.
    grants: HashSet<Uuid>,
    /// The applications whose tokens are for the service, or became tokens for it, whatever they were granted.
    always: HashSet<String>,
    /// The applications that are named and were granted the service by anybody.
    applications: HashSet<String>,
    /// As whom the service's tokens know the people who are named.
    subjects: HashMap<Uuid, BTreeSet<String>>,
}

/// What a piece of the log names.
#[derive(Default)]
struct Named {
    sessions: Vec<Uuid>,
    sids: Vec<Uuid>,
    grants: Vec<Uuid>,
    people: Vec<Uuid>,
    applications: BTreeSet<String>,
}

impl Named {
    fn by(log: &[Entry]) -> Self {
        let mut named = Self::default();
        for entry in log {
            match &entry.dead {
                Dead::Session(id) => named.sessions.push(*id),
                Dead::Part { sid, .. } => named.sids.push(*sid),
                Dead::Grant { id, client_id } => {
                    named.grants.push(*id);
                    named.applications.insert(client_id.clone());
                }
                Dead::Subject { user_id, .. } => named.people.push(*user_id),
                Dead::Client { client_id, .. } => {
                    named.applications.insert(client_id.clone());
                }
                Dead::Token { .. } | Dead::Key(_) | Dead::All { .. } => {}
            }
        }
        named
    }
}

impl<'a> Told<'a> {
    pub(super) async fn gather(
        provider: &Provider,
        service: &'a Service,
        log: &[Entry],
    ) -> Result<Self, FlowError> {
        let (db, identifier) = (provider.database.read(), &service.identifier);
        let mut named = Named::by(log);
        let parts = match named.sessions[..] {
            [] => Vec::new(),
            ref sessions => participants::list(db, sessions).await?,
        };
        let single = participants::list_by_sid(db, &named.sids).await?;
        let pairs = match named.people[..] {
            [] => Vec::new(),
            ref people => grants::clients_of(db, people).await?,
        };
        named
            .sessions
            .extend(single.iter().map(|part| part.session_id));
        let applications = parts.iter().chain(&single).map(|part| &part.client_id);
        let applications = applications.chain(pairs.iter().map(|(_, client_id)| client_id));
        let applications = applications.chain(&named.applications);
        let applications: BTreeSet<String> = applications.cloned().collect();
        let applications: Vec<String> = applications.into_iter().collect();
        let mut always = clients::with_audience(db, &applications, identifier).await?;
        if !log.is_empty() {
            // As long as the entries, since services' clocks may be behind.
            let since = provider.clock.now() - SLACK;
            always.extend(exchanged_tokens::clients_at(db, identifier, since).await?);
        }
        let granted = naming::in_sessions(db, &named.sessions, identifier).await?;
        let mut told = Self {
            service,
            parts: HashMap::new(),
            single: single.into_iter().map(|part| (part.sid, part)).collect(),
            in_sessions: granted.into_iter().collect(),
            grants: HashSet::from_iter(naming::naming(db, &named.grants, identifier).await?),
            always: always.into_iter().collect(),
            applications: HashSet::new(),
            subjects: HashMap::new(),
        };
        for part in parts {
            told.parts.entry(part.session_id).or_default().push(part);
        }
        for entry in log {
            if let Dead::Client { client_id, .. } = &entry.dead
                && naming::any_to(db, client_id, identifier).await?
            {
                told.applications.insert(client_id.clone());
            }
        }
        told.name_people(provider, &named.people, pairs).await?;
        Ok(told)
    }

    /// As whom the service's tokens know these people, of whom `pairs` says to which applications they made grants.
    async fn name_people(
        &mut self,
        provider: &Provider,
        people: &[Uuid],
        pairs: Vec<(Uuid, String)>,
    ) -> Result<(), FlowError> {
        let db = provider.database.read();
        let mut at: BTreeMap<String, BTreeSet<Uuid>> = BTreeMap::new();
        let always = pairs.into_iter();
        let always = always.filter(|(_, client_id)| self.always.contains(client_id));
        let granted = naming::of_people(db, people, &self.service.identifier).await?;
        for (user_id, client_id) in always.chain(granted) {
            at.entry(client_id).or_default().insert(user_id);
        }
        let client_ids: Vec<String> = at.keys().cloned().collect();
        for known in clients::find_all(db, &client_ids).await? {
            for user_id in at.remove(&known.client.client_id).unwrap_or_default() {
                let sub = provider.subject(&known.client.metadata, user_id);
                self.subjects.entry(user_id).or_default().insert(sub);
            }
        }
        Ok(())
    }

    pub(super) fn tell(&self, log: &[Entry]) -> Vec<TakenBack> {
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
            Dead::Token { name, audience, .. } => {
                let what = match name {
                    TokenName::Jti(jti) => What::Token { jti: jti.clone() },
                    TokenName::Hash(hash) => What::TokenHash { hash: hash.clone() },
                };
                only_if(*audience == self.service.identifier, what)
            }
            Dead::Session(id) => self.sids(*id, entry.created_at),
            Dead::Part { sid, .. } => {
                let is_held = self.single.get(sid).is_some_and(|part| self.may_hold(part));
                let sid = sid.to_string();
                only_if(is_held, What::Session { sid })
            }
            Dead::Grant { id, client_id } => {
                let grant = id.to_string();
                let is_held = self.grants.contains(id) || self.always.contains(client_id);
                only_if(is_held, What::Grant { grant })
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
                let is_held =
                    self.applications.contains(client_id) || self.always.contains(client_id);
                let what = What::Client {
                    client_id: client_id.clone(),
                    before: before.timestamp(),
                };
                only_if(is_held, what)
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
            .filter(|part| self.may_hold(part))
            .map(|part| What::Session {
                sid: part.sid.to_string(),
            })
            .collect()
    }

    /// Whether the application may have tokens for the service from its part in the session.
    fn may_hold(&self, part: &Participant) -> bool {
        let granted = (part.session_id, part.client_id.clone());
        self.always.contains(&part.client_id) || self.in_sessions.contains(&granted)
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
