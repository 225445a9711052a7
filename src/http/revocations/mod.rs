//! The feed of what was taken back, for services (docs/revocation.md): by long polling, as server-sent events, and as a
//! snapshot to begin with. A service proves who it is, and hears of its own tokens alone.

mod events;
mod snapshot;
mod waiters;

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, HeaderName, HeaderValue, RETRY_AFTER, VARY};
use actix_web::web;
use actix_web::{HttpRequest, HttpResponse};
use chrono::TimeDelta;
use serde_json::json;

pub(super) use self::snapshot::{get as snapshot, head as head_of_snapshot};
pub(super) use self::waiters::Waiters;

use super::error::refusal;
use super::token::{Refusal, authorization};
use crate::flows::revocations::hearing::{self, Heard};
use crate::flows::{Provider, authenticate_service};
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::params::Params;
use crate::oidc::revocation::Piece;
use crate::oidc::service::Service;

/// The longest that a request waits for something to come.
const LONGEST_WAIT: i64 = 60;
/// Where a reader of events says how far it read.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What a request asks for.
struct Asked {
    after: i64,
    wait: TimeDelta,
    as_events: bool,
}

/// GET.
pub(super) async fn get(
    provider: web::Data<Provider>,
    waiters: web::Data<Waiters>,
    request: HttpRequest,
) -> HttpResponse {
    answer(provider, Some(&waiters), &request)
        .await
        .unwrap_or_else(|refusal| refusal.response())
}

/// HEAD: told at once what GET would be by what is there now. It waits for nothing, and takes no place of those who do.
pub(super) async fn head(provider: web::Data<Provider>, request: HttpRequest) -> HttpResponse {
    answer(provider, None, &request)
        .await
        .unwrap_or_else(|refusal| refusal.response())
}

/// The service that asks.
async fn service(provider: &Provider, request: &HttpRequest) -> Result<Service, Refusal> {
    let header = authorization(request)?;
    Ok(authenticate_service(provider, header).await??)
}

/// Without `waiters` nobody may wait.
async fn answer(
    provider: web::Data<Provider>,
    waiters: Option<&Waiters>,
    request: &HttpRequest,
) -> Result<HttpResponse, Refusal> {
    let service = service(&provider, request).await?;
    let asked = Asked::read(request)?;
    let Some(heard) = hearing::hear(&provider, &service, asked.after).await? else {
        return Ok(gone());
    };
    let Some(waiters) = waiters else {
        return Ok(match asked.as_events {
            true => events::head(),
            false => told(&heard),
        });
    };
    let identifier = service.identifier;
    if asked.as_events {
        return Ok(match waiters.admit(&identifier) {
            Some(waiter) => events::stream(provider.clone(), identifier, asked.after, waiter),
            None => busy(),
        });
    }
    if !heard.entries.is_empty() || asked.wait.is_zero() {
        return Ok(told(&heard));
    }
    let Some(_waiter) = waiters.admit(&identifier) else {
        return Ok(busy());
    };
    let deadline = provider.clock.now() + asked.wait;
    let heard = hearing::wait_for_more(&provider, &identifier, asked.after, deadline).await?;
    match heard {
        Heard::Piece(heard) => Ok(told(&heard)),
        Heard::Gone => Ok(gone()),
        Heard::ShutOut => Err(OAuthError::invalid_client("the service is shut out").into()),
    }
}

impl Asked {
    /// # Errors
    /// `invalid_request`.
    fn read(request: &HttpRequest) -> Result<Self, OAuthError> {
        let query = Params::parse(request.query_string().as_bytes())?;
        let number = |name: &'static str| match query.get(name) {
            None => Ok(None),
            Some(text) => match text.parse::<i64>() {
                Ok(number) if number >= 0 => Ok(Some(number)),
                _ => Err(OAuthError::invalid_request(format!("{name} is no number"))),
            },
        };
        let header = request.headers().get(LAST_EVENT_ID);
        let last_event = header.and_then(|id| id.to_str().ok()?.parse::<i64>().ok());
        let accepted = request.headers().get_all(ACCEPT);
        Ok(Self {
            // A reader that was cut off asks the same address again, and says how far it came.
            after: last_event.or(number("after")?).unwrap_or_default(),
            wait: TimeDelta::seconds(number("wait")?.unwrap_or_default().min(LONGEST_WAIT)),
            as_events: accepted
                .filter_map(|value| value.to_str().ok())
                .any(|value| value.contains("text/event-stream")),
        })
    }
}

fn told(heard: &Piece<'_>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((VARY, "Accept"))
        .json(heard)
}

/// Whoever hears this can't say what is good until it has taken a snapshot.
fn gone() -> HttpResponse {
    HttpResponse::Gone().json(json!({ "error": "gone" }))
}

fn busy() -> HttpResponse {
    let too_many = OAuthError::new(
        ErrorCode::TemporarilyUnavailable,
        "too many requests wait already",
    );
    let mut response = refusal(StatusCode::SERVICE_UNAVAILABLE, &too_many);
    let soon = HeaderValue::from_static("1");
    response.headers_mut().insert(RETRY_AFTER, soon);
    response
}
