//! Services are made known and forgotten: those of the configuration, and the administrator's.

use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};

use super::people::NotDone;
use super::service_keys::{self, Rotated, Start};
use super::{FlowError, Provider, revocations};
use crate::clock::Timestamp;
use crate::config::{Credential, DeclaredService};
use crate::jose::HashPurpose;
use crate::oidc::claims;
use crate::oidc::client::Client;
use crate::oidc::params::Params;
use crate::oidc::resource;
use crate::oidc::scope::Scope;
use crate::oidc::service::Service;
use crate::store::grants::Grant;
use crate::store::services::{self, KnownService};
use crate::store::users::User;
use crate::store::{self, Transaction, consents};

/// The services that a request names, of those that there are.
///
/// # Errors
/// When the database fails.
pub async fn named(provider: &Provider, params: &Params) -> Result<Vec<Service>, FlowError> {
    let identifiers = resource::named(params, &provider.config.issuer);
    Ok(services::find_enabled(provider.database.read(), &identifiers).await?)
}

/// The scope of a token for `service` under the grant, or for whom the client's tokens are anyway.
pub(super) async fn scope_of_token(
    tx: &Transaction,
    client: &Client,
    grant: &Grant,
    granted: &Scope,
    service: Option<&Service>,
) -> Result<Scope, FlowError> {
    let theirs = match service {
        None if !grant.resources.is_empty() => {
            Some(services::find_all(tx, &grant.resources).await?)
        }
        _ => None,
    };
    Ok(resource::scope_of_token(
        granted,
        client,
        service,
        theirs.as_deref(),
    ))
}

/// What a token for the service tells of its person: what the service wants to know and the person has allowed the
/// client to know. Of what was asked of people before the service wanted to know it, nothing is told.
pub(super) async fn told_at(
    tx: &Transaction,
    client: &Client,
    service: Option<&Service>,
    user: &User,
) -> Result<Map<String, Value>, FlowError> {
    let Some(service) = service.filter(|service| !service.claims.is_empty()) else {
        return Ok(Map::new());
    };
    let mut told = claims::of_names(&user.told(), &service.claims);
    if !client.metadata.skip_consent {
        let consent = consents::find(tx, user.id, &client.client_id).await?;
        told.retain(|name, _| {
            let consent = consent.as_ref();
            consent.is_some_and(|consent| consent.permission.tells(name))
        });
    }
    Ok(told)
}

/// What a new service is told, this once.
pub struct Added {
    /// By which it proves who it is.
    pub secret: String,
    /// The key under which its tokens are made, if we share one.
    pub key: Option<Rotated>,
}

/// Makes a service known, with the public keys that it has. If its tokens need a key and it has none, one is made.
///
/// # Errors
/// When the database fails.
pub async fn add(
    provider: &Provider,
    service: Service,
    jwks: &[Value],
) -> Result<Result<Added, NotDone>, FlowError> {
    let now = provider.clock.now();
    let tx = provider.database.begin().await?;
    match services::find(&tx, &service.identifier).await? {
        Some(before) if before.declared => return Ok(Err(NotDone::Declared)),
        Some(_) => return Ok(Err(NotDone::Exists)),
        None => {}
    }
    let secret = provider.random.secret();
    let known = KnownService {
        service,
        secret_hash: Some(hash(provider, &secret)),
        declared: false,
        disabled_at: None,
        created_at: now,
    };
    services::save(&tx, &known).await?;
    let service = &known.service;
    service_keys::publish(provider, &tx, &service.identifier, jwks, now).await?;
    let key = service_keys::make(provider, &tx, service, Start::Now, now).await?;
    revocations::remember_lifetimes_in(provider, &tx).await?;
    store::commit(tx).await?;
    let key = key.ok();
    Ok(Ok(Added { secret, key }))
}

/// Forgets a service. One that the configuration declared may be forgotten when it has left it.
///
/// # Errors
/// When the database fails; then nothing was done.
pub async fn remove(
    provider: &Provider,
    identifier: &str,
) -> Result<Result<(), NotDone>, FlowError> {
    let tx = provider.database.begin().await?;
    match services::find(&tx, identifier).await? {
        None => return Ok(Err(NotDone::Unknown)),
        Some(known) if known.declared && known.disabled_at.is_none() => {
            return Ok(Err(NotDone::Declared));
        }
        Some(_) => {}
    }
    services::remove(&tx, identifier).await?;
    store::commit(tx).await?;
    Ok(Ok(()))
}

/// Applies what the configuration declares. A service that left it gets no tokens any more and is told nothing; its keys
/// stay, for when it comes back.
pub(super) async fn apply(
    provider: &Provider,
    tx: &Transaction,
    now: Timestamp,
) -> Result<(), FlowError> {
    let declared = &provider.config.services;
    for declared in declared {
        apply_one(provider, tx, declared, now).await?;
    }
    let is_declared = |identifier: &str| {
        let mut declared = declared.iter();
        declared.any(|declared| declared.service.identifier == identifier)
    };
    for known in services::list(tx).await? {
        let left = known.declared && !is_declared(&known.service.identifier);
        if left && known.disabled_at.is_none() {
            let gone = KnownService {
                disabled_at: Some(now),
                ..known
            };
            services::save(tx, &gone).await?;
        }
    }
    Ok(())
}

async fn apply_one(
    provider: &Provider,
    tx: &Transaction,
    declared: &DeclaredService,
    now: Timestamp,
) -> Result<(), FlowError> {
    let before = services::find(tx, &declared.service.identifier).await?;
    let known = KnownService {
        service: declared.service.clone(),
        secret_hash: declared.secret.as_ref().map(|secret| match secret {
            Credential::Plain(secret) => hash(provider, secret.expose_secret()),
            Credential::Hash(hash) => hash.expose_secret().to_owned(),
        }),
        declared: true,
        disabled_at: None,
        created_at: before.as_ref().map_or(now, |before| before.created_at),
    };
    if before.as_ref() != Some(&known) {
        services::save(tx, &known).await?;
    }
    let (identifier, format) = (&known.service.identifier, known.service.format);
    if before.is_some_and(|before| before.service.format != format) {
        service_keys::retire_shared(tx, identifier, now).await?;
    }
    service_keys::publish(provider, tx, identifier, &declared.jwks, now).await
}

fn hash(provider: &Provider, secret: &str) -> String {
    provider.master.hash(HashPurpose::ServiceSecret, secret)
}
