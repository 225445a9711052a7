//! The valid example of a service, from which tests change one thing.

use chrono::TimeDelta;
use exeunt::oidc::scope::Scope;
use exeunt::oidc::service::{Service, TokenFormat};

/// What applications send as `resource`.
pub const API: &str = "https://api.example/";
/// Another service.
pub const ARCHIVE: &str = "urn:example:archive";

/// A service whose tokens are JWTs, good for five minutes, and whose scopes are `read` and `write`.
pub fn service(identifier: &str) -> Service {
    Service {
        identifier: identifier.to_owned(),
        name: None,
        format: TokenFormat::Jwt,
        scope: Scope::parse("read write").unwrap(),
        lifetime: TimeDelta::minutes(5),
        claims: Vec::new(),
        clients: None,
    }
}
