//! A code becomes tokens, once; and the client's own grant (RFC 6749 §4.1.3, §4.4).

use serde_json::{Map, Value};

use super::end_session::{self, Ending};
use super::tokens::{self, Granted, Issue, Person};
use super::{FlowError, Provider, revocations, service_keys, services};
use crate::clock::Timestamp;
use crate::jose::HashPurpose;
use crate::oidc::claims::request::{self, ClaimsRequest};
use crate::oidc::client::{Client, GrantType};
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::pkce::CodeChallenge;
use crate::oidc::resource;
use crate::oidc::scope::{OPENID, Scope};
use crate::oidc::service::Service;
use crate::oidc::token::TokenResponse;
use crate::oidc::token::code::{IssuedCode, PresentedWithCode, Redemption};
use crate::store::codes::{self, Code};
use crate::store::grants::{self, Grant, Of};
use crate::store::participants::{self, Participant};
use crate::store::refresh_tokens::{self, RefreshToken};
use crate::store::sessions::{self, Session};
use crate::store::users::{self, User};
use crate::store::{self, StoreError, Transaction, clients, orders};

/// What comes with a code, of an authenticated client. No `Debug`: code and verifier are secrets.
pub struct CodeGrant<'a> {
    /// The code.
    pub code: &'a str,
    /// Where it says that the code was sent.
    pub redirect_uri: &'a str,
    /// What the challenge was made of.
    pub code_verifier: Option<&'a str>,
    /// For which service the access token is to be.
    pub service: Option<&'a Service>,
}

/// Redeems a code. One that was redeemed before takes back what it gave.
///
/// # Errors
/// When we can't tell; the code may then be used up.
pub async fn redeem_code(
    provider: &Provider,
    client: &Client,
    presented: &CodeGrant<'_>,
) -> Result<Result<TokenResponse, OAuthError>, FlowError> {
    let now = provider.clock.now();
    service_keys::check(provider, presented.service, now).await?;
    let code_hash = provider.master.hash(HashPurpose::Code, presented.code);
    let tx = provider.database.begin().await?;
    let Some(code) = codes::find(&tx, &code_hash).await? else {
        return Ok(Err(OAuthError::invalid_grant("the code is unknown")));
    };
    let issued = IssuedCode {
        client_id: code.client_id.clone(),
        redirect_uri: code.redirect_uri.clone(),
        code_challenge: code
            .code_challenge
            .as_deref()
            .and_then(CodeChallenge::parse),
        expires_at: code.expires_at,
        redeemed_at: code.redeemed_at,
    };
    let with_code = PresentedWithCode {
        client_id: &client.client_id,
        redirect_uri: presented.redirect_uri,
        code_verifier: presented.code_verifier,
    };
    match issued.redeem(&with_code, now) {
        Redemption::Refuse(refusal) => Ok(Err(refusal)),
        Redemption::RevokeEverythingIssued => replayed(provider, tx, &code, now).await,
        Redemption::Grant if !codes::redeem(&tx, &code_hash, now).await? => {
            replayed(provider, tx, &code, now).await
        }
        Redemption::Grant => match give(provider, &tx, client, &code, presented, now).await? {
            Some(Ok(issue)) => {
                store::commit(tx).await?;
                Ok(Ok(tokens::issue(provider, issue).await?))
            }
            // Nothing was given, and the code is still good.
            Some(Err(refusal)) => Ok(Err(refusal)),
            None => {
                store::commit(tx).await?;
                Ok(Err(OAuthError::invalid_grant(
                    "the session or the grant behind the code has ended",
                )))
            }
        },
    }
}

/// Whoever holds the tokens may be a thief (RFC 6749 §4.1.2). Committed before the refusal is said.
async fn replayed(
    provider: &Provider,
    tx: Transaction,
    code: &Code,
    now: Timestamp,
) -> Result<Result<TokenResponse, OAuthError>, FlowError> {
    if grants::revoke(&tx, &[Of::Grant(code.grant_id)], now).await? > 0 {
        revocations::grant_ended(provider, &tx, code.grant_id, &code.client_id, now).await?;
    }
    store::commit(tx).await?;
    provider.work.taken_back();
    Ok(Err(OAuthError::invalid_grant(
        "the code was used before; what it gave has been taken back",
    )))
}

