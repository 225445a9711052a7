//! Upstreams are made known and forgotten: those of the configuration, and the administrator's.

use secrecy::{ExposeSecret as _, SecretString};

use super::{sealed_for, secret_at};
use crate::clock::Timestamp;
use crate::config::DeclaredUpstream;
use crate::flows::people::NotDone;
use crate::flows::{FlowError, Provider};
use crate::oidc::upstream::Upstream;
use crate::store::upstreams::{self, KnownUpstream};
use crate::store::{self, Transaction, upstream_invitations};

/// Makes an upstream known.
///
/// # Errors
/// When the database fails.
pub async fn add(
    provider: &Provider,
    upstream: Upstream,
    secret: Option<&SecretString>,
) -> Result<Result<(), NotDone>, FlowError> {
    let now = provider.clock.now();
    let tx = provider.database.begin().await?;
    for known in upstreams::list(&tx).await? {
        if known.upstream.id == upstream.id || known.upstream.issuer == upstream.issuer {
            return Ok(Err(match (known.declared, known.disabled_at) {
                (true, None) => NotDone::Declared,
                (true, Some(_)) => NotDone::StillLeaving,
                (false, _) => NotDone::Exists,
            }));
        }
    }
    let known = KnownUpstream {
        sealed_secret: secret.map(|secret| seal(provider, &upstream.id, secret)),
        upstream,
        declared: false,
        disabled_at: None,
        created_at: now,
    };
    upstreams::save(&tx, &known).await?;
    store::commit(tx).await?;
    Ok(Ok(()))
}

/// Forgets an upstream, and who was invited to come in through it. One that the configuration declared may be forgotten when it has left it. Sessions that came
/// from there go on.
///
/// # Errors
/// When the database fails.
pub async fn remove(provider: &Provider, id: &str) -> Result<Result<(), NotDone>, FlowError> {
    let tx = provider.database.begin().await?;
    match upstreams::find(&tx, id).await? {
        None => return Ok(Err(NotDone::Unknown)),
        Some(known) if known.declared && known.disabled_at.is_none() => {
            return Ok(Err(NotDone::Declared));
        }
        Some(_) => {}
    }
    upstreams::remove(&tx, id).await?;
    upstream_invitations::remove_of_upstream(&tx, id).await?;
    store::commit(tx).await?;
    Ok(Ok(()))
}

/// Applies what the configuration declares. Nobody signs in any more through one that left it, or through one of an
/// administrator's that has the issuer of a declared one: the same people would come in by other rules.
pub(in crate::flows) async fn apply(
    provider: &Provider,
    tx: &Transaction,
    now: Timestamp,
) -> Result<(), FlowError> {
    let declared = &provider.config.upstreams;
    for declared in declared {
        apply_one(provider, tx, declared, now).await?;
    }
    for known in upstreams::list(tx).await? {
        let (id, issuer) = (&known.upstream.id, &known.upstream.issuer);
        let mut all = declared.iter();
        let stays = all.any(|declared| declared.upstream.id == *id);
        let mut all = declared.iter();
        let is_replaced = all.any(|declared| declared.upstream.issuer == *issuer);
        if known.disabled_at.is_none() && !stays && (known.declared || is_replaced) {
            tracing::warn!(id, issuer, is_replaced, "an upstream is out of use");
            let gone = KnownUpstream {
                disabled_at: Some(now),
                ..known
            };
            upstreams::save(tx, &gone).await?;
        }
    }
    Ok(())
}

async fn apply_one(
    provider: &Provider,
    tx: &Transaction,
    declared: &DeclaredUpstream,
    now: Timestamp,
) -> Result<(), FlowError> {
    let id = &declared.upstream.id;
    let before = upstreams::find(tx, id).await?;
    // Sealed again it would look like another.
    let kept = match (&before, &declared.secret) {
        (Some(before), Some(secret)) => secret_at(provider, before)?
            .filter(|kept| kept.expose_secret() == secret.expose_secret())
            .and(before.sealed_secret.clone()),
        _ => None,
    };
    let secret = declared.secret.as_ref();
    let known = KnownUpstream {
        upstream: declared.upstream.clone(),
        sealed_secret: kept.or_else(|| secret.map(|secret| seal(provider, id, secret))),
        declared: true,
        disabled_at: None,
        created_at: before.as_ref().map_or(now, |before| before.created_at),
    };
    if before.as_ref() != Some(&known) {
        upstreams::save(tx, &known).await?;
    }
    Ok(())
}

fn seal(provider: &Provider, id: &str, secret: &SecretString) -> String {
    let plain = secret.expose_secret().as_bytes();
    provider
        .master
        .seal(provider.random.as_ref(), &sealed_for(id), plain)
}
