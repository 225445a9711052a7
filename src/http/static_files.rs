//! The files in `static/`, part of the program. Their addresses carry a fingerprint of their content, so that a browser
//! may keep them for ever and still sees the new one after an upgrade.

use actix_web::http::Method;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, ETAG};
use actix_web::web::ServiceConfig;
use actix_web::{HttpRequest, HttpResponse, web};

use super::headers::has_current;

/// One embedded file.
struct StaticFile {
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
}

const FILES: [StaticFile; 6] = [
    StaticFile {
        name: "exeunt.css",
        media_type: "text/css; charset=utf-8",
        bytes: include_bytes!("../../static/exeunt.css"),
    },
    StaticFile {
        name: "leaving.js",
        media_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../static/leaving.js"),
    },
    StaticFile {
        name: "check_session.js",
        media_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../static/check_session.js"),
    },
    StaticFile {
        name: "form_post.js",
        media_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../static/form_post.js"),
    },
    StaticFile {
        name: "icons.svg",
        media_type: "image/svg+xml",
        bytes: include_bytes!("../../static/icons.svg"),
    },
    StaticFile {
        name: "favicon.svg",
        media_type: "image/svg+xml",
        bytes: include_bytes!("../../static/favicon.svg"),
    },
];

impl StaticFile {
    fn named(name: &str) -> Option<&'static Self> {
        FILES.iter().find(|file| file.name == name)
    }

    fn fingerprint(&self) -> String {
        fingerprint(self.bytes)
    }
}

/// Changes with the content (FNV-1a: nobody chooses these documents but us, so it need not resist anyone).
pub(super) fn fingerprint(content: &[u8]) -> String {
    let hash = content
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016x}")
}

/// The path of a file below the issuer, with its fingerprint.
pub fn address(name: &str) -> String {
    let fingerprint = StaticFile::named(name).map(StaticFile::fingerprint);
    format!("/static/{name}?v={}", fingerprint.unwrap_or_default())
}

/// Serves `/static/{name}`, below the issuer's path prefix if the caller's scope has one.
pub fn configure(routes: &mut ServiceConfig) {
    let refuse = || async {
        HttpResponse::MethodNotAllowed()
            .insert_header((ALLOW, "GET, HEAD"))
            .finish()
    };
    let resource = web::resource("/static/{name}")
        .route(web::get().to(serve))
        .route(web::method(Method::HEAD).to(serve))
        .default_service(web::to(refuse));
    routes.service(resource);
}

async fn serve(request: HttpRequest, name: web::Path<String>) -> HttpResponse {
    let Some(file) = StaticFile::named(&name) else {
        return HttpResponse::NotFound().finish();
    };
    let fingerprint = file.fingerprint();
    // Only the address that names this very content may be kept for ever.
    let caching = if request.query_string() == format!("v={fingerprint}") {
        "public, max-age=31536000, immutable"
    } else {
        "public, no-cache"
    };
    let known = has_current(&request, &fingerprint);
    let mut response = if known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((ETAG, format!("\"{fingerprint}\"")))
        .insert_header((CACHE_CONTROL, caching));
    if known {
        response.finish()
    } else {
        response.content_type(file.media_type).body(file.bytes)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use actix_web::{App, dev::ServiceResponse};

    use super::*;

    async fn answer(request: TestRequest) -> ServiceResponse {
        let app = init_service(App::new().configure(configure)).await;
        call_service(&app, request.to_request()).await
    }

    fn header(response: &ServiceResponse, name: impl AsRef<str>) -> &str {
        let value = response.headers().get(name.as_ref());
        value.map_or("", |value| value.to_str().unwrap())
    }

    #[actix_web::test]
    async fn a_file_is_kept_for_ever_under_the_address_that_names_its_content() {
        let response = answer(TestRequest::get().uri(&address("exeunt.css"))).await;
        assert_eq!(header(&response, "content-type"), "text/css; charset=utf-8");
        assert!(header(&response, CACHE_CONTROL).contains("immutable"));
        let css = FILES[0].bytes;
        assert_eq!(read_body(response).await, css);

        let response = answer(TestRequest::get().uri("/static/exeunt.css?v=old")).await;
        assert_eq!(header(&response, CACHE_CONTROL), "public, no-cache");
    }

    #[actix_web::test]
    async fn a_browser_that_has_the_file_is_told_so() {
        let response = answer(TestRequest::get().uri("/static/icons.svg")).await;
        let tag = header(&response, ETAG).to_owned();
        let request = TestRequest::get().uri("/static/icons.svg");
        let response = answer(request.insert_header(("if-none-match", tag))).await;
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
    }

    #[actix_web::test]
    async fn head_is_answered_other_methods_and_unknown_names_are_not() {
        let uri = "/static/leaving.js";
        let response = answer(TestRequest::default().method(Method::HEAD).uri(uri)).await;
        assert_eq!(response.status(), StatusCode::OK);
        let response = answer(TestRequest::post().uri(uri)).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(header(&response, ALLOW), "GET, HEAD");
        let response = answer(TestRequest::get().uri("/static/nothing.css")).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
}
