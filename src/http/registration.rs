//! Clients register themselves, and look after themselves (Registration 1.0 §3 and §4, RFC 7591, RFC 7592).
//!
//! No script of another origin may ask here: a page would have its visitors register clients, each from an
//! address of their own.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER};
use actix_web::web::{self, Bytes, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};

use super::error::{failure, refusal};
use super::forwarded::ClientAddress;
use super::userinfo::{bearer, challenge};
use crate::clock::Timestamp;
use crate::flows::register::{self, NotAdmitted, NotRegistered, Registered};
use crate::flows::registered::{self, Refused, Told};
use crate::flows::{FlowError, Provider};
use crate::oidc::discovery::REGISTRATION;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::registration::dynamic::{self, RegistrationRequest};

/// The address of one client's registration, below the issuer.
pub(super) const OF_A_CLIENT: &str = "/register/{client_id}";

/// POST at the registration endpoint.
pub(super) async fn post(
    provider: web::Data<Provider>,
    request: HttpRequest,
    body: Bytes,
) -> HttpResponse {
    let address = ClientAddress::of(&request);
    let token = bearer(&request);
    let admission = match register::admit(&provider, token.as_deref(), address).await {
        Ok(Ok(admission)) => admission,
        Ok(Err(NotAdmitted::NoToken)) => return challenge(None),
        Ok(Err(NotAdmitted::WrongToken)) => return wrong_token(),
        Ok(Err(NotAdmitted::TooOften(again_at))) => return too_often(&provider, again_at),
        Err(error) => return failure(&error),
    };
    if let Some(refused) = no_json(&request) {
        return refused;
    }
    let wanted = match RegistrationRequest::parse(&body, &provider.config.registration.offer) {
        Ok(wanted) => wanted,
        Err(refused) => return refusal(StatusCode::BAD_REQUEST, &refused),
    };
    match register::register(&provider, admission, wanted).await {
        Ok(Ok(registered)) => created(&provider, registered),
        Ok(Err(NotRegistered::Refused(refused))) => refusal(StatusCode::BAD_REQUEST, &refused),
        Ok(Err(NotRegistered::TokenUsed)) => wrong_token(),
        Err(error) => failure(&error),
    }
}

/// GET and HEAD at a client's own address.
pub(super) async fn get(
    provider: web::Data<Provider>,
    request: HttpRequest,
    client_id: Path<String>,
) -> HttpResponse {
    let Some(token) = bearer(&request) else {
        return challenge(None);
    };
    let read = registered::read(&provider, &client_id, &token).await;
    told(&provider, read, &token)
}

/// PUT at a client's own address.
pub(super) async fn put(
    provider: web::Data<Provider>,
    request: HttpRequest,
    client_id: Path<String>,
    body: Bytes,
) -> HttpResponse {
    let Some(token) = bearer(&request) else {
        return challenge(None);
    };
    if let Some(refused) = no_json(&request) {
        return refused;
    }
    let wanted = RegistrationRequest::parse(&body, &provider.config.registration.offer);
    let updated = registered::update(&provider, &client_id, &token, wanted).await;
    told(&provider, updated, &token)
}

/// DELETE at a client's own address.
pub(super) async fn delete(
    provider: web::Data<Provider>,
    request: HttpRequest,
    client_id: Path<String>,
) -> HttpResponse {
    let Some(token) = bearer(&request) else {
        return challenge(None);
    };
    match registered::remove(&provider, &client_id, &token).await {
        Ok(Ok(())) => HttpResponse::NoContent().finish(),
        Ok(Err(refused)) => refuse(&provider, &refused),
        Err(error) => failure(&error),
    }
}

/// RFC 7591 §3.2.1. What is secret in it is shown this once.
fn created(provider: &Provider, registered: Registered) -> HttpResponse {
    let told = Told {
        has_secret: registered.client_secret.is_some(),
        client_id: registered.client_id,
        client_secret: registered.client_secret,
        metadata: registered.metadata,
        registered_at: registered.registered_at,
    };
    let body = information(provider, told, &registered.registration_access_token);
    HttpResponse::Created().json(body)
}

fn told(
    provider: &Provider,
    told: Result<Result<Told, Refused>, FlowError>,
    token: &str,
) -> HttpResponse {
    match told {
        Ok(Ok(told)) => HttpResponse::Ok().json(information(provider, told, token)),
        Ok(Err(refused)) => refuse(provider, &refused),
        Err(error) => failure(&error),
    }
}

/// RFC 7592 §3. The token is the one that came with the request: we have its hash alone.
fn information(provider: &Provider, told: Told, token: &str) -> Map<String, Value> {
    let issuer = &provider.config.issuer;
    let uri = issuer.endpoint(&format!("{REGISTRATION}/{}", told.client_id));
    let mut members = dynamic::registered(&told.metadata);
    let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
    add("client_id", told.client_id.into());
    add("client_id_issued_at", told.registered_at.timestamp().into());
    if let Some(secret) = told.client_secret {
        add("client_secret", secret.into());
    }
    if told.has_secret {
        // Never.
        add("client_secret_expires_at", json!(0));
    }
    add("registration_access_token", token.into());
    add("registration_client_uri", uri.into());
    members
}

fn refuse(provider: &Provider, refused: &Refused) -> HttpResponse {
    match refused {
        Refused::Unauthorized => wrong_token(),
        Refused::ShutOut => {
            let shut_out = OAuthError::new(ErrorCode::AccessDenied, "the client is shut out");
            refusal(StatusCode::FORBIDDEN, &shut_out)
        }
        Refused::TooOften(again_at) => too_often(provider, *again_at),
        Refused::Metadata(problem) => refusal(StatusCode::BAD_REQUEST, problem),
    }
}

fn wrong_token() -> HttpResponse {
    challenge(Some(&OAuthError::new(
        ErrorCode::InvalidToken,
        "the token is unknown, used or expired",
    )))
}

fn too_often(provider: &Provider, again_at: Timestamp) -> HttpResponse {
    let refused = OAuthError::new(
        ErrorCode::TemporarilyUnavailable,
        "registrations come too fast; try again later",
    );
    let mut response = refusal(StatusCode::TOO_MANY_REQUESTS, &refused);
    let wait = again_at - provider.clock.now();
    // A second that has begun counts: who comes at its beginning comes too soon.
    let seconds = wait.num_seconds().max(0) + 1;
    response.headers_mut().insert(RETRY_AFTER, seconds.into());
    response
}

/// RFC 7591 §3.1. A form of another site can't say that it is JSON.
fn no_json(request: &HttpRequest) -> Option<HttpResponse> {
    let media_type = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|media_type| media_type.split(';').next());
    let is_json = media_type.is_some_and(|essence| {
        let essence = essence.trim();
        essence.eq_ignore_ascii_case("application/json")
    });
    let refused = OAuthError::new(
        ErrorCode::InvalidClientMetadata,
        "the body must be application/json",
    );
    (!is_json).then(|| refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, &refused))
}
