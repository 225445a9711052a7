//! Saying no to a person: a page. The cause is logged once, here, and never shown.

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, Responder};
use askama::Template;

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
    /// There is nothing here.
    NotFound,
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
        let (status, problem, application, details) = match self {
            Self::Expired => (StatusCode::BAD_REQUEST, Problem::Expired, None, None),
            Self::NotFound => (StatusCode::NOT_FOUND, Problem::NotFound, None, None),
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
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    Problem::Internal,
                    None,
                    None,
                )
            }
        };
        html(
            status,
            &ErrorPage {
                ui: visitor.ui(None),
                problem,
                application,
                details,
            },
        )
    }
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

/// What stands nowhere in the routes.
pub(super) async fn not_found(visitor: Visitor) -> impl Responder {
    PageError::NotFound.page(&visitor)
}
