//! A service proves who it is, as a client with `client_secret_basic` does (RFC 6749 §2.3.1).

use super::{FlowError, Provider};
use crate::jose::HashPurpose;
use crate::oidc::error::OAuthError;
use crate::oidc::service::Service;
use crate::oidc::token::client_auth;
use crate::store::services;

/// What an unknown service and a wrong secret are answered alike, and a service that has none.
const REFUSED: &str = "the service is unknown or its secret is wrong";

/// The service behind an `Authorization` header, or why there is none (`invalid_client`).
///
/// # Errors
/// When we can't tell.
pub async fn authenticate_service(
    provider: &Provider,
    authorization: Option<&str>,
) -> Result<Result<Service, OAuthError>, FlowError> {
    let refused = || Ok(Err(OAuthError::invalid_client(REFUSED)));
    let Some(header) = authorization else {
        return Ok(Err(OAuthError::invalid_client(
            "the service does not say who it is",
        )));
    };
    let (identifier, secret) = match client_auth::read_basic(header) {
        Ok(presented) => presented,
        Err(refusal) => return Ok(Err(refusal)),
    };
    // No service's name has a NUL, and not every database can look for one.
    if identifier.contains('\0') {
        return refused();
    }
    let known = services::find(provider.database.read(), &identifier)
        .await?
        .filter(|known| known.disabled_at.is_none());
    // Compared in any case, so that it takes as long: the hash of nothing matches nothing.
    let stored = known
        .as_ref()
        .and_then(|known| known.secret_hash.as_deref());
    let stored = stored.unwrap_or_default();
    let matches = provider
        .master
        .matches(HashPurpose::ServiceSecret, &secret, stored);
    match known {
        Some(known) if matches => Ok(Ok(known.service)),
        _ => refused(),
    }
}
