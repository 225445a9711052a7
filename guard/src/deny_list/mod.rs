//! What is no longer good, in memory: compact, expiring, and asked for every token.
//!
//! ```
//! use exeunt_guard::Claims;
//! use exeunt_guard::deny_list::{DenyList, Entry, Revoked};
//!
//! let denied = DenyList::new();
//! let entry = Entry { what: Revoked::Session("s1".into()), until: 1_767_269_400 };
//! denied.add(&entry, 1_767_268_800);
//!
//! let claims = Claims { jti: Some("j1".into()), sid: Some("s1".into()), ..Claims::default() };
//! assert!(denied.denies("the token", &claims, []));
//! let other = Claims { sid: Some("s2".into()), ..claims };
//! assert!(!denied.denies("the token", &other, []));
//! ```

mod entry;
#[cfg(test)]
mod tests;

pub use entry::{Entry, Heard, Revoked};

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use aws_lc_rs::digest;

use crate::base64url;
use crate::claims::{Claims, LONGEST_LEEWAY};

/// A power of two. Each part of the table grows and is swept alone, so that nobody waits for a million entries.
const PARTS: usize = 64;

/// How a token that carries no `jti` is named in the log: the SHA-256 of its text, base64url.
pub fn token_hash(token: &str) -> String {
    base64url::encode(digest::digest(&digest::SHA256, token.as_bytes()))
}

/// What is no longer good. Shared by all who check tokens; looking waits for nobody who reads.
///
/// It keeps no names but 125 bits of a hash of each, under random keys of its own, in 24 bytes with the times. A good
/// token is refused when its name shares all of them with an entry's: among a million entries that happens once in some
/// 10^31 looks, and nobody can bring it about, since the keys never leave the process. A revoked token is never let
/// through: the same name has the same hash.
pub struct DenyList {
    hashers: [RandomState; 2],
    parts: Box<[RwLock<Part>]>,
    /// How many entries there are of each kind: what has none needs no looking.
    counts: [AtomicUsize; KINDS],
    /// Tokens with an earlier `iat` are all denied.
    all_before: AtomicI64,
}

type Part = HashMap<Name, Times, BuildHasherDefault<Identity>>;

const KINDS: usize = 6;

/// The kinds of names. They are hashed with the name, so that a session is not a grant.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
enum Kind {
    Token,
    Session,
    Grant,
    Subject,
    Client,
    Key,
}

/// 125 bits of hash and, in the lowest bits, the kind: in parts that need no padding.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Name([u32; 4]);

/// Seconds since 1970, good until 2106.
#[derive(Clone, Copy)]
struct Times {
    /// Tokens with an earlier `iat` are denied.
    before: u32,
    /// When the entry may be forgotten.
    until: u32,
}

impl DenyList {
    /// A list that denies nothing yet.
    pub fn new() -> Self {
        Self {
            hashers: [RandomState::new(), RandomState::new()],
            parts: (0..PARTS).map(|_| RwLock::default()).collect(),
            counts: [const { AtomicUsize::new(0) }; KINDS],
            all_before: AtomicI64::new(i64::MIN),
        }
    }

    /// Takes an entry up; `now` in seconds since 1970. Twice is the same as once, and what is denied stays so until the
    /// last moment that any entry said.
    ///
    /// It is forgotten [`LONGEST_LEEWAY`] after its `until`: until then, some token that it concerns could pass for one
    /// that has not expired.
    pub fn add(&self, entry: &Entry, now: i64) {
        let until = entry.until.saturating_add(i64::from(LONGEST_LEEWAY));
        if until <= now {
            return;
        }
        let (kind, name, before) = match &entry.what {
            Revoked::Token(jti) => (Kind::Token, jti, i64::MAX),
            Revoked::Session(sid) => (Kind::Session, sid, i64::MAX),
            Revoked::Grant(grant) => (Kind::Grant, grant, i64::MAX),
            Revoked::Key(kid) => (Kind::Key, kid, i64::MAX),
            Revoked::Subject { sub, before } => (Kind::Subject, sub, *before),
            Revoked::Client { client_id, before } => (Kind::Client, client_id, *before),
            Revoked::All { before } => {
                // Never forgotten: when its time is over, it concerns only what has expired.
                self.all_before.fetch_max(*before, Ordering::AcqRel);
                return;
            }
        };
        let name = self.name(kind, name);
        let times = Times {
            before: seconds(before),
            until: seconds(until),
        };
        let mut part = write(self.part(name));
        match part.get_mut(&name) {
            Some(known) => {
                known.before = known.before.max(times.before);
                known.until = known.until.max(times.until);
            }
            None => {
                // Counted first: whoever sees the entry must look for it.
                self.counts[kind as usize].fetch_add(1, Ordering::AcqRel);
                part.insert(name, times);
            }
        }
    }

