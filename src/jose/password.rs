//! Passwords: argon2id hashes, made and compared in a bounded number of threads.

mod memory;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::phc::{self, Output, ParamsString, Salt};
use argon2::{ARGON2ID_IDENT, Params, Version};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use tokio::task;
use unicode_normalization::UnicodeNormalization as _;

use crate::random::Random;

use memory::{Memories, Memory};

/// Longer input is refused: nobody types it, and normalising megabytes would be work for an attacker to order.
const LONGEST_PASSWORD: usize = 1024;

/// What a hash from elsewhere may cost: memory in KiB, passes, lanes. More could be ordered to exhaust the machine.
const MOST_MEMORY: u32 = 256 * 1024;
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 8;

/// Why a password cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It has no character.
    #[error("the password is empty")]
    Empty,
    /// It has more than 1024 bytes.
    #[error("the password is longer than 1024 bytes")]
    TooLong,
    /// The machine could not do the work (memory, a stopped runtime).
    #[error("the password could not be hashed")]
    Failed,
}

/// The text is not a password hash that can be verified here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnusableHash {
    /// Not a well-formed PHC string, or not argon2id.
    #[error(
        "a password hash must be a PHC string: $argon2id$v=19$..., with a salt of at least 8 bytes"
    )]
    NotArgon2id,
    /// The salt is missing, or the hash, or it is shorter than 16 bytes.
    #[error("the password hash lacks a salt or a hash of at least 16 bytes")]
    Incomplete,
    /// Its parameters are wrong or cost too much.
    #[error("the password hash must ask for at most m=262144 (KiB), t=16, p=8")]
    Parameters,
}

/// The hash of a password as a PHC string, checked: argon2id, version 19, at a cost that the machine can bear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Reads a PHC string, from the database or from a configuration.
    pub fn parse(text: &str) -> Result<Self, UnusableHash> {
        let hash = phc::PasswordHash::new(text).map_err(|_not_phc| UnusableHash::NotArgon2id)?;
        if hash.algorithm.as_str() != "argon2id" || hash.version != Some(Version::V0x13.into()) {
            return Err(UnusableHash::NotArgon2id);
        }
        // The parser itself refuses salts below 8 bytes.
        let complete = hash.salt.is_some() && hash.hash.is_some_and(|hash| hash.len() >= 16);
        if !complete {
            return Err(UnusableHash::Incomplete);
        }
        let params = Params::try_from(&hash).map_err(|_unreadable| UnusableHash::Parameters)?;
        let bearable = params.m_cost() <= MOST_MEMORY
            && params.t_cost() <= MOST_PASSES
            && params.p_cost() <= MOST_LANES;
        if !bearable {
            return Err(UnusableHash::Parameters);
        }
        Ok(Self(text.to_owned()))
    }

    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How those begin that are made here. Any other is to be made anew once the password is known.
    pub const OURS: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

    /// Whether it has the cost of those that are made here.
    pub fn is_as_ours(&self) -> bool {
        self.0.starts_with(Self::OURS)
    }

    /// What a comparison with it costs: KiB times passes.
    fn work(&self) -> u64 {
        let hash = phc::PasswordHash::new(&self.0).ok();
        let params = hash.and_then(|hash| Params::try_from(&hash).ok());
        params.as_ref().map_or(0, work)
    }

    /// Compares in constant time.
    fn matches(&self, memory: &mut Memory, password: &str) -> Result<bool, PasswordError> {
        let unreadable = PasswordError::Failed;
        let stored = phc::PasswordHash::new(&self.0).map_err(|_damaged| unreadable)?;
        let params = Params::try_from(&stored).map_err(|_damaged| unreadable)?;
        let (Some(salt), Some(expected)) = (stored.salt, stored.hash) else {
            return Err(unreadable);
        };
        let computed = output(memory, params, password, &salt, expected.len())?;
        Ok(computed == expected)
    }
}

