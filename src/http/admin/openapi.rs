//! The description of `/admin/v1` for programs (OpenAPI 3.1), made from the handlers themselves.

use actix_web::HttpResponse;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{clients, deliveries, orders, sessions, users};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Exeunt, for administrators",
        description = "Sessions, people and the notices that sessions ended. Every request carries an access token of \
                       the provider itself (client_credentials) with the scope exeunt.admin, or exeunt.admin.read to \
                       look alone. Without: 401; with another scope: 403; both are problem details (RFC 9457).",
        version = "1",
    ),
    paths(
        get,
        sessions::list, sessions::show, sessions::end,
        orders::give, orders::show,
        deliveries::list, deliveries::show, deliveries::retry, deliveries::retry_many,
        deliveries::abandon,
        clients::test_logout,
        users::list, users::show, users::disable, users::enable,
    ),
    modifiers(&Bearer),
    security(("bearer" = [])),
)]
struct Description;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .build();
        description
            .components
            .get_or_insert_default()
            .add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

/// This description. It asks for no token: it says nothing about anybody.
#[utoipa::path(
    get, path = "/admin/v1/openapi.json", tag = "description", security(()),
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json"))
)]
pub(super) async fn get() -> HttpResponse {
    HttpResponse::Ok().json(Description::openapi())
}
