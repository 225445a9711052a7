//! The revocation endpoint (RFC 7009).

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};

use super::error::refusal;
use super::token::{Refusal, credentials, form, refused};
use crate::flows::authenticate_client::authenticate;
use crate::flows::{FlowError, Provider, revoke};
use crate::oidc::error::{ErrorCode, OAuthError};

/// When to try again while it can't be told whether the token was taken back, in seconds.
const SOON: HeaderValue = HeaderValue::from_static("10");

/// POST.
pub(super) async fn post(
    provider: web::Data<Provider>,
    request: HttpRequest,
    body: Bytes,
) -> HttpResponse {
    match answer(&provider, &request, &body).await {
        Ok(()) => HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "no-store"))
            .finish(),
        Err(Refusal::Refused(refusal)) => refused(&refusal),
        Err(Refusal::Failed(error)) => failure(&error),
    }
}

async fn answer(provider: &Provider, request: &HttpRequest, body: &[u8]) -> Result<(), Refusal> {
    let form = form(request, body)?;
    let presented = credentials(request, &form)?;
    let client = authenticate(provider, &presented).await??;
    let Some(token) = form.get("token") else {
        return Err(OAuthError::invalid_request("token is missing").into());
    };
    Ok(revoke::revoke(provider, &client, token).await??)
}

/// §2.2.1: whatever went wrong with us, "the client must assume the token still exists".
fn failure(error: &FlowError) -> HttpResponse {
    tracing::error!(%error, "a token could not be taken back");
    let ours = OAuthError::new(
        ErrorCode::TemporarilyUnavailable,
        "the token is as good as it was; try again",
    );
    let mut response = refusal(StatusCode::SERVICE_UNAVAILABLE, &ours);
    response.headers_mut().insert(RETRY_AFTER, SOON);
    response
}