/// Hashes and verifies passwords in blocking threads, so many at a time: each takes 19 MiB and some 20 ms, and a
/// burst of sign-ins must not take all memory or hold up everything else.
pub struct PasswordPool {
    permits: Arc<Semaphore>,
    memories: Arc<Memories>,
    random: Arc<dyn Random>,
    /// What every comparison costs.
    due: AtomicU64,
    /// What they have cost so far.
    done: Arc<AtomicU64>,
}

impl PasswordPool {
    /// A pool that works on at most `threads` passwords at a time; salts come from `random`.
    pub fn new(threads: usize, random: Arc<dyn Random>) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(threads)),
            memories: Arc::default(),
            random,
            due: AtomicU64::new(work(&Params::DEFAULT)),
            done: Arc::default(),
        }
    }

    /// From now on every comparison costs as much as one with the dearest of these, or of our own: otherwise its time
    /// would tell who is known (attack 83).
    pub fn be_as_dear_as<'a>(&self, stored: impl Iterator<Item = &'a PasswordHash>) {
        let dearest = stored.map(PasswordHash::work).max().unwrap_or_default();
        let due = dearest.max(work(&Params::DEFAULT));
        self.due.store(due, Ordering::Relaxed);
    }

    /// What all comparisons have cost so far: KiB times passes.
    pub fn work_done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Hashes a new password with a fresh salt.
    pub async fn hash(&self, password: &SecretString) -> Result<PasswordHash, PasswordError> {
        let password = normalise(password)?;
        let mut salt = [0; 16];
        self.random.fill(&mut salt);
        self.blocking(move |memory| hash_with_salt(memory, password.expose_secret(), &salt))
            .await?
    }

    /// Whether `password` is the one behind `stored`. Without a stored hash (an unknown person, or one without a
    /// password) the answer is no. The work is the same in every case.
    pub async fn verify(
        &self,
        password: &SecretString,
        stored: Option<&PasswordHash>,
    ) -> Result<bool, PasswordError> {
        let password = normalise(password)?;
        let stored = stored.cloned();
        let due = self.due.load(Ordering::Relaxed);
        let done = Arc::clone(&self.done);
        self.blocking(move |memory| {
            let password = password.expose_secret();
            let (is_right, spent) = match stored {
                Some(stored) => (stored.matches(memory, password)?, stored.work()),
                None => (false, 0),
            };
            let rest = spend(memory, password, due.saturating_sub(spent))?;
            done.fetch_add(spent + rest, Ordering::Relaxed);
            Ok(is_right)
        })
        .await?
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_closed| PasswordError::Failed)?;
        let memories = Arc::clone(&self.memories);
        // The permit goes along: the thread works on even when the caller has given up waiting.
        task::spawn_blocking(move || {
            let mut memory = memories.take();
            let done = work(&mut memory);
            memories.give_back(memory);
            drop(permit);
            done
        })
        .await
        .map_err(|_stopped| PasswordError::Failed)
    }
}

/// The same password typed on two keyboards can be two sequences of code points: NFKC makes them one
/// (NIST SP 800-63B §5.1.1.2).
fn normalise(password: &SecretString) -> Result<SecretString, PasswordError> {
    match password.expose_secret() {
        "" => Err(PasswordError::Empty),
        long if long.len() > LONGEST_PASSWORD => Err(PasswordError::TooLong),
        typed => Ok(typed.nfkc().collect::<String>().into()),
    }
}

/// A hash of our own: OWASP's choice, which is also the crate's default: 19 MiB, two passes, one lane.
fn hash_with_salt(
    memory: &mut Memory,
    password: &str,
    salt: &[u8],
) -> Result<PasswordHash, PasswordError> {
    let params = Params::DEFAULT;
    let described = ParamsString::try_from(&params).map_err(|_refused| PasswordError::Failed)?;
    let hash = output(memory, params, password, salt, Params::DEFAULT_OUTPUT_LEN)?;
    let made = phc::PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: described,
        salt: Some(Salt::new(salt).map_err(|_refused| PasswordError::Failed)?),
        hash: Some(hash),
    };
    Ok(PasswordHash(made.to_string()))
}

