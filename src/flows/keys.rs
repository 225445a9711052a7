//! Our keys: made on first start, announced before they sign, reloaded when another process changed
//! them.

mod by_age;

use chrono::TimeDelta;

use super::{FlowError, Provider, revocations};
use crate::clock::Timestamp;
use crate::jose::{MasterKey, Schedule, SigningKey, StoredKey};
use crate::oidc::algorithm::SigningAlgorithm;
use crate::store::revocations::Dead;
use crate::store::signing_keys::{self, SealedKey};
use crate::store::{self, Transaction, changes};

pub use by_age::{rotate_by_age, run};

/// How long others may keep our JWKS: a new key signs only after that.
pub const JWKS_MAX_AGE: TimeDelta = TimeDelta::minutes(5);

/// How long after it was announced every node has loaded a key: making one takes a moment, and others look for it.
pub const LOADED: TimeDelta = TimeDelta::minutes(1);

/// What every provider signs with from its first start on.
const FROM_THE_START: [SigningAlgorithm; 2] = [SigningAlgorithm::RS256, SigningAlgorithm::ES256];

/// Makes the keys that are missing and loads all of them; answers the version that was loaded.
///
/// # Errors
/// When the database fails or a key can't be opened with this master key.
pub async fn load(provider: &Provider) -> Result<i64, FlowError> {
    let wanted = FROM_THE_START.into_iter().chain(
        provider
            .config
            .clients
            .iter()
            .flat_map(|client| client.metadata.algorithms()),
    );
    for algorithm in wanted {
        ensure(provider, algorithm).await?;
    }
    reload(provider).await
}

/// Makes a key for `algorithm` if there is none that signs now and none that goes on; it signs at once.
///
/// # Errors
/// As [`load`].
pub async fn ensure(provider: &Provider, algorithm: SigningAlgorithm) -> Result<(), FlowError> {
    let now = provider.clock.now();
    // One that was only announced signs nothing yet: an application would wait for it.
    let exists = |keys: &[SealedKey]| {
        let mut known = keys.iter().filter(|key| key.algorithm == algorithm);
        known.clone().any(|key| key.retire_at.is_none())
            && known.any(|key| stored(key.clone()).schedule.may_sign(now))
    };
    if exists(&signing_keys::list(provider.database.read()).await?) {
        return Ok(());
    }
    let key = generate(provider, algorithm, Schedule::at_once(now)).await?;
    let tx = provider.database.begin().await?;
    // Counting first takes the counter's row, so that of two nodes that start at once one waits.
    changes::count(&tx, changes::SIGNING_KEYS).await?;
    if !exists(&signing_keys::list(&tx).await?) {
        signing_keys::insert(&tx, &key).await?;
    }
    store::commit(tx).await?;
    // Who asked for it signs with it next; other processes see it within a moment.
    reload(provider).await?;
    Ok(())
}

/// Loads the keys if another process changed them since `seen`; answers the version that is loaded.
///
/// # Errors
/// As [`load`].
pub async fn reload_if_changed(provider: &Provider, seen: i64) -> Result<i64, FlowError> {
    let version = changes::version(provider.database.read(), changes::SIGNING_KEYS).await?;
    if version == seen {
        Ok(seen)
    } else {
        reload(provider).await
    }
}

async fn reload(provider: &Provider) -> Result<i64, FlowError> {
    let db = provider.database.read();
    // The version first: a change in between is then loaded twice, never missed.
    let version = changes::version(db, changes::SIGNING_KEYS).await?;
    let keys = signing_keys::list(db)
        .await?
        .into_iter()
        .map(stored)
        .collect();
    provider.keys.replace(version, keys)?;
    Ok(version)
}

/// Which key a rotation made, and from when it signs.
pub struct Rotated {
    /// The new key.
    pub kid: String,
    /// From when it signs.
    pub sign_from: Timestamp,
}

/// Makes a new key for `algorithm`. It is published now and signs after the JWKS's max-age, and a minute in which every
/// node hears of it; its predecessors retire when the last token that they signed has expired. With `at_once` (a key has
/// been stolen) it signs now and its predecessors are believed no more.
///
/// # Errors
/// As [`load`].
pub async fn rotate(
    provider: &Provider,
    algorithm: SigningAlgorithm,
    at_once: bool,
) -> Result<Rotated, FlowError> {
    let now = provider.clock.now();
    let schedule = if at_once {
        Schedule::at_once(now)
    } else {
        Schedule::announced(now, JWKS_MAX_AGE + LOADED)
    };
    let key = generate(provider, algorithm, schedule).await?;
    let tx = provider.database.begin().await?;
    changes::count(&tx, changes::SIGNING_KEYS).await?;
    let before = signing_keys::list(&tx).await?;
    let longest_life = if at_once {
        TimeDelta::zero()
    } else {
        longest_life(provider, &tx).await?
    };
    if at_once {
        let replaced = before.iter().filter(|before| {
            before.algorithm == algorithm && before.retire_at.is_none_or(|at| at > now)
        });
        let kids = replaced.map(|before| before.kid.clone());
        distrust(provider, &tx, kids, now).await?;
    }
    succeed(&tx, &key, &before, longest_life, now).await?;
    store::commit(tx).await?;
    provider.work.taken_back();
    Ok(Rotated {
        kid: key.kid,
        sign_from: key.sign_from,
    })
}

