//! Invitations to come in through an upstream for the first time. One is used up by the transaction in which somebody comes
//! in by it ([`super::admit`]), and by nothing else: whoever only looks at its link leaves it as it is (attack 86).

use chrono::TimeDelta;
use uuid::Uuid;

use crate::flows::{FlowError, Provider};
use crate::jose::HashPurpose;
use crate::oidc::upstream::{Admits, CALLBACKS, Upstream};
use crate::store::upstream_invitations::{self, Invitation};
use crate::store::{self, upstreams};

/// How long one that is over is remembered, so that who comes too late is told why.
pub const REMEMBERED: TimeDelta = TimeDelta::days(30);

/// An invitation that was just made.
#[derive(Debug)]
pub struct Made {
    /// Where whoever is invited goes; it is known to nobody else.
    pub link: String,
    /// What is kept of it.
    pub invitation: Invitation,
}

/// Why nobody can be invited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotInvited {
    /// There is no such upstream, or it has left the configuration.
    Unknown,
    /// People come in through it otherwise.
    OtherPolicy,
}

/// Makes an invitation that is good for `lifetime`.
///
/// # Errors
/// When the database fails.
pub async fn invite(
    provider: &Provider,
    upstream_id: &str,
    lifetime: TimeDelta,
    note: Option<String>,
) -> Result<Result<Made, NotInvited>, FlowError> {
    let now = provider.clock.now();
    let token = provider.random.secret();
    let tx = provider.database.begin().await?;
    let known = upstreams::find(&tx, upstream_id).await?;
    let Some(known) = known.filter(|known| known.disabled_at.is_none()) else {
        return Ok(Err(NotInvited::Unknown));
    };
    if known.upstream.admits != Admits::Invited {
        return Ok(Err(NotInvited::OtherPolicy));
    }
    let upstream = known.upstream;
    let path = format!("{CALLBACKS}/{}/invitation?token={token}", upstream.id);
    let invitation = Invitation {
        id: provider.random.row_id(now),
        upstream_id: upstream.id,
        issuer: upstream.issuer,
        note,
        created_at: now,
        expires_at: now + lifetime,
        used_at: None,
    };
    let token_hash = provider.master.hash(HashPurpose::Invitation, &token);
    upstream_invitations::insert(&tx, &invitation, token_hash).await?;
    store::commit(tx).await?;
    Ok(Ok(Made {
        link: provider.config.issuer.endpoint(&path),
        invitation,
    }))
}

/// Takes an invitation back; who came in by it stays. False when there is none of that name.
///
/// # Errors
/// When the database fails.
pub async fn uninvite(provider: &Provider, id: Uuid) -> Result<bool, FlowError> {
    let tx = provider.database.begin().await?;
    let was_there = upstream_invitations::remove(&tx, id).await?;
    store::commit(tx).await?;
    Ok(was_there)
}

/// What a link is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// To come in by this invitation.
    Good(Uuid),
    /// Somebody has come in by it.
    Used,
    /// Its time is over, it was taken back, or it never was one.
    Over,
}

/// Looks at what the link with this token is good for, and changes nothing.
///
/// # Errors
/// When the database fails.
pub async fn worth(
    provider: &Provider,
    upstream: &Upstream,
    token: &str,
) -> Result<Worth, FlowError> {
    let token_hash = provider.master.hash(HashPurpose::Invitation, token);
    let db = provider.database.read();
    let found = upstream_invitations::find(db, &token_hash, upstream).await?;
    let now = provider.clock.now();
    Ok(match found {
        Some(known) if known.used_at.is_some() => Worth::Used,
        Some(known) if known.expires_at > now && upstream.admits == Admits::Invited => {
            Worth::Good(known.id)
        }
        _ => Worth::Over,
    })
}