/// Writes what the code gives: the application's part in the session, and a refresh token.
async fn give<'a>(
    provider: &Provider,
    tx: &Transaction,
    client: &'a Client,
    code: &Code,
    presented: &CodeGrant<'_>,
    now: Timestamp,
) -> Result<Option<Result<Issue<'a>, OAuthError>>, FlowError> {
    let service = presented.service;
    let Some(session) = sessions::lock_living(tx, code.session_id, provider.alive(now)).await?
    else {
        return Ok(None);
    };
    // After the session and before the grant, as everywhere. Held, so that the application is not shut
    // out, and everyone's part in it over, between our look and the commit.
    let held = clients::hold_enabled(tx, &client.client_id).await?;
    let user = users::find(tx, session.user_id).await?;
    let Some(user) = user.filter(|user| held.is_some() && user.disabled_at.is_none()) else {
        return Ok(None);
    };
    // Before the code's own grant is held: grants are locked in the order of their keys, and older ones go with the part.
    end_ordered_part(provider, tx, client, &session, now).await?;
    let Some(grant) = grants::lock_good(tx, code.grant_id).await? else {
        return Ok(None);
    };
    if let Err(refusal) = resource::check_covered(&grant.resources, service) {
        return Ok(Some(Err(refusal)));
    }
    let sid = join(provider, tx, client, &session, service, now).await?;
    let refresh_token = client
        .may_use(GrantType::RefreshToken)
        .then(|| provider.random.secret());
    if let Some(token) = &refresh_token {
        let row = RefreshToken {
            token_hash: provider.master.hash(HashPurpose::RefreshToken, token),
            grant_id: grant.id,
            client_id: client.client_id.clone(),
            auth_time: code.auth_time,
            issued_at: now,
            expires_at: now + provider.config.tokens.refresh,
            rotated_at: None,
        };
        refresh_tokens::insert(tx, &row).await?;
    }
    // They may have signed in again, and otherwise, since the code was given.
    let is_that_sign_in = session.auth_time == code.auth_time;
    let granted = granted_scope(&grant)?;
    let access = Granted {
        grant_id: grant.id,
        scope: services::scope_of_token(tx, client, &grant, &granted, service).await?,
        service: service.cloned(),
    };
    Ok(Some(Ok(Issue {
        client,
        access,
        openid: granted.contains(OPENID),
        person: Some(Person {
            user_id: session.user_id,
            sid: Some(sid),
            auth_time: code.auth_time,
            acr: session.acr.clone().filter(|_| is_that_sign_in),
            amr: Some(session.amr.clone())
                .filter(|_| is_that_sign_in)
                .unwrap_or_default(),
            nonce: code.nonce.clone(),
            told: told_in_id_token(&grant, &user)?,
            told_service: services::told_at(tx, client, service, &user).await?,
        }),
        refresh_token,
        now,
    })))
}

/// A part that an order names, and that no worker has come to yet, is over: who joins next has another. Locks grants.
pub(super) async fn end_ordered_part(
    provider: &Provider,
    tx: &Transaction,
    client: &Client,
    session: &Session,
    now: Timestamp,
) -> Result<(), FlowError> {
    let client_id = &client.client_id;
    let Some(part) = participants::find_open(tx, session.id, client_id).await? else {
        return Ok(());
    };
    let order = orders::naming_part(tx, session.user_id, client_id, part.joined_at).await?;
    let Some(order) = order else {
        return Ok(());
    };
    let ending = Ending {
        cause: order.cause,
        order_id: Some(order.id),
        before: Some(order.before),
        now,
        lease: None,
    };
    end_session::end_participation_in(provider, tx, &[session.id], client_id, ending).await?;
    Ok(())
}

/// The application takes part in the session from now on, and will be told when it ends. A part that an order names
/// has been ended before. `service` is the audience of what it is given, if one was named.
pub(super) async fn join(
    provider: &Provider,
    tx: &Transaction,
    client: &Client,
    session: &Session,
    service: Option<&Service>,
    now: Timestamp,
) -> Result<uuid::Uuid, FlowError> {
    let participant = Participant {
        sid: provider.random.identifier(),
        session_id: session.id,
        client_id: client.client_id.clone(),
        joined_at: now,
        believes_until: now + tokens::longest_life(provider, service),
        ended_at: None,
    };
    Ok(participants::join(tx, &participant).await?)
}

pub(super) fn granted_scope(grant: &Grant) -> Result<Scope, FlowError> {
    Scope::parse(&grant.scope).map_err(|_damaged| FlowError::Store(StoreError::Damaged("a scope")))
}

/// The claims granted one by one.
pub(super) fn granted_claims(grant: &Grant) -> Result<ClaimsRequest, FlowError> {
    let Some(text) = &grant.claims else {
        return Ok(ClaimsRequest::default());
    };
    ClaimsRequest::parse(text).map_err(|_damaged| FlowError::Store(StoreError::Damaged("claims")))
}

/// What an ID token under the grant tells of its person.
pub(super) fn told_in_id_token(
    grant: &Grant,
    user: &User,
) -> Result<Map<String, Value>, FlowError> {
    let asked = granted_claims(grant)?;
    Ok(request::told(&asked.id_token, &user.told()))
}

/// A token for the client itself (RFC 6749 §4.4), unless it has just been shut out.
///
/// # Errors
/// When we can't tell.
pub async fn client_credentials(
    provider: &Provider,
    client: &Client,
    scope: Scope,
    service: Option<Service>,
) -> Result<Result<TokenResponse, OAuthError>, FlowError> {
    let now = provider.clock.now();
    let text = scope.to_string();
    let named = service.iter();
    let resources: Vec<String> = named.map(|service| service.identifier.clone()).collect();
    let db = provider.database.read();
    let standing = grants::find_of_client(db, &client.client_id, &text, &resources).await?;
    let grant_id = match standing {
        Some(grant) => grant.id,
        None => {
            let grant = Grant {
                id: provider.random.row_id(now),
                session_id: None,
                user_id: None,
                client_id: client.client_id.clone(),
                scope: text,
                claims: None,
                resources,
                offline_access: false,
                revoked_at: None,
            };
            let tx = provider.database.begin().await?;
            // Whoever shuts the client out takes back the grants that there are.
            if clients::hold_enabled(&tx, &client.client_id)
                .await?
                .is_none()
            {
                return Ok(Err(OAuthError::new(
                    ErrorCode::InvalidClient,
                    "the client has been shut out",
                )));
            }
            grants::insert(&tx, &grant, now).await?;
            store::commit(tx).await?;
            grant.id
        }
    };
    // A second look at the clock: an order that names the token's moment was given after the grant was there to be named.
    let now = provider.clock.now();
    let issued = tokens::issue(
        provider,
        Issue {
            client,
            access: Granted {
                grant_id,
                scope,
                service,
            },
            openid: false,
            person: None,
            refresh_token: None,
            now,
        },
    )
    .await?;
    Ok(Ok(issued))
}
