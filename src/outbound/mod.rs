//! The way out: the one HTTP client through which Exeunt talks to others, and what keeps it from harm; and the
//! connection to Redis.
//!
//! Whatever opens a connection to someone else belongs here. What is sent, and what an answer means, does not.

pub mod bus;
pub mod client;
mod freshness;
pub mod guard;
pub mod resolver;
#[cfg(test)]
mod tests;

pub use bus::{Bus, BusError};
pub use client::{Answer, Limits, Outbound, OutboundError, RetryAfter, SetupError};
pub use guard::{Guard, Refused};
pub use resolver::{Resolver, SystemResolver};
