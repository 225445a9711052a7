//! The modules of the OpenID Foundation's conformance suite for providers, each as a test of its name: it does what the
//! module does, in every variant in which a certification plan runs it, and fails where the module fails or warns.
//!
//! `plans` has the plans; `house`, `desk`, `party` and `run` what every module begins with; `checks` what it always looks at;
//! `table` makes the table of `docs/conformance.md`; `ready` tries what stands beside it for running the suite itself.

mod base;
mod channels;
mod checks;
mod codes;
mod desk;
mod house;
mod keys;
mod links;
mod logout;
mod metadata;
mod objects;
mod parameters;
mod party;
mod plans;
mod ready;
mod refusals;
mod registered;
mod relying_parties;
mod run;
mod session_management;
mod signing_in;
mod table;
mod told;
