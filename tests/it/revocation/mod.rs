//! Taking back: the revocation endpoint (RFC 7009), and the log by which services hear of it.

mod concerned;
mod endpoint;
mod feed;
mod log;
mod reader;
