//! Exeunt: an OpenID Connect provider that signs everyone out as dependably as it signs them in.
//!
//! The modules in reading order; imports look down this list only upwards from the bottom:
//! `cli` -> `server` -> `http` -> `flows` -> {`store`, `jose`, `outbound`} -> `oidc`.

pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod flows;
pub mod http;
pub mod jose;
pub mod metrics;
pub mod oidc;
pub mod outbound;
pub mod random;
pub mod server;
pub mod store;
