//! What the grants have in common: building and signing tokens. Decided inside a transaction, signed
//! after it: an RSA signature must not hold the writer.

use chrono::TimeDelta;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{FlowError, Provider, service_keys, status_list};
use crate::clock::Timestamp;
use crate::jose;
use crate::oidc::algorithm::SigningAlgorithm;
use crate::oidc::client::Client;
use crate::oidc::resource;
use crate::oidc::scope::Scope;
use crate::oidc::service::Service;
use crate::oidc::status_list::CLAIM;
use crate::oidc::token::access_token::{self, Access, AccessTokenClaims, ServiceToken};
use crate::oidc::token::id_token::{self, Authentication, IdToken, IdTokenClaims, half_hash};
use crate::oidc::token::{TokenResponse, TokenType};

/// What a committed transaction has decided to give.
pub(super) struct Issue<'a> {
    pub client: &'a Client,
    pub access: Granted,
    /// Whether it is about who the person is.
    pub openid: bool,
    pub person: Option<Person>,
    pub refresh_token: Option<String>,
    pub now: Timestamp,
}

/// What an access token is for.
pub(super) struct Granted {
    pub grant_id: Uuid,
    /// Of what was granted, what concerns the token's audience.
    pub scope: Scope,
    /// The audience, if it is a service that was named.
    pub service: Option<Service>,
}

impl Granted {
    /// How long the token is good.
    pub fn lifetime(&self, provider: &Provider) -> TimeDelta {
        let service = self.service.as_ref();
        service.map_or(provider.config.tokens.access, |service| service.lifetime)
    }
}

/// For whom.
pub(super) struct Person {
    pub user_id: Uuid,
    pub sid: Option<Uuid>,
    pub auth_time: Timestamp,
    /// Of which class the sign-in was, and how it was done: see `Session`.
    pub acr: Option<String>,
    pub amr: String,
    pub nonce: Option<String>,
    /// What an ID token tells of them.
    pub told: Map<String, Value>,
    /// What the access token tells of them, to a service that wants to know.
    pub told_service: Map<String, Value>,
}

/// How long an application can believe in a session by what it is given now.
pub(super) fn longest_life(provider: &Provider, service: Option<&Service>) -> TimeDelta {
    let tokens = &provider.config.tokens;
    let access = service.map_or(tokens.access, |service| service.lifetime);
    access.max(tokens.id)
}

pub(super) async fn issue(
    provider: &Provider,
    issue: Issue<'_>,
) -> Result<TokenResponse, FlowError> {
    let Issue {
        client,
        access,
        openid,
        person,
        refresh_token,
        now,
    } = issue;
    let access_token = access_token(provider, client, &access, person.as_ref(), now).await?;
    let id_token = match &person {
        Some(person) if openid => {
            let beside = Beside {
                access_token: Some(&access_token),
                ..Beside::default()
            };
            Some(id_token(provider, client, person, beside, now)?)
        }
        _ => None,
    };
    if refresh_token.is_some() {
        provider.metrics.issued("refresh_token");
    }
    Ok(TokenResponse {
        access_token,
        token_type: TokenType::Bearer,
        expires_in: access.lifetime(provider).num_seconds(),
        scope: access.scope,
        refresh_token,
        id_token,
        issued_token_type: None,
    })
}