    /// Whether a token is denied that says this and was made under keys of these names.
    pub fn denies<'a>(
        &self,
        token: &str,
        claims: &Claims,
        kids: impl IntoIterator<Item = &'a str>,
    ) -> bool {
        let issued = claims.iat;
        if issued < self.all_before.load(Ordering::Acquire) {
            return true;
        }
        let known = |kind, name: Option<&str>| {
            name.is_some_and(|name| self.has(kind) && self.denies_name(kind, name, issued))
        };
        let without_jti = || {
            claims.jti.is_none()
                && self.has(Kind::Token)
                && self.denies_name(Kind::Token, &token_hash(token), issued)
        };
        known(Kind::Token, claims.jti.as_deref())
            || known(Kind::Session, claims.sid.as_deref())
            || known(Kind::Grant, claims.grant.as_deref())
            || known(Kind::Subject, Some(&claims.sub))
            || known(Kind::Client, claims.client_id.as_deref())
            || kids.into_iter().any(|kid| known(Kind::Key, Some(kid)))
            || without_jti()
    }

    /// Forgets what needs no remembering any more, a part of the list at a time.
    pub fn forget(&self, now: i64) {
        let now = seconds(now);
        for part in &self.parts {
            let mut forgotten = [0_usize; KINDS];
            let mut part = write(part);
            part.retain(|name, times| {
                let stays = times.until > now;
                if !stays {
                    forgotten[name.kind()] += 1;
                }
                stays
            });
            // A storm of revocations does not leave its size behind.
            if part.capacity() > 4 * part.len().max(64) {
                part.shrink_to_fit();
            }
            for (count, forgotten) in self.counts.iter().zip(forgotten) {
                count.fetch_sub(forgotten, Ordering::AcqRel);
            }
        }
    }

    /// How many entries it holds.
    pub fn len(&self) -> usize {
        self.counts
            .iter()
            .map(|count| count.load(Ordering::Acquire))
            .sum()
    }

    /// Whether it denies nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.all_before.load(Ordering::Acquire) == i64::MIN
    }

    fn has(&self, kind: Kind) -> bool {
        self.counts[kind as usize].load(Ordering::Acquire) != 0
    }

    fn denies_name(&self, kind: Kind, name: &str, issued: i64) -> bool {
        let name = self.name(kind, name);
        let known = read(self.part(name)).get(&name).map(|times| times.before);
        known.is_some_and(|before| before == u32::MAX || issued < i64::from(before))
    }

    fn name(&self, kind: Kind, name: &str) -> Name {
        let [high, low] = [0, 1].map(|which| self.hashers[which].hash_one((kind, name)));
        let number = (u128::from(high) << 64 | u128::from(low)) & !0b111 | kind as u128;
        Name([96, 64, 32, 0].map(|shift| (number >> shift) as u32))
    }

    fn part(&self, name: Name) -> &RwLock<Part> {
        &self.parts[name.0[2] as usize % PARTS]
    }
}

impl Default for DenyList {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for DenyList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DenyList({} entries)", self.len())
    }
}

impl Name {
    fn kind(self) -> usize {
        (self.0[3] & 0b111) as usize
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(self.0[0]) << 32 | u64::from(self.0[1]));
    }
}

/// A name is a hash already.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

fn seconds(time: i64) -> u32 {
    u32::try_from(time.max(0)).unwrap_or(u32::MAX)
}

/// A thread that panicked while it held a part left it whole: every change of a table is one call.
fn read(part: &RwLock<Part>) -> RwLockReadGuard<'_, Part> {
    part.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(part: &RwLock<Part>) -> RwLockWriteGuard<'_, Part> {
    part.write().unwrap_or_else(PoisonError::into_inner)
}
