//! Sign-out: RP-Initiated, Back-Channel and Front-Channel Logout 1.0.

mod facts;

pub use facts::{Cause, Channel, DeliveryState};
