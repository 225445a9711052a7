//! What the grants have in common: building and signing tokens. Decided inside a transaction, signed
//! after it: an RSA signature must not hold the writer.

use chrono::TimeDelta;
use uuid::Uuid;

use super::{FlowError, Provider};
use crate::clock::Timestamp;
use crate::jose;
use crate::oidc::algorithm::SigningAlgorithm;
use crate::oidc::client::Client;
use crate::oidc::resource;
use crate::oidc::scope::{OPENID, Scope};
use crate::oidc::token::access_token::{self, Access, AccessTokenClaims};
use crate::oidc::token::id_token::{self, Authentication, IdTokenClaims, at_hash};
use crate::oidc::token::{TokenResponse, TokenType};

/// What a committed transaction has decided to give.
pub(super) struct Issue<'a> {
    pub client: &'a Client,
    pub grant_id: Uuid,
    pub scope: Scope,
    pub person: Option<Person>,
    pub refresh_token: Option<String>,
    pub now: Timestamp,
}

/// For whom.
pub(super) struct Person {
    pub user_id: Uuid,
    pub sid: Option<Uuid>,
    pub auth_time: Timestamp,
    pub nonce: Option<String>,
}

/// How long an application can believe in a session by what it is given now.
pub(super) fn longest_life(provider: &Provider) -> TimeDelta {
    provider.config.tokens.access.max(provider.config.tokens.id)
}

pub(super) fn issue(provider: &Provider, issue: Issue<'_>) -> Result<TokenResponse, FlowError> {
    let (config, now, client) = (&provider.config, issue.now, issue.client);
    let sub = issue
        .person
        .as_ref()
        .map(|person| person.user_id.to_string());
    let sid = issue
        .person
        .as_ref()
        .and_then(|person| person.sid)
        .map(|sid| sid.to_string());
    let authentication = issue
        .person
        .as_ref()
        .zip(sub.as_deref())
        .map(|(person, sub)| Authentication {
            sub,
            sid: sid.as_deref(),
            auth_time: person.auth_time,
        });
    let (grant, jti) = (
        issue.grant_id.to_string(),
        provider.random.identifier().to_string(),
    );
    let access = Access {
        client_id: &client.client_id,
        audience: resource::audience(client, &config.issuer),
        scope: &issue.scope,
        grant: &grant,
        jti: &jti,
    };
    let lifetime = config.tokens.access;
    let claims = AccessTokenClaims::new(
        &config.issuer,
        &access,
        authentication.as_ref(),
        lifetime,
        now,
    );
    let access_token = sign(
        provider,
        SigningAlgorithm::RS256,
        access_token::TYPE,
        &claims,
        now,
    )?;

    let id_token = match (&authentication, &issue.person) {
        (Some(authentication), Some(person)) if issue.scope.contains(OPENID) => {
            let algorithm = client.metadata.id_token_signed_response_alg;
            let claims = IdTokenClaims {
                nonce: person.nonce.clone(),
                at_hash: Some(at_hash(algorithm, &access_token)),
                ..IdTokenClaims::new(
                    &config.issuer,
                    &client.client_id,
                    authentication,
                    config.tokens.id,
                    now,
                )
            };
            Some(sign(provider, algorithm, id_token::TYPE, &claims, now)?)
        }
        _ => None,
    };
    provider.metrics.issued("access_token");
    for (kind, is_there) in [
        ("id_token", id_token.is_some()),
        ("refresh_token", issue.refresh_token.is_some()),
    ] {
        if is_there {
            provider.metrics.issued(kind);
        }
    }
    Ok(TokenResponse {
        access_token,
        token_type: TokenType::Bearer,
        expires_in: lifetime.num_seconds(),
        scope: issue.scope,
        refresh_token: issue.refresh_token,
        id_token,
    })
}

pub(super) fn sign(
    provider: &Provider,
    algorithm: SigningAlgorithm,
    typ: &'static str,
    claims: &impl serde::Serialize,
    now: Timestamp,
) -> Result<String, FlowError> {
    let key = provider
        .keys
        .signing_key(algorithm, now)
        .ok_or(FlowError::NoSigningKey(algorithm))?;
    Ok(jose::sign(&key, Some(typ), claims)?)
}
