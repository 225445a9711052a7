//! An access token is presented to ourselves: its signature says what it was good for, the facts say
//! whether it still is.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::account::seen;
use super::redeem::granted_claims;
use super::{FlowError, Provider, tokens};
use crate::clock::Timestamp;
use crate::jose;
use crate::oidc::claims::request::ClaimsRequest;
use crate::oidc::client::Client;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::scope::{ADMINISTRATION, Scope};
use crate::oidc::token::access_token::{self, AccessTokenClaims};
use crate::store::grants::Grant;
use crate::store::revocations::TokenName;
use crate::store::sessions::Session;
use crate::store::users::User;
use crate::store::{clients, grants, participants, revocations, sessions, users};

/// A token that is good, and what it was issued under.
pub struct Presented {
    /// What it says.
    pub claims: AccessTokenClaims,
    /// Whose it is.
    pub user: User,
    /// Which application's.
    pub client: Client,
    /// The claims granted one by one.
    pub asked: ClaimsRequest,
}

/// The token and its person, if it is good: not expired, its grant not taken back, its
/// session alive, its person and client not shut out. Presenting it is a use of the session, unless nothing `is_used`.
///
/// # Errors
/// When we can't tell.
pub async fn check(
    provider: &Provider,
    token: &str,
    is_used: bool,
) -> Result<Result<Presented, OAuthError>, FlowError> {
    let good = match good(provider, token, Presence::Served { is_used }).await? {
        Ok(good) => good,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Some(user) = good.user else {
        return Ok(refuse(NOBODY));
    };
    Ok(Ok(Presented {
        claims: good.claims,
        user,
        client: good.client,
        asked: granted_claims(&good.grant)?,
    }))
}

const NOBODY: &str = "there is no person behind the token";

/// A token that is good, a person's or a client's own.
pub(super) struct Good {
    /// What it says.
    pub claims: AccessTokenClaims,
    /// What it was issued under.
    grant: Grant,
    /// To which application.
    client: Client,
    /// Whose it is, if it is a person's.
    user: Option<User>,
}

/// Why a token is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Presence {
    /// It is to be served here, and so must be for us; whether that is a use of the session.
    Served { is_used: bool },
    /// Somebody asks about it, for whomever it is.
    AskedAbout,
}

