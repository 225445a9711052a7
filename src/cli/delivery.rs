//! `exeunt delivery ...`: what applications were told, and what they answered.

mod follow;

use anyhow::bail;
use serde::Serialize;
use uuid::Uuid;

use super::arguments::{DeliveryAbandon, DeliveryCommand, DeliveryList, DeliveryRetry, Output};
use super::show;
use crate::clock::Timestamp;
use crate::flows::{Provider, deliver_logouts};
use crate::oidc::logout::DeliveryState;
use crate::store::deliveries::listing::{self, Wanted};
use crate::store::deliveries::{self, Delivery};
use crate::store::delivery_attempts::{self, Attempt};
use crate::store::{clients, users};

/// A notice as programs see it.
#[derive(Serialize)]
struct Shown {
    id: Uuid,
    session_id: Uuid,
    sid: Uuid,
    client_id: String,
    sub: Uuid,
    channel: &'static str,
    state: &'static str,
    cause: &'static str,
    attempts: i32,
    created_at: Timestamp,
    due_at: Option<Timestamp>,
    give_up_at: Timestamp,
    finished_at: Option<Timestamp>,
    last_status: Option<i32>,
    last_problem: Option<String>,
}

impl From<Delivery> for Shown {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            session_id: delivery.session_id,
            sid: delivery.sid,
            client_id: delivery.client_id,
            sub: delivery.user_id,
            channel: delivery.channel.as_str(),
            state: delivery.state.as_str(),
            cause: delivery.cause.as_str(),
            attempts: delivery.attempts,
            created_at: delivery.created_at,
            due_at: delivery.due_at,
            give_up_at: delivery.give_up_at,
            finished_at: delivery.finished_at,
            last_status: delivery.last_status,
            last_problem: delivery.last_problem,
        }
    }
}

/// A notice with every attempt at it.
#[derive(Serialize)]
struct WithTries {
    #[serde(flatten)]
    delivery: Shown,
    tries: Vec<Try>,
}

#[derive(Serialize)]
struct Try {
    jti: Uuid,
    at: Timestamp,
    outcome: String,
    status: Option<i32>,
    latency_ms: i32,
    problem: Option<String>,
}

impl From<Attempt> for Try {
    fn from(attempt: Attempt) -> Self {
        Self {
            jti: attempt.jti,
            at: attempt.at,
            outcome: attempt.outcome,
            status: attempt.status,
            latency_ms: attempt.latency,
            problem: attempt.problem,
        }
    }
}

pub(super) async fn run(provider: &Provider, command: DeliveryCommand) -> anyhow::Result<()> {
    match command {
        DeliveryCommand::List(which) => list(provider, which).await,
        DeliveryCommand::Show { delivery, output } => show(provider, delivery, output).await,
        DeliveryCommand::Retry(which) => retry(provider, which).await,
        DeliveryCommand::Abandon(which) => abandon(provider, which).await,
    }
}

async fn list(provider: &Provider, which: DeliveryList) -> anyhow::Result<()> {
    let user_id = match &which.user {
        Some(username) => Some(super::session::person(provider, username).await?.id),
        None => None,
    };
    if which.follow {
        return follow::follow(provider, &which, user_id).await;
    }
    let wanted = wanted(&which, user_id, provider.clock.now());
    let found = listing::page(provider.database.read(), &wanted, which.limit.into()).await?;
    let shown: Vec<Shown> = found.into_iter().map(Shown::from).collect();
    show::list(
        which.output,
        &shown,
        "There is no such notice.",
        &[
            "Notice",
            "Application",
            "State",
            "Session ended (UTC)",
            "Cause",
            "Tries",
            "Next try (UTC)",
            "Last answer",
        ],
        |delivery| {
            vec![
                delivery.id.to_string(),
                delivery.client_id.clone(),
                delivery.state.to_owned(),
                show::time(delivery.created_at),
                delivery.cause.to_owned(),
                delivery.attempts.to_string(),
                show::time_or_dash(delivery.due_at),
                answer(delivery.last_status, delivery.last_problem.as_deref()),
            ]
        },
    )
}

/// Which they are at this moment: while it passes, some become old enough and others too old.
fn wanted(which: &DeliveryList, user_id: Option<Uuid>, now: Timestamp) -> Wanted<'_> {
    let states = match which.open {
        true => &DeliveryState::UNDELIVERED[..],
        false => &which.states,
    };
    Wanted {
        states,
        client_id: which.client.as_deref(),
        user_id,
        cause: which.cause,
        ended_before: which.older_than.map(|age| now - age),
        ended_since: which.newer_than.map(|age| now - age),
        ..Wanted::default()
    }
}

