//! Signs of life for those who watch the server.

use actix_web::{HttpResponse, web};

use crate::flows::Provider;

/// The process answers.
pub(super) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

/// The process can do its work: the database answers and there are keys.
pub(super) async fn readyz(provider: web::Data<Provider>) -> HttpResponse {
    let keys = provider.keys.jwks(provider.clock.now()).is_some();
    match provider.database.ping().await {
        Ok(()) if keys => HttpResponse::Ok()
            .content_type("text/plain")
            .body("ready\n"),
        Ok(()) => HttpResponse::ServiceUnavailable()
            .content_type("text/plain")
            .body("no keys\n"),
        Err(error) => {
            tracing::warn!(%error, "the database does not answer");
            HttpResponse::ServiceUnavailable()
                .content_type("text/plain")
                .body("no database\n")
        }
    }
}
