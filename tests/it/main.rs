//! The integration tests: one binary, one file per feature, through the front door.
//!
//! What needs more than Rust (Chromium, PostgreSQL, Redis) is `#[ignore]`d with the reason; `scripts/test` runs it all.

// `cfg(test)` tells clippy that these are tests, where `unwrap` is welcome.
#[cfg(test)]
mod account;
#[cfg(test)]
mod acknowledge;
mod activity;
#[cfg(test)]
mod administrators;
#[cfg(test)]
mod any_request;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod authorize;
#[cfg(test)]
mod backchannel;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod bus;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod claims_parameter;
#[cfg(test)]
mod client_authentication;
#[cfg(test)]
mod client_keys;
#[cfg(test)]
mod client_secret_jwt;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod compose;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod consent;
#[cfg(test)]
mod cors;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod crowd;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod egress;
#[cfg(test)]
mod end_session;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod exchange;
#[cfg(test)]
mod failing_database;
#[cfg(test)]
mod frontchannel;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod hostile_clients;
#[cfg(test)]
mod http2;
#[cfg(test)]
mod in_a_browser;
#[cfg(test)]
mod initiate_login;
#[cfg(test)]
mod introspection;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod keys_by_age;
#[cfg(test)]
mod layering;
#[cfg(test)]
mod lock_order;
#[cfg(test)]
mod logos;
mod lost_answers;
mod master_key;
#[cfg(test)]
mod pairwise;
#[cfg(test)]
mod prompts;
#[cfg(test)]
mod proxies;
#[cfg(test)]
mod races;
#[cfg(test)]
mod receipts;
#[cfg(test)]
mod redirect_uris;
#[cfg(test)]
mod refresh;
#[cfg(test)]
mod registration;
#[cfg(test)]
mod request_objects;
#[cfg(test)]
mod response_types;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod screenshots;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod services;
#[cfg(test)]
mod session_management;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod shut_out;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod signed_answers;
#[cfg(test)]
mod storm;
#[cfg(test)]
mod support;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod termination;
#[cfg(test)]
mod throttles;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod token;
#[cfg(test)]
mod unsent;
#[cfg(test)]
mod upstream;
#[cfg(test)]
mod userinfo;
#[cfg(test)]
mod walk;
