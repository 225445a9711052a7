//! Services (resource servers): who they are, and the tokens for them.

mod authenticating;
