//! Saying no: to a person by a page, to a program by JSON. The cause is logged once, here, and never shown.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, ContentType, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, Responder, body};
use askama::Template;
use chrono::TimeDelta;
use serde_json::json;

use super::pages::{Comparison, Details, ErrorPage, Problem};
use super::visitor::Visitor;
use crate::flows::FlowError;
use crate::oidc::authorization::Unanswerable;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::store::StoreError;

/// Why a person can't go on.
#[derive(Debug)]
pub(super) enum PageError {
    /// The form or its request is too old, used, or another browser's.
    Expired,
    /// The request names no client that may be spoken with.
    UnknownClient,
    /// The request can't be answered at the client.
    Unanswerable {
        application: String,
        cause: Unanswerable,
    },
    /// The request is malformed.
    BadRequest(OAuthError),
    /// Somebody has come in by this invitation.
    InvitationUsed,
    /// The invitation is of no use any more, or never was.
    InvitationOver,
    /// There is nothing here.
    NotFound,
    /// The address answers to other methods: these.
    MethodNotAllowed(&'static str),
    /// The request is longer than anything that we ask for.
    TooLong,
    /// The request took too long to arrive.
    TooSlow,
    /// This address asks too often; the next request may come after this time.
    TooOften(TimeDelta),
    /// It is our fault.
    Internal(FlowError),
}

impl From<FlowError> for PageError {
    fn from(error: FlowError) -> Self {
        Self::Internal(error)
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<OAuthError> for PageError {
    fn from(error: OAuthError) -> Self {
        Self::BadRequest(error)
    }
}

impl PageError {
    /// The page that says so.
    pub(super) fn page(self, visitor: &Visitor) -> HttpResponse {
        let header = self.header();
        let (status, problem, application, details) = match self {
            Self::Expired => (StatusCode::BAD_REQUEST, Problem::Expired, None, None),
            Self::InvitationUsed => (StatusCode::GONE, Problem::InvitationUsed, None, None),
            Self::InvitationOver => (StatusCode::GONE, Problem::InvitationOver, None, None),
            Self::NotFound => (StatusCode::NOT_FOUND, Problem::NotFound, None, None),
            Self::MethodNotAllowed(_) => (
                StatusCode::METHOD_NOT_ALLOWED,
                Problem::MethodNotAllowed,
                None,
                None,
            ),
            Self::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, Problem::TooLong, None, None),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, Problem::TooSlow, None, None),
            Self::TooOften(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                Problem::TooManyRequests,
                None,
                None,
            ),
            Self::UnknownClient => {
                let details = details(
                    ErrorCode::InvalidRequest,
                    "client_id names no client that is registered here",
                );
                (
                    StatusCode::BAD_REQUEST,
                    Problem::UnknownApplication,
                    None,
                    Some(details),
                )
            }
            Self::BadRequest(refusal) => {
                let details = details(refusal.error, &refusal.description);
                (
                    StatusCode::BAD_REQUEST,
                    Problem::BadRequest,
                    None,
                    Some(details),
                )
            }
            Self::Unanswerable { application, cause } => {
                let mut details = details(ErrorCode::InvalidRequest, &cause.to_string());
                if let Unanswerable::UnknownRedirectUri { received, nearest } = cause {
                    details.comparison = Some(Comparison {
                        received,
                        registered: nearest,
                    });
                }
                (
                    StatusCode::BAD_REQUEST,
                    Problem::AddressNotRegistered,
                    Some(application),
                    Some(details),
                )
            }
            Self::Internal(error) => {
                tracing::error!(%error, request_id = visitor.request_id, "a request failed");
                let (status, problem) = if error.is_passing() {
                    (StatusCode::SERVICE_UNAVAILABLE, Problem::Unavailable)
                } else {
                    (StatusCode::INTERNAL_SERVER_ERROR, Problem::Internal)
                };
                (status, problem, None, None)
            }
        };
        let page = ErrorPage {
            ui: visitor.ui(None),
            problem,
            application,
            details,
        };
        let mut response = html(status, &page);
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
        response
    }

    /// What programs that read no pages are told beside the status.
    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::MethodNotAllowed(allow) => Some((ALLOW, HeaderValue::from_static(allow))),
            // A second that has begun counts: who comes at its beginning comes too soon.
            Self::TooOften(wait) => Some((RETRY_AFTER, (wait.num_seconds() + 1).into())),
            Self::Internal(error) if error.is_passing() => Some((RETRY_AFTER, SOON)),
            _ => None,
        }
    }
}

/// When to come back while the database does not answer, in seconds.
const SOON: HeaderValue = HeaderValue::from_static("10");

/// Says no to a program (RFC 6749 §5.2).
pub(super) fn refusal(status: StatusCode, refusal: &OAuthError) -> HttpResponse {
    HttpResponse::build(status).json(json!({
        "error": refusal.error.as_str(),
        "error_description": refusal.description,
    }))
}

/// Tells a program that it is our fault.
pub(super) fn failure(error: &FlowError) -> HttpResponse {
    let ours = ours(error);
    match ours.error {
        ErrorCode::TemporarilyUnavailable => unavailable(&ours),
        _ => refusal(StatusCode::INTERNAL_SERVER_ERROR, &ours),
    }
}

/// Logs what went wrong with us; answers what programs are told of it.
pub(super) fn ours(error: &FlowError) -> OAuthError {
    tracing::error!(%error, "a request failed");
    if error.is_passing() {
        let now = "we can't answer just now; try again";
        OAuthError::new(ErrorCode::TemporarilyUnavailable, now)
    } else {
        OAuthError::new(ErrorCode::ServerError, "it is our fault; try again")
    }
}

/// Tells a program to come back soon.
pub(super) fn unavailable(why: &OAuthError) -> HttpResponse {
    let mut response = refusal(StatusCode::SERVICE_UNAVAILABLE, why);
    response.headers_mut().insert(RETRY_AFTER, SOON);
    response
}

fn details(error: ErrorCode, description: &str) -> Details {
    Details {
        error: error.to_string(),
        description: description.to_owned(),
        comparison: None,
    }
}

/// A page as an answer.
pub(super) fn html(status: StatusCode, page: &impl Template) -> HttpResponse {
    match page.render() {
        Ok(body) => HttpResponse::build(status)
            .content_type(ContentType::html())
            .body(body),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// "POST, then 303, then GET": never 307, which would send a password along (attack 20).
pub(super) fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header(("Location", location))
        .finish()
}

/// What HEAD is told where GET shows a page, or does something that HEAD does not: it is there, and nothing happens.
pub(super) fn there() -> HttpResponse {
    HttpResponse::Ok()
        .content_type(ContentType::html())
        // How long GET's answer would be is not known (RFC 9110 §8.6).
        .body(body::None::new())
}

/// What stands nowhere in the routes.
pub(super) async fn not_found(visitor: Visitor) -> impl Responder {
    PageError::NotFound.page(&visitor)
}
