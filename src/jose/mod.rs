//! Secrets: keys, and what is signed, verified, sealed and hashed with them.
//!
//! What holds or touches a private key, a shared secret or a password belongs here. What a token must *say* does not:
//! those rules are pure and live in `oidc`; the rows that keep keys and hashes live in `store`.

pub mod client_jwt;
pub mod client_keys;
pub mod jws;
pub mod keys;
pub mod master;
pub mod password;
pub mod reference;
pub mod ring;
pub mod schedule;
pub mod service_keys;
mod strict;
#[cfg(test)]
mod tests;

pub use client_jwt::{ClientJwt, ClientJwtError};
pub use client_keys::{check_client_jwks, read_client_jwks};
pub use jws::{JwsError, SigningFailed, sign, unsigned, verify_own};
pub use keys::{KeyError, SigningKey, StoredKey};
pub use master::{HashPurpose, MasterKey, OpenError};
pub use password::{PasswordError, PasswordHash, PasswordPool};
pub use reference::{open_reference, seal_reference};
pub use ring::{Jwks, KeyRing};
pub use schedule::Schedule;
pub use service_keys::{
    ServiceTokenError, SharedKey, TOKENS_PER_KEY, encrypt_to, hash_of_token, read_service_jwks,
};
