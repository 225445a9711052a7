//! Discovery and JWKS, from bytes that were prepared before.

use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ETAG};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};

use super::cors::ANY_ORIGIN;
use super::headers::has_current;
use super::pages::languages;
use super::static_files::fingerprint;
use crate::flows::{Provider, keys};
use crate::oidc::algorithm::SigningAlgorithm;
use crate::oidc::discovery;

/// How long others may keep the metadata, which changes with the configuration alone.
const METADATA_CACHING: &str = "public, max-age=3600";

/// The provider's metadata, ready to send.
#[derive(Clone)]
pub(super) struct Metadata {
    body: Bytes,
    tag: String,
    jwks_caching: String,
}

impl Metadata {
    pub(super) fn new(provider: &Provider) -> Self {
        let now = provider.clock.now();
        let algorithms: Vec<_> = SigningAlgorithm::ALL
            .into_iter()
            .filter(|algorithm| provider.keys.signing_key(*algorithm, now).is_some())
            .collect();
        let languages = languages();
        let languages: Vec<&str> = languages.iter().map(String::as_str).collect();
        let text =
            discovery::metadata(&provider.config.issuer, &algorithms, &languages).to_string();
        let max_age = keys::JWKS_MAX_AGE.num_seconds();
        Self {
            tag: fingerprint(text.as_bytes()),
            body: Bytes::from(text),
            jwks_caching: format!("public, max-age={max_age}"),
        }
    }
}

/// Discovery 1.0 §4, RFC 8414 §3.
pub(super) async fn metadata(request: HttpRequest, metadata: web::Data<Metadata>) -> HttpResponse {
    document(
        &request,
        METADATA_CACHING,
        &metadata.tag,
        metadata.body.clone(),
    )
}

/// RFC 7517 §5.
pub(super) async fn jwks(
    request: HttpRequest,
    provider: web::Data<Provider>,
    metadata: web::Data<Metadata>,
) -> HttpResponse {
    match provider.keys.jwks(provider.clock.now()) {
        Some(jwks) => {
            let body = Bytes::copy_from_slice(jwks.json.as_bytes());
            document(&request, &metadata.jwks_caching, &jwks.fingerprint, body)
        }
        None => HttpResponse::ServiceUnavailable().finish(),
    }
}

fn document(request: &HttpRequest, caching: &str, tag: &str, body: Bytes) -> HttpResponse {
    let known = has_current(request, tag);
    let mut response = if known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((ETAG, format!("\"{tag}\"")))
        .insert_header((CACHE_CONTROL, caching))
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN));
    if known {
        return response.finish();
    }
    response
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(body)
}
