//! The administrators' door, on a listener of its own: what the command line does with sessions, people
//! and notices, for programs (`/admin/v1`), and the metrics (`/metrics`).
//!
//! What belongs here: one file a resource. Each handler takes a [`caller::Reader`] or a
//! [`caller::Writer`], and with it the check of the token: there is no other way to the provider.

mod caller;
mod clients;
mod deliveries;
mod metrics;
mod openapi;
mod orders;
mod paging;
mod problem;
mod sessions;
mod users;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ALLOW, HeaderName, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, ServiceConfig};
use actix_web::{Error, HttpMessage as _, HttpRequest, Resource};

use self::problem::Problem;
use super::{body, headers, span};

/// The most bytes of a request's body.
const MOST_BYTES: usize = 16 * 1024;

/// Adds everything of the administrators' listener to an application whose data has the provider.
pub fn configure(app: &mut ServiceConfig) {
    app.app_data(
        web::JsonConfig::default()
            .limit(MOST_BYTES)
            .error_handler(|error, request| Problem::of_body(&error, request).into()),
    );
    app.app_data(
        web::QueryConfig::default()
            .error_handler(|error, request| Problem::bad_query(&error, request).into()),
    );
    app.app_data(
        web::PathConfig::default()
            .error_handler(|_no_identifier, request| Problem::not_found(request).into()),
    );
    let everything = web::scope("")
        .wrap(from_fn(read_whole))
        .wrap(from_fn(identified))
        .wrap(from_fn(headers::secure))
        .wrap(from_fn(span::request))
        .service(at("/metrics", "GET").route(web::get().to(metrics::get)))
        .service(at("/admin/v1/openapi.json", "GET").route(web::get().to(openapi::get)))
        .service(at("/admin/v1/sessions", "GET").route(web::get().to(sessions::list)))
        .service(at("/admin/v1/sessions/{id}", "GET").route(web::get().to(sessions::show)))
        .service(at("/admin/v1/sessions/{id}/end", "POST").route(web::post().to(sessions::end)))
        .service(at("/admin/v1/orders", "POST").route(web::post().to(orders::give)))
        .service(at("/admin/v1/orders/{id}", "GET").route(web::get().to(orders::show)))
        .service(at("/admin/v1/deliveries", "GET").route(web::get().to(deliveries::list)))
        .service(
            at("/admin/v1/deliveries/retry", "POST").route(web::post().to(deliveries::retry_many)),
        )
        .service(at("/admin/v1/deliveries/{id}", "GET").route(web::get().to(deliveries::show)))
        .service(
            at("/admin/v1/deliveries/{id}/retry", "POST").route(web::post().to(deliveries::retry)),
        )
        .service(
            at("/admin/v1/deliveries/{id}/abandon", "POST")
                .route(web::post().to(deliveries::abandon)),
        )
        .service(
            at("/admin/v1/clients/{client_id}/test-logout", "POST")
                .route(web::post().to(clients::test_logout)),
        )
        .service(at("/admin/v1/users/{id}/enable", "POST").route(web::post().to(users::enable)))
        .service(at("/admin/v1/users/{id}", "GET").route(web::get().to(users::show)))
        .service(at("/admin/v1/users", "GET").route(web::get().to(users::list)))
        .service(at("/admin/v1/users/{id}/disable", "POST").route(web::post().to(users::disable)))
        .default_service(web::to(async |request: HttpRequest| {
            Problem::not_found(&request)
        }));
    app.service(everything);
}

/// A resource that answers other methods than `allow` with 405 (RFC 9110 §15.5.6).
fn at(path: &str, allow: &'static str) -> Resource {
    web::resource(path).default_service(web::to(move |request: HttpRequest| async move {
        let mut response = Problem::no_such_method(&request).response();
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static(allow));
        response
    }))
}

/// Reads a body before its handler runs, under the same limits as everywhere (attack 96).
async fn read_whole<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    body::within_limits(request, next, async |request, unread| {
        Ok(Problem::unread(unread, request).response())
    })
    .await
}

/// Every answer names its request, for the operator who looks for it in the log.
async fn identified(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let id = request.extensions().get::<span::RequestId>().cloned();
    let mut response = next.call(request).await?;
    if let Some(Ok(id)) = id.map(|id| HeaderValue::from_str(&id.0)) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-request-id"), id);
    }
    Ok(response)
}
