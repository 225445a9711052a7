//! Whether a token is good, for who may ask (RFC 7662): the same that userinfo and the log of what was taken back say.

use serde_json::{Map, Value};

use super::access::{self, Presence};
use super::encrypted::{self, Opened};
use super::redeem::granted_scope;
use super::{FlowError, Provider, tokens};
use crate::jose::HashPurpose;
use crate::oidc::algorithm::SigningAlgorithm;
use crate::oidc::client::Client;
use crate::oidc::token::introspection::{self, RefreshTokenFacts};
use crate::oidc::token::refresh::{IssuedRefreshToken, Rotation};
use crate::store::grants::{self, Grant};
use crate::store::{participants, refresh_tokens, sessions, users};

/// Who asks.
#[derive(Debug)]
pub enum Asker {
    /// A client, about what it was given.
    Client(Box<Client>),
    /// A service of this identifier, about what it was sent.
    Service(String),
}

impl Asker {
    /// By what it is known.
    fn name(&self) -> &str {
        match self {
            Self::Client(client) => &client.client_id,
            Self::Service(identifier) => identifier,
        }
    }

    /// Whether it may hear of a token that was issued to this client for this audience.
    fn may_hear(&self, client_id: &str, audience: &str) -> bool {
        match self {
            Self::Client(client) => client.client_id == client_id,
            Self::Service(identifier) => identifier == audience,
        }
    }
}

/// What is known of the token, if it is good and for this asker; else that it is not active, and nothing more. Asking
/// keeps no session from idling.
///
/// # Errors
/// When we can't tell.
pub async fn introspect(
    provider: &Provider,
    asker: &Asker,
    token: &str,
) -> Result<Map<String, Value>, FlowError> {
    if let Ok(good) = access::good(provider, token, Presence::AskedAbout).await? {
        let claims = &good.claims;
        return Ok(match asker.may_hear(&claims.client_id, &claims.aud) {
            true => introspection::of_access_token(claims),
            false => introspection::inactive(),
        });
    }
    let now = provider.clock.now();
    if let Opened::Token(token) = encrypted::open(provider, token, now).await? {
        let is_theirs = asker.may_hear(token.client_id(), &token.claims.aud);
        let is_told = is_theirs && encrypted::good(provider, &token, now).await?;
        return Ok(match is_told {
            true => introspection::of_access_token(&token.claims),
            false => introspection::inactive(),
        });
    }
    let known = match asker {
        Asker::Client(client) => refresh_token(provider, client, token).await?,
        Asker::Service(_) => None,
    };
    Ok(known.unwrap_or_else(introspection::inactive))
}

/// What is known of a refresh token that the client could use now.
async fn refresh_token(
    provider: &Provider,
    client: &Client,
    token: &str,
) -> Result<Option<Map<String, Value>>, FlowError> {
    let (now, db) = (provider.clock.now(), provider.database.read());
    let token_hash = provider.master.hash(HashPurpose::RefreshToken, token);
    let Some(token) = refresh_tokens::find(db, &token_hash).await? else {
        return Ok(None);
    };
    let Some(grant) = grants::find(db, token.grant_id).await? else {
        return Ok(None);
    };
    let issued = IssuedRefreshToken {
        client_id: token.client_id,
        scope: granted_scope(&grant)?,
        expires_at: token.expires_at,
        rotated_at: token.rotated_at,
        revoked_at: grant.revoked_at,
    };
    let grace = provider.config.tokens.refresh_grace;
    let scope = match issued.present(&client.client_id, None, grace, now) {
        Rotation::Rotate { scope } | Rotation::RepeatSuccessor { scope } => scope,
        Rotation::Refuse(_) | Rotation::RevokeFamily => return Ok(None),
    };
    let Some(sub) = subject(provider, client, &grant).await? else {
        return Ok(None);
    };
    let facts = RefreshTokenFacts {
        client_id: &client.client_id,
        sub: &sub,
        scope: &scope,
        issued_at: token.issued_at,
        expires_at: token.expires_at,
    };
    let issuer = provider.config.issuer.as_str();
    Ok(Some(introspection::of_refresh_token(&facts, issuer)))
}

/// Whose the grant is, if they may still be given anything under it: see `refresh`.
async fn subject(
    provider: &Provider,
    client: &Client,
    grant: &Grant,
) -> Result<Option<String>, FlowError> {
    let db = provider.database.read();
    let (Some(user_id), Some(session_id)) = (grant.user_id, grant.session_id) else {
        return Ok(None);
    };
    let user = users::find(db, user_id).await?;
    if user.is_none_or(|user| user.disabled_at.is_some()) {
        return Ok(None);
    }
    let alive = provider.alive(provider.clock.now());
    let lives = match sessions::find_living(db, session_id, alive).await? {
        Some(session) => participants::takes_part(db, session.id, &client.client_id).await?,
        None => false,
    };
    let may = lives || grant.offline_access;
    Ok(may.then(|| provider.subject(&client.metadata, user_id)))
}

/// The same as a JWT for that asker alone (RFC 9701).
///
/// # Errors
/// When nothing could be signed.
pub fn sign(
    provider: &Provider,
    asker: &Asker,
    told: Map<String, Value>,
) -> Result<String, FlowError> {
    let (now, issuer) = (provider.clock.now(), provider.config.issuer.as_str());
    let claims = introspection::signed(told, issuer, asker.name(), now);
    let (algorithm, typ) = (SigningAlgorithm::RS256, Some(introspection::TYPE));
    tokens::sign(provider, algorithm, typ, &claims, now)
}
