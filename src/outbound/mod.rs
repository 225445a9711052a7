//! The way out: the one HTTP client through which Exeunt talks to others, and what keeps it from harm; and the
//! connection to Redis. What asks ourselves is here too, and is for nothing else.
//!
//! Whatever opens a connection to someone else belongs here. What is sent, and what an answer means, does not.

pub mod bus;
pub mod client;
mod freshness;
pub mod guard;
mod probe;
pub mod resolver;
#[cfg(test)]
mod tests;

pub use bus::{Bus, BusError};
pub use client::{Answer, Limits, Outbound, OutboundError, RetryAfter, SetupError};
pub use guard::{Guard, Refused};
pub use probe::probe;
pub use resolver::{Resolver, SystemResolver};
