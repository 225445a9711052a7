//! Somebody shows that they are somebody at an upstream too, or wants that forgotten. Only being signed in at both shows
//! it: no address does (attack 89).

use uuid::Uuid;

use super::finish::Identified;
use crate::flows::{FlowError, Provider};
use crate::oidc::upstream::Upstream;
use crate::oidc::upstream::answer::Problem;
use crate::store::identities::{self, Identity};
use crate::store::sessions::Session;
use crate::store::{self, passwords, sessions, upstreams, users};

/// Links who somebody is there to who is signed in here. That is no session: the caller lets a refresh token go that came
/// along.
///
/// # Errors
/// When we can't tell.
pub async fn link(
    provider: &Provider,
    upstream: &Upstream,
    identified: &Identified,
    session: &Session,
) -> Result<Result<(), Problem>, FlowError> {
    if identified.is_older {
        return Ok(Err(Problem::NotFresh));
    }
    let now = provider.clock.now();
    let tx = provider.database.begin().await?;
    let user = users::lock(&tx, session.user_id).await?;
    let living = sessions::lock_living(&tx, session.id, provider.alive(now)).await?;
    let Some(user) = user.filter(|user| user.disabled_at.is_none() && living.is_some()) else {
        return Ok(Err(Problem::NotAdmitted));
    };
    let identity = Identity {
        issuer: upstream.issuer.clone(),
        subject: identified.vouched.subject.clone(),
        user_id: user.id,
        created_at: now,
        last_used_at: now,
    };
    match identities::find(&tx, &identity.issuer, &identity.subject).await? {
        Some(known) if known.user_id == user.id => return Ok(Ok(())),
        Some(_) => return Ok(Err(Problem::LinkedElsewhere)),
        None => {}
    }
    match identities::insert(&tx, &identity).await {
        Ok(()) => {}
        Err(error) if error.is_duplicate() => return Ok(Err(Problem::LinkedElsewhere)),
        Err(error) => return Err(error.into()),
    }
    store::commit(tx).await?;
    tracing::info!(upstream = upstream.id, user = %user.id, "somebody linked who they are there");
    Ok(Ok(()))
}

/// What came of unlinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlinked {
    /// They are nobody there any more, or were not.
    Done,
    /// They could not sign in any more.
    OnlyWayIn,
}

/// Forgets that this person is that one there, unless they have no other way in.
///
/// # Errors
/// When we can't tell.
pub async fn unlink(
    provider: &Provider,
    user_id: Uuid,
    issuer: &str,
    subject: &str,
) -> Result<Unlinked, FlowError> {
    let tx = provider.database.begin().await?;
    // Held, so that two at once don't each leave the other way for the last.
    users::lock(&tx, user_id).await?;
    let enabled = upstreams::list_enabled(&tx).await?;
    let is_a_way = |known: &Identity| {
        let is_this = known.issuer == issuer && known.subject == subject;
        !is_this && enabled.iter().any(|other| other.issuer == known.issuer)
    };
    let all = identities::of_user(&tx, user_id).await?;
    let has_password = passwords::find(&tx, user_id).await?.is_some();
    if !has_password && !all.iter().any(is_a_way) {
        return Ok(Unlinked::OnlyWayIn);
    }
    identities::remove(&tx, user_id, issuer, subject).await?;
    store::commit(tx).await?;
    Ok(Unlinked::Done)
}
