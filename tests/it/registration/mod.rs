//! Dynamic client registration (Registration 1.0, RFC 7591) and its management (RFC 7592).

mod any_json;
mod asking;
mod forgotten;
mod invited;
mod managing;
mod policy;
mod readers;
mod refusals;
mod sectors;

use crate::support::ledger::json_error;
use crate::support::visitor::Answer;

/// The answer refuses so.
fn assert_refused(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(json_error(answer), error, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
}
