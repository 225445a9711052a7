//! The integration tests: one binary, one file per feature, through the front door.
//!
//! What needs more than Rust (Chromium, PostgreSQL) is `#[ignore]`d with the reason; `scripts/test` runs it all.

// `cfg(test)` tells clippy that these are tests, where `unwrap` is welcome.
#[cfg(test)]
mod backchannel;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod end_session;
#[cfg(test)]
mod frontchannel;
#[cfg(test)]
mod in_a_browser;
#[cfg(test)]
mod layering;
#[cfg(test)]
mod races;
#[cfg(test)]
mod receipts;
#[cfg(test)]
mod screenshots;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod support;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod walk;
