//! All of it together: what a service asks about a token.

mod builder;
mod freshness;
mod keys;
#[cfg(feature = "feed")]
mod remote;
#[cfg(test)]
mod tests;

pub use builder::Builder;
#[cfg(feature = "feed")]
pub use builder::Unreachable;
pub use freshness::Staleness;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::claims::{Claims, Expected};
use crate::cwt;
use crate::deny_list::DenyList;
use crate::errors::Refused;
use crate::jwe::{self, DecryptingKey, DirectKey};
use crate::jwt;
use freshness::Freshness;
use keys::Signers;

/// Checks a service's tokens: every format, offline, against the keys that it knows and what was taken back.
///
/// Clones share all of it. With static keys it needs nobody:
///
/// ```
/// use exeunt_guard::jwt::{self, Algorithm, SigningKey, VerifyingKey};
/// use exeunt_guard::{Claims, Guard, Refused};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let signing = SigningKey::generate(Algorithm::ES256, "2026-11")?;
/// # let claims = Claims {
/// #     iss: "https://id.example".into(),
/// #     sub: "ada".into(),
/// #     aud: vec!["https://api.example/".into()],
/// #     client_id: Some("ledger".into()),
/// #     jti: Some("1".into()),
/// #     iat: 1_767_268_800,
/// #     exp: 1_767_269_400,
/// #     ..Claims::default()
/// # };
/// let guard = Guard::builder("https://id.example", "https://api.example/")
///     .signers([VerifyingKey::from_jwk(&signing.public_jwk())?])
///     .clock(|| 1_767_268_801)
///     .build();
/// let token = jwt::generate(&claims, &signing)?;
/// assert_eq!(guard.verify(&token)?, claims);
///
/// guard.deny_list().add(
///     &exeunt_guard::deny_list::Entry {
///         what: exeunt_guard::deny_list::Revoked::Token("1".into()),
///         until: claims.exp,
///     },
///     1_767_268_801,
/// );
/// assert_eq!(guard.verify(&token), Err(Refused::Revoked));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Guard {
    shared: Arc<Shared>,
    #[cfg(feature = "feed")]
    remote: Option<Arc<remote::Remote>>,
}

pub(crate) struct Shared {
    expected: Expected,
    signers: Signers,
    direct: Vec<DirectKey>,
    private: Vec<DecryptingKey>,
    compact: Vec<cwt::Key>,
    denied: DenyList,
    freshness: Freshness,
    staleness: Staleness,
    clock: fn() -> i64,
}

impl Guard {
    /// A guard for tokens of this issuer that are for the service of this identifier.
    pub fn builder(issuer: impl Into<String>, service: impl Into<String>) -> Builder {
        Builder::new(issuer.into(), service.into())
    }

    /// What a token says, if it is good: it is in one of the formats whose keys are known, has not expired, and was not
    /// taken back as far as is known here. Asks nobody.
    ///
    /// # Errors
    /// [`Refused`], for the log: never an answer for whoever sent the token.
    pub fn verify(&self, token: &str) -> Result<Claims, Refused> {
        self.shared.verify(token)
    }

    /// As [`Guard::verify`]; but when the token was signed by a key that is not known, the issuer is asked for its keys, at
    /// most once a minute for all tokens. With `Builder::ask_redis`, Redis is asked about each token.
    ///
    /// # Errors
    /// [`Refused`], for the log: never an answer for whoever sent the token.
    #[cfg(feature = "feed")]
    pub async fn check(&self, token: &str) -> Result<Claims, Refused> {
        let answer = self.verify_or_ask(token).await;
        if answer == Err(Refused::UnknownKey)
            && let Some(remote) = &self.remote
            && remote.look_for_new_keys().await
        {
            return self.verify_or_ask(token).await;
        }
        answer
    }

    #[cfg(feature = "redis")]
    async fn verify_or_ask(&self, token: &str) -> Result<Claims, Refused> {
        match self.remote.as_ref().and_then(|remote| remote.asking()) {
            Some(asking) => asking.verify(&self.shared, token).await,
            None => self.verify(token),
        }
    }

