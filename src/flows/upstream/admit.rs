//! Somebody of whom an upstream vouches who they are is let in: as who they are here, or as somebody new.

use secrecy::ExposeSecret as _;
use uuid::Uuid;

use super::finish::Identified;
use super::refresh_tokens;
use crate::clock::Timestamp;
use crate::flows::sign_in::{BrowserCookies, Proof, begin_in};
use crate::flows::{FlowError, Provider, known_browser};
use crate::metrics::SignInResult;
use crate::oidc::upstream::answer::Problem;
use crate::oidc::upstream::{Admits, Upstream, person};
use crate::store::identities::{self, Identity};
use crate::store::session_upstreams::{self, Named, SessionUpstream};
use crate::store::users::{self, User};
use crate::store::{self, Transaction, passwords, upstream_invitations, upstream_logouts};

/// The longest name, in bytes: that of the configuration's people too.
const LONGEST_USERNAME: usize = 255;

/// The browser that somebody came back in.
pub struct Browser<'a> {
    /// What it calls itself.
    pub user_agent: &'a str,
    /// The session cookie that came along, if one did.
    pub cookie: Option<&'a str>,
}

/// Begins a session, or renews the one that this person has in this browser; somebody else's ends. Who is nobody here
/// yet becomes somebody, if the upstream's policy lets them, or the invitation by which they came. The refresh token that
/// came along is kept where a session comes of it; where none does the caller lets it go.
///
/// # Errors
/// When we can't tell.
pub async fn admit(
    provider: &Provider,
    upstream: &Upstream,
    identified: &Identified,
    browser: &Browser<'_>,
    invitation: Option<Uuid>,
) -> Result<Result<BrowserCookies, Problem>, FlowError> {
    let again = async || try_to_admit(provider, upstream, identified, browser, invitation).await;
    let admitted = match again().await {
        // Somebody signed in twice at once for the first time: by now they are somebody.
        Err(FlowError::Store(error)) if error.is_duplicate() => again().await?,
        Ok(Err(Problem::InvitationOver)) if is_somebody(provider, upstream, identified).await? => {
            again().await?
        }
        admitted => admitted?,
    };
    provider.metrics.tried_to_sign_in(match &admitted {
        Ok(_) => SignInResult::Done,
        Err(_) => SignInResult::Refused,
    });
    Ok(admitted)
}

async fn is_somebody(
    provider: &Provider,
    upstream: &Upstream,
    identified: &Identified,
) -> Result<bool, FlowError> {
    let (db, subject) = (provider.database.read(), &identified.vouched.subject);
    let known = identities::find(db, &upstream.issuer, subject).await?;
    Ok(known.is_some())
}

async fn try_to_admit(
    provider: &Provider,
    upstream: &Upstream,
    identified: &Identified,
    browser: &Browser<'_>,
    invitation: Option<Uuid>,
) -> Result<Result<BrowserCookies, Problem>, FlowError> {
    let now = provider.clock.now();
    let vouched = &identified.vouched;
    let tx = provider.database.begin().await?;
    let named = Named {
        issuer: &upstream.issuer,
        subject: Some(&vouched.subject),
        sid: vouched.sid.as_deref(),
    };
    // A sign-out there that comes at this moment finds the session that begins here, or is found here (attack 61).
    upstream_logouts::take_turn(&tx, named).await?;
    if upstream_logouts::is_over(&tx, named, identified.sent_at).await? {
        tracing::info!(
            upstream = upstream.id,
            "somebody signed out there on the way here"
        );
        return Ok(Err(Problem::SignedOut));
    }
    let known = identities::find(&tx, &upstream.issuer, &vouched.subject).await?;
    let user_id = match known {
        Some(identity) => match returning(&tx, upstream, identified, &identity, now).await? {
            Some(user_id) => user_id,
            None => return Ok(Err(Problem::NotAdmitted)),
        },
        None => match may_come_in(&tx, upstream, identified, invitation, now).await? {
            Ok(()) => newcomer(provider, &tx, upstream, identified, now).await?,
            Err(problem) => {
                tracing::info!(upstream = upstream.id, "somebody new was not let in");
                return Ok(Err(problem));
            }
        },
    };
    let proof = Proof {
        user_id,
        auth_time: identified.auth_time,
        amr: vouched.amr.clone(),
        acr: vouched.acr.clone(),
    };
    let (cookie, session_id) = begin_in(
        provider,
        &tx,
        proof,
        browser.cookie,
        browser.user_agent,
        now,
    )
    .await?;
    let from = SessionUpstream {
        session_id,
        issuer: upstream.issuer.clone(),
        subject: vouched.subject.clone(),
        sid: vouched.sid.clone(),
        sealed_id_token: identified.id_token.as_ref().map(|id_token| {
            provider.master.seal(
                provider.random.as_ref(),
                &id_token_sealed_for(session_id),
                id_token.expose_secret().as_bytes(),
            )
        }),
    };
    session_upstreams::save(&tx, &from).await?;
    if let Some(written) = identified.refresh_token {
        refresh_tokens::keep(provider, &tx, written, session_id, now).await?;
    }
    let password = passwords::find(&tx, user_id).await?;
    store::commit(tx).await?;
    provider.work.notify_one();
    let set_at = password.map_or(now, |password| password.set_at);
    Ok(Ok(BrowserCookies {
        session: cookie,
        known: known_browser::introduce(provider, user_id, set_at),
    }))
}

