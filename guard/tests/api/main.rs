//! The crate's tests from outside.
#![expect(clippy::unwrap_used, reason = "tests stop at what they did not expect")]

mod formats;
mod independent;
mod properties;