/// What argon2id makes of a password; two of them are compared in constant time.
fn output(
    memory: &mut Memory,
    params: Params,
    password: &str,
    salt: &[u8],
    length: usize,
) -> Result<Output, PasswordError> {
    let mut out = [0; Output::MAX_LENGTH];
    let out = out.get_mut(..length).ok_or(PasswordError::Failed)?;
    memory.hash(params, password, salt, out)?;
    Output::new(out).map_err(|_refused| PasswordError::Failed)
}

/// Hashes for nothing, at this cost; answers what it was. It is done in pieces of the memory that our own hashes take.
fn spend(memory: &mut Memory, password: &str, cost: u64) -> Result<u64, PasswordError> {
    let ours = u64::from(Params::DEFAULT.m_cost());
    let mut spent = 0;
    for (kibibytes, passes) in [(ours, cost / ours), (cost % ours, 1)] {
        // Argon2 takes no less than 8 KiB, and that little is no work.
        if kibibytes < 8 || passes == 0 {
            continue;
        }
        let whole = |number: u64| u32::try_from(number).map_err(|_vast| PasswordError::Failed);
        let params = Params::new(whole(kibibytes)?, whole(passes)?, 1, None)
            .map_err(|_refused| PasswordError::Failed)?;
        memory.hash(params, password, &[0; 16], &mut [0; 32])?;
        spent += kibibytes * passes;
    }
    Ok(spent)
}