/// An access token for what was granted, of a person or of the client itself.
pub(super) async fn access_token(
    provider: &Provider,
    client: &Client,
    granted: &Granted,
    person: Option<&Person>,
    now: Timestamp,
) -> Result<String, FlowError> {
    let config = &provider.config;
    let service = granted.service.as_ref();
    let names = person.map(|person| Names::at(provider, client, person));
    let authentication = person.zip(names.as_ref()).map(authentication);
    let (grant, jti) = (
        granted.grant_id.to_string(),
        provider.random.identifier().to_string(),
    );
    let access = Access {
        client_id: &client.client_id,
        audience: match service {
            Some(service) => &service.identifier,
            None => resource::audience(client, &config.issuer),
        },
        scope: &granted.scope,
        grant: &grant,
        jti: &jti,
    };
    let claims = AccessTokenClaims::new(
        &config.issuer,
        &access,
        authentication.as_ref(),
        granted.lifetime(provider),
        now,
    );
    let mut told = match (service, person) {
        (Some(_), Some(person)) => person.told_service.clone(),
        _ => Map::new(),
    };
    if let Some(service) = service.filter(|service| service.wants_status()) {
        let who = person.map(|person| (person.user_id, person.sid));
        let status = status_list::allocate(provider, service, &claims, who).await?;
        told.insert(CLAIM.to_owned(), status);
    }
    let token = ServiceToken {
        claims,
        person: told,
        is_exchanged: false,
    };
    let token = match service {
        Some(service) => service_keys::token(provider, service, &token, now).await?,
        None => sign_access_token(provider, &token, now)?,
    };
    provider.metrics.issued("access_token");
    Ok(token)
}

/// A signed access token (RFC 9068 §2.1).
pub(super) fn sign_access_token(
    provider: &Provider,
    token: &ServiceToken,
    now: Timestamp,
) -> Result<String, FlowError> {
    let algorithm = SigningAlgorithm::RS256;
    sign(provider, algorithm, Some(access_token::TYPE), token, now)
}

/// What comes with an ID token.
#[derive(Default)]
pub(super) struct Beside<'a> {
    pub access_token: Option<&'a str>,
    pub code: Option<&'a str>,
}

/// An ID token for the client.
pub(super) fn id_token(
    provider: &Provider,
    client: &Client,
    person: &Person,
    beside: Beside<'_>,
    now: Timestamp,
) -> Result<String, FlowError> {
    let config = &provider.config;
    let names = Names::at(provider, client, person);
    let algorithm = client.metadata.id_token_signed_response_alg.signed();
    // An unsigned token has no algorithm whose hash function could be taken (Core §3.1.3.6).
    let hash = |token: &str| Some(half_hash(algorithm?, token));
    let claims = IdTokenClaims {
        nonce: person.nonce.clone(),
        at_hash: beside.access_token.and_then(hash),
        c_hash: beside.code.and_then(hash),
        ..IdTokenClaims::new(
            &config.issuer,
            &client.client_id,
            &authentication((person, &names)),
            config.tokens.id,
            now,
        )
    };
    let token = IdToken {
        claims,
        person: person.told.clone(),
    };
    let token = match algorithm {
        Some(algorithm) => sign(provider, algorithm, Some(id_token::TYPE), &token, now)?,
        None => jose::unsigned(id_token::TYPE, &token)?,
    };
    provider.metrics.issued("id_token");
    Ok(token)
}

/// Identifiers as this client is told them.
struct Names {
    sub: String,
    sid: Option<String>,
}

impl Names {
    fn at(provider: &Provider, client: &Client, person: &Person) -> Self {
        Self {
            sub: provider.subject(&client.metadata, person.user_id),
            sid: person.sid.map(|sid| sid.to_string()),
        }
    }
}

fn authentication<'a>((person, names): (&'a Person, &'a Names)) -> Authentication<'a> {
    Authentication {
        sub: &names.sub,
        sid: names.sid.as_deref(),
        auth_time: person.auth_time,
        acr: person.acr.as_deref(),
        amr: &person.amr,
    }
}

pub(super) fn sign(
    provider: &Provider,
    algorithm: SigningAlgorithm,
    typ: Option<&'static str>,
    claims: &impl serde::Serialize,
    now: Timestamp,
) -> Result<String, FlowError> {
    let key = provider
        .keys
        .signing_key(algorithm, now)
        .ok_or(FlowError::NoSigningKey(algorithm))?;
    Ok(jose::sign(&key, typ, claims)?)
}
