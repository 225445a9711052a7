//! The document of a sector (Registration §5), fetched when a client that names it is registered.

use super::{FlowError, Provider};
use crate::oidc::client::ClientMetadata;
use crate::oidc::error::OAuthError;
use crate::oidc::registration::{Problem, dynamic};
use crate::oidc::sector;

/// The most bytes of the document: a thousand redirect URIs of common length.
const LONGEST: usize = 128 * 1024;
/// What a problem with it is about.
const FIELD: &str = "sector_identifier_uri";

/// Whether the client's `sector_identifier_uri`, if it has one, leads to a document that names all of its redirect URIs.
/// Fetched through the guarded client, and without a transaction, which must not be held while others answer.
///
/// Why nothing came is for our log alone: who registers a client could find out by it what there is inside our network.
///
/// # Errors
/// When the client for the application's private networks can't be had.
pub async fn check(
    provider: &Provider,
    metadata: &ClientMetadata,
) -> Result<Result<(), Problem>, FlowError> {
    let Some(uri) = &metadata.sector_identifier_uri else {
        return Ok(Ok(()));
    };
    let problem = |message: String| {
        Ok(Err(Problem {
            field: FIELD,
            message,
        }))
    };
    let outbound = provider.outbound.within(&metadata.private_networks)?;
    let nothing = "the document there could not be fetched".to_owned();
    match outbound.get(uri, "application/json", LONGEST).await {
        Ok(answer) if answer.status == 200 => {
            match sector::names_all(&answer.body, &metadata.redirect_uris) {
                Ok(()) => Ok(Ok(())),
                Err(message) => problem(message),
            }
        }
        Ok(answer) => {
            tracing::warn!(
                uri,
                status = answer.status,
                "a sector's document is not there"
            );
            problem(nothing)
        }
        Err(error) => {
            tracing::warn!(uri, %error, "a sector's document could not be fetched");
            problem(nothing)
        }
    }
}

/// The refusal, in the words of registration, of a client that is `now` otherwise than `before`. What has not changed is
/// not fetched again.
///
/// # Errors
/// As [`check`].
pub(super) async fn refusal(
    provider: &Provider,
    before: Option<&ClientMetadata>,
    now: &ClientMetadata,
) -> Result<Option<OAuthError>, FlowError> {
    if !is_to_be_fetched(before, now) {
        return Ok(None);
    }
    Ok(match check(provider, now).await? {
        Ok(()) => None,
        Err(problem) => dynamic::refusal(&[problem]),
    })
}

/// Whether what the document is to say has changed since it was fetched for `before`.
pub(super) fn is_to_be_fetched(before: Option<&ClientMetadata>, now: &ClientMetadata) -> bool {
    let asks = |metadata: &ClientMetadata| {
        (
            metadata.sector_identifier_uri.clone(),
            metadata.redirect_uris.clone(),
        )
    };
    now.sector_identifier_uri.is_some() && before.map(asks) != Some(asks(now))
}
