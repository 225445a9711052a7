//! Services' keys: made, rotated, and used for their tokens.
//!
//! A shared key is announced before tokens are made under it, so that the service can be told first; the one before stays
//! good for as long as a token under it may live.

use chrono::TimeDelta;
use serde_json::Value;

use super::{FlowError, Provider, tokens};
use crate::clock::Timestamp;
use crate::jose::{SharedKey, TOKENS_PER_KEY, encrypt_to, seal_reference};
use crate::oidc::service::{Service, TokenFormat, next_kid};
use crate::oidc::token::access_token::ServiceToken;
use crate::oidc::token::encrypted::Reference;
use crate::random::Random;
use crate::store::service_keys::{self, KeptKey, ServiceKey};
use crate::store::{self, Transaction, services};

/// One token in so many is counted, as so many: that is exact enough for a limit of millions, and costs next to nothing.
const COUNTED_AT_ONCE: u16 = 1024;
/// What is left to a service's clock that is behind ours when a key retires.
const SKEW: TimeDelta = TimeDelta::minutes(1);

/// A new shared key, and from when on tokens are made under it.
pub struct Rotated {
    /// What tokens call it.
    pub kid: u8,
    /// The key, to be told to the service this once.
    pub key: SharedKey,
    /// From when tokens are made under it.
    pub sign_from: Timestamp,
}

/// When tokens are made under a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// In a while, so that the service can be told.
    Later(TimeDelta),
    /// At once, and those under the old ones are good no more: somebody else knows them.
    Now,
}

/// Makes a shared key for a service. The first one of a service is used at once.
///
/// # Errors
/// When the database fails.
pub async fn rotate(
    provider: &Provider,
    identifier: &str,
    start: Start,
) -> Result<Result<Rotated, NotRotated>, FlowError> {
    let now = provider.clock.now();
    let tx = provider.database.begin().await?;
    let Some(known) = services::lock(&tx, identifier).await? else {
        return Ok(Err(NotRotated::Unknown));
    };
    let made = make(provider, &tx, &known.service, start, now).await?;
    store::commit(tx).await?;
    Ok(made)
}

/// Why there is no new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRotated {
    /// There is no such service.
    Unknown,
    /// Its tokens need no shared key: they are signed, or encrypted to a key of its own.
    NotNeeded,
    /// It has as many keys as can be told apart.
    TooMany,
}

/// As [`rotate`], in a transaction of the caller's.
pub(super) async fn make(
    provider: &Provider,
    tx: &Transaction,
    service: &Service,
    start: Start,
    now: Timestamp,
) -> Result<Result<Rotated, NotRotated>, FlowError> {
    let keys = service_keys::list(tx, &service.identifier).await?;
    let good = |key: &&ServiceKey| key.is_good(now);
    if keys.iter().filter(good).any(|key| !key.is_shared()) {
        return Ok(Err(NotRotated::NotNeeded));
    }
    let shared = || keys.iter().filter(|key| key.is_shared());
    let kid = |key: &ServiceKey| key.kid.parse::<u8>().ok();
    let newest = shared().max_by_key(|key| (key.created_at, key.id));
    // A retired one's name is free when no token under it can live, and it has been forgotten.
    let named: Vec<u8> = shared().filter_map(kid).collect();
    let Some(kid) = next_kid(newest.and_then(kid), &named) else {
        return Ok(Err(NotRotated::TooMany));
    };
    let random = provider.random.as_ref();
    let Some(key) = SharedKey::generate(random, service.format, kid) else {
        return Ok(Err(NotRotated::NotNeeded));
    };
    let is_first = !shared().any(|key| key.is_good(now));
    let sign_from = match start {
        Start::Later(wait) if !is_first => now + wait,
        _ => now,
    };
    // Until the last token under it has expired.
    let retire_at = match start {
        Start::Later(_) => sign_from + service.lifetime + SKEW,
        Start::Now => now,
    };
    for old in shared() {
        match start {
            Start::Later(_) => service_keys::retire(tx, old.id, retire_at).await?,
            Start::Now => service_keys::give_up(tx, old.id, now).await?,
        }
    }
    let row = ServiceKey {
        id: random.row_id(now),
        service: service.identifier.clone(),
        kid: kid.to_string(),
        key: KeptKey::Shared(key.seal(&provider.master, random, &service.identifier)),
        created_at: now,
        sign_from,
        retire_at: None,
        tokens: 0,
    };
    service_keys::insert(tx, &row).await?;
    Ok(Ok(Rotated {
        kid,
        key,
        sign_from,
    }))
}

/// Keeps these public keys of the service, and no others. One that is new is used from now on.
pub(super) async fn publish(
    provider: &Provider,
    tx: &Transaction,
    service: &str,
    jwks: &[Value],
    now: Timestamp,
) -> Result<(), FlowError> {
    let mut missing: Vec<&Value> = jwks.iter().collect();
    for known in service_keys::list(tx, service).await? {
        let KeptKey::Public(jwk) = &known.key else {
            continue;
        };
        if !known.is_good(now) {
            continue;
        }
        match missing.iter().position(|wanted| *wanted == jwk) {
            Some(place) => drop(missing.remove(place)),
            None => service_keys::retire(tx, known.id, now).await?,
        }
    }
    for jwk in missing {
        let row = ServiceKey {
            id: provider.random.row_id(now),
            service: service.to_owned(),
            kid: jwk["kid"].as_str().unwrap_or_default().to_owned(),
            key: KeptKey::Public(jwk.clone()),
            created_at: now,
            sign_from: now,
            retire_at: None,
            tokens: 0,
        };
        service_keys::insert(tx, &row).await?;
    }
    Ok(())
}

