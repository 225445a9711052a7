//! POSTs from other sites. A browser sends them without our cookies; so they are kept, and come back by GET, where the
//! cookies come along.

use actix_web::{HttpRequest, HttpResponse};

use super::error::{PageError, see_other};
use super::visitor::Visitor;
use crate::flows::authorize::{self, NotParked};
use crate::oidc::error::OAuthError;
use crate::oidc::params::Params;

/// The parameter under which a kept POST comes back.
const PARKED: &str = "parked";

/// The parameters of a GET: its own, or those of the POST that it brings back. None where they were brought back before, or
/// nobody kept any.
///
/// # Errors
/// When they are malformed, or the database fails.
pub(super) async fn of_get(
    visitor: &Visitor,
    request: &HttpRequest,
) -> Result<Option<Params>, PageError> {
    let params = Params::parse(request.query_string().as_bytes())?;
    match params.get(PARKED) {
        Some(handle) => Ok(authorize::take_post(&visitor.provider, handle).await?),
        None => Ok(Some(params)),
    }
}

/// Whether a GET brings back a kept POST. Only GET may look: it is kept for one look.
pub(super) fn is_kept(params: &Params) -> bool {
    params.get(PARKED).is_some()
}

/// The parameters of a POST: in its body alone.
///
/// # Errors
/// When they are malformed or there is a query.
pub(super) fn of_post(request: &HttpRequest, body: &[u8]) -> Result<Params, PageError> {
    if !request.query_string().is_empty() {
        return Err(OAuthError::invalid_request("a POST has its parameters in its body").into());
    }
    Ok(Params::parse(body)?)
}

/// Keeps a POST and sends the browser to bring it back to `path`.
///
/// # Errors
/// When the database fails, there are too many from this address, or it is too long.
pub(super) async fn come_back(
    visitor: &Visitor,
    path: &str,
    params: &Params,
) -> Result<HttpResponse, PageError> {
    let provider = &visitor.provider;
    let parked = authorize::park_post(provider, params, visitor.address).await?;
    let handle = parked.map_err(|why| not_parked(visitor, why))?;
    Ok(see_other(
        &visitor.path(&format!("{path}?{PARKED}={handle}")),
    ))
}

/// The page that says why a request was not kept.
pub(super) fn not_parked(visitor: &Visitor, why: NotParked) -> PageError {
    match why {
        NotParked::TooOften(again_at) => {
            PageError::TooOften(again_at - visitor.provider.clock.now())
        }
        NotParked::TooLong => PageError::TooLong,
    }
}
