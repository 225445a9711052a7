//! `exeunt upstream invite`, `invites` and `uninvite`: who comes in through another provider for the first time.

use anyhow::bail;
use serde::Serialize;
use uuid::Uuid;

use crate::cli::arguments::{Output, UpstreamInvite};
use crate::cli::show;
use crate::clock::Timestamp;
use crate::flows::Provider;
use crate::flows::upstream::invitations::{self, NotInvited};
use crate::store::upstream_invitations::{self, Invitation};

/// What whoever is invited needs.
#[derive(Serialize)]
struct Invited {
    id: Uuid,
    link: String,
    expires_at: Timestamp,
}

/// An invitation as administrators see it: its link is known to nobody.
#[derive(Serialize)]
struct Shown {
    id: Uuid,
    upstream: String,
    note: Option<String>,
    created_at: Timestamp,
    expires_at: Timestamp,
    used_at: Option<Timestamp>,
}

impl From<Invitation> for Shown {
    fn from(known: Invitation) -> Self {
        Self {
            id: known.id,
            upstream: known.upstream_id,
            note: known.note,
            created_at: known.created_at,
            expires_at: known.expires_at,
            used_at: known.used_at,
        }
    }
}

pub(super) async fn make(provider: &Provider, wanted: UpstreamInvite) -> anyhow::Result<()> {
    let id = &wanted.id;
    let made = match invitations::invite(provider, id, wanted.expires, wanted.note).await? {
        Ok(made) => made,
        Err(NotInvited::Unknown) => {
            bail!(
                "there is no upstream {id} in use: `exeunt upstream list` shows those that there are"
            )
        }
        Err(NotInvited::OtherPolicy) => bail!(
            "nobody needs an invitation to come in through {id}, or it would not do: its first_sign_in is not \"invited\""
        ),
    };
    let invited = Invited {
        id: made.invitation.id,
        link: made.link,
        expires_at: made.invitation.expires_at,
    };
    let facts = [
        ("link", invited.link.clone()),
        ("until", show::time(invited.expires_at)),
        ("id", invited.id.to_string()),
    ];
    show::item(wanted.output, &invited, &facts)?;
    if !wanted.output.json {
        show::say(
            "\nThe link is shown this once: only a hash of it is kept. Whoever opens it first and signs in there comes in. \
             `exeunt upstream uninvite` takes it back by its id.",
        )?;
    }
    Ok(())
}

pub(super) async fn list(provider: &Provider, output: Output) -> anyhow::Result<()> {
    let now = provider.clock.now();
    let all: Vec<Shown> = upstream_invitations::list(provider.database.read())
        .await?
        .into_iter()
        .map(Shown::from)
        .collect();
    show::list(
        output,
        &all,
        "Nobody is invited: `exeunt upstream invite` makes a link.",
        &[
            "Invite",
            "Through",
            "For",
            "Made (UTC)",
            "Good until (UTC)",
            "State",
        ],
        |known| {
            let state = match known.used_at {
                Some(at) => format!("used at {}", show::time(at)),
                None if known.expires_at <= now => "too old".to_owned(),
                None => "open".to_owned(),
            };
            vec![
                known.id.to_string(),
                known.upstream.clone(),
                known.note.clone().unwrap_or_default(),
                show::time(known.created_at),
                show::time(known.expires_at),
                state,
            ]
        },
    )
}

pub(super) async fn take_back(provider: &Provider, id: Uuid) -> anyhow::Result<()> {
    if !invitations::uninvite(provider, id).await? {
        bail!("there is no invitation {id}: `exeunt upstream invites` shows those that there are");
    }
    show::say(format!(
        "{id} lets nobody in. Who has come in by it stays: `exeunt user list` shows them."
    ))
}
