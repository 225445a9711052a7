//! Whether a client signed something: with its own keys, registered or published, or with its secret.

use std::sync::Arc;

use chrono::TimeDelta;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};

use super::documents::{Documents, Kind};
use super::{FlowError, Provider, client_secrets};
use crate::jose::{self, ClientJwt, ClientJwtError};
use crate::oidc::client::Client;

/// The claims that a client signed, or why it did not.
pub(super) type Verified = Result<Map<String, Value>, ClientJwtError>;

/// No keys of clients yet. Those at a `jwks_uri` are kept a minute at least, as often as an unknown `kid` may have them
/// fetched again.
pub fn none_known() -> Arc<Documents<Value>> {
    Arc::new(Documents::new(Kind {
        accept: "application/jwk-set+json, application/json",
        longest: 64 * 1024,
        read: jose::read_client_jwks,
        least: TimeDelta::minutes(1),
        unsaid: TimeDelta::hours(1),
    }))
}

/// The claims, if one of the client's public keys signed them (Core §10.1). Its keys are fetched again when none of
/// them is the one (§10.1.1), though seldom.
///
/// # Errors
/// When we can't tell.
pub(super) async fn verify(
    provider: &Provider,
    client: &Client,
    jwt: &ClientJwt<'_>,
) -> Result<Verified, FlowError> {
    if jwt.algorithm().by_private_key().is_none() {
        return Ok(Err(ClientJwtError::Algorithm));
    }
    if let Some(jwks) = &client.metadata.jwks {
        return Ok(jwt.verify(jwks));
    }
    let Some(uri) = &client.metadata.jwks_uri else {
        return Ok(Err(ClientJwtError::NoKey));
    };
    let documents = &provider.client_keys;
    let Some(jwks) = documents.current(provider, client, uri).await? else {
        return Ok(Err(ClientJwtError::Unavailable));
    };
    let verified = jwt.verify(&jwks);
    let may_have_changed = match verified {
        Err(ClientJwtError::NoKey) => true,
        Err(ClientJwtError::Signature) => !jwt.has_kid(),
        _ => false,
    };
    if may_have_changed && let Some(newer) = documents.newer(provider, client, uri, &jwks).await? {
        return Ok(jwt.verify(&newer));
    }
    Ok(verified)
}

/// The claims, if the client's secret signed them. One that is kept for comparing alone signs nothing.
///
/// # Errors
/// When the secret does not open.
pub(super) fn verify_with_secret(
    provider: &Provider,
    client: &Client,
    jwt: &ClientJwt<'_>,
) -> Result<Verified, FlowError> {
    if jwt.algorithm().least_secret().is_none() {
        return Ok(Err(ClientJwtError::Algorithm));
    }
    Ok(match client_secrets::signing_secret(provider, client)? {
        Some(secret) => jwt.verify_with_secret(secret.expose_secret()),
        None => Err(ClientJwtError::NoKey),
    })
}
