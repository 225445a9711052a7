//! An authorization request on its way: parked, decided, consented to, answered with a code.

use std::net::IpAddr;

use chrono::TimeDelta;

use super::redeem::{end_ordered_part, join};
use super::sign_in::network;
use super::tokens::{self, Beside, Granted as Access, Person};
use super::{FlowError, Provider, service_keys, services};
use crate::clock::Timestamp;
use crate::jose::{self, HashPurpose};
use crate::oidc::authorization::decision::{self, Consented, Facts, Hint, NextStep, SignedIn};
use crate::oidc::authorization::response::Granted;
use crate::oidc::authorization::{AuthorizationRequest, ReplyTo};
use crate::oidc::claims;
use crate::oidc::client::Client;
use crate::oidc::params::Params;
use crate::oidc::permission::Permission;
use crate::oidc::scope::OFFLINE_ACCESS;
use crate::oidc::token::id_token::{self, IdTokenClaims};
use crate::store::codes::{self, Code};
use crate::store::consents::{self, Consent};
use crate::store::grants::{self, Grant};
use crate::store::interactions::{self, Interaction};
use crate::store::sessions::{self, Session};
use crate::store::throttles::{self, Pace};
use crate::store::{self, clients, parked_requests, users};

/// How long a person may take to sign in.
const PATIENCE: TimeDelta = TimeDelta::hours(1);
/// How long a browser takes to follow a redirect to ourselves.
const ONE_HOP: TimeDelta = TimeDelta::minutes(2);
/// Requests that wait, from one network: everyone of an office may begin the day at once. Those that wait for a person
/// and POSTs from other sites have a bucket each.
const PARKED: Pace = Pace {
    interval: TimeDelta::milliseconds(500),
    burst: 100,
};
/// The most bytes of a request that waits: nobody has shown yet that they may leave anything here.
const MOST_PARKED_BYTES: usize = 16 * 1024;

/// Why a request was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotParked {
    /// Its network has sent too many; the next one may come at this moment.
    TooOften(Timestamp),
    /// It is longer than what is kept.
    TooLong,
}

/// Parks a request until the person has done what it needs; answers the handle for the page's form. Anyone can send
/// one, whatever cookies they make up.
///
/// # Errors
/// When the database fails.
pub async fn park(
    provider: &Provider,
    client: &Client,
    params: &Params,
    browser: &str,
    address: IpAddr,
) -> Result<Result<String, NotParked>, FlowError> {
    let now = provider.clock.now();
    let handle = provider.random.secret();
    let text = params.to_text();
    if text.len() > MOST_PARKED_BYTES {
        return Ok(Err(NotParked::TooLong));
    }
    let tx = provider.database.begin().await?;
    let bucket = format!("waiting address {}", network(address));
    if let Err(again_at) = throttles::admit(&tx, &bucket, PARKED, now).await? {
        return Ok(Err(NotParked::TooOften(again_at)));
    }
    interactions::insert(
        &tx,
        &Interaction {
            handle_hash: provider.master.hash(HashPurpose::Handle, &handle),
            browser_hash: provider.master.hash(HashPurpose::Handle, browser),
            client_id: client.client_id.clone(),
            params: text,
            requested_at: now,
            expires_at: now + PATIENCE,
        },
    )
    .await?;
    store::commit(tx).await?;
    Ok(Ok(handle))
}

/// The request parked under `handle` in this browser, if it still waits.
///
/// # Errors
/// When the database fails.
pub async fn parked(
    provider: &Provider,
    handle: &str,
    browser: &str,
) -> Result<Option<Interaction>, FlowError> {
    let handle_hash = provider.master.hash(HashPurpose::Handle, handle);
    let browser_hash = provider.master.hash(HashPurpose::Handle, browser);
    let db = provider.database.read();
    Ok(interactions::find(db, &handle_hash, &browser_hash, provider.clock.now()).await?)
}

/// Keeps the parameters of a POST from another site for the GET that brings our cookie along. Anyone can send them, and
/// nobody need ever fetch them.
///
/// # Errors
/// When the database fails.
pub async fn park_post(
    provider: &Provider,
    params: &Params,
    address: IpAddr,
) -> Result<Result<String, NotParked>, FlowError> {
    let now = provider.clock.now();
    let handle = provider.random.secret();
    let hash = provider.master.hash(HashPurpose::Handle, &handle);
    let text = params.to_text();
    if text.len() > MOST_PARKED_BYTES {
        return Ok(Err(NotParked::TooLong));
    }
    let tx = provider.database.begin().await?;
    let bucket = format!("parked address {}", network(address));
    if let Err(again_at) = throttles::admit(&tx, &bucket, PARKED, now).await? {
        return Ok(Err(NotParked::TooOften(again_at)));
    }
    parked_requests::insert(&tx, hash, text, now + ONE_HOP).await?;
    store::commit(tx).await?;
    Ok(Ok(handle))
}

