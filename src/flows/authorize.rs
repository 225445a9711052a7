//! An authorization request on its way: parked, decided, consented to, answered with a code.

mod waiting;

use super::redeem::{end_ordered_part, join};
use super::tokens::{self, Beside, Granted as Access, Person};
use super::{FlowError, Provider, service_keys, services};
use crate::clock::Timestamp;
use crate::jose::{self, HashPurpose};
use crate::oidc::authorization::decision::{self, Consented, Facts, Hint, NextStep, SignedIn};
use crate::oidc::authorization::response::Granted;
use crate::oidc::authorization::{AuthorizationRequest, ReplyTo};
use crate::oidc::claims;
use crate::oidc::client::Client;
use crate::oidc::permission::Permission;
use crate::oidc::scope::OFFLINE_ACCESS;
use crate::oidc::token::id_token::{self, IdTokenClaims};
use crate::store::codes::{self, Code};
use crate::store::consents::{self, Consent};
use crate::store::grants::{self, Grant};
use crate::store::interactions::Interaction;
use crate::store::sessions::{self, Session};
use crate::store::{self, clients, users};

pub use self::waiting::{
    NotParked, answered, give_up, park, park_post, parked, signed_in_and_answered, take_post,
};

/// What comes of a decision to issue. No `Debug`: what is granted is secret.
pub enum Issued {
    /// What the response type asks for.
    Granted(Granted),
    /// Nothing: the session has ended or the consent was withdrawn since. It is to be decided anew.
    Undecided,
    /// Nothing: the client was shut out since, or the parked request answered otherwise.
    Over,
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

/// Issues what the response type asks for, unless something has changed since that was decided.
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
) -> Result<Issued, FlowError> {
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
    if known.is_none() {
        return Ok(Issued::Over);
    }
    let user = user.filter(|user| user.disabled_at.is_none());
    let (Some(user), Some(session)) = (user, held) else {
        return Ok(Issued::Undecided);
    };
    if !client.metadata.skip_consent {
        let consent = consents::find(&tx, session.user_id, &client.client_id).await?;
        if consent.is_none_or(|consent| !consent.permission.covers(permission)) {
            return Ok(Issued::Undecided);
        }
    }
    if let Some(interaction) = interaction
        && !waiting::answer(provider, &tx, interaction, session.user_id, now).await?
    {
        return Ok(Issued::Over);
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
    Ok(Issued::Granted(Granted {
        code,
        access_token,
        id_token,
    }))
}
