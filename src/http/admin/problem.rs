//! Saying no to a program: problem details (RFC 9457).

use std::fmt;

use actix_web::error::{JsonPayloadError, QueryPayloadError};
use actix_web::http::StatusCode;
use actix_web::http::header::WWW_AUTHENTICATE;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, Responder, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::flows::FlowError;
use crate::http::body::Unread;
use crate::http::span::RequestId;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::store::StoreError;

/// What a problem's body is.
const MEDIA_TYPE: &str = "application/problem+json";

/// What is wrong (RFC 9457 §3.1). The status says what kind of problem it is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Problem {
    /// The status, as in the answer's first line.
    pub status: u16,
    /// The status in words.
    pub title: String,
    /// What is wrong with this request.
    pub detail: String,
    /// The request's identifier, by which the log has it.
    pub request_id: String,
    /// What the `WWW-Authenticate` header says, where there is one (RFC 6750 §3).
    #[serde(skip)]
    challenge: Option<String>,
}

impl Problem {
    /// A problem of the request.
    pub(super) fn new(
        status: StatusCode,
        detail: impl Into<String>,
        request: &HttpRequest,
    ) -> Self {
        let id = request.extensions().get::<RequestId>().cloned();
        Self {
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            detail: detail.into(),
            request_id: id.map(|id| id.0).unwrap_or_default(),
            challenge: None,
        }
    }

    /// There is nothing of that name.
    pub(super) fn not_found(request: &HttpRequest) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "there is nothing of that name here",
            request,
        )
    }

    /// It is there, and can't be asked so.
    pub(super) fn no_such_method(request: &HttpRequest) -> Self {
        let detail = "this method is for nothing here; the Allow header has those that are";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, detail, request)
    }

    /// What was asked for does not go together, or is not what it should be.
    pub(super) fn bad(detail: impl Into<String>, request: &HttpRequest) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail, request)
    }

    /// The state of the thing forbids it.
    pub(super) fn conflict(detail: impl Into<String>, request: &HttpRequest) -> Self {
        Self::new(StatusCode::CONFLICT, detail, request)
    }

    /// The query does not read.
    pub(super) fn bad_query(error: &QueryPayloadError, request: &HttpRequest) -> Self {
        Self::bad(format!("the query does not read: {error}"), request)
    }

    /// The body does not read.
    pub(super) fn of_body(error: &JsonPayloadError, request: &HttpRequest) -> Self {
        let (status, detail) = match error {
            JsonPayloadError::ContentType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body must be application/json".to_owned(),
            ),
            JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => {
                let detail = "the body is longer than anything that is asked for here";
                (StatusCode::PAYLOAD_TOO_LARGE, detail.to_owned())
            }
            error => (
                StatusCode::BAD_REQUEST,
                format!("the body does not read: {error}"),
            ),
        };
        Self::new(status, detail, request)
    }

    /// The body did not come, or not in time.
    pub(super) fn unread(unread: Unread, request: &HttpRequest) -> Self {
        let (status, detail) = match unread {
            Unread::TooLong => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is longer than anything that is asked for here",
            ),
            Unread::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the body took too long"),
            Unread::Broken => (StatusCode::BAD_REQUEST, "the body could not be read"),
        };
        Self::new(status, detail, request)
    }

    /// Whoever asks may not (RFC 6750 §3): `refusal` says why; none: there was no token at all.
    pub(super) fn unauthorized(refusal: Option<&OAuthError>, request: &HttpRequest) -> Self {
        let Some(refusal) = refusal else {
            let detail = "an access token is needed: Authorization: Bearer ...";
            return Self {
                challenge: Some("Bearer".to_owned()),
                ..Self::new(StatusCode::UNAUTHORIZED, detail, request)
            };
        };
        let status = match refusal.error {
            ErrorCode::InsufficientScope => StatusCode::FORBIDDEN,
            ErrorCode::InvalidRequest => StatusCode::BAD_REQUEST,
            _ => StatusCode::UNAUTHORIZED,
        };
        let challenge = format!(
            "Bearer error=\"{}\", error_description=\"{}\"",
            refusal.error, refusal.description
        );
        Self {
            challenge: Some(challenge),
            ..Self::new(status, refusal.description.to_string(), request)
        }
    }

    /// It is our fault. The cause is logged here, once, and never returned.
    pub(super) fn internal(error: &FlowError, request: &HttpRequest) -> Self {
        tracing::error!(%error, "an administrator's request failed");
        let detail = "it is our fault; the log has more under this request_id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail, request)
    }

    /// The same, of one query.
    pub(super) fn of_store(error: StoreError, request: &HttpRequest) -> Self {
        Self::internal(&error.into(), request)
    }

    /// The answer that says so.
    pub(super) fn response(&self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status);
        if let Some(challenge) = &self.challenge {
            response.insert_header((WWW_AUTHENTICATE, challenge.as_str()));
        }
        response
            .insert_header(("Content-Type", MEDIA_TYPE))
            .body(serde_json::to_string(self).unwrap_or_default())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        self.response()
    }
}

impl Responder for Problem {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _request: &HttpRequest) -> HttpResponse {
        self.response()
    }
}