/// Services keep our keys for a while: they are told which are believed no more.
pub(super) async fn distrust(
    provider: &Provider,
    tx: &Transaction,
    kids: impl Iterator<Item = String>,
    now: Timestamp,
) -> Result<(), FlowError> {
    revocations::write(provider, tx, kids.map(Dead::Key), now).await
}

/// Puts `key` in the place of those before it, which are believed for `longest_life` after it begins to sign.
async fn succeed(
    tx: &Transaction,
    key: &SealedKey,
    before: &[SealedKey],
    longest_life: TimeDelta,
    now: Timestamp,
) -> Result<(), FlowError> {
    let successor = stored(key.clone()).schedule;
    for before in before {
        if before.algorithm != key.algorithm || before.retire_at.is_some_and(|at| at <= now) {
            continue;
        }
        let schedule = stored(before.clone()).schedule;
        if let Some(at) = schedule.superseded_by(&successor, longest_life).retire_at {
            signing_keys::retire(tx, &before.kid, at).await?;
        }
    }
    Ok(signing_keys::insert(tx, key).await?)
}

/// How long after its last signature a key may be needed: an ID token is a hint as long as its session lives, though it
/// expires before (RP-Initiated Logout §2).
async fn longest_life(provider: &Provider, tx: &Transaction) -> Result<TimeDelta, FlowError> {
    let id = provider.config.tokens.id;
    let session = provider.config.session.absolute;
    let access = revocations::longest_access(provider, tx).await?;
    Ok(access.max(id).max(session))
}

/// Why a key can't be retired.
pub enum NotRetired {
    /// There is no such key.
    Unknown,
    /// Without it nothing of its algorithm could be signed.
    LastOfItsAlgorithm,
}

/// Believes nothing any more that the key has signed.
///
/// # Errors
/// When the database fails.
pub async fn retire(provider: &Provider, kid: &str) -> Result<Result<(), NotRetired>, FlowError> {
    let now = provider.clock.now();
    let tx = provider.database.begin().await?;
    changes::count(&tx, changes::SIGNING_KEYS).await?;
    let keys = signing_keys::list(&tx).await?;
    let Some(key) = keys.iter().find(|key| key.kid == kid) else {
        return Ok(Err(NotRetired::Unknown));
    };
    let others: Vec<Schedule> = keys
        .iter()
        .filter(|other| other.kid != kid && other.algorithm == key.algorithm)
        .map(|other| stored(other.clone()).schedule)
        .collect();
    if !Schedule::may_retire(now, &others) {
        return Ok(Err(NotRetired::LastOfItsAlgorithm));
    }
    if key.retire_at.is_none_or(|at| at > now) {
        distrust(provider, &tx, std::iter::once(kid.to_owned()), now).await?;
    }
    signing_keys::retire(&tx, kid, now).await?;
    store::commit(tx).await?;
    provider.work.taken_back();
    Ok(Ok(()))
}

/// The algorithms that there is a key for which is not retired.
///
/// # Errors
/// When the database fails.
pub async fn algorithms(provider: &Provider) -> Result<Vec<SigningAlgorithm>, FlowError> {
    let now = provider.clock.now();
    let mut algorithms: Vec<SigningAlgorithm> = signing_keys::list(provider.database.read())
        .await?
        .into_iter()
        .filter(|key| stored(key.clone()).schedule.is_published(now))
        .map(|key| key.algorithm)
        .collect();
    algorithms.sort();
    algorithms.dedup();
    Ok(algorithms)
}

/// A new key of that schedule, for the caller to keep.
///
/// # Errors
/// When it can't be made.
pub(super) async fn generate(
    provider: &Provider,
    algorithm: SigningAlgorithm,
    schedule: Schedule,
) -> Result<SealedKey, FlowError> {
    let (master, random) = (provider.master.clone(), provider.random.clone());
    // An RSA key takes up to a second: not on a thread that answers people.
    let key = tokio::task::spawn_blocking(move || {
        StoredKey::generate(algorithm, &master, random.as_ref(), schedule)
    })
    .await
    .map_err(|_stopped| FlowError::NoSigningKey(algorithm))??;
    Ok(SealedKey {
        kid: key.kid,
        algorithm: key.algorithm,
        public_jwk: key.public_jwk,
        sealed_private: key.sealed_private,
        publish_at: key.schedule.publish_at,
        sign_from: key.schedule.sign_from,
        retire_at: key.schedule.retire_at,
    })
}

/// Whether this master key opens any of them: no other one does.
pub fn is_any_opened_by(master: &MasterKey, sealed: Vec<SealedKey>) -> bool {
    let mut keys = sealed.into_iter().map(stored);
    keys.any(|key| SigningKey::open(&key, master).is_ok())
}

fn stored(key: SealedKey) -> StoredKey {
    StoredKey {
        kid: key.kid,
        algorithm: key.algorithm,
        public_jwk: key.public_jwk,
        sealed_private: key.sealed_private,
        schedule: Schedule {
            publish_at: key.publish_at,
            sign_from: key.sign_from,
            retire_at: key.retire_at,
        },
    }
}
