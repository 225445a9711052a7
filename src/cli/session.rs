//! `exeunt session ...`.

use std::collections::{BTreeMap, HashMap};

use anyhow::{anyhow, bail};
use serde::Serialize;
use uuid::Uuid;

use super::arguments::{Output, SessionCommand, SessionEnd};
use super::progress::Watched;
use super::show;
use crate::clock::Timestamp;
use crate::config::canonical_name;
use crate::flows::{Provider, end_session};
use crate::oidc::logout::Cause;
use crate::store::deliveries::listing::{self, Wanted};
use crate::store::orders::OrderScope;
use crate::store::sessions::Session;
use crate::store::users::User;
use crate::store::{clients, participants, sessions, users};

/// A session as programs see it.
#[derive(Serialize)]
struct Shown {
    id: Uuid,
    username: String,
    sub: Uuid,
    user_agent: String,
    auth_time: Timestamp,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
    ended_at: Option<Timestamp>,
    end_cause: Option<&'static str>,
    applications: Vec<String>,
}

pub(super) async fn run(provider: &Provider, command: SessionCommand) -> anyhow::Result<()> {
    match command {
        SessionCommand::List {
            user,
            ended,
            limit,
            output,
        } => list(provider, user.as_deref(), ended, limit, output).await,
        SessionCommand::End(which) => end(provider, which).await,
    }
}

async fn list(
    provider: &Provider,
    username: Option<&str>,
    ended: bool,
    limit: u32,
    output: Output,
) -> anyhow::Result<()> {
    let db = provider.database.read();
    let user_id = match username {
        Some(username) => Some(person(provider, username).await?.id),
        None => None,
    };
    let wanted = sessions::listing::Wanted {
        user_id,
        ended: (!ended).then_some(false),
        ..sessions::listing::Wanted::default()
    };
    let alive = provider.alive(provider.clock.now());
    let found = sessions::listing::page(db, &wanted, alive, limit.into()).await?;
    let shown = shown(provider, found).await?;
    show::list(
        output,
        &shown,
        if ended {
            "There has been no session."
        } else {
            "Nobody is signed in."
        },
        &[
            "Session",
            "Username",
            "Browser",
            "Since (UTC)",
            "Last seen (UTC)",
            "Ended (UTC)",
            "Applications",
        ],
        |session| {
            let ended = match (session.ended_at, session.end_cause) {
                (Some(at), Some(cause)) => format!("{}, {cause}", show::time(at)),
                (at, _) => show::time_or_dash(at),
            };
            vec![
                session.id.to_string(),
                session.username.clone(),
                session.user_agent.clone(),
                show::time(session.created_at),
                show::time(session.last_seen_at),
                ended,
                session.applications.join(" "),
            ]
        },
    )
}

async fn shown(provider: &Provider, found: Vec<Session>) -> anyhow::Result<Vec<Shown>> {
    let db = provider.database.read();
    let user_ids: Vec<Uuid> = found.iter().map(|session| session.user_id).collect();
    let names: HashMap<Uuid, String> = users::find_all(db, &user_ids)
        .await?
        .into_iter()
        .map(|user| (user.id, user.username))
        .collect();
    let session_ids: Vec<Uuid> = found.iter().map(|session| session.id).collect();
    let mut applications: HashMap<Uuid, Vec<String>> = HashMap::new();
    for part in participants::list(db, &session_ids).await? {
        let known = applications.entry(part.session_id).or_default();
        // One that left and came back took part twice.
        if !known.contains(&part.client_id) {
            known.push(part.client_id);
        }
    }
    Ok(found
        .into_iter()
        .map(|session| Shown {
            id: session.id,
            username: names.get(&session.user_id).cloned().unwrap_or_default(),
            sub: session.user_id,
            user_agent: session.user_agent,
            auth_time: session.auth_time,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.expires_at,
            ended_at: session.ended_at,
            end_cause: session.end_cause.map(Cause::as_str),
            applications: applications.remove(&session.id).unwrap_or_default(),
        })
        .collect())
}

async fn end(provider: &Provider, which: SessionEnd) -> anyhow::Result<()> {
    let scope = match (which.id.or(which.session), &which.user, &which.client) {
        (Some(session_id), _, _) => return end_one(provider, session_id, &which).await,
        (_, Some(username), _) => OrderScope::User(person(provider, username).await?.id),
        (_, _, Some(client_id)) => {
            let known = clients::find(provider.database.read(), client_id).await?;
            if known.is_none() {
                bail!("there is no application {client_id}");
            }
            OrderScope::Client(client_id.clone())
        }
        // The arguments demand one of the four.
        (None, None, None) => OrderScope::All,
    };
    end_many(provider, scope, &which).await
}

