//! The rules: what the specifications ask, pure and synchronous. No I/O, no clock, no database, no HTTP.

pub mod algorithm;
