//! The crate's tests from outside.
#![expect(clippy::unwrap_used, reason = "tests stop at what they did not expect")]

#[cfg(feature = "feed")]
mod feed;
mod formats;
mod independent;
#[cfg(all(feature = "actix", feature = "tower"))]
mod middleware;
mod properties;