async fn end_one(provider: &Provider, session_id: Uuid, which: &SessionEnd) -> anyhow::Result<()> {
    let Some(session) = sessions::find(provider.database.read(), session_id).await? else {
        bail!("there is no session {session_id}: `exeunt session list` shows those that there are");
    };
    let began_at = provider.clock.now();
    let ended = end_session::end_session(provider, session_id, Cause::Administrator).await?;
    if !ended && !which.output.json {
        let at = show::time_or_dash(session.ended_at);
        return show::say(format!("The session was over already (UTC {at})."));
    }
    let of_session = Wanted {
        session_id: Some(session_id),
        ended_since: Some(began_at),
        ..Wanted::default()
    };
    let told = listing::count(provider.database.read(), &of_session).await?;
    let open = told.iter().filter(|(state, _)| state.is_open());
    let ended = Ended {
        sessions: u64::from(ended),
        parts: open.map(|(_, count)| count).sum(),
        of_client: None,
        order_id: None,
    };
    ended.say_and_watch(provider, which, &of_session).await
}

async fn end_many(
    provider: &Provider,
    scope: OrderScope,
    which: &SessionEnd,
) -> anyhow::Result<()> {
    let db = provider.database.read();
    let parts = participants::count_open(db, &scope).await?;
    let (sessions, of_client) = match &scope {
        OrderScope::User(user_id) | OrderScope::OthersOf { user_id, .. } => {
            (sessions::count_unended(db, Some(*user_id)).await?, None)
        }
        OrderScope::All => (sessions::count_unended(db, None).await?, None),
        OrderScope::Client(client_id) | OrderScope::UserAtClient { client_id, .. } => {
            (parts, Some(client_id.clone()))
        }
    };
    let order_id = end_session::end_many(provider, scope, Cause::Administrator).await?;
    let ended = Ended {
        sessions,
        parts,
        of_client,
        order_id: Some(order_id),
    };
    let of_order = Wanted {
        order_id: Some(order_id),
        ..Wanted::default()
    };
    ended.say_and_watch(provider, which, &of_order).await
}

/// What was ended.
struct Ended {
    sessions: u64,
    /// How many applications are to be told, once for each session.
    parts: u64,
    /// The application whose parts alone they are.
    of_client: Option<String>,
    /// The order that does it.
    order_id: Option<Uuid>,
}

impl Ended {
    async fn say_and_watch(
        self,
        provider: &Provider,
        which: &SessionEnd,
        wanted: &Wanted<'_>,
    ) -> anyhow::Result<()> {
        if !which.output.json {
            show::say(self.in_words())?;
        }
        let watched = Watched {
            expected: self.parts,
            order_id: self.order_id,
            wanted,
        };
        let seen = match which.no_wait {
            true => watched.look(provider).await?,
            false if self.parts == 0 => watched.look(provider).await?,
            false => watched.until_still(provider, which.output).await?,
        };
        if which.output.json {
            return show::json(&Told {
                order_id: self.order_id,
                sessions: self.sessions,
                settled: seen.is_settled(),
                deliveries: seen.by_state,
            });
        }
        if which.no_wait || self.parts == 0 {
            return Ok(());
        }
        show::say(seen.in_words())
    }

    fn in_words(&self) -> String {
        let sessions = show::count(self.sessions, "session", "sessions");
        if let Some(client_id) = &self.of_client {
            return format!(
                "Ended the part of {client_id} in {sessions}. {}",
                show::WHO_TELLS
            );
        }
        if self.parts == 0 {
            return format!("Ended {sessions}; there is no application to tell.");
        }
        let whom = show::count(self.parts, "application is", "applications are");
        format!("Ended {sessions}; {whom} to be told. {}", show::WHO_TELLS)
    }
}

/// The outcome as programs see it.
#[derive(Serialize)]
struct Told {
    order_id: Option<Uuid>,
    sessions: u64,
    /// Whether every application has answered for good.
    settled: bool,
    /// How many notices there are in each state.
    deliveries: BTreeMap<&'static str, u64>,
}

pub(super) async fn person(provider: &Provider, username: &str) -> anyhow::Result<User> {
    users::find_by_username(provider.database.read(), &canonical_name(username))
        .await?
        .ok_or_else(|| {
            anyhow!("there is no person {username}: `exeunt user list` shows those that there are")
        })
}
