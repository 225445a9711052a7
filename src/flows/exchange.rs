//! A token becomes another one (RFC 8693). The tokens presented are looked at first (`presented`); what is given then is
//! decided by the rules, and written down under the same locks as every token is: so none comes of a session, a grant or a
//! token that has just been taken back.

mod presented;

use serde_json::{Map, Value};
use uuid::Uuid;

use self::presented::{Behind, Seen};
use super::{FlowError, Provider, service_keys, services, status_list, tokens};
use crate::clock::Timestamp;
use crate::oidc::client::Client;
use crate::oidc::error::OAuthError;
use crate::oidc::params::Params;
use crate::oidc::service::Service;
use crate::oidc::status_list::CLAIM;
use crate::oidc::token::access_token::{AccessTokenClaims, ServiceToken};
use crate::oidc::token::exchange::policy::{Party, unknown_target};
use crate::oidc::token::exchange::{Exchange, ExchangeRequest};
use crate::oidc::token::{TokenResponse, TokenType};
use crate::store::exchanged_tokens::{self, ExchangedToken};
use crate::store::grants::{self, Grant};
use crate::store::revocations::TokenName;
use crate::store::{
    self, StoreError, Transaction, clients, participants, revocations, sessions, users,
};

/// Who asks, after they have proven it.
pub enum Exchanger {
    /// A client.
    Client(Box<Client>),
    /// A service of this identifier.
    Service(String),
}

impl Exchanger {
    fn party(&self) -> Party {
        match self {
            Self::Client(client) => Party::Client(client.client_id.clone()),
            Self::Service(identifier) => Party::Service(identifier.clone()),
        }
    }
}

/// Why nothing comes of it.
enum Stop {
    Refused(OAuthError),
    Failed(FlowError),
}

impl From<OAuthError> for Stop {
    fn from(error: OAuthError) -> Self {
        Self::Refused(error)
    }
}

