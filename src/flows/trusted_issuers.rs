//! Whether a trusted issuer signed something: with the keys that it publishes, found by discovery (Discovery §4).

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Map, Value};

use super::documents::{Documents, Kind};
use super::{FlowError, Provider};
use crate::jose::{self, ClientJwt, ClientJwtError};
use crate::oidc::json::object;
use crate::oidc::token::exchange::trusted::TrustedIssuer;

/// What trusted issuers publish.
pub struct IssuersDocuments {
    /// Where their keys are.
    discovery: Arc<Documents<Discovered>>,
    /// Their keys.
    keys: Arc<Documents<Value>>,
}

/// What of an issuer's metadata counts here.
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

/// None yet. What an issuer publishes is kept a minute at least, as often as an unknown `kid` may have it fetched again.
pub fn none_known() -> Arc<IssuersDocuments> {
    Arc::new(IssuersDocuments {
        discovery: Arc::new(Documents::new(kind(read_metadata))),
        keys: Arc::new(Documents::new(kind(jose::read_client_jwks))),
    })
}

fn kind<T>(read: fn(&[u8]) -> Option<T>) -> Kind<T> {
    Kind {
        accept: "application/json, application/jwk-set+json",
        longest: 64 * 1024,
        read,
        least: TimeDelta::minutes(1),
        unsaid: TimeDelta::hours(1),
    }
}

fn read_metadata(json: &[u8]) -> Option<Discovered> {
    let metadata = object(json)?;
    let text = |name: &str| Some(metadata.get(name)?.as_str()?.to_owned());
    Some(Discovered {
        issuer: text("issuer")?,
        jwks_uri: text("jwks_uri")?,
    })
}

/// What comes of looking at a token of a trusted issuer's.
pub(super) enum Checked {
    /// It signed these claims.
    Signed(Map<String, Value>),
    /// It did not.
    NotSigned,
    /// Its keys can't be had, so nobody knows.
    Unavailable,
}

/// Whether the issuer signed it, with an algorithm that was declared. Its keys are fetched again when none of them is the
/// one, though seldom.
///
/// # Errors
/// When we can't tell.
pub(super) async fn verify(
    provider: &Provider,
    trusted: &TrustedIssuer,
    jwt: &ClientJwt<'_>,
) -> Result<Checked, FlowError> {
    let algorithm = jwt.algorithm().by_private_key();
    if !algorithm.is_some_and(|algorithm| trusted.algorithms.contains(&algorithm)) {
        return Ok(Checked::NotSigned);
    }
    let documents = &provider.issuers;
    let discovery = trusted.discovery();
    let found = documents.discovery.current(provider, trusted, &discovery);
    // §4.3: metadata that is another's would bring another's keys.
    let found = found.await?.filter(|found| found.issuer == trusted.issuer);
    let Some(found) = found else {
        tracing::warn!(
            issuer = trusted.issuer,
            "a trusted issuer's metadata can't be had"
        );
        return Ok(Checked::Unavailable);
    };
    let uri = &found.jwks_uri;
    let Some(jwks) = documents.keys.current(provider, trusted, uri).await? else {
        return Ok(Checked::Unavailable);
    };
    let verified = jwt.verify(&jwks);
    let may_have_changed = match verified {
        Err(ClientJwtError::NoKey) => true,
        Err(ClientJwtError::Signature) => !jwt.has_kid(),
        _ => false,
    };
    let verified = match may_have_changed {
        true => match documents.keys.newer(provider, trusted, uri, &jwks).await? {
            Some(newer) => jwt.verify(&newer),
            None => verified,
        },
        false => verified,
    };
    Ok(verified.map_or(Checked::NotSigned, Checked::Signed))
}