/// Retires the keys that the service shared with us when its tokens were of another format.
pub(super) async fn retire_shared(
    tx: &Transaction,
    service: &str,
    now: Timestamp,
) -> Result<(), FlowError> {
    for known in service_keys::list(tx, service).await? {
        if known.is_shared() {
            service_keys::retire(tx, known.id, now).await?;
        }
    }
    Ok(())
}

/// The key under which tokens are made now: the newest that may be used. One of the service's own comes before shared ones.
pub fn in_use(keys: &[ServiceKey], now: Timestamp) -> Option<&ServiceKey> {
    keys.iter()
        .filter(|key| key.sign_from <= now && key.is_good(now))
        .max_by_key(|key| (!key.is_shared(), key.sign_from, key.id))
}

/// Whether tokens can be made for the service, if one was named: asked before anything is written, so that no code and no
/// refresh token is used up in vain.
pub(super) async fn check(
    provider: &Provider,
    service: Option<&Service>,
    now: Timestamp,
) -> Result<(), FlowError> {
    match service.filter(|service| service.format != TokenFormat::Jwt) {
        Some(service) => usable(provider, service, now).await.map(drop),
        None => Ok(()),
    }
}

/// The key under which the next token is made.
async fn usable(
    provider: &Provider,
    service: &Service,
    now: Timestamp,
) -> Result<ServiceKey, FlowError> {
    let identifier = &service.identifier;
    let keys = service_keys::list(provider.database.read(), identifier).await?;
    match in_use(&keys, now) {
        None => Err(FlowError::NoServiceKey(identifier.clone())),
        Some(key) if key.tokens.unsigned_abs() >= TOKENS_PER_KEY => {
            Err(FlowError::WornOutKey(identifier.clone()))
        }
        Some(key) => Ok(key.clone()),
    }
}

/// The token in the service's format.
pub(super) async fn token(
    provider: &Provider,
    service: &Service,
    token: &ServiceToken,
    now: Timestamp,
) -> Result<String, FlowError> {
    if service.format == TokenFormat::Jwt {
        return tokens::sign_access_token(provider, token, now);
    }
    let key = usable(provider, service, now).await?;
    let identifier = &service.identifier;
    let random = provider.random.as_ref();
    let sealed = match &key.key {
        KeptKey::Public(jwk) => {
            let signed = tokens::sign_access_token(provider, token, now)?;
            // By it we know the token again, which we can't decrypt.
            let reference = Reference::to(&token.claims);
            let reference = reference.map(|known| seal_reference(&provider.master, &known));
            return Ok(encrypt_to(jwk, &signed, reference.as_deref(), random)?);
        }
        KeptKey::Shared(sealed) => sealed,
    };
    let damaged = |_damaged| FlowError::NoServiceKey(identifier.clone());
    let kid = key.kid.parse().map_err(damaged)?;
    let shared = SharedKey::open(&provider.master, service.format, identifier, kid, sealed)
        .map_err(crate::jose::ServiceTokenError::from)?;
    let token = shared.token(service, token, random)?;
    count(provider, &key).await;
    Ok(token)
}

/// Counts a token under the key: seldom, and then for many. What goes wrong with it is no reason to give no token.
async fn count(provider: &Provider, key: &ServiceKey) {
    if !is_counted(provider.random.as_ref()) {
        return;
    }
    let counted = i64::from(COUNTED_AT_ONCE);
    let write = async {
        let tx = provider.database.begin().await?;
        service_keys::count(&tx, key.id, counted).await?;
        store::commit(tx).await
    };
    if let Err(error) = write.await {
        tracing::error!(%error, service = %key.service, "the tokens under a service's key could not be counted");
    }
    if is_wearing_out(key.tokens + counted) {
        tracing::warn!(
            service = %key.service, kid = %key.kid, tokens = key.tokens, most = TOKENS_PER_KEY,
            "a service's key has made many of the tokens that it may: exeunt service rotate-keys"
        );
    }
}

fn is_counted(random: &dyn Random) -> bool {
    let mut drawn = [0; 2];
    random.fill(&mut drawn);
    u16::from_le_bytes(drawn).is_multiple_of(COUNTED_AT_ONCE)
}

/// Whether a key has made so many tokens that it is time for another: a quarter of what it may.
pub fn is_wearing_out(tokens: i64) -> bool {
    tokens.unsigned_abs() >= TOKENS_PER_KEY / 4
}

/// The services of the configuration whose tokens need a key, and have none.
pub(super) async fn warn_of_missing(provider: &Provider) -> Result<(), FlowError> {
    let now = provider.clock.now();
    let db = provider.database.read();
    for declared in &provider.config.services {
        let service = &declared.service;
        if service.format == TokenFormat::Jwt {
            continue;
        }
        let keys = service_keys::list(db, &service.identifier).await?;
        if in_use(&keys, now).is_none() {
            tracing::warn!(
                service = %service.identifier,
                "there are no tokens for this service before it has a key: exeunt service rotate-keys"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SeededRandom;

    #[test]
    fn one_token_in_about_a_thousand_is_counted() {
        let random = SeededRandom::new(1);
        let counted = (0..1 << 18).filter(|_| is_counted(&random)).count();
        assert!((180..340).contains(&counted), "{counted} of 256");
    }

    #[test]
    fn a_key_is_to_be_replaced_long_before_it_must() {
        assert!(!is_wearing_out(1 << 25));
        assert!(is_wearing_out(1 << 26));
    }
}