fn answer(status: Option<i32>, problem: Option<&str>) -> String {
    match (status, problem) {
        (None, None) => "-".to_owned(),
        (None, Some(problem)) => problem.to_owned(),
        (Some(status), None) => status.to_string(),
        (Some(status), Some(problem)) => format!("{status}, {problem}"),
    }
}

async fn show(provider: &Provider, id: Uuid, output: Output) -> anyhow::Result<()> {
    let db = provider.database.read();
    let Some(delivery) = deliveries::find(db, id).await? else {
        bail!("there is no notice {id}: `exeunt delivery list` shows those that there are");
    };
    let username = users::find(db, delivery.user_id)
        .await?
        .map_or_else(|| delivery.user_id.to_string(), |user| user.username);
    let tries: Vec<Try> = delivery_attempts::list(db, id)
        .await?
        .into_iter()
        .map(Try::from)
        .collect();
    let shown = WithTries {
        delivery: delivery.into(),
        tries,
    };
    let delivery = &shown.delivery;
    let facts = [
        ("notice", delivery.id.to_string()),
        ("application", delivery.client_id.clone()),
        ("person", username),
        ("session", delivery.session_id.to_string()),
        ("sid", delivery.sid.to_string()),
        ("channel", delivery.channel.to_owned()),
        ("state", delivery.state.to_owned()),
        ("cause", delivery.cause.to_owned()),
        ("session ended", show::time(delivery.created_at)),
        ("next try", show::time_or_dash(delivery.due_at)),
        ("given up at", show::time(delivery.give_up_at)),
        ("final since", show::time_or_dash(delivery.finished_at)),
    ];
    show::item(output, &shown, &facts)?;
    if output.json {
        return Ok(());
    }
    if shown.tries.is_empty() {
        return show::say("\nIt was not tried yet.");
    }
    let rows = shown.tries.iter().map(|attempt| {
        vec![
            show::time(attempt.at),
            attempt.outcome.clone(),
            answer(attempt.status, attempt.problem.as_deref()),
            format!("{} ms", attempt.latency_ms),
            attempt.jti.to_string(),
        ]
    });
    let headers = ["Tried (UTC)", "Outcome", "Answer", "Took", "jti"];
    show::say(format!("\n{}", show::table(&headers, rows)))
}

async fn retry(provider: &Provider, which: DeliveryRetry) -> anyhow::Result<()> {
    let states = match which.dead {
        true => &[DeliveryState::Dead][..],
        false => &DeliveryState::UNDELIVERED,
    };
    let ids = meant(provider, which.delivery, which.client.as_deref(), states).await?;
    match deliver_logouts::retry(provider, &ids).await? {
        0 if which.delivery.is_some() => {
            bail!("it can't be tried again: it was confirmed, or is not for a server to tell")
        }
        0 => show::say("There is nothing to try again."),
        due => show::say(format!(
            "{} due now. {}",
            show::count(due as u64, "notice is", "notices are"),
            show::WHO_TELLS
        )),
    }
}

async fn abandon(provider: &Provider, which: DeliveryAbandon) -> anyhow::Result<()> {
    let client_id = which.client.as_deref();
    let ids = meant(
        provider,
        which.delivery,
        client_id,
        &DeliveryState::UNDELIVERED,
    )
    .await?;
    if ids.is_empty() {
        return show::say("There is nothing to abandon.");
    }
    if !which.yes {
        show::say(format!(
            "{} not be sent, or not again: the applications will not be told, and believe in these sessions until what \
             they were given expires.",
            show::count(ids.len() as u64, "notice will", "notices will")
        ))?;
        show::confirm()?;
    }
    match deliver_logouts::abandon(provider, &ids).await? {
        0 => bail!("it can't be abandoned: it arrived, or is not for a server to tell"),
        gone => show::say(format!(
            "{} abandoned; `exeunt delivery retry` takes up what was.",
            show::count(gone as u64, "notice is", "notices are")
        )),
    }
}

/// The notice of that identifier, or those to that application, or to all, in one of these states.
async fn meant(
    provider: &Provider,
    id: Option<Uuid>,
    client_id: Option<&str>,
    states: &[DeliveryState],
) -> anyhow::Result<Vec<Uuid>> {
    let db = provider.database.read();
    if let Some(id) = id {
        if deliveries::find(db, id).await?.is_none() {
            bail!("there is no notice {id}: `exeunt delivery list` shows those that there are");
        }
        return Ok(vec![id]);
    }
    if let Some(client_id) = client_id
        && clients::find(db, client_id).await?.is_none()
    {
        bail!("there is no application {client_id}");
    }
    let wanted = Wanted {
        states,
        client_id,
        ..Wanted::default()
    };
    Ok(listing::ids(db, &wanted).await?)
}