/// Takes such parameters out again, once.
///
/// # Errors
/// When the database fails.
pub async fn take_post(provider: &Provider, handle: &str) -> Result<Option<Params>, FlowError> {
    let hash = provider.master.hash(HashPurpose::Handle, handle);
    let tx = provider.database.begin().await?;
    let text = parked_requests::take(&tx, &hash, provider.clock.now()).await?;
    store::commit(tx).await?;
    Ok(text.and_then(|text| Params::parse(text.as_bytes()).ok()))
}

/// What happens next with a request that first came at `requested_at`.
///
/// # Errors
/// When the database fails.
pub async fn decide(
    provider: &Provider,
    client: &Client,
    request: &AuthorizationRequest,
    requested_at: Timestamp,
    session: Option<&Session>,
) -> Result<NextStep, FlowError> {
    let now = provider.clock.now();
    let sub = session.map(|session| provider.subject(&client.metadata, session.user_id));
    let consent = match session {
        Some(session) => {
            consents::find(provider.database.read(), session.user_id, &client.client_id).await?
        }
        None => None,
    };
    let hint = request.id_token_hint.as_deref();
    let hinted = hint.map(|hint| read_hint(provider, hint, now));
    let facts = Facts {
        requested_at,
        now,
        session: session.zip(sub.as_deref()).map(|(session, sub)| SignedIn {
            sub,
            auth_time: session.auth_time,
            acr: session.acr.as_deref(),
        }),
        consent: consent.as_ref().map(|consent| Consented {
            permission: &consent.permission,
            given_at: consent.granted_at,
        }),
        hint: match &hinted {
            None => Hint::Absent,
            Some(Some(claims)) => Hint::About(&claims.sub),
            Some(None) => Hint::Unreadable,
        },
    };
    Ok(decision::next_step(request, client, &facts))
}

/// An ID token of ours, expired or not (Core §3.1.2.1, RP-Initiated Logout §2).
pub fn read_hint(provider: &Provider, hint: &str, now: Timestamp) -> Option<IdTokenClaims> {
    let claims = jose::verify_own(&provider.keys, hint, Some(id_token::TYPE), now).ok()?;
    IdTokenClaims::read_hint(claims, &provider.config.issuer)
}

/// Remembers what the person allows, beside what they allowed before. False, and nothing is, when the
/// session in which they were asked has ended since.
///
/// # Errors
/// When the database fails.
pub async fn consent(
    provider: &Provider,
    session: &Session,
    client: &Client,
    permission: &Permission,
) -> Result<bool, FlowError> {
    let now = provider.clock.now();
    let tx = provider.database.begin().await?;
    // The person before their session, as everywhere.
    users::lock(&tx, session.user_id).await?;
    if sessions::lock_living(&tx, session.id, provider.alive(now))
        .await?
        .is_none()
    {
        return Ok(false);
    }
    let before = consents::find(&tx, session.user_id, &client.client_id).await?;
    let before = before.map(|before| before.permission).unwrap_or_default();
    let consent = Consent {
        permission: before.union(permission),
        granted_at: now,
    };
    consents::save(&tx, session.user_id, &client.client_id, &consent).await?;
    store::commit(tx).await?;
    Ok(true)
}

