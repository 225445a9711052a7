//! The key ring: the signing keys that a running process knows, parsed once.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::keys::{KeyError, SigningKey, StoredKey};
use super::master::MasterKey;
use super::schedule::Schedule;
use crate::clock::Timestamp;
use crate::oidc::algorithm::SigningAlgorithm;

/// The signing keys in use. Clones share the same keys; reading never waits for a writer.
#[derive(Clone)]
pub struct KeyRing {
    master: Arc<MasterKey>,
    keys: Arc<ArcSwap<Keys>>,
    /// Held while they are replaced.
    replacing: Arc<Mutex<()>>,
}

#[derive(Default)]
struct Keys {
    version: i64,
    all: Vec<(Schedule, Arc<SigningKey>)>,
    /// What the JWKS says from each moment at which it changes, earliest first.
    jwks: Vec<(Timestamp, Option<Arc<Jwks>>)>,
}

/// A JWKS, ready to send.
#[derive(Debug, PartialEq, Eq)]
pub struct Jwks {
    /// The document.
    pub json: String,
    /// Changes with it.
    pub fingerprint: String,
}

impl KeyRing {
    /// A ring without keys, which opens them under `master`.
    pub fn new(master: Arc<MasterKey>) -> Self {
        Self {
            master,
            keys: Arc::default(),
            replacing: Arc::default(),
        }
    }

    /// Takes these keys instead of the present ones, unless those are of a later version: whoever read before a key was
    /// taken back, and comes after, must not bring it back. Keys that stay are not parsed again. One key that does not
    /// open leaves the ring as it was: half a ring would refuse good tokens.
    pub fn replace(&self, version: i64, stored: Vec<StoredKey>) -> Result<(), KeyError> {
        let _turn = self
            .replacing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let before = self.keys.load();
        if version < before.version {
            return Ok(());
        }
        let all = stored
            .iter()
            .map(|row| {
                let known = before
                    .all
                    .iter()
                    .find(|(_, key)| key.kid() == row.kid && key.algorithm() == row.algorithm);
                let key = match known {
                    Some((_, key)) => Arc::clone(key),
                    None => Arc::new(SigningKey::open(row, &self.master)?),
                };
                Ok((row.schedule, key))
            })
            .collect::<Result<Vec<_>, KeyError>>()?;
        let jwks = prepare_jwks(&all);
        self.keys.store(Arc::new(Keys { version, all, jwks }));
        Ok(())
    }

    /// The key that signs with `algorithm` now: the newest that may.
    pub fn signing_key(
        &self,
        algorithm: SigningAlgorithm,
        now: Timestamp,
    ) -> Option<Arc<SigningKey>> {
        self.keys
            .load()
            .all
            .iter()
            .filter(|(schedule, key)| key.algorithm() == algorithm && schedule.may_sign(now))
            // The `kid` decides between equals, so that every process chooses the same.
            .max_by_key(|(schedule, key)| (schedule.sign_from, key.kid()))
            .map(|(_, key)| Arc::clone(key))
    }

    /// The key that verifies what was signed under `kid`: published and not retired.
    pub fn verification_key(&self, kid: &str, now: Timestamp) -> Option<Arc<SigningKey>> {
        self.keys
            .load()
            .all
            .iter()
            .find(|(schedule, key)| key.kid() == kid && schedule.is_published(now))
            .map(|(_, key)| Arc::clone(key))
    }

    /// The JWKS (RFC 7517 §5) of the keys published now, as prepared JSON. `None` rather than an empty set, which
    /// relying parties would cache: answer that the service is unavailable.
    pub fn jwks(&self, now: Timestamp) -> Option<Arc<Jwks>> {
        let keys = self.keys.load();
        let changes = keys.jwks.partition_point(|(from, _)| *from <= now);
        keys.jwks.get(changes.checked_sub(1)?)?.1.clone()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_list()
            .entries(self.keys.load().all.iter().map(|(_, key)| key))
            .finish()
    }
}

fn prepare_jwks(all: &[(Schedule, Arc<SigningKey>)]) -> Vec<(Timestamp, Option<Arc<Jwks>>)> {
    let mut changes: Vec<Timestamp> = all
        .iter()
        .flat_map(|(schedule, _)| [Some(schedule.publish_at), schedule.retire_at])
        .flatten()
        .collect();
    changes.sort_unstable();
    changes.dedup();
    changes
        .into_iter()
        .map(|from| {
            let published: Vec<_> = all
                .iter()
                .filter(|(schedule, _)| schedule.is_published(from))
                .map(|(_, key)| key.public_jwk())
                .collect();
            let set = (!published.is_empty()).then(|| json!({ "keys": published }));
            (
                from,
                set.map(|set| {
                    let json = set.to_string();
                    let hash = digest::digest(&digest::SHA256, json.as_bytes());
                    let fingerprint = URL_SAFE_NO_PAD.encode(&hash.as_ref()[..12]);
                    Arc::new(Jwks { json, fingerprint })
                }),
            )
        })
        .collect()
}
