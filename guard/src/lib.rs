//! What a service needs to accept the tokens of Exeunt by itself: no call to the provider, no
//! database.
//!
//! A token comes in one of three formats, each a module with the two halves `generate` and `parse`:
//!
//! | format | who can read it | who can check it | size |
//! |---|---|---|---|
//! | [`jwt`] | everyone | everyone | middle |
//! | [`jwe`] | the service | the service | large |
//! | [`cwt`] | the service | the service | small |
//!
//! They are pure: keys, nonces and the time are arguments, and nothing in them does any I/O. All of them give the same
//! [`Claims`], and refuse for the same [reasons](Refused).
//!
//! A [`Guard`] puts them together with the [list of what was revoked](deny_list):
//!
//! | feature | |
//! |---|---|
//! | `feed` | the guard learns the issuer's keys by discovery, and what is revoked from the issuer's feed |
//! | `redis` | the same out of the issuer's Redis, where there is one, followed or asked about each token |
//! | `actix` | middleware and extractor for actix-web |
//! | `tower` | middleware for tower and axum |
//!
//! None is on by default. [`logout`] is for applications that are told of sign-outs.

#[cfg(feature = "actix")]
pub mod actix;
mod base64url;
pub mod bearer;
mod claims;
pub mod cwt;
pub mod deny_list;
mod errors;
mod guard;
mod json;
pub mod jwe;
mod jwk;
pub mod jwt;
pub mod logout;
#[cfg(feature = "tower")]
pub mod tower;

pub use claims::{Claims, Expected, LONGEST_LEEWAY};
pub use errors::{GenerateError, KeyError, Refused};
#[cfg(feature = "feed")]
pub use guard::Unreachable;
pub use guard::{Builder, Guard, Staleness};

/// No token that is made or accepted here comes near this many bytes.
pub(crate) const LONGEST_TOKEN: usize = 16 * 1024;
