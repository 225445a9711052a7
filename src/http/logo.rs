//! Applications' logos, from our own address: an application learns nothing of who looks, and can send nothing but
//! the picture that was checked.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
};
use actix_web::{HttpResponse, web};

use super::pages::About;
use super::visitor::Visitor;
use crate::flows::logos;
use crate::oidc::client::Client;
use crate::store;

/// Where they are.
pub(super) const PATH: &str = "/logo";

/// Whatever the bytes are taken for: nothing in them runs, and nothing is loaded.
const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox";

/// GET and HEAD.
pub(super) async fn get(visitor: Visitor, fingerprint: web::Path<String>) -> HttpResponse {
    // What we name a picture by; a zero byte in its place PostgreSQL would not even look for.
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !fingerprint.bytes().all(is_name) {
        return HttpResponse::NotFound().finish();
    }
    let image = store::logos::image(visitor.provider.database.read(), &fingerprint).await;
    match image {
        Ok(Some(image)) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, image.media_type))
            // It changes with its address; that it goes with its application is for a day.
            .insert_header((CACHE_CONTROL, "private, max-age=86400"))
            .insert_header((CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((
                HeaderName::from_static("cross-origin-resource-policy"),
                HeaderValue::from_static("same-origin"),
            ))
            .body(image.bytes),
        Ok(None) => HttpResponse::NotFound().finish(),
        Err(error) => {
            tracing::error!(%error, "a logo could not be read");
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// What the client says of itself, with its logo if there is one to show: a page without it is whole.
pub(super) async fn about(visitor: &Visitor, client: &Client) -> About {
    let provider = visitor.provider.clone().into_inner();
    let logo = logos::logo(&provider, client)
        .await
        .unwrap_or_else(|error| {
            tracing::error!(%error, request_id = visitor.request_id, "a logo could not be found");
            None
        });
    let path = logo.map(|fingerprint| visitor.path(&format!("{PATH}/{fingerprint}")));
    About::of(client, path)
}
