//! What every answer of ours says to the browser.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, EntityTag, Header as _, HeaderMap, HeaderName,
    HeaderValue, IF_NONE_MATCH, IfNoneMatch, InvalidHeaderValue, PRAGMA, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse, web};

use crate::flows::Provider;

/// No `form-action`: browsers check it along the whole redirect chain, and would block the way back to
/// the application.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; frame-ancestors 'none'";

/// The policy of a page that polls its own status and frames `origins`, exactly.
pub(super) fn framing_policy(origins: &[String]) -> String {
    let frames = if origins.is_empty() {
        "'none'".to_owned()
    } else {
        origins.join(" ")
    };
    format!("{POLICY}; connect-src 'self'; frame-src {frames}")
}

/// The policy of the one page that others may frame. It shows nothing and takes nothing: there is nothing to click on
/// by mistake.
const FRAMED_POLICY: &str =
    "default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'";

/// Lets pages of this one origin frame this page, which frames `origins` itself, exactly.
///
/// # Errors
/// When they can't stand in a header.
pub(super) fn let_be_framed_by(
    ancestor: &str,
    origins: &[String],
    response: &mut HttpResponse,
) -> Result<(), InvalidHeaderValue> {
    let frames = match origins {
        [] => "'none'".to_owned(),
        _ => origins.join(" "),
    };
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-src {frames}; \
         frame-ancestors {ancestor}"
    );
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, policy.parse()?);
    response.extensions_mut().insert(MayBeFramed);
    Ok(())
}

/// An answer that others' pages may frame.
struct MayBeFramed;

/// Lets every page frame this one.
pub(super) fn let_be_framed(response: &mut HttpResponse) {
    let policy = HeaderValue::from_static(FRAMED_POLICY);
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, policy);
    response.extensions_mut().insert(MayBeFramed);
}

/// Adds what is missing: a handler that knows better has said so already.
pub(super) async fn secure(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let https = request
        .app_data::<web::Data<Provider>>()
        .is_some_and(|provider| !provider.config.issuer.is_loopback_http());
    let mut response = next.call(request).await?;
    let may_be_framed = response.response().extensions().contains::<MayBeFramed>();
    let headers = response.headers_mut();
    set(headers, CONTENT_SECURITY_POLICY, POLICY);
    if !may_be_framed {
        set(headers, X_FRAME_OPTIONS, "DENY");
    }
    set(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
    // With `no-referrer` the Origin of our own forms would be null.
    set(headers, REFERRER_POLICY, "strict-origin");
    if !headers.contains_key(CACHE_CONTROL) {
        set(headers, CACHE_CONTROL, "no-store");
        set(headers, PRAGMA, "no-cache");
    }
    if https {
        set(headers, STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    Ok(response)
}

/// Whether the browser has kept what it asks for: it names the same `tag` (RFC 9110 §13.1.2).
pub(super) fn has_current(request: &HttpRequest, tag: &str) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => request.headers().contains_key(IF_NONE_MATCH),
        Ok(IfNoneMatch::Items(known)) => {
            let current = EntityTag::new_strong(tag.to_owned());
            known.iter().any(|known| known.weak_eq(&current))
        }
        Err(_) => false,
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    if !headers.contains_key(&name) {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
