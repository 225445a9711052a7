//! The way out: the one HTTP client through which Exeunt talks to others, and what keeps it from harm.
//!
//! Whatever opens a connection to someone else belongs here. What is sent, and what an answer means, does not.

pub mod client;
pub mod guard;
pub mod resolver;

pub use client::{Answer, Limits, Outbound, OutboundError, RetryAfter};
pub use guard::{Guard, Refused};
pub use resolver::{Resolver, SystemResolver};
