//! A client registers itself (Registration 1.0 §3, RFC 7591 §3): by an initial access token, or by itself
//! where that is allowed.

use std::net::IpAddr;

use chrono::TimeDelta;
use uuid::Uuid;

use super::sign_in::network;
use super::{FlowError, Provider, client_secrets, keys, sector};
use crate::clock::Timestamp;
use crate::config::RegistrationPolicy;
use crate::jose::{self, HashPurpose};
use crate::oidc::client::{Client, ClientMetadata};
use crate::oidc::error::OAuthError;
use crate::oidc::registration::dynamic::{self, RegistrationRequest};
use crate::oidc::registration::{self as rules, Problem};
use crate::store::clients::{self, KnownClient};
use crate::store::initial_access_tokens::{self, InitialAccessToken};
use crate::store::registrations::{self, Registration};
use crate::store::throttles::{self, Pace};
use crate::store::{self, StoreError};

/// Registrations by strangers, of one address: an application registers once, a test suite a hundred times.
const ADDRESS: Pace = Pace {
    interval: TimeDelta::seconds(20),
    burst: 100,
};
/// The same, of all addresses together: so many rows a day, and no more.
const EVERYBODY: Pace = Pace {
    interval: TimeDelta::seconds(10),
    burst: 500,
};

/// The permission to register one client.
#[derive(Debug)]
pub struct Admission {
    by: Option<InitialAccessToken>,
    address: String,
}

/// Why a client may not register.
#[derive(Debug)]
pub enum NotAdmitted {
    /// It takes an initial access token, and none was sent.
    NoToken,
    /// The token is unknown, used up or expired.
    WrongToken,
    /// Strangers register too fast; when to come again.
    TooOften(Timestamp),
}

/// A client that has just been registered, with what it is told once.
#[derive(Debug)]
pub struct Registered {
    /// Its name.
    pub client_id: String,
    /// Its secret, if it has one.
    pub client_secret: Option<String>,
    /// What it looks after itself with.
    pub registration_access_token: String,
    /// What it registered.
    pub metadata: ClientMetadata,
    /// When.
    pub registered_at: Timestamp,
}

/// Why a client was not registered.
#[derive(Debug)]
pub enum NotRegistered {
    /// The metadata is not sound.
    Refused(OAuthError),
    /// The initial access token was used up in the meantime.
    TokenUsed,
}

/// Whether whoever asks may register a client. A token is not used yet: what is wrong with the metadata is told
/// first.
///
/// # Errors
/// When the database fails.
pub async fn admit(
    provider: &Provider,
    token: Option<&str>,
    address: IpAddr,
) -> Result<Result<Admission, NotAdmitted>, FlowError> {
    let now = provider.clock.now();
    let address = network(address);
    let Some(token) = token else {
        if provider.config.registration.policy != RegistrationPolicy::Open {
            return Ok(Err(NotAdmitted::NoToken));
        }
        let admitted = pace(provider, &address, now).await?;
        return Ok(admitted
            .map(|()| Admission { by: None, address })
            .map_err(NotAdmitted::TooOften));
    };
    let hash = provider.master.hash(HashPurpose::InitialAccessToken, token);
    let known = initial_access_tokens::find(provider.database.read(), &hash, now).await?;
    Ok(match known {
        Some(known) => Ok(Admission {
            by: Some(known),
            address,
        }),
        None => Err(NotAdmitted::WrongToken),
    })
}

async fn pace(
    provider: &Provider,
    address: &str,
    now: Timestamp,
) -> Result<Result<(), Timestamp>, StoreError> {
    let tx = provider.database.begin().await?;
    let buckets = [
        (format!("registration address {address}"), ADDRESS),
        ("registration everybody".to_owned(), EVERYBODY),
    ];
    for (bucket, pace) in &buckets {
        if let Err(again_at) = throttles::admit(&tx, bucket, *pace, now).await? {
            store::commit(tx).await?;
            return Ok(Err(again_at));
        }
    }
    store::commit(tx).await?;
    Ok(Ok(()))
}

