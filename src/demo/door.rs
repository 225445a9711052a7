//! What the handlers of one application share, and how every page of the demo is sent.

use std::fmt::Display;
use std::iter;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION};
use actix_web::middleware::DefaultHeaders;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Responder};
use askama::Template;
use url::Url;

use super::memory::Memory;
use super::pages::Message;
use super::relying_party::RelyingParty;
use super::{Options, Part};
use crate::clock::{Clock, Timestamp};
use crate::random::Random;

/// No `form-action`: browsers would check it along the whole way to the provider and back.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                                 img-src data:; base-uri 'none'; frame-ancestors ";

/// The address of another's page.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) name: &'static str,
    pub(super) href: String,
}

/// Everything that one application's handlers share.
pub(super) struct Door {
    pub(super) part: &'static Part,
    pub(super) relying_party: RelyingParty,
    memory: Mutex<Memory>,
    pub(super) others: Vec<Link>,
    cookie: String,
    is_https: bool,
    clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    home: String,
    /// Whose pages may frame those that are for it.
    ancestors: String,
}

impl Door {
    pub(super) fn new(
        part: &'static Part,
        base_url: &str,
        relying_party: RelyingParty,
        others: Vec<Link>,
        options: &Options,
    ) -> Self {
        Self {
            part,
            relying_party,
            memory: Mutex::default(),
            others,
            // Cookies ignore ports: each application on this host needs a name of its own.
            cookie: format!("exeunt-demo-{}", part.client_id),
            is_https: base_url.starts_with("https:"),
            clock: Arc::clone(&options.clock),
            random: Arc::clone(&options.random),
            home: format!("{base_url}/"),
            ancestors: ancestors(options),
        }
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn pretend_to_be_down(&self, down: bool) {
        self.memory().pretend_to_be_down(down, self.now());
    }

    /// The address of its page.
    pub(super) fn home(&self) -> &str {
        &self.home
    }

    /// The policy of a page that the provider frames: every page around it must be named.
    pub(super) fn framed_policy(&self) -> String {
        format!("{POLICY}{}", self.ancestors)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The browser's cookie, or nothing, which no session has.
    pub(super) fn cookie_of(&self, request: &HttpRequest) -> String {
        let cookie = request.cookie(&self.cookie);
        cookie.map_or_else(String::new, |cookie| cookie.value().to_owned())
    }

    pub(super) fn set_cookie(&self, value: String) -> Cookie<'static> {
        Cookie::build(self.cookie.clone(), value)
            .path("/")
            .http_only(true)
            .secure(self.is_https)
            .same_site(SameSite::Lax)
            .finish()
    }

    pub(super) fn trouble(&self, status: StatusCode, text: impl Display) -> HttpResponse {
        let message = Message {
            name: self.part.name,
            title: "That did not work",
            text: text.to_string(),
        };
        show(&message, status)
    }
}

/// The origins of the provider and of the other house, if there is one.
fn ancestors(options: &Options) -> String {
    let origins = iter::once(&options.issuer).chain(&options.house);
    let origins = origins.filter_map(|issuer| Some(Url::parse(issuer).ok()?.origin()));
    let origins: Vec<String> = origins.map(|origin| origin.ascii_serialization()).collect();
    origins.join(" ")
}

/// What every answer says beside its content.
pub(super) fn headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add((CACHE_CONTROL, "no-store"))
        .add((CONTENT_SECURITY_POLICY, format!("{POLICY}'none'")))
        .add(("X-Content-Type-Options", "nosniff"))
        .add(("Referrer-Policy", "strict-origin"))
}

pub(super) async fn stylesheet() -> impl Responder {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .body(include_str!("../../static/demo.css"))
}

pub(super) async fn script() -> impl Responder {
    HttpResponse::Ok()
        .content_type("text/javascript; charset=utf-8")
        .body(include_str!("../../static/demo.js"))
}

/// Whether a POST comes from one of this application's pages. What is not a browser does not say, and carries nobody's
/// cookie against their will.
pub(super) fn is_our_own(request: &HttpRequest) -> bool {
    let site = request.headers().get("sec-fetch-site");
    site.is_none_or(|site| site == "same-origin" || site == "none")
}

pub(super) fn see_other(location: &str) -> HttpResponseBuilder {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((LOCATION, location));
    response
}

pub(super) fn show(page: &impl Template, status: StatusCode) -> HttpResponse {
    match page.render() {
        Ok(text) => HttpResponse::build(status)
            .content_type("text/html; charset=utf-8")
            .body(text),
        Err(error) => {
            tracing::error!("a page cannot be written: {error}");
            HttpResponse::InternalServerError().finish()
        }
    }
}