/// Issues what the response type asks for. None when the session ended, the client was shut out, the
/// consent was withdrawn or the parked request was answered in the meantime.
///
/// # Errors
/// When the database fails.
pub async fn issue(
    provider: &Provider,
    client: &Client,
    reply_to: &ReplyTo,
    request: &AuthorizationRequest,
    permission: &Permission,
    session: &Session,
    interaction: Option<&Interaction>,
) -> Result<Option<Granted>, FlowError> {
    let now = provider.clock.now();
    if request.response_type.token {
        let mut named = request.services.iter().map(|asked| &asked.service);
        service_keys::check(provider, named.next(), now).await?;
    }
    let tx = provider.database.begin().await?;
    // Held, so that nobody withdraws a consent between our look at it and the grant; and before their
    // session, as everywhere.
    let user = users::lock(&tx, session.user_id).await?;
    let held = sessions::lock_living(&tx, session.id, provider.alive(now)).await?;
    // Held too: it is not shut out between our look and the commit.
    let known = clients::hold_enabled(&tx, &client.client_id).await?;
    let user = user.filter(|user| user.disabled_at.is_none());
    let (Some(user), Some(session), Some(_)) = (user, held, known) else {
        return Ok(None);
    };
    if !client.metadata.skip_consent {
        let consent = consents::find(&tx, session.user_id, &client.client_id).await?;
        if consent.is_none_or(|consent| !consent.permission.covers(permission)) {
            return Ok(None);
        }
    }
    if let Some(interaction) = interaction
        && !interactions::consume(&tx, &interaction.handle_hash).await?
    {
        return Ok(None);
    }
    // Passing through to an application is using the session: no idling.
    sessions::touch(&tx, session.id, now).await?;
    let scope = permission.whole_scope();
    let asked = request.claims.granted(&permission.claims);
    let grant = Grant {
        id: provider.random.row_id(now),
        session_id: Some(session.id),
        user_id: Some(session.user_id),
        client_id: client.client_id.clone(),
        scope: scope.to_string(),
        claims: asked.to_text(),
        resources: permission.services.keys().cloned().collect(),
        offline_access: scope.contains(OFFLINE_ACCESS),
        revoked_at: None,
    };
    let response_type = request.response_type;
    if response_type.brings_tokens() {
        end_ordered_part(provider, &tx, client, &session, now).await?;
    }
    grants::insert(&tx, &grant, now).await?;
    let code = response_type.code.then(|| provider.random.secret());
    if let Some(code) = &code {
        let row = Code {
            code_hash: provider.master.hash(HashPurpose::Code, code),
            grant_id: grant.id,
            client_id: client.client_id.clone(),
            session_id: session.id,
            redirect_uri: reply_to.redirect_uri().to_owned(),
            code_challenge: request
                .code_challenge
                .as_ref()
                .map(|known| known.as_str().to_owned()),
            nonce: request.nonce.clone(),
            auth_time: session.auth_time,
            expires_at: now + provider.config.tokens.code,
            redeemed_at: None,
        };
        codes::insert(&tx, &row).await?;
    }
    // Where a token comes at once, at most one service was named.
    let mut named = request.services.iter().map(|asked| &asked.service);
    let service = named
        .find(|service| grant.resources.contains(&service.identifier))
        .filter(|_| response_type.token);
    let access = match response_type.token {
        true => Some(Access {
            grant_id: grant.id,
            scope: services::scope_of_token(&tx, client, &grant, &scope, service).await?,
            service: service.cloned(),
        }),
        false => None,
    };
    let told_service = services::told_at(&tx, client, service, &user).await?;
    // Whoever is given a token now takes part now, and will be told when the session ends.
    let sid = match response_type.brings_tokens() {
        true => Some(join(provider, &tx, client, &session, service, now).await?),
        false => None,
    };
    store::commit(tx).await?;

    // Signing comes after the commit: an RSA signature must not hold the writer.
    let told = user.told();
    let mut told_in_id_token = claims::request::told(&asked.id_token, &told);
    if !response_type.code && !response_type.token {
        // Where nothing comes along to ask userinfo with (Core §5.4).
        told_in_id_token.extend(claims::asked_by(&scope, &told));
    }
    let person = Person {
        user_id: session.user_id,
        sid,
        auth_time: session.auth_time,
        acr: session.acr.clone(),
        amr: session.amr.clone(),
        nonce: request.nonce.clone(),
        told: told_in_id_token,
        told_service,
    };
    let access_token = match &access {
        Some(access) => Some((
            tokens::access_token(provider, client, access, Some(&person), now).await?,
            access.lifetime(provider).num_seconds(),
        )),
        None => None,
    };
    let id_token = match response_type.id_token {
        true => {
            let beside = Beside {
                access_token: access_token.as_ref().map(|(token, _)| token.as_str()),
                code: code.as_deref(),
            };
            Some(tokens::id_token(provider, client, &person, beside, now)?)
        }
        false => None,
    };
    Ok(Some(Granted {
        code,
        access_token,
        id_token,
    }))
}

/// The person said no: the parked request is answered.
///
/// # Errors
/// When the database fails.
pub async fn give_up(provider: &Provider, interaction: &Interaction) -> Result<bool, FlowError> {
    let tx = provider.database.begin().await?;
    let first = interactions::consume(&tx, &interaction.handle_hash).await?;
    store::commit(tx).await?;
    Ok(first)
}
