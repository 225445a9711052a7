//! The introspection endpoint (RFC 7662): JSON, or a JWT for who prefers that (RFC 9701).

use actix_web::http::header::{ACCEPT, CACHE_CONTROL, VARY};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};

use super::token::{Refusal, authorization, credentials, form};
use crate::flows::authenticate_client::authenticate;
use crate::flows::introspect::{self, Asker};
use crate::flows::{Provider, authenticate_service};
use crate::oidc::client::ClientAuthMethod;
use crate::oidc::error::OAuthError;
use crate::oidc::params::Params;
use crate::oidc::token::client_auth::PresentedCredentials;
use crate::oidc::token::introspection::MEDIA_TYPE;

/// POST.
pub(super) async fn post(
    provider: web::Data<Provider>,
    request: HttpRequest,
    body: Bytes,
) -> HttpResponse {
    answer(&provider, &request, &body)
        .await
        .unwrap_or_else(|refusal| refusal.response())
}

async fn answer(
    provider: &Provider,
    request: &HttpRequest,
    body: &[u8],
) -> Result<HttpResponse, Refusal> {
    let form = form(request, body)?;
    let asker = asker(provider, request, &form).await?;
    let Some(token) = form.get("token") else {
        return Err(OAuthError::invalid_request("token is missing").into());
    };
    let told = introspect::introspect(provider, &asker, token).await?;
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((VARY, "Accept"));
    if !wants_jwt(request) {
        return Ok(answer.json(told));
    }
    let signed = introspect::sign(provider, &asker, told)?;
    Ok(answer.content_type(MEDIA_TYPE).body(signed))
}

/// Who asks, once they have proven it: §2.1 wants that, or anybody could try tokens here.
async fn asker(
    provider: &Provider,
    request: &HttpRequest,
    form: &Params,
) -> Result<Asker, Refusal> {
    let presented = credentials(request, form)?;
    if let PresentedCredentials::Basic { .. } = presented
        && let Ok(service) = authenticate_service(provider, authorization(request)?).await?
    {
        return Ok(Asker::Service(service.identifier));
    }
    let client = authenticate(provider, &presented).await??;
    if client.metadata.token_endpoint_auth_method == ClientAuthMethod::None {
        return Err(OAuthError::invalid_client("a public client proves nothing here").into());
    }
    Ok(Asker::Client(Box::new(client)))
}

/// RFC 9701 §4: who accepts the media type by its name prefers it.
fn wants_jwt(request: &HttpRequest) -> bool {
    let accepted = request.headers().get_all(ACCEPT);
    accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|range| {
            let essence = range.split(';').next().unwrap_or_default();
            essence.trim().eq_ignore_ascii_case(MEDIA_TYPE)
        })
}
