//! A request that comes as a JWT becomes one of plain parameters: read once, whatever pages the person sees after it.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Map, Value};

use super::documents::{Documents, Kind};
use super::{FlowError, Provider, client_keys};
use crate::jose::{ClientJwt, ClientJwtError};
use crate::oidc::algorithm::ClientAlgorithm;
use crate::oidc::authorization::request_object::{self, Carrier, TYPE};
use crate::oidc::client::Client;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::params::Params;

/// No objects yet. They are kept a few seconds at least, so that a crowd has them fetched once, and not long where
/// nothing is said of it; who needs others at once says so by the fragment.
pub fn none_known() -> Arc<Documents<String>> {
    Arc::new(Documents::new(Kind {
        accept: "application/oauth-authz-req+jwt, application/jwt",
        longest: 16 * 1024,
        read: compact_jws,
        least: TimeDelta::seconds(5),
        unsaid: TimeDelta::minutes(1),
    }))
}

/// The parameters of a request that brings an object, or why that is not sound; none if it brings none.
///
/// # Errors
/// When we can't tell.
pub async fn resolve(
    provider: &Provider,
    client: &Client,
    params: &Params,
) -> Result<Option<Result<Params, OAuthError>>, FlowError> {
    let fetched;
    let object = match Carrier::of(params, client) {
        Ok(None) => return Ok(None),
        Ok(Some(Carrier::Value(object))) => object,
        Ok(Some(Carrier::Reference(uri))) => {
            let documents = &provider.request_objects;
            let Some(document) = documents.current(provider, client, uri).await? else {
                return Ok(Some(Err(OAuthError::new(
                    ErrorCode::InvalidRequestUri,
                    "the request object at request_uri can't be had",
                ))));
            };
            fetched = document;
            fetched.as_str()
        }
        Err(refusal) => return Ok(Some(Err(refusal))),
    };
    let claims = match read(provider, client, object).await? {
        Ok(claims) => claims,
        Err(refusal) => return Ok(Some(Err(refusal))),
    };
    let (issuer, now) = (&provider.config.issuer, provider.clock.now());
    let merged = request_object::merge(params, &claims, client, issuer, now);
    Ok(Some(merged))
}

/// What the object claims, if it is signed as the client's objects are.
async fn read(
    provider: &Provider,
    client: &Client,
    object: &str,
) -> Result<Result<Map<String, Value>, OAuthError>, FlowError> {
    let refuse = |error: ClientJwtError| request_object::refuse(error.to_string());
    let jwt = match ClientJwt::read(object, TYPE) {
        Ok(jwt) => jwt,
        Err(error) => return Ok(Err(refuse(error))),
    };
    let algorithm = jwt.algorithm();
    if let Err(refusal) = request_object::check_algorithm(client, algorithm) {
        return Ok(Err(refusal));
    }
    let claims = if algorithm == ClientAlgorithm::None {
        jwt.read_unsigned()
    } else if algorithm.least_secret().is_some() {
        client_keys::verify_with_secret(provider, client, &jwt)?
    } else {
        client_keys::verify(provider, client, &jwt).await?
    };
    Ok(claims.map_err(refuse))
}

/// What looks like a compact JWS, without the white space around it. Anything else is nothing that we fetched.
fn compact_jws(bytes: &[u8]) -> Option<String> {
    let text = str::from_utf8(bytes).ok()?.trim_ascii();
    let base64url = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let parts: Vec<&str> = text.split('.').collect();
    let fits = parts.len() == 3 && !parts[0].is_empty() && parts.iter().all(|part| base64url(part));
    fits.then(|| text.to_owned())
}
