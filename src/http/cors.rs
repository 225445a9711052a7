//! Which answers a script of another origin may read: those that need no cookie of ours.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderValue,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, Route, web};

/// "Every origin", and so never with credentials.
pub(super) const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");

/// The answer to a browser that asks before it asks.
pub(super) fn preflight() -> Route {
    web::method(actix_web::http::Method::OPTIONS).to(|| async {
        HttpResponse::NoContent()
            .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN))
            .insert_header((ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST"))
            .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type"))
            .insert_header((ACCESS_CONTROL_MAX_AGE, "86400"))
            .finish()
    })
}

/// Lets scripts of every origin read the answer and why it was refused.
pub(super) async fn any_origin(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("WWW-Authenticate"),
    );
    Ok(response)
}