impl From<FlowError> for Stop {
    fn from(error: FlowError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// Gives a token for a token, if the policy lets this party have it.
///
/// # Errors
/// When we can't tell.
pub async fn exchange(
    provider: &Provider,
    exchanger: &Exchanger,
    params: &Params,
) -> Result<Result<TokenResponse, OAuthError>, FlowError> {
    match given(provider, exchanger, params).await {
        Ok(tokens) => Ok(Ok(tokens)),
        Err(Stop::Refused(refusal)) => Ok(Err(refusal)),
        Err(Stop::Failed(error)) => Err(error),
    }
}

async fn given(
    provider: &Provider,
    exchanger: &Exchanger,
    params: &Params,
) -> Result<TokenResponse, Stop> {
    let now = provider.clock.now();
    let (policy, party) = (&provider.config.exchange, exchanger.party());
    policy.check(&party)?;
    let request = ExchangeRequest::parse(params)?;
    let rule = policy.rule(&party, &request.audience)?;
    let named = [request.audience.clone()];
    let mut known = store::services::find_enabled(provider.database.read(), &named).await?;
    let service = known.pop().ok_or_else(unknown_target)?;
    let look = presented::Look {
        provider,
        exchanger,
        rule,
        now,
    };
    let (kind, token) = (request.subject_kind, &request.subject_token);
    let seen = look.subject(kind, token).await?;
    let acting = match &request.actor {
        Some((token, kind)) => Some(look.actor(*kind, token).await?),
        None => None,
    };
    service_keys::check(provider, Some(&service), now).await?;
    let exchange = Exchange {
        party: &party,
        rule,
        request: &request,
        service: &service,
        acting: acting.as_ref().map(|(acting, _)| acting),
        depth: policy.depth,
    };
    let jti = provider.random.identifier().to_string();
    let mut claims = exchange.child(&seen.subject, &jti, now)?;
    let actors = acting.and_then(|(_, parent)| parent);
    let mut person = written(provider, &service, &seen, actors, &claims, now).await?;
    if let Behind::Vouched { .. } = seen.behind {
        // A second look at the clock: an order that names the token's moment was given after its grant was there to be named.
        claims.iat = provider.clock.now().timestamp();
    }
    if service.wants_status() {
        let sid = claims.sid.as_deref().and_then(|sid| sid.parse().ok());
        let who = seen.user_id.map(|user_id| (user_id, sid));
        let status = status_list::allocate(provider, &service, &claims, who).await?;
        person.insert(CLAIM.to_owned(), status);
    }
    tracing::info!(
        party = party.name(), audience = %claims.aud, client = %claims.client_id, acts = claims.act.is_some(),
        "a token was exchanged"
    );
    let (expires_in, scope) = (claims.exp - now.timestamp(), claims.scope.clone());
    let token = ServiceToken {
        claims,
        person,
        is_exchanged: true,
    };
    let access_token = service_keys::token(provider, &service, &token, now).await?;
    provider.metrics.issued("access_token");
    Ok(TokenResponse {
        access_token,
        token_type: TokenType::Bearer,
        expires_in,
        scope,
        refresh_token: None,
        id_token: None,
        issued_token_type: Some(request.requested),
    })
}

/// How many exchanges may lie behind a token: each of a chain of actors, and one without.
fn most_exchanges(provider: &Provider) -> usize {
    provider.config.exchange.depth + 1
}

/// A token of ours that another comes from.
#[derive(Clone)]
struct Parent {
    /// Its name; an ID token has none.
    jti: Option<String>,
    audience: String,
    client_id: String,
    user_id: Option<Uuid>,
    issued_at: Timestamp,
    grant: Uuid,
}

impl Parent {
    /// Whether it was taken back, by its name or with others.
    async fn is_dead(
        &self,
        provider: &Provider,
        tx: &Transaction,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let name = TokenName::Jti(self.jti.clone().unwrap_or_default());
        // As `access` has it: what a program has for ourselves goes on when everybody's sessions end.
        if self.user_id.is_none() && self.audience == provider.config.issuer.as_str() {
            return revocations::name_itself(tx, &name, &self.audience).await;
        }
        let token = revocations::Token {
            name: &name,
            audience: &self.audience,
            user_id: self.user_id,
            client_id: &self.client_id,
            issued_at: self.issued_at,
        };
        revocations::name(tx, &token, now).await
    }
}

/// Writes what the new token comes from, if that is all still good; answers what the token tells of the person.
async fn written(
    provider: &Provider,
    service: &Service,
    seen: &Seen,
    actors: Option<Parent>,
    claims: &AccessTokenClaims,
    now: Timestamp,
) -> Result<Map<String, Value>, Stop> {
    let tx = provider.database.begin().await?;
    let client = match &seen.behind {
        Behind::Ours(_) => held(provider, &tx, service, claims, now).await?,
        // The person before the client, as everywhere.
        Behind::Vouched {
            user_id, client_id, ..
        } => {
            users::lock(&tx, *user_id).await?;
            clients::hold_enabled(&tx, client_id).await?
        }
    };
    let client = client.ok_or_else(presented::not_good)?;
    let user = match seen.user_id {
        Some(user_id) => {
            let user = users::find(&tx, user_id).await?;
            let user = user.filter(|user| user.disabled_at.is_none());
            Some(user.ok_or_else(presented::not_good)?)
        }
        None => None,
    };
    let mut parents = Vec::from_iter(actors);
    let mut held_grants: Vec<Uuid> = parents.iter().map(|parent| parent.grant).collect();
    match &seen.behind {
        Behind::Ours(token) => {
            held_grants.push(token.grant);
            parents.push(token.clone());
        }
        Behind::Vouched {
            grant,
            user_id,
            client_id,
        } => {
            let grant = Grant {
                id: *grant,
                session_id: None,
                user_id: Some(*user_id),
                client_id: client_id.clone(),
                scope: claims.scope.to_string(),
                claims: None,
                resources: vec![service.identifier.clone()],
                offline_access: false,
                revoked_at: None,
            };
            grants::insert(&tx, &grant, now).await?;
        }
    }
    // In the order of their keys. Who takes back one of the tokens holds its grant too, so nobody does meanwhile.
    held_grants.sort_unstable();
    held_grants.dedup();
    for grant in held_grants {
        if grants::lock_good(&tx, grant).await?.is_none() {
            return Err(presented::not_good().into());
        }
    }
    // One that came from another itself may be taken back with that one.
    let names: Vec<String> = parents
        .iter()
        .filter_map(|parent| parent.jti.clone())
        .collect();
    let generation = exchanged_tokens::hold(&tx, &names).await? + 1;
    if usize::try_from(generation).is_ok_and(|generation| generation > most_exchanges(provider)) {
        return Err(OAuthError::invalid_request(
            "the token came of too many exchanges already: exchange one that came of fewer",
        )
        .into());
    }
    for parent in &parents {
        if parent.is_dead(provider, &tx, now).await? {
            return Err(presented::not_good().into());
        }
    }
    let names = match names.is_empty() {
        // That it is there counts all the same: its service is to hear of this client.
        true => vec![None],
        false => names.into_iter().map(Some).collect(),
    };
    for parent_jti in names {
        let row = ExchangedToken {
            jti: claims.jti.clone(),
            parent_jti,
            client_id: claims.client_id.clone(),
            audience: claims.aud.clone(),
            generation,
            expires_at: claims.expires_at(),
        };
        exchanged_tokens::insert(&tx, &row).await?;
    }
    let person = match &user {
        Some(user) => services::told_at(&tx, &client, Some(service), user).await?,
        None => Map::new(),
    };
    store::commit(tx).await?;
    Ok(person)
}

/// The client that the token is of, while its session and its part in it go on.
async fn held(
    provider: &Provider,
    tx: &Transaction,
    service: &Service,
    claims: &AccessTokenClaims,
    now: Timestamp,
) -> Result<Option<Client>, FlowError> {
    if let Some(sid) = &claims.sid {
        let part = match sid.parse() {
            Ok(sid) => participants::find_living(tx, sid).await?,
            Err(_) => None,
        };
        let Some(part) = part else {
            return Ok(None);
        };
        let alive = provider.alive(now);
        if sessions::lock_living(tx, part.session_id, alive).await?.is_none()
            // Looked at again with the session held: the part alone may have ended since.
            || participants::find_living(tx, part.sid).await?.is_none()
        {
            return Ok(None);
        }
        // Who ends the session while this is under way names it for the service.
        let until = now + tokens::longest_life(provider, Some(service));
        participants::believe(tx, part.sid, until).await?;
    }
    Ok(clients::hold_enabled(tx, &claims.client_id).await?)
}