/// Registers a client, and uses its initial access token once.
///
/// # Errors
/// When a key can't be made or the database fails; then nothing was done.
pub async fn register(
    provider: &Provider,
    admission: Admission,
    request: RegistrationRequest,
) -> Result<Result<Registered, NotRegistered>, FlowError> {
    let metadata = request.metadata;
    if let Err(refusal) = check(provider, &metadata) {
        return Ok(Err(NotRegistered::Refused(refusal)));
    }
    if let Some(refusal) = sector::refusal(provider, None, &metadata).await? {
        return Ok(Err(NotRegistered::Refused(refusal)));
    }
    // Before the client is: nothing could be signed for it otherwise.
    for algorithm in metadata.algorithms() {
        keys::ensure(provider, algorithm).await?;
    }
    let now = provider.clock.now();
    let client_id = provider.random.identifier().to_string();
    let (client_secret, secret) = client_secrets::issue(provider, &client_id, &metadata).unzip();
    let registration_access_token = provider.random.secret();
    let hash = |purpose, secret: &str| provider.master.hash(purpose, secret);
    let known = KnownClient {
        client: Client {
            client_id: client_id.clone(),
            secret,
            metadata: metadata.clone(),
        },
        declared: false,
        created_at: now,
        updated_at: now,
        disabled_at: None,
        deleted_at: None,
    };
    let registration = Registration {
        client_id: client_id.clone(),
        access_token_hash: hash(
            HashPurpose::RegistrationAccessToken,
            &registration_access_token,
        ),
        initial_access_token_id: admission.by.as_ref().map(|token| token.id),
        note: admission.by.as_ref().and_then(|token| token.note.clone()),
        address: admission.address,
        registered_at: now,
        used_at: None,
    };
    let tx = provider.database.begin().await?;
    if let Some(token) = &admission.by
        && !initial_access_tokens::use_once(&tx, token.id, now).await?
    {
        return Ok(Err(NotRegistered::TokenUsed));
    }
    clients::save(&tx, &known).await?;
    registrations::insert(&tx, &registration).await?;
    store::commit(tx).await?;
    tracing::info!(
        client_id,
        initial_access_token_id = registration
            .initial_access_token_id
            .map(tracing::field::display),
        address = registration.address,
        "an application registered itself"
    );
    Ok(Ok(Registered {
        client_id,
        client_secret,
        registration_access_token,
        metadata,
        registered_at: now,
    }))
}

/// Whether a client may register itself so, beyond what its request says already.
pub(super) fn check(provider: &Provider, metadata: &ClientMetadata) -> Result<(), OAuthError> {
    let networks = provider.config.outbound.networks();
    // It is given a secret if it uses one.
    let has_secret = metadata.token_endpoint_auth_method.uses_secret();
    let mut problems = rules::check(metadata, has_secret, &networks);
    if problems.is_empty()
        && let Some(Err(message)) = metadata.jwks.as_ref().map(jose::check_client_jwks)
    {
        let field = "jwks";
        problems.push(Problem { field, message });
    }
    dynamic::refusal(&problems).map_or(Ok(()), Err)
}

/// Makes an initial access token for `uses` clients, good for `lifetime`; answers it, and what is kept of it.
///
/// # Errors
/// When the database fails.
pub async fn invite(
    provider: &Provider,
    uses: i32,
    lifetime: TimeDelta,
    note: Option<String>,
) -> Result<(String, InitialAccessToken), FlowError> {
    let now = provider.clock.now();
    let secret = provider.random.secret();
    let token = InitialAccessToken {
        id: provider.random.row_id(now),
        note,
        uses,
        uses_left: uses,
        created_at: now,
        expires_at: now + lifetime,
    };
    let hash = provider
        .master
        .hash(HashPurpose::InitialAccessToken, &secret);
    let tx = provider.database.begin().await?;
    initial_access_tokens::insert(&tx, &token, hash).await?;
    store::commit(tx).await?;
    Ok((secret, token))
}

/// Takes an initial access token back; whom it has registered stays. False when there is none of that name.
///
/// # Errors
/// When the database fails.
pub async fn uninvite(provider: &Provider, id: Uuid) -> Result<bool, FlowError> {
    let tx = provider.database.begin().await?;
    let was_there = initial_access_tokens::remove(&tx, id).await?;
    store::commit(tx).await?;
    Ok(was_there)
}
