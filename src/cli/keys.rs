//! `exeunt keys ...`. A running server notices each change within a second.

use anyhow::bail;
use serde::Serialize;

use super::arguments::{KeysCommand, Output};
use super::show;
use crate::clock::Timestamp;
use crate::flows::Provider;
use crate::flows::keys::{self, NotRetired, retire, rotate};
use crate::jose::Schedule;
use crate::oidc::algorithm::SigningAlgorithm;
use crate::store::signing_keys::{self, SealedKey};

/// A key as programs see it.
#[derive(Serialize)]
struct Shown {
    kid: String,
    algorithm: SigningAlgorithm,
    state: State,
    publish_at: Timestamp,
    sign_from: Timestamp,
    retire_at: Option<Timestamp>,
}

#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// Published, and its time to sign is still to come.
    Waiting,
    /// New tokens are signed with it.
    Signs,
    /// What it signed is believed, and it signs no more.
    Published,
    /// Nothing that it signed is believed.
    Retired,
}

pub(super) async fn run(provider: &Provider, command: KeysCommand) -> anyhow::Result<()> {
    match command {
        KeysCommand::List(output) => list(provider, output).await,
        KeysCommand::Rotate { algorithm, now } => make(provider, algorithm, now).await,
        KeysCommand::Retire { kid } => take_back(provider, &kid).await,
    }
}

async fn list(provider: &Provider, output: Output) -> anyhow::Result<()> {
    let now = provider.clock.now();
    let keys = signing_keys::list(provider.database.read()).await?;
    let shown: Vec<Shown> = keys.iter().map(|key| shown(key, &keys, now)).collect();
    show::list(
        output,
        &shown,
        "There are no keys yet: `exeunt serve` makes them when it first starts.",
        &["Key", "Algorithm", "State (UTC)"],
        |key| {
            vec![
                key.kid.clone(),
                key.algorithm.to_string(),
                in_words(key, now),
            ]
        },
    )
}

fn shown(key: &SealedKey, all: &[SealedKey], now: Timestamp) -> Shown {
    // The same choice as the key ring's: of those that may sign, the newest does.
    let signs = all
        .iter()
        .filter(|other| other.algorithm == key.algorithm && schedule(other).may_sign(now))
        .max_by_key(|other| (other.sign_from, &other.kid))
        .is_some_and(|newest| newest.kid == key.kid);
    let state = match schedule(key) {
        _ if signs => State::Signs,
        schedule if schedule.retire_at.is_some_and(|at| at <= now) => State::Retired,
        schedule if now < schedule.sign_from => State::Waiting,
        _ => State::Published,
    };
    Shown {
        kid: key.kid.clone(),
        algorithm: key.algorithm,
        state,
        publish_at: key.publish_at,
        sign_from: key.sign_from,
        retire_at: key.retire_at,
    }
}

fn schedule(key: &SealedKey) -> Schedule {
    Schedule {
        publish_at: key.publish_at,
        sign_from: key.sign_from,
        retire_at: key.retire_at,
    }
}

fn in_words(key: &Shown, now: Timestamp) -> String {
    let state = match key.state {
        State::Waiting => format!("published, signs from {}", show::time(key.sign_from)),
        State::Signs => "signs".to_owned(),
        State::Published => "published".to_owned(),
        State::Retired => "retired".to_owned(),
    };
    match key.retire_at {
        None => state,
        Some(at) if at <= now => format!("{state} at {}", show::time(at)),
        Some(at) => format!("{state}, retires at {}", show::time(at)),
    }
}

async fn make(
    provider: &Provider,
    algorithm: Option<SigningAlgorithm>,
    at_once: bool,
) -> anyhow::Result<()> {
    let algorithms = match algorithm {
        Some(algorithm) => vec![algorithm],
        None => keys::algorithms(provider).await?,
    };
    if algorithms.is_empty() {
        bail!("there are no keys yet: `exeunt serve` makes them when it first starts");
    }
    for algorithm in algorithms {
        let made = rotate(provider, algorithm, at_once).await?;
        let (kid, sign_from) = (made.kid, show::time(made.sign_from));
        if at_once {
            show::say(format!(
                "{algorithm}: {kid} signs from now on; nothing is believed any more that its predecessors signed."
            ))?;
        } else {
            show::say(format!(
                "{algorithm}: {kid} is published, and signs from {sign_from} UTC, when every application can have seen it."
            ))?;
        }
    }
    Ok(())
}

async fn take_back(provider: &Provider, kid: &str) -> anyhow::Result<()> {
    match retire(provider, kid).await? {
        Ok(()) => show::say(format!(
            "{kid} is retired: nothing is believed any more that it signed."
        )),
        Err(NotRetired::Unknown) => {
            bail!("there is no key {kid}: `exeunt keys list` shows those that there are")
        }
        Err(NotRetired::LastOfItsAlgorithm) => bail!(
            "{kid} is the last key of its algorithm that signs: rotate first, with --now if it is compromised"
        ),
    }
}
