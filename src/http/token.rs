//! The token endpoint (RFC 6749 §3.2): authenticates the client, then lets it have what it may.

use super::error::{failure, refusal, unavailable};
use crate::flows::authenticate_client::authenticate;
use crate::flows::exchange::{self, Exchanger};
use crate::flows::redeem::{self, CodeGrant};
use crate::flows::{FlowError, Provider, authenticate_service, refresh, services};
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::params::Params;
use crate::oidc::token::client_auth::PresentedCredentials;
use crate::oidc::token::exchange::GRANT_TYPE;
use crate::oidc::token::{GrantRequest, TokenResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};

/// Why a program that asks in the name of a client gets nothing.
pub(super) enum Refusal {
    /// The client's to mend.
    Refused(OAuthError),
    /// Ours.
    Failed(FlowError),
}

impl Refusal {
    /// The answer to the request.
    pub(super) fn response(&self) -> HttpResponse {
        match self {
            Self::Refused(error) => refused(error),
            Self::Failed(error) => failure(error),
        }
    }
}

impl From<OAuthError> for Refusal {
    fn from(error: OAuthError) -> Self {
        Self::Refused(error)
    }
}

impl From<FlowError> for Refusal {
    fn from(error: FlowError) -> Self {
        Self::Failed(error)
    }
}

/// POST.
pub(super) async fn post(
    provider: web::Data<Provider>,
    request: HttpRequest,
    body: Bytes,
) -> HttpResponse {
    match answer(&provider, &request, &body).await {
        Ok(tokens) => HttpResponse::Ok().json(tokens),
        Err(refusal) => refusal.response(),
    }
}

async fn answer(
    provider: &Provider,
    request: &HttpRequest,
    body: &[u8],
) -> Result<TokenResponse, Refusal> {
    let form = form(request, body)?;
    let presented = credentials(request, &form)?;
    if form.get("grant_type") == Some(GRANT_TYPE) {
        let exchanger = exchanger(provider, request, &presented).await?;
        return Ok(exchange::exchange(provider, &exchanger, &form).await??);
    }
    let client = authenticate(provider, &presented).await??;
    let named = services::named(provider, &form).await?;
    match GrantRequest::parse(&form, &client, &provider.config.issuer, &named)? {
        GrantRequest::AuthorizationCode {
            code,
            redirect_uri,
            code_verifier,
            service,
        } => {
            let code = CodeGrant {
                code: &code,
                redirect_uri: &redirect_uri,
                code_verifier: code_verifier.as_deref(),
                service: service.as_ref(),
            };
            Ok(redeem::redeem_code(provider, &client, &code).await??)
        }
        GrantRequest::RefreshToken {
            refresh_token,
            scope,
            service,
        } => {
            let (scope, service) = (scope.as_ref(), service.as_ref());
            Ok(refresh::refresh(provider, &client, &refresh_token, scope, service).await??)
        }
        GrantRequest::ClientCredentials { scope, service } => {
            Ok(redeem::client_credentials(provider, &client, scope, service).await??)
        }
    }
}

/// Who exchanges a token: a client or, by HTTP Basic, a service. One that proves nothing could be whoever has found a token.
async fn exchanger(
    provider: &Provider,
    request: &HttpRequest,
    presented: &PresentedCredentials,
) -> Result<Exchanger, Refusal> {
    if let PresentedCredentials::Basic { .. } = presented
        && let Ok(service) = authenticate_service(provider, authorization(request)?).await?
    {
        return Ok(Exchanger::Service(service.identifier));
    }
    let client = authenticate(provider, presented).await??;
    if client.is_public() {
        let proof = "a public client proves nothing, and so exchanges nothing";
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, proof).into());
    }
    Ok(Exchanger::Client(Box::new(client)))
}

/// The form of a request that has its parameters nowhere else (attack 21).
///
/// # Errors
/// `invalid_request`.
pub(super) fn form(request: &HttpRequest, body: &[u8]) -> Result<Params, OAuthError> {
    if !request.query_string().is_empty() {
        return Err(OAuthError::invalid_request("parameters belong in the body"));
    }
    if !is_form(request) {
        return Err(OAuthError::invalid_request(
            "the body must be application/x-www-form-urlencoded",
        ));
    }
    Params::parse(body)
}

/// Whether the body is one.
pub(super) fn is_form(request: &HttpRequest) -> bool {
    let media_type = request.headers().get(CONTENT_TYPE);
    let media_type = media_type.and_then(|value| value.to_str().ok());
    media_type.is_some_and(|media_type| {
        let essence = media_type.split(';').next().unwrap_or_default();
        essence
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}

/// What the request presents to prove who asks.
///
/// # Errors
/// As [`PresentedCredentials::read`].
pub(super) fn credentials(
    request: &HttpRequest,
    form: &Params,
) -> Result<PresentedCredentials, OAuthError> {
    PresentedCredentials::read(authorization(request)?, form)
}

/// The Authorization header, if there is one.
///
/// # Errors
/// `invalid_client` when it is no text, `invalid_request` when there are several, of which another reader might take
/// another one.
pub(super) fn authorization(request: &HttpRequest) -> Result<Option<&str>, OAuthError> {
    let mut all = request.headers().get_all(AUTHORIZATION);
    let header = all.next().map(HeaderValue::to_str);
    if all.next().is_some() {
        let twice = "the Authorization header is sent more than once";
        return Err(OAuthError::invalid_request(twice));
    }
    match header {
        None => Ok(None),
        Some(Ok(header)) => Ok(Some(header)),
        Some(Err(_)) => Err(OAuthError::invalid_client(
            "the Authorization header is malformed",
        )),
    }
}

/// RFC 6749 §5.2: 401 with a challenge (RFC 9110 §15.5.2) where the client failed to prove who it is, 503 where somebody else keeps us from
/// saying, else 400.
pub(super) fn refused(refused: &OAuthError) -> HttpResponse {
    if refused.error == ErrorCode::TemporarilyUnavailable {
        return unavailable(refused);
    }
    if refused.error != ErrorCode::InvalidClient {
        return refusal(StatusCode::BAD_REQUEST, refused);
    }
    let mut response = refusal(StatusCode::UNAUTHORIZED, refused);
    let challenge = HeaderValue::from_static("Basic realm=\"token\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}
