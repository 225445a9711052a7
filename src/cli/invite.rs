//! `exeunt client invite`, `invites` and `uninvite`: who may register an application without us.

use anyhow::bail;
use serde::Serialize;
use uuid::Uuid;

use super::arguments::{ClientInvite, Output};
use super::show;
use crate::clock::Timestamp;
use crate::config::RegistrationPolicy;
use crate::flows::{Provider, register};
use crate::oidc::discovery::REGISTRATION;
use crate::store::initial_access_tokens::{self, InitialAccessToken};

/// What whoever registers an application needs.
#[derive(Serialize)]
struct Invited {
    id: Uuid,
    initial_access_token: String,
    registration_endpoint: String,
    uses: i32,
    expires_at: Timestamp,
}

/// A token as administrators see it: the token itself is known to nobody.
#[derive(Serialize)]
struct Shown {
    id: Uuid,
    note: Option<String>,
    uses: i32,
    uses_left: i32,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl From<InitialAccessToken> for Shown {
    fn from(token: InitialAccessToken) -> Self {
        Self {
            id: token.id,
            note: token.note,
            uses: token.uses,
            uses_left: token.uses_left,
            created_at: token.created_at,
            expires_at: token.expires_at,
        }
    }
}

pub(super) async fn make(provider: &Provider, wanted: ClientInvite) -> anyhow::Result<()> {
    if provider.config.registration.policy == RegistrationPolicy::Closed {
        bail!(
            "nobody may register an application: set policy = \"token\" under [registration] first"
        );
    }
    let (uses, lifetime) = (wanted.uses, wanted.expires_in);
    let (token, made) = register::invite(provider, uses, lifetime, wanted.note).await?;
    let invited = Invited {
        id: made.id,
        initial_access_token: token,
        registration_endpoint: provider.config.issuer.endpoint(REGISTRATION),
        uses,
        expires_at: made.expires_at,
    };
    let facts = [
        ("initial access token", invited.initial_access_token.clone()),
        (
            "registration endpoint",
            invited.registration_endpoint.clone(),
        ),
        (
            "good for",
            show::count(
                u64::from(uses.unsigned_abs()),
                "application",
                "applications",
            ),
        ),
        ("until", show::time(invited.expires_at)),
        ("id", invited.id.to_string()),
    ];
    show::item(wanted.output, &invited, &facts)?;
    if !wanted.output.json {
        show::say(
            "\nThe token is shown this once: only a hash of it is kept. `exeunt client uninvite` takes it back by its id.",
        )?;
    }
    Ok(())
}

pub(super) async fn list(provider: &Provider, output: Output) -> anyhow::Result<()> {
    let now = provider.clock.now();
    let tokens: Vec<Shown> = initial_access_tokens::list(provider.database.read())
        .await?
        .into_iter()
        .filter(|token| token.expires_at > now)
        .map(Shown::from)
        .collect();
    show::list(
        output,
        &tokens,
        "Nobody is invited to register an application: `exeunt client invite` makes a token.",
        &["Invite", "For", "Used", "Made (UTC)", "Good until (UTC)"],
        |token| {
            vec![
                token.id.to_string(),
                token.note.clone().unwrap_or_default(),
                format!("{} of {}", token.uses - token.uses_left, token.uses),
                show::time(token.created_at),
                show::time(token.expires_at),
            ]
        },
    )
}

pub(super) async fn take_back(provider: &Provider, id: Uuid) -> anyhow::Result<()> {
    if !register::uninvite(provider, id).await? {
        bail!("there is no invite {id}: `exeunt client invites` shows those that there are");
    }
    show::say(format!(
        "{id} registers nobody any more. Who has registered with it stays: `exeunt client list` shows them."
    ))
}