    #[cfg(all(feature = "feed", not(feature = "redis")))]
    async fn verify_or_ask(&self, token: &str) -> Result<Claims, Refused> {
        self.verify(token)
    }

    /// As [`Guard::verify`]. (Without the feature `feed` there is nobody to ask for keys.)
    ///
    /// # Errors
    /// [`Refused`], for the log: never an answer for whoever sent the token.
    #[cfg(not(feature = "feed"))]
    pub async fn check(&self, token: &str) -> Result<Claims, Refused> {
        self.verify(token)
    }

    /// What is denied. Whoever hears of revocations in another way than by the feed adds them here, and says so with
    /// [`Guard::fresh_as_of`].
    pub fn deny_list(&self) -> &DenyList {
        &self.shared.denied
    }

    /// How long ago the deny-list was known to be complete; `None` when it never was.
    pub fn age(&self) -> Option<Duration> {
        self.shared.freshness.age(Instant::now())
    }

    /// Says that the deny-list is complete as of this moment.
    pub fn fresh_as_of(&self, at: Instant) {
        self.shared.freshness.set(at);
    }
}

impl Shared {
    fn verify(&self, token: &str) -> Result<Claims, Refused> {
        self.read(token, |claims, kids| {
            self.judge(token, claims, kids)?;
            self.is_fresh()
        })
    }

    /// What a token says, if `judge` lets it pass, which is told under keys of which names it was made.
    fn read(
        &self,
        token: &str,
        judge: impl FnOnce(&Claims, &[&str]) -> Result<(), Refused>,
    ) -> Result<Claims, Refused> {
        let now = (self.clock)();
        let expected = &self.expected;
        let signers = self.signers.load();
        let mut kids: [Option<&str>; 2] = [None, None];
        let compact_kid;
        // Two dots, four, or none: no token of one format has the form of another.
        let claims = match token.bytes().filter(|byte| *byte == b'.').count() {
            2 => {
                let (claims, kid) = jwt::parse_with_kid(token, &signers, expected, now)?;
                kids[0] = kid;
                claims
            }
            4 if jwe::is_direct(token, &self.direct) => {
                let (claims, kid) = jwe::parse_direct_with_kid(token, &self.direct, expected, now)?;
                kids[0] = Some(kid);
                claims
            }
            4 => {
                let (claims, nested) =
                    jwe::parse_nested_with_kids(token, &self.private, &signers, expected, now)?;
                kids = nested;
                claims
            }
            0 => {
                let (claims, kid) = cwt::parse_with_kid(token, &self.compact, expected, now)?;
                compact_kid = kid.to_string();
                kids[0] = Some(&compact_kid);
                claims
            }
            _ => return Err(Refused::Malformed),
        };
        match kids {
            [Some(one), Some(other)] => judge(&claims, &[one, other])?,
            [Some(kid), None] | [None, Some(kid)] => judge(&claims, &[kid])?,
            [None, None] => judge(&claims, &[])?,
        }
        Ok(claims)
    }

    /// Whether it was taken back, as far as is known here.
    fn judge(&self, token: &str, claims: &Claims, kids: &[&str]) -> Result<(), Refused> {
        match self.denied.denies(token, claims, kids.iter().copied()) {
            true => Err(Refused::Revoked),
            false => Ok(()),
        }
    }

    /// Whether what is known here is new enough for the service.
    fn is_fresh(&self) -> Result<(), Refused> {
        match self.staleness {
            Staleness::Accept => Ok(()),
            Staleness::RefuseBeyond(most) => match self.freshness.age(Instant::now()) {
                Some(age) if age <= most => Ok(()),
                _ => Err(Refused::Stale),
            },
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Guard")
            .field("expected", &self.shared.expected)
            .field("denied", &self.shared.denied)
            .finish_non_exhaustive()
    }
}