/// As [`check`], of a client's own tokens too: the one place that says which tokens are good.
pub(super) async fn good(
    provider: &Provider,
    token: &str,
    presence: Presence,
) -> Result<Result<Good, OAuthError>, FlowError> {
    let now = provider.clock.now();
    let (claims, grant, client) = match standing(provider, token, now).await? {
        Ok(known) => known,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let is_served = matches!(presence, Presence::Served { .. });
    if is_served && !claims.is_for_us(&client, &provider.config.issuer) {
        return Ok(refuse("the token is for another audience"));
    }
    let db = provider.database.read();
    if let Some(sid) = &claims.sid {
        let Some(session) = session_of(provider, sid.parse().ok(), now).await? else {
            return Ok(refuse("the session of the token has ended"));
        };
        if let Presence::Served { is_used: true } = presence {
            seen(provider, &session).await?;
        }
    }
    let user = match grant.user_id {
        Some(user_id) => users::find(db, user_id).await?,
        None => None,
    };
    let user = user.filter(|user| user.disabled_at.is_none());
    if grant.user_id.is_some() && user.is_none() {
        return Ok(refuse(NOBODY));
    }
    Ok(Ok(Good {
        claims,
        grant,
        client,
        user,
    }))
}

/// The session in which the application has this part, if both go on.
pub(super) async fn session_of(
    provider: &Provider,
    sid: Option<Uuid>,
    now: Timestamp,
) -> Result<Option<Session>, FlowError> {
    let db = provider.database.read();
    let participant = match sid {
        Some(sid) => participants::find_living(db, sid).await?,
        None => None,
    };
    Ok(match participant {
        Some(participant) => {
            sessions::find_living(db, participant.session_id, provider.alive(now)).await?
        }
        None => None,
    })
}

/// What userinfo tells, as its application wants it (Core §5.3.2).
pub enum Told {
    /// Unsigned.
    Claims(Map<String, Value>),
    /// As a JWT for that application alone.
    Signed(String),
}

/// Signs what userinfo tells, for an application that registered so.
///
/// A signed answer has no `typ`: strict readers take none or `JWT`, which is our ID tokens'. It can't pass for one of these, for it has
/// no `exp` and no `iat`, nor for an access token or a logout token, which have a `typ` of their own.
///
/// # Errors
/// When nothing could be signed.
pub fn sign_userinfo(
    provider: &Provider,
    client: &Client,
    mut told: Map<String, Value>,
) -> Result<Told, FlowError> {
    let Some(algorithm) = client.metadata.userinfo_signed_response_alg else {
        return Ok(Told::Claims(told));
    };
    told.insert("iss".to_owned(), provider.config.issuer.as_str().into());
    told.insert("aud".to_owned(), client.client_id.as_str().into());
    let now = provider.clock.now();
    let signed = tokens::sign(provider, algorithm, None, &told, now)?;
    Ok(Told::Signed(signed))
}

/// The claims of the token of an administrator's program, if it is good: not expired, for us, issued to
/// a client for itself under a grant that was not taken back, and the client not shut out. Of its scope
/// there remains what the client may still ask for among [`ADMINISTRATION`].
///
/// # Errors
/// When we can't tell.
pub async fn check_administrator(
    provider: &Provider,
    token: &str,
) -> Result<Result<AccessTokenClaims, OAuthError>, FlowError> {
    let (mut claims, grant, client) = match standing(provider, token, provider.clock.now()).await? {
        Ok(known) => known,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if claims.aud != provider.config.issuer.as_str() {
        return Ok(refuse("the token is for another audience"));
    }
    if grant.user_id.is_some() || grant.session_id.is_some() || claims.sid.is_some() {
        return Ok(refuse(
            "the token is a person's, and administrators are programs",
        ));
    }
    claims.scope = claims
        .scope
        .intersect(&Scope::allowed_to(&client))
        .intersect(&ADMINISTRATION.into_iter().collect());
    Ok(Ok(claims))
}

/// What every use of a token needs: that it is ours and has not expired, that its grant was not taken
/// back, and that its client is not shut out.
async fn standing(
    provider: &Provider,
    token: &str,
    now: Timestamp,
) -> Result<Result<(AccessTokenClaims, Grant, Client), OAuthError>, FlowError> {
    let claims = match read(provider, token, now) {
        Ok(claims) => claims,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let db = provider.database.read();
    let Ok(grant_id) = claims.grant.parse::<Uuid>() else {
        return Ok(refuse("the token names no grant"));
    };
    let grant = grants::find(db, grant_id)
        .await?
        .filter(|grant| grant.revoked_at.is_none());
    let Some(grant) = grant.filter(|grant| grant.client_id == claims.client_id) else {
        return Ok(refuse("the grant behind the token was taken back"));
    };
    if is_named(provider, &claims, &grant, now).await? {
        return Ok(refuse("the token was taken back"));
    }
    match clients::find_enabled(db, &grant.client_id).await? {
        Some(client) => Ok(Ok((claims, grant, client))),
        None => Ok(refuse("the client of the token is shut out")),
    }
}

/// What the token says, if it is an access token of ours that has not expired.
fn read(provider: &Provider, token: &str, now: Timestamp) -> Result<AccessTokenClaims, OAuthError> {
    match jose::verify_own(&provider.keys, token, Some(access_token::TYPE), now) {
        Ok(claims) => AccessTokenClaims::read(claims, &provider.config.issuer, now),
        Err(_) => refuse("the token is no access token of ours"),
    }
}

/// The same, for whom nothing but the token itself counts.
pub(super) fn own(provider: &Provider, token: &str, now: Timestamp) -> Option<AccessTokenClaims> {
    read(provider, token, now).ok()
}

/// Whether the log of what was taken back names the token: what services learn there is so here too.
async fn is_named(
    provider: &Provider,
    claims: &AccessTokenClaims,
    grant: &Grant,
    now: Timestamp,
) -> Result<bool, FlowError> {
    let db = provider.database.read();
    let name = TokenName::Jti(claims.jti.clone());
    // What a program has for ourselves ends with its grant or by name: who orders that everybody's sessions end goes on.
    if grant.user_id.is_none() && claims.aud == provider.config.issuer.as_str() {
        return Ok(revocations::name_itself(db, &name, &claims.aud).await?);
    }
    let token = revocations::Token {
        name: &name,
        audience: &claims.aud,
        user_id: grant.user_id,
        client_id: &claims.client_id,
        issued_at: claims.issued_at(),
    };
    Ok(revocations::name(db, &token, now).await?)
}

fn refuse<T>(why: &'static str) -> Result<T, OAuthError> {
    Err(OAuthError::new(ErrorCode::InvalidToken, why))
}
