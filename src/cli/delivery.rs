//! `exeunt delivery ...`: what applications were told, and what they answered.

use anyhow::bail;
use serde::Serialize;
use uuid::Uuid;

use super::arguments::{DeliveryCommand, DeliveryRetry, Output};
use super::show;
use crate::clock::Timestamp;
use crate::flows::{Provider, deliver_logouts};
use crate::oidc::logout::DeliveryState;
use crate::store::deliveries::{self, Delivery};
use crate::store::delivery_attempts::{self, Attempt};
use crate::store::{clients, users};

/// The states of what did not arrive.
const OPEN: [DeliveryState; 5] = [
    DeliveryState::Pending,
    DeliveryState::Retrying,
    DeliveryState::Refused,
    DeliveryState::Failed,
    DeliveryState::Dead,
];

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
        DeliveryCommand::List {
            client,
            states,
            open,
            limit,
            output,
        } => {
            let states = match states.as_slice() {
                _ if open => &OPEN,
                [] => &DeliveryState::ALL[..],
                states => states,
            };
            list(provider, client.as_deref(), states, limit, output).await
        }
        DeliveryCommand::Show { delivery, output } => show(provider, delivery, output).await,
        DeliveryCommand::Retry(which) => retry(provider, which).await,
    }
}

async fn list(
    provider: &Provider,
    client_id: Option<&str>,
    states: &[DeliveryState],
    limit: u32,
    output: Output,
) -> anyhow::Result<()> {
    let found = deliveries::list(provider.database.read(), states, client_id, limit.into()).await?;
    let shown: Vec<Shown> = found.into_iter().map(Shown::from).collect();
    show::list(
        output,
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
        ("given up", show::time(delivery.give_up_at)),
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
    let db = provider.database.read();
    let ids = match (which.delivery, which.client) {
        (Some(id), _) if deliveries::find(db, id).await?.is_none() => {
            bail!("there is no notice {id}: `exeunt delivery list` shows those that there are")
        }
        (Some(id), _) => vec![id],
        (None, client_id) => {
            let client_id = client_id.unwrap_or_default();
            if clients::find(db, &client_id).await?.is_none() {
                bail!("there is no application {client_id}");
            }
            deliveries::list(db, &OPEN, Some(&client_id), u32::MAX.into())
                .await?
                .into_iter()
                .map(|delivery| delivery.id)
                .collect()
        }
    };
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
