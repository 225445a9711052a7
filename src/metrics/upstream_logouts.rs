//! Sign-outs that other providers tell us of.

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
    fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Nobody => "nobody",
            Self::Refused => "refused",
            Self::Unprovable => "unprovable",
        }
    }
}

/// The counters.
#[derive(Default)]
pub struct UpstreamLogouts {
    said: Counters<2>,
}

impl UpstreamLogouts {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "upstream_logouts",
            "Sign-outs that upstreams told us of, by what came of each",
            self.said.clone(),
        );
    }

    /// An upstream that we know told us of a sign-out there.
    pub fn said(&self, upstream: &str, said: UpstreamSaid) {
        let labels = [
            ("upstream", upstream.to_owned().into()),
            ("result", said.as_str().into()),
        ];
        self.said.get_or_create(&labels).inc();
    }
}
