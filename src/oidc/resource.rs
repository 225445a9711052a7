//! Whom access tokens are for (RFC 8707, RFC 9068 §3).

use crate::oidc::client::Client;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::issuer::Issuer;
use crate::oidc::params::Params;

/// The `aud` of a client's access tokens: what it registered, else the issuer.
pub fn audience<'a>(client: &'a Client, issuer: &'a Issuer) -> &'a str {
    client
        .metadata
        .access_token_audience
        .as_deref()
        .unwrap_or(issuer.as_str())
}

/// Every `resource` asked for must be the one the client's tokens are for (RFC 8707 §2).
///
/// # Errors
/// `invalid_target`.
pub fn check(params: &Params, client: &Client, issuer: &Issuer) -> Result<(), OAuthError> {
    let audience = audience(client, issuer);
    match params.all("resource").find(|asked| *asked != audience) {
        None => Ok(()),
        Some(_) => Err(OAuthError::new(
            ErrorCode::InvalidTarget,
            format!("the resource is unknown; tokens of this client are for {audience}"),
        )),
    }
}
