//! The service's web server: the API, and the page on which one can watch it.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Responder};
use exeunt_guard::Claims;
use exeunt_guard::bearer::{self, Challenge, Scopes};
use serde_json::json;

use super::page::{Front, revision};
use super::visits::name_of;
use super::{Desk, PATH, SCOPE, Today};
use crate::demo::door::{headers, script, show, stylesheet};

/// The service's routes.
pub(super) fn configure(routes: &mut ServiceConfig, desk: Arc<Desk>) {
    let scope = web::scope("")
        .wrap(headers())
        .app_data(Data::from(desk))
        .route("/", web::get().to(page))
        .route("/status", web::get().to(status))
        .route(&format!("/{PATH}"), web::get().to(today))
        .route("/demo.css", web::get().to(stylesheet))
        .route("/demo.js", web::get().to(script));
    routes.service(scope);
}

/// The API. What the guard's middleware does is done by hand here, because the page tells who was refused, and why; the
/// caller is told no more than RFC 6750 says.
async fn today(desk: Data<Desk>, request: HttpRequest) -> HttpResponse {
    match admit(&desk, &request).await {
        Ok(claims) => HttpResponse::Ok().json(Today {
            today: desk.now().format("%A, %-d %B %Y").to_string(),
            name: name_of(&claims),
        }),
        Err(challenge) => {
            let status = StatusCode::from_u16(challenge.status());
            HttpResponse::build(status.unwrap_or(StatusCode::UNAUTHORIZED))
                .insert_header(challenge.header())
                .finish()
        }
    }
}

async fn admit(desk: &Desk, request: &HttpRequest) -> Result<Claims, Challenge> {
    let headers = request.headers().get_all(AUTHORIZATION);
    let token = bearer::token(headers.map(|value| value.as_bytes()))?;
    let checked = check(desk, token).await;
    let now = desk.now();
    match &checked {
        Ok(claims) => desk.visits().accepted(token, claims, now),
        Err(challenge) => desk.visits().refused(token, challenge.clone(), now),
    }
    checked
}

async fn check(desk: &Desk, token: &str) -> Result<Claims, Challenge> {
    // Before the provider could be reached, nobody can say what is good.
    let guard = desk.guard.get().ok_or(Challenge::Stale)?;
    let claims = guard.check(token).await?;
    Scopes::new(SCOPE).check(&claims)?;
    Ok(claims)
}

async fn page(desk: Data<Desk>) -> HttpResponse {
    show(&Front::of(&desk), StatusCode::OK)
}

/// What the page's script asks for.
async fn status(desk: Data<Desk>) -> impl Responder {
    web::Json(json!({ "revision": revision(&desk), "denied": desk.denied() }))
}
