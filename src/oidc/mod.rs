//! THE RULES: what the specifications say, as pure functions over plain values.
//!
//! What belongs here: everything that quotes a specification and needs no I/O. What does not:
//! clocks, randomness, keys, rows, HTTP. A rule takes `now` and finished secrets as arguments.

pub mod algorithm;
pub mod claims;
pub mod client;
pub mod error;
pub mod issuer;
pub mod logout;
pub mod params;
pub mod registration;
pub mod scope;
pub mod uri;
