//! Exeunt: an OpenID Connect provider that signs everyone out as dependably as it signs them in.
//!
//! The modules in reading order; imports look down this list only upwards from the bottom:
//! `cli` -> `server` -> `http` -> `flows` -> {`store`, `jose`, `outbound`} -> `oidc`.

pub mod clock;
pub mod http;
pub mod random;