/// Whose ID token it is.
pub(in crate::flows) fn id_token_sealed_for(session_id: Uuid) -> String {
    format!("upstream id token {session_id}")
}

/// Who is somebody here; none when they were shut out.
async fn returning(
    tx: &Transaction,
    upstream: &Upstream,
    identified: &Identified,
    identity: &Identity,
    now: Timestamp,
) -> Result<Option<Uuid>, FlowError> {
    let user = users::lock(tx, identity.user_id).await?;
    let Some(user) = user.filter(|user| user.disabled_at.is_none()) else {
        return Ok(None);
    };
    // With the person held: they may have unlinked the two since.
    if !identities::used(tx, identity, now).await? {
        return Ok(None);
    }
    // Whoever made the person known says who they are: no upstream that was linked since, and none of what the file or
    // an administrator says of somebody with a password.
    let is_theirs = identity.created_at == user.created_at
        && !user.declared
        && passwords::find(tx, user.id).await?.is_none();
    if upstream.refreshes_claims && is_theirs {
        let claims = person::claims(upstream, &identified.vouched.claims);
        if claims != user.claims {
            let changed = User {
                claims,
                updated_at: now,
                ..user.clone()
            };
            users::save(tx, &changed).await?;
        }
    }
    Ok(Some(user.id))
}

/// Whether somebody new is let in. An invitation is used up here, and only where this transaction is committed.
async fn may_come_in(
    tx: &Transaction,
    upstream: &Upstream,
    identified: &Identified,
    invitation: Option<Uuid>,
    now: Timestamp,
) -> Result<Result<(), Problem>, FlowError> {
    if let (Admits::Invited, Some(id)) = (&upstream.admits, invitation) {
        if !upstream_invitations::use_up(tx, id, upstream, now).await? {
            return Ok(Err(Problem::InvitationOver));
        }
        tracing::info!(upstream = upstream.id, invitation = %id, "an invitation is used");
        return Ok(Ok(()));
    }
    match person::is_admitted(upstream, &identified.vouched.claims) {
        true => Ok(Ok(())),
        false => Ok(Err(Problem::NotAdmitted)),
    }
}

/// Somebody new, who has no password here.
async fn newcomer(
    provider: &Provider,
    tx: &Transaction,
    upstream: &Upstream,
    identified: &Identified,
    now: Timestamp,
) -> Result<Uuid, FlowError> {
    let vouched = &identified.vouched;
    let claims = person::claims(upstream, &vouched.claims);
    let id = provider.random.identifier();
    let wanted = person::username(upstream, &vouched.claims, &vouched.subject);
    let wanted = crate::config::canonical_name(&wanted);
    let is_taken = users::find_by_username(tx, &wanted).await?.is_some();
    // Its canonical form may be longer than what was said.
    let username = match !is_taken && wanted.len() <= LONGEST_USERNAME {
        true => wanted,
        false => format!("{}:{id}", upstream.id),
    };
    let user = User {
        id,
        username,
        claims,
        // The very moment of the identity below: it is known by that for the one that made the person.
        created_at: now,
        updated_at: now,
        disabled_at: None,
        declared: false,
    };
    users::save(tx, &user).await?;
    let identity = Identity {
        issuer: upstream.issuer.clone(),
        subject: vouched.subject.clone(),
        user_id: id,
        created_at: now,
        last_used_at: now,
    };
    identities::insert(tx, &identity).await?;
    tracing::info!(upstream = upstream.id, user = %id, "somebody new came in");
    Ok(id)
}