/// KiB times passes: lanes share the memory.
fn work(params: &Params) -> u64 {
    u64::from(params.m_cost()) * u64::from(params.t_cost())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SeededRandom;

    fn pool() -> PasswordPool {
        PasswordPool::new(2, Arc::new(SeededRandom::new(1)))
    }

    #[tokio::test]
    async fn a_password_matches_its_own_hash_alone() {
        let pool = pool();
        let hash = pool.hash(&"correct horse".into()).await.unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(hash.is_as_ours());
        assert_eq!(PasswordHash::parse(hash.as_str()), Ok(hash.clone()));
        assert_eq!(
            pool.verify(&"correct horse".into(), Some(&hash)).await,
            Ok(true)
        );
        assert_eq!(
            pool.verify(&"Correct horse".into(), Some(&hash)).await,
            Ok(false)
        );
        assert_ne!(pool.hash(&"correct horse".into()).await.unwrap(), hash);
    }

    /// Attack 83: an unknown person costs the same work, and no password of theirs is right.
    #[tokio::test]
    async fn without_a_stored_hash_no_password_is_right() {
        let pool = pool();
        assert_eq!(pool.verify(&"guess".into(), None).await, Ok(false));
        // The work is the same: that of a hash at the cost of those that are stored.
        assert_eq!(pool.work_done(), 2 * 19_456);
    }

    /// Attack 83: hashes that cost more or less than ours don't tell who has one.
    #[tokio::test]
    async fn every_comparison_costs_what_the_dearest_does() {
        let pool = pool();
        let ours = pool.hash(&"secret words".into()).await.unwrap();
        let other = |cost: &str| {
            let hash =
                "$argon2id$v=19$COST$c29tZXNhbHRzb21l$uJAfEInYSnAsAVDoEL7QnqqSqSZfFCPMB0tzOvCjY0s";
            PasswordHash::parse(&hash.replace("COST", cost)).unwrap()
        };
        let (cheap, dear) = (other("m=1024,t=1,p=1"), other("m=20000,t=5,p=2"));
        assert!(!cheap.is_as_ours() && !dear.is_as_ours());
        let stored = [Some(&ours), Some(&cheap), None];
        for stored in stored {
            let before = pool.work_done();
            assert_eq!(pool.verify(&"guess".into(), stored).await, Ok(false));
            assert_eq!(pool.work_done() - before, 2 * 19_456);
        }
        pool.be_as_dear_as([&cheap, &dear].into_iter());
        for stored in [Some(&dear), Some(&ours), Some(&cheap), None] {
            let before = pool.work_done();
            assert_eq!(pool.verify(&"guess".into(), stored).await, Ok(false));
            assert_eq!(pool.work_done() - before, 100_000);
        }
        pool.be_as_dear_as(std::iter::empty());
        let right = pool.verify(&"secret words".into(), Some(&ours)).await;
        assert_eq!(right, Ok(true));
    }

    /// Attack 91: one password in two notations is one password.
    #[tokio::test]
    async fn the_notation_of_a_character_does_not_matter() {
        let pool = pool();
        let hash = pool.hash(&"caf\u{e9} \u{fb01}n".into()).await.unwrap();
        assert_eq!(
            pool.verify(&"cafe\u{301} fin".into(), Some(&hash)).await,
            Ok(true)
        );
        assert_eq!(
            pool.verify(&"cafe fin".into(), Some(&hash)).await,
            Ok(false)
        );
    }

    /// Attack 91: a NUL does not end a password, and megabytes are refused before any work.
    #[tokio::test]
    async fn passwords_are_whole_and_of_bounded_length() {
        let pool = pool();
        let hash = pool.hash(&"a\0b".into()).await.unwrap();
        assert_eq!(pool.verify(&"a\0c".into(), Some(&hash)).await, Ok(false));
        let longest = "x".repeat(LONGEST_PASSWORD);
        assert!(pool.hash(&longest.clone().into()).await.is_ok());
        let too_long: SecretString = (longest + "x").into();
        assert_eq!(pool.hash(&too_long).await, Err(PasswordError::TooLong));
        let refused = pool.verify(&too_long, Some(&hash)).await;
        assert_eq!(refused, Err(PasswordError::TooLong));
        assert_eq!(pool.hash(&"".into()).await, Err(PasswordError::Empty));
    }

    /// Attack 91: however many sign in, only so many hashes are worked on; a caller that gives up changes nothing.
    #[tokio::test]
    async fn the_pool_never_works_on_more_than_it_may() {
        let pool = pool();
        let (started, start) = std::sync::mpsc::channel();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let held = pool.blocking(move |_memory| {
            started.send(()).unwrap();
            released.recv().unwrap();
        });
        let given_up = tokio::time::timeout(std::time::Duration::from_millis(50), held).await;
        assert!(given_up.is_err());
        start.recv().unwrap();
        assert_eq!(pool.permits.available_permits(), 1);
        release.send(()).unwrap();
        let _both = pool.permits.acquire_many(2).await.unwrap();
    }

    #[test]
    fn a_configured_hash_must_be_argon2id_complete_and_affordable() {
        let hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21l$uJAfEInYSnAsAVDoEL7QnqqSqSZfFCPMB0tzOvCjY0s";
        assert!(PasswordHash::parse(hash).is_ok());
        let cases = [
            ("", UnusableHash::NotArgon2id),
            ("hunter2", UnusableHash::NotArgon2id),
            ("$2b$12$abcdefghijklmnopqrstuv", UnusableHash::NotArgon2id),
            (
                &hash.replace("argon2id", "argon2i"),
                UnusableHash::NotArgon2id,
            ),
            (&hash.replace("v=19", "v=16"), UnusableHash::NotArgon2id),
            (&hash[..hash.rfind('$').unwrap()], UnusableHash::Incomplete),
            (
                &hash.replace(
                    "uJAfEInYSnAsAVDoEL7QnqqSqSZfFCPMB0tzOvCjY0s",
                    "uJAfEInYSnAsAVDo",
                ),
                UnusableHash::Incomplete,
            ),
            (
                &hash.replace("m=19456", "m=4000000"),
                UnusableHash::Parameters,
            ),
            (&hash.replace("t=2", "t=1000"), UnusableHash::Parameters),
            (&hash.replace("p=1", "p=64"), UnusableHash::Parameters),
        ];
        for (text, wrong) in cases {
            assert_eq!(PasswordHash::parse(text), Err(wrong), "{text}");
        }
    }
}
