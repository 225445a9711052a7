//! A client that registered itself looks after itself (RFC 7592): reads, changes and removes what it
//! registered. And those of no use are forgotten.

use chrono::TimeDelta;

use super::declare::shut_out;
use super::register::check;
use super::{FlowError, Provider, client_secrets, keys, sector};
use crate::clock::Timestamp;
use crate::jose::HashPurpose;
use crate::oidc::client::{Client, ClientMetadata};
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::logout::Cause;
use crate::oidc::registration::dynamic::{self, RegistrationRequest};
use crate::store::clients::{self, KnownClient};
use crate::store::registrations;
use crate::store::throttles::{self, Pace};
use crate::store::{self, Transaction};

/// Changes by one client: they cost us writes, and later connections of ours.
const CHANGES: Pace = Pace {
    interval: TimeDelta::seconds(10),
    burst: 20,
};
/// So many registrations of no use are forgotten in one transaction.
const AT_ONCE: u64 = 100;

/// What a client is told of itself.
#[derive(Debug)]
pub struct Told {
    /// Its name.
    pub client_id: String,
    /// A new secret, if it has just been given one.
    pub client_secret: Option<String>,
    /// Whether it has a secret, new or not.
    pub has_secret: bool,
    /// What it registered.
    pub metadata: ClientMetadata,
    /// When it registered.
    pub registered_at: Timestamp,
}

/// Why a client may not do what it asked for.
#[derive(Debug)]
pub enum Refused {
    /// There is no such client, or it is not this client's token: which of the two, nobody learns.
    Unauthorized,
    /// An administrator shut the client out.
    ShutOut,
    /// It changes itself too often; when to come again.
    TooOften(Timestamp),
    /// What it wants to be is not sound.
    Metadata(OAuthError),
}

impl From<OAuthError> for Refused {
    fn from(refusal: OAuthError) -> Self {
        Self::Metadata(refusal)
    }
}

/// What the client registered (RFC 7592 §2.1).
///
/// # Errors
/// When the database fails.
pub async fn read(
    provider: &Provider,
    client_id: &str,
    token: &str,
) -> Result<Result<Told, Refused>, FlowError> {
    Ok(own(provider, client_id, token)
        .await?
        .map(|known| told(known, None)))
}

