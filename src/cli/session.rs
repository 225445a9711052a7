//! `exeunt session ...`.

use std::collections::HashMap;

use anyhow::{anyhow, bail};
use serde::Serialize;
use uuid::Uuid;

use super::arguments::{Output, SessionCommand, SessionEnd};
use super::show;
use crate::clock::Timestamp;
use crate::config::canonical_name;
use crate::flows::{Provider, end_session};
use crate::oidc::logout::Cause;
use crate::store::orders::OrderScope;
use crate::store::sessions::Session;
use crate::store::users::User;
use crate::store::{clients, deliveries, participants, sessions, users};

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
    let found = if ended {
        sessions::list(db, user_id, limit.into()).await?
    } else {
        let alive = provider.alive(provider.clock.now());
        sessions::list_living(db, user_id, alive, limit.into()).await?
    };
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
    match (which.session, which.user, which.client) {
        (Some(session_id), _, _) => end_one(provider, session_id).await,
        (_, Some(username), _) => {
            let user = person(provider, &username).await?;
            end_many(provider, OrderScope::User(user.id)).await
        }
        (_, _, Some(client_id)) => {
            if clients::find(provider.database.read(), &client_id)
                .await?
                .is_none()
            {
                bail!("there is no application {client_id}");
            }
            end_many(provider, OrderScope::Client(client_id)).await
        }
        // The arguments demand one of the four.
        (None, None, None) => end_many(provider, OrderScope::All).await,
    }
}

async fn end_one(provider: &Provider, session_id: Uuid) -> anyhow::Result<()> {
    let Some(session) = sessions::find(provider.database.read(), session_id).await? else {
        bail!("there is no session {session_id}: `exeunt session list` shows those that there are");
    };
    if !end_session::end_session(provider, session_id, Cause::Administrator).await? {
        let at = show::time_or_dash(session.ended_at);
        return show::say(format!("The session was over already (UTC {at})."));
    }
    let told = deliveries::of_session(provider.database.read(), session_id).await?;
    say_ended(
        1,
        told.iter().filter(|row| row.state.is_open()).count() as u64,
    )
}

async fn end_many(provider: &Provider, scope: OrderScope) -> anyhow::Result<()> {
    let db = provider.database.read();
    let parts = participants::count_open(db, &scope).await?;
    let ended = match &scope {
        OrderScope::User(user_id) | OrderScope::OthersOf { user_id, .. } => {
            sessions::count_unended(db, Some(*user_id)).await?
        }
        OrderScope::All => sessions::count_unended(db, None).await?,
        OrderScope::Client(client_id) | OrderScope::UserAtClient { client_id, .. } => {
            let client_id = client_id.clone();
            end_session::end_many(provider, scope, Cause::Administrator).await?;
            return show::say(format!(
                "Ended the part of {client_id} in {}. {}",
                show::count(parts, "session", "sessions"),
                show::WHO_TELLS
            ));
        }
    };
    end_session::end_many(provider, scope, Cause::Administrator).await?;
    say_ended(ended, parts)
}

fn say_ended(ended: u64, notices: u64) -> anyhow::Result<()> {
    let what = format!("Ended {}", show::count(ended, "session", "sessions"));
    if notices == 0 {
        return show::say(format!("{what}; there is no application to tell."));
    }
    let whom = show::count(notices, "application is", "applications are");
    show::say(format!("{what}; {whom} to be told. {}", show::WHO_TELLS))
}

async fn person(provider: &Provider, username: &str) -> anyhow::Result<User> {
    users::find_by_username(provider.database.read(), &canonical_name(username))
        .await?
        .ok_or_else(|| {
            anyhow!("there is no person {username}: `exeunt user list` shows those that there are")
        })
}
