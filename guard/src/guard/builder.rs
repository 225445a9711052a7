//! What a guard is made of.

use std::sync::Arc;

use super::freshness::{Freshness, Staleness};
use super::keys::Signers;
#[cfg(feature = "feed")]
use super::remote::Wanted;
use super::{Guard, Shared};
use crate::claims::Expected;
use crate::cwt;
use crate::deny_list::DenyList;
use crate::jwe::{DecryptingKey, DirectKey};
use crate::jwt::VerifyingKey;

/// Makes a [`Guard`]: see [`Guard::builder`].
#[derive(Debug)]
#[must_use]
pub struct Builder {
    expected: Expected,
    signers: Vec<VerifyingKey>,
    direct: Vec<DirectKey>,
    private: Vec<DecryptingKey>,
    compact: Vec<cwt::Key>,
    staleness: Staleness,
    clock: fn() -> i64,
    #[cfg(feature = "feed")]
    wanted: Wanted,
}

impl Builder {
    pub(super) fn new(issuer: String, service: String) -> Self {
        Self {
            expected: Expected::new(issuer, service),
            signers: Vec::new(),
            direct: Vec::new(),
            private: Vec::new(),
            compact: Vec::new(),
            staleness: Staleness::default(),
            clock: system_clock,
            #[cfg(feature = "feed")]
            wanted: connecting::nothing_but_keys(),
        }
    }

    /// Public keys of the issuer, for signed tokens.
    pub fn signers(mut self, keys: impl IntoIterator<Item = VerifyingKey>) -> Self {
        self.signers.extend(keys);
        self
    }

    /// Keys that are shared with the issuer, for directly encrypted tokens.
    pub fn direct_keys(mut self, keys: impl IntoIterator<Item = DirectKey>) -> Self {
        self.direct.extend(keys);
        self
    }

    /// The service's private keys, for signed tokens that are encrypted to it.
    pub fn private_keys(mut self, keys: impl IntoIterator<Item = DecryptingKey>) -> Self {
        self.private.extend(keys);
        self
    }

    /// Keys that are shared with the issuer, for compact tokens.
    pub fn compact_keys(mut self, keys: impl IntoIterator<Item = cwt::Key>) -> Self {
        self.compact.extend(keys);
        self
    }

    /// How many seconds the clocks of issuer and service may differ; at most [`LONGEST_LEEWAY`](crate::LONGEST_LEEWAY),
    /// and ten unless said otherwise.
    pub fn leeway(mut self, seconds: u32) -> Self {
        self.expected = self.expected.with_leeway(seconds);
        self
    }

    /// What to do while nobody can say what was revoked.
    pub fn staleness(mut self, staleness: Staleness) -> Self {
        self.staleness = staleness;
        self
    }

    /// Another clock than the system's: seconds since 1970. For tests.
    pub fn clock(mut self, clock: fn() -> i64) -> Self {
        self.clock = clock;
        self
    }

    /// A guard with these keys, which asks nobody for anything.
    pub fn build(self) -> Guard {
        Guard {
            shared: self.shared(),
            #[cfg(feature = "feed")]
            remote: None,
        }
    }

    fn shared(self) -> Arc<Shared> {
        Arc::new(Shared {
            expected: self.expected,
            signers: Signers::new(self.signers),
            direct: self.direct,
            private: self.private,
            compact: self.compact,
            denied: DenyList::new(),
            freshness: Freshness::default(),
            staleness: self.staleness,
            clock: self.clock,
        })
    }
}

#[cfg(feature = "feed")]
mod connecting {
    use super::super::remote::{Remote, Wanted};
    use super::{Builder, Guard};
    use std::sync::Arc;
    use std::time::Duration;

    pub use super::super::remote::Unreachable;

    /// How long a guard waits for the list of what was revoked unless said otherwise.
    const PATIENCE: Duration = Duration::from_secs(5);

    pub(super) fn nothing_but_keys() -> Wanted {
        Wanted {
            keys: true,
            secret: None,
            #[cfg(feature = "redis")]
            redis: None,
            #[cfg(feature = "redis")]
            asked: None,
            patience: PATIENCE,
        }
    }

    impl Builder {
        /// The service's secret at the issuer, with which it follows the feed of revocations.
        pub fn service_secret(mut self, secret: impl Into<String>) -> Self {
            self.wanted.secret = Some(secret.into());
            self
        }

        /// The Redis into which the issuer puts what was revoked: `redis://user:password@host/0`, or `rediss://` for TLS.
        /// It is followed instead of the feed or, with [`Builder::service_secret`], beside it: then either of them
        /// suffices.
        #[cfg(feature = "redis")]
        pub fn redis(mut self, url: impl Into<String>) -> Self {
            self.wanted.redis = Some(url.into());
            self
        }

        /// The Redis that [`Guard::check`] asks about each token, a round trip each: for a service that runs in many short-lived
        /// processes, or wants no list in memory. An answer is worth as much as a fresh list; while none is to be had, the
        /// staleness policy decides. [`Guard::verify`] asks nobody.
        #[cfg(feature = "redis")]
        pub fn ask_redis(mut self, url: impl Into<String>) -> Self {
            self.wanted.asked = Some(url.into());
            self
        }

        /// Only the keys that the builder was given: the issuer is not asked for any. Then [`Builder::connect`] needs no
        /// issuer that answers.
        pub fn without_discovery(mut self) -> Self {
            self.wanted.keys = false;
            self
        }

        /// How long [`Builder::connect`] waits for the list of what was revoked, at most; five seconds unless said
        /// otherwise.
        pub fn wait_for_list(mut self, patience: Duration) -> Self {
            self.wanted.patience = patience;
            self
        }

        /// A guard that learns the rest from the issuer: its public keys, by discovery, again when they are to be asked for
        /// again; and, with [`Builder::service_secret`], what was revoked. It works in the background until its last clone
        /// is gone. Call it on a tokio runtime that lives as long.
        ///
        /// It answers when the keys are known and the list of what was revoked has come, or when that takes too long: then
        /// the list is still on its way. With [`Staleness::RefuseBeyond`](super::Staleness::RefuseBeyond) nothing is accepted
        /// before it has come.
        ///
        /// # Errors
        /// [`Unreachable`] when the issuer can't be asked for its keys, or its answer makes no sense.
        pub async fn connect(mut self) -> Result<Guard, Unreachable> {
            let wanted = std::mem::replace(&mut self.wanted, nothing_but_keys());
            let shared = self.shared();
            let remote = Remote::connect(Arc::clone(&shared), wanted).await?;
            Ok(Guard {
                shared,
                remote: Some(Arc::new(remote)),
            })
        }
    }
}

#[cfg(feature = "feed")]
pub use connecting::Unreachable;

#[expect(
    clippy::disallowed_methods,
    reason = "here, at the rim, somebody must ask the system"
)]
fn system_clock() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .unwrap_or_default()
}
