//! THE RULES: what the specifications say, as pure functions over plain values.
//!
//! What belongs here: everything that quotes a specification and needs no I/O. What does not:
//! clocks, randomness, keys, rows, HTTP. A rule takes `now` and finished secrets as arguments.
//!
//! | Specification | Module |
//! |---|---|
//! | OpenID Connect Core §3.1.2, RFC 6749 §4.1, RFC 9207 | [`authorization`] |
//! | OpenID Connect Core §2, §3.1.3, §9, §12, RFC 6749 §5, RFC 7523, RFC 9068 | [`token`] |
//! | RP-Initiated, Back-Channel and Front-Channel Logout 1.0 | [`logout`] |
//! | Session Management 1.0 | [`session_state`] |
//! | OpenID Connect Core §4 | [`initiate_login`] |
//! | OpenID Connect Core §5.1, §5.4, §5.5 | [`claims`], [`permission`] |
//! | OpenID Connect Core §8 | [`sector`] |
//! | OpenID Connect Discovery §3, RFC 8414 | [`discovery`], [`issuer`] |
//! | Dynamic Client Registration §2, RFC 7591 §2, RFC 8252 | [`client`], [`registration`], [`logo`] |
//! | RFC 6749 §3.3 | [`scope`] |
//! | RFC 7517 | [`jwks`] |
//! | RFC 7636 | [`pkce`] |
//! | RFC 8707 | [`resource`], [`service`] |
//! | Token Status List | [`status_list`] |

pub mod algorithm;
pub mod authorization;
pub mod claims;
pub mod client;
pub mod discovery;
pub mod duration;
pub mod error;
pub mod initiate_login;
pub mod issuer;
pub mod json;
pub mod jwks;
pub mod logo;
pub mod logout;
pub mod params;
pub mod permission;
pub mod pkce;
pub mod registration;
pub mod resource;
pub mod revocation;
pub mod scope;
pub mod sector;
pub mod service;
pub mod session_state;
pub mod status_list;
pub mod token;
pub mod upstream;
pub mod uri;
