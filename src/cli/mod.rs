//! The command line: one file per command, and the arguments of all of them in [`arguments`].
//!
//! What belongs here: reading arguments, printing answers, exit codes. What commands do is done by `flows` and `store`.

pub mod arguments;
pub mod config;
