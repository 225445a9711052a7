//! FACTS: the database. One file per table: its row, its mapping to plain values, every query on it.
//!
//! What belongs here: anything that mentions a table. What does not: rules, keys, HTTP; and no
//! transaction starts here: flows own them. A `Model` never leaves its file. Times are kept as
//! milliseconds since 1970, UTC; identifiers as UUIDs; secrets only as keyed hashes or sealed.

mod database;
mod listener;
mod locking;
mod places;
mod rows;

pub mod breakers;
pub mod changes;
pub mod client_assertions;
pub mod clients;
pub mod codes;
pub mod consents;
pub mod deliveries;
pub mod delivery_attempts;
pub mod exchanged_tokens;
pub mod grants;
pub mod identities;
pub mod initial_access_tokens;
pub mod interactions;
pub mod leavings;
pub mod logos;
pub mod marks;
pub mod orders;
pub mod parked_requests;
pub mod participants;
pub mod passwords;
pub mod refresh_tokens;
pub mod registrations;
pub mod retention;
pub mod revocations;
pub mod service_keys;
pub mod services;
pub mod session_upstreams;
pub mod sessions;
pub mod signing_keys;
pub mod status_entries;
pub mod throttles;
pub mod upstream_invitations;
pub mod upstream_logouts;
pub mod upstream_requests;
pub mod upstream_tokens;
pub mod upstreams;
pub mod users;

pub use database::{Database, LOG, StoreError, Transaction, commit};
pub use listener::{Hint, Listener};

use chrono::DateTime;

use crate::clock::Timestamp;

fn millis(time: Timestamp) -> i64 {
    time.timestamp_millis()
}

/// The time kept as `millis`. A value out of chrono's range could only come from a damaged row.
fn time(millis: i64) -> Result<Timestamp, StoreError> {
    DateTime::from_timestamp_millis(millis).ok_or(StoreError::Damaged("a time"))
}

fn time_or_none(millis: Option<i64>) -> Result<Option<Timestamp>, StoreError> {
    millis.map(time).transpose()
}