/// Registers the client as something else (RFC 7592 §2.2). Its token stays: one that was lost with the answer
/// would leave it helpless. So does its secret, as long as it uses one; where it begins to sign with one, it is given
/// another, since of the old one only a hash is there.
///
/// # Errors
/// When a key can't be made or the database fails; then nothing was done.
pub async fn update(
    provider: &Provider,
    client_id: &str,
    token: &str,
    request: Result<RegistrationRequest, OAuthError>,
) -> Result<Result<Told, Refused>, FlowError> {
    let known = match own(provider, client_id, token).await? {
        Ok(known) => known,
        Err(refused) => return Ok(Err(refused)),
    };
    let now = provider.clock.now();
    let tx = provider.database.begin().await?;
    let bucket = format!("registration client {client_id}");
    let admitted = throttles::admit(&tx, &bucket, CHANGES, now).await?;
    store::commit(tx).await?;
    if let Err(again_at) = admitted {
        return Ok(Err(Refused::TooOften(again_at)));
    }
    let metadata = match wanted(provider, &known, request)? {
        Ok(metadata) => metadata,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    let before = Some(&known.client.metadata);
    if let Some(refusal) = sector::refusal(provider, before, &metadata).await? {
        return Ok(Err(refusal.into()));
    }
    for algorithm in metadata.algorithms() {
        keys::ensure(provider, algorithm).await?;
    }

    let tx = provider.database.begin().await?;
    // Read again, and held: it may have been shut out or changed in the meantime.
    let known = match hold(&tx, client_id).await? {
        Ok(known) => known,
        Err(refused) => return Ok(Err(refused)),
    };
    let metadata = dynamic::replaced(&known.client.metadata, &metadata);
    let method = metadata.token_endpoint_auth_method;
    let (client_secret, secret) = match client_secrets::carry_over(provider, &known.client, method)?
    {
        Some(kept) => (None, Some(kept)),
        None => client_secrets::issue(provider, client_id, &metadata).unzip(),
    };
    let known = KnownClient {
        client: Client {
            client_id: known.client.client_id,
            secret,
            metadata,
        },
        updated_at: provider.clock.now(),
        ..known
    };
    clients::save(&tx, &known).await?;
    store::commit(tx).await?;
    tracing::info!(client_id, "an application changed its registration");
    Ok(Ok(told(known, client_secret)))
}

/// Removes the client (RFC 7592 §2.3) as an administrator would: everyone's part in it ends, and it is told.
/// One that nobody ever used is forgotten at once.
///
/// # Errors
/// When the database fails; then nothing was done.
pub async fn remove(
    provider: &Provider,
    client_id: &str,
    token: &str,
) -> Result<Result<(), Refused>, FlowError> {
    if let Err(refused) = own(provider, client_id, token).await? {
        return Ok(Err(refused));
    }
    let tx = provider.database.begin().await?;
    let known = match hold(&tx, client_id).await? {
        Ok(known) => known,
        Err(refused) => return Ok(Err(refused)),
    };
    if !registrations::forget_client(&tx, client_id).await? {
        let now = provider.clock.now();
        shut_out(provider, &tx, known, Cause::ClientDeleted, now).await?;
    }
    store::commit(tx).await?;
    provider.work.notify_one();
    tracing::info!(client_id, "an application removed itself");
    Ok(Ok(()))
}

/// Forgets registrations of which nothing came in their time, and those that are removed and of which nothing
/// is left to tell; answers whether there may be more.
///
/// # Errors
/// When the database fails.
pub async fn forget_some(provider: &Provider) -> Result<bool, FlowError> {
    let now = provider.clock.now();
    let unused_since = provider
        .config
        .registration
        .unused
        .map(|unused| now - unused);
    let db = provider.database.read();
    let found = registrations::of_no_use(db, unused_since, AT_ONCE).await?;
    let is_more = found.len() as u64 == AT_ONCE;
    if found.is_empty() {
        return Ok(false);
    }
    let work = provider.begin_work().await?;
    let mut forgotten = 0;
    for client_id in &found {
        // Who is about to be given something has it by then, and the client stays.
        clients::lock(&work.tx, client_id).await?;
        forgotten += u32::from(registrations::forget_client(&work.tx, client_id).await?);
    }
    work.commit().await?;
    tracing::info!(forgotten, "registrations of no use were forgotten");
    // Where nothing could be forgotten, the next sweep looks again.
    Ok(is_more && forgotten > 0)
}

/// The client, if it is its own token.
async fn own(
    provider: &Provider,
    client_id: &str,
    token: &str,
) -> Result<Result<KnownClient, Refused>, FlowError> {
    // What we call a client by; a zero byte in its place PostgreSQL would not even look for.
    if !client_id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Err(Refused::Unauthorized));
    }
    let db = provider.database.read();
    let registration = registrations::find(db, client_id).await?;
    let is_its_own = registration.is_some_and(|known| {
        provider.master.matches(
            HashPurpose::RegistrationAccessToken,
            token,
            &known.access_token_hash,
        )
    });
    if !is_its_own {
        return Ok(Err(Refused::Unauthorized));
    }
    Ok(usable(clients::find(db, client_id).await?))
}

/// The client, which nobody else changes until this transaction is over.
async fn hold(
    tx: &Transaction,
    client_id: &str,
) -> Result<Result<KnownClient, Refused>, FlowError> {
    clients::lock(tx, client_id).await?;
    Ok(usable(clients::find(tx, client_id).await?))
}

fn usable(known: Option<KnownClient>) -> Result<KnownClient, Refused> {
    let known = known.filter(|known| known.deleted_at.is_none());
    let known = known.ok_or(Refused::Unauthorized)?;
    if known.disabled_at.is_some() {
        return Err(Refused::ShutOut);
    }
    Ok(known)
}

/// What the request makes of the client.
fn wanted(
    provider: &Provider,
    known: &KnownClient,
    request: Result<RegistrationRequest, OAuthError>,
) -> Result<Result<ClientMetadata, OAuthError>, FlowError> {
    let request = match request {
        Ok(request) => request,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let refuse = |description| {
        Ok(Err(OAuthError::new(
            ErrorCode::InvalidClientMetadata,
            description,
        )))
    };
    if request.client_id.as_deref() != Some(&known.client.client_id) {
        return refuse("client_id must be there, and the client's own");
    }
    // RFC 7592 §2.2: it may say the secret that it has, never choose one.
    if let Some(secret) = &request.client_secret
        && !client_secrets::matches(provider, &known.client, secret)?
    {
        return refuse("client_secret is not the client's: leave it out");
    }
    let metadata = dynamic::replaced(&known.client.metadata, &request.metadata);
    Ok(check(provider, &metadata).map(|()| metadata))
}

fn told(known: KnownClient, client_secret: Option<String>) -> Told {
    Told {
        has_secret: known.client.secret.is_some(),
        client_id: known.client.client_id,
        client_secret,
        metadata: known.client.metadata,
        registered_at: known.created_at,
    }
}
