//! Services (resource servers): who they are, and the tokens for them.

mod asking;
mod authenticating;
mod consent;
mod encrypted;
mod formats;
mod reader;
mod status;
mod taken_back;
mod tokens;
