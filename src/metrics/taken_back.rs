//! What is measured of the revocation log, and of how services hear it.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Gauges;
use crate::clock::Timestamp;

/// Everything of the log, the feed and the bus.
#[derive(Default)]
pub struct TakenBack {
    log: Gauges<1>,
    numbered: Counter,
    readers: Gauge,
    bus_up: Gauge,
    bus_told: Gauge,
    bus_entries: Counter,
}

impl TakenBack {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "revocations",
            "Entries of the revocation log, as the database has them: waiting for a number, or living",
            self.log.clone(),
        );
        registry.register(
            "revocations_numbered",
            "Entries of the revocation log that this process has numbered",
            self.numbered.clone(),
        );
        registry.register(
            "feed_readers",
            "Requests that wait for something to be taken back",
            self.readers.clone(),
        );
    }

    /// Only where there is a bus: without one, it is not down.
    pub(super) fn register_bus(&self, registry: &mut Registry) {
        registry.register(
            "bus_up",
            "Whether Redis could be told when it was last tried",
            self.bus_up.clone(),
        );
        registry.register(
            "bus_told_timestamp_seconds",
            "When Redis last knew everything, in seconds since 1970",
            self.bus_told.clone(),
        );
        registry.register(
            "bus_entries",
            "Entries that were put into Redis, one for each service that hears them",
            self.bus_entries.clone(),
        );
    }

    /// Takes over what the database says: how many entries wait for their numbers, how many live.
    pub fn look(&self, waiting: u64, living: u64) {
        for (state, length) in [("waiting", waiting), ("living", living)] {
            let length = i64::try_from(length).unwrap_or(i64::MAX);
            self.log
                .get_or_create(&[("state", state.into())])
                .set(length);
        }
    }

    /// So many entries were given numbers.
    pub fn numbered(&self, count: u64) {
        self.numbered.inc_by(count);
    }

    /// A request begins to wait.
    pub fn reader_came(&self) {
        self.readers.inc();
    }

    /// A request waits no more.
    pub fn reader_left(&self) {
        self.readers.dec();
    }

    /// Every service's list in Redis is up to date, or could not be brought there.
    pub fn told_by_bus(&self, all: bool, now: Timestamp) {
        self.bus_up.set(i64::from(all));
        if all {
            self.bus_told.set(now.timestamp());
        }
    }

    /// So many entries were put into Redis.
    pub fn published(&self, count: usize) {
        self.bus_entries.inc_by(count as u64);
    }
}
