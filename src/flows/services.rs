//! Services are made known and forgotten: those of the configuration, and the administrator's.

use secrecy::ExposeSecret as _;

use super::people::NotDone;
use super::{FlowError, Provider, revocations};
use crate::clock::Timestamp;
use crate::config::{Credential, DeclaredService};
use crate::jose::HashPurpose;
use crate::oidc::service::Service;
use crate::store::services::{self, KnownService};
use crate::store::{self, Transaction};

/// Makes a service known, and answers its secret, which is told this once.
///
/// # Errors
/// When the database fails.
pub async fn add(
    provider: &Provider,
    service: Service,
) -> Result<Result<String, NotDone>, FlowError> {
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
    revocations::remember_lifetimes_in(provider, &tx).await?;
    store::commit(tx).await?;
    Ok(Ok(secret))
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
    Ok(())
}

fn hash(provider: &Provider, secret: &str) -> String {
    provider.master.hash(HashPurpose::ServiceSecret, secret)
}
