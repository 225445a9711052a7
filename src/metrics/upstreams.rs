//! What is measured of other providers.

use std::borrow::Cow;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Counters;

/// What came of it that an upstream told us of a sign-out there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamSaid {
    /// Sessions ended.
    Ended,
    /// Nobody was signed in from there.
    Nobody,
    /// It was not sound.
    Refused,
    /// The upstream's keys could not be had, so that nobody knows whether it was.
    Unprovable,
}

impl UpstreamSaid {
    const ALL: [Self; 4] = [Self::Ended, Self::Nobody, Self::Refused, Self::Unprovable];

    fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Nobody => "nobody",
            Self::Refused => "refused",
            Self::Unprovable => "unprovable",
        }
    }
}

/// What came of a try to have an upstream take a refresh token back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// It is good there no more.
    Revoked,
    /// It did not answer, or could not; it is tried again.
    Again,
    /// It refused, and the token was forgotten.
    Refused,
    /// It never answered, and the token was forgotten.
    GivenUp,
    /// It has no address for that, or is not known any more; the token was forgotten.
    Impossible,
}

impl Returned {
    const ALL: [Self; 5] = [
        Self::Revoked,
        Self::Again,
        Self::Refused,
        Self::GivenUp,
        Self::Impossible,
    ];

    /// In a word, for labels and the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Again => "again",
            Self::Refused => "refused",
            Self::GivenUp => "given_up",
            Self::Impossible => "impossible",
        }
    }
}

fn labels(upstream: &str, said: UpstreamSaid) -> [(&'static str, Cow<'static, str>); 2] {
    [
        ("upstream", upstream.to_owned().into()),
        ("result", said.as_str().into()),
    ]
}

/// Everything of other providers.
#[derive(Default)]
pub struct Upstreams {
    logouts: Counters<2>,
    returned: Counters<1>,
    waiting: Gauge,
}

impl Upstreams {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "upstream_logouts",
            "Sign-outs that upstreams told us of, by what came of each",
            self.logouts.clone(),
        );
        registry.register(
            "upstream_revocations",
            "Tries to have other providers take refresh tokens back, by what came of each",
            self.returned.clone(),
        );
        registry.register(
            "upstream_revocations_waiting",
            "Refresh tokens of other providers that are to be taken back, as the database has them",
            self.waiting.clone(),
        );
        for result in Returned::ALL {
            let _ = self
                .returned
                .get_or_create(&[("result", result.as_str().into())]);
        }
    }

    /// An upstream that we know told us of a sign-out there.
    pub fn said(&self, upstream: &str, said: UpstreamSaid) {
        self.logouts.get_or_create(&labels(upstream, said)).inc();
    }

    /// That upstream is known: its counts begin at nothing, so that the first event shows as one.
    pub fn is_known(&self, upstream: &str) {
        for said in UpstreamSaid::ALL {
            let _ = self.logouts.get_or_create(&labels(upstream, said));
        }
    }

    /// One was tried.
    pub fn returned(&self, result: Returned) {
        self.returned
            .get_or_create(&[("result", result.as_str().into())])
            .inc();
    }

    /// Takes over how many the database says are to be taken back.
    pub fn look(&self, waiting: u64) {
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }
}
