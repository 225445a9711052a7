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

mod base64url;
mod claims;
pub mod cwt;
mod errors;
mod json;
pub mod jwe;
mod jwk;
pub mod jwt;

pub use claims::{Claims, Expected, LONGEST_LEEWAY};
pub use errors::{GenerateError, KeyError, Refused};

/// No token that is made or accepted here comes near this many bytes.
pub(crate) const LONGEST_TOKEN: usize = 16 * 1024;
