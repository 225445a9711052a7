//! Who is at the door: what a handler of a page needs to know of its request.

use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::http::header::{ACCEPT_LANGUAGE, HeaderName, ORIGIN, USER_AGENT};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};

use super::cookies::Kind;
use super::error::PageError;
use super::forwarded::ClientAddress;
use super::pages::{Ui, negotiate_language};
use super::span::RequestId;
use crate::flows::{FlowError, Provider};
use crate::jose::HashPurpose;
use crate::oidc::params::Params;
use crate::store::sessions::{self, Session};

/// A request for a page.
pub(super) struct Visitor {
    pub provider: web::Data<Provider>,
    pub session_cookie: Option<String>,
    pub browser_cookie: Option<String>,
    pub leaving_cookie: Option<String>,
    pub known_cookie: Option<String>,
    pub state_cookie: Option<String>,
    /// Whether the answer is for a frame in somebody's page.
    pub is_framed: bool,
    pub address: IpAddr,
    pub user_agent: String,
    pub request_id: String,
    accept_language: Option<String>,
    same_site: bool,
}

impl FromRequest for Visitor {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(provider) = request.app_data::<web::Data<Provider>>().cloned() else {
            return ready(Err(actix_web::error::ErrorInternalServerError(
                "no provider",
            )));
        };
        let header = |name: HeaderName| {
            request
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let config = &provider.config;
        // Browsers say where a form was filled in; what comes from elsewhere is not the person's doing.
        let same_site = match header(HeaderName::from_static("sec-fetch-site")).as_deref() {
            Some(site) => matches!(site, "same-origin" | "none"),
            None => header(ORIGIN).is_none_or(|origin| origin == config.issuer.origin()),
        };
        let request_id = request
            .extensions()
            .get::<RequestId>()
            .map(|id| id.0.clone());
        let (session_cookie, browser_cookie, leaving_cookie, state_cookie) = (
            Kind::Session.read(request, config),
            Kind::Browser.read(request, config),
            Kind::Leaving.read(request, config),
            Kind::State.read(request, config),
        );
        let is_framed = header(HeaderName::from_static("sec-fetch-dest"))
            .is_some_and(|destination| matches!(destination.as_str(), "iframe" | "frame"));
        ready(Ok(Self {
            session_cookie,
            browser_cookie,
            leaving_cookie,
            known_cookie: Kind::Known.read(request, config),
            state_cookie,
            is_framed,
            address: ClientAddress::of(request),
            user_agent: header(USER_AGENT).unwrap_or_default(),
            request_id: request_id.unwrap_or_default(),
            provider,
            accept_language: header(ACCEPT_LANGUAGE),
            same_site,
        }))
    }
}

impl Visitor {
    /// Whether the request brings any cookie of ours. One that comes from another site by POST brings
    /// none, though the browser may have some.
    pub(super) fn has_cookies(&self) -> bool {
        self.session_cookie.is_some() || self.browser_cookie.is_some()
    }

    /// The living session of the browser.
    pub(super) async fn session(&self) -> Result<Option<Session>, FlowError> {
        let Some(cookie) = &self.session_cookie else {
            return Ok(None);
        };
        let provider = &self.provider;
        let hash = provider.master.hash(HashPurpose::SessionCookie, cookie);
        let alive = provider.alive(provider.clock.now());
        Ok(sessions::find_by_cookie(provider.database.read(), &hash, alive).await?)
    }

    /// What pages need, in the person's language.
    pub(super) fn ui(&self, ui_locales: Option<&str>) -> Ui {
        let issuer = &self.provider.config.issuer;
        Ui::new(
            negotiate_language(ui_locales, self.accept_language.as_deref()),
            issuer.host(),
            issuer.path(),
            &self.request_id,
        )
    }

    /// A path of ours, below the issuer's.
    pub(super) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.provider.config.issuer.path())
    }

    /// The token that a form about `subject` must bring back: good in this browser alone.
    pub(super) fn csrf(&self, subject: &str) -> String {
        self.token(&self.bound(subject))
    }

    /// The token of a form by which somebody who is signed in does `act`: good in this session alone. No cookie stands in it,
    /// because they change while the form is open: the browser's own goes when it is closed and comes with the next application,
    /// and the session's is another after each sign-in.
    pub(super) fn session_csrf(&self, session: &Session, act: &str) -> String {
        self.token(&bound_to_session(session, act))
    }

    /// Whether the request comes from a page of ours: one from elsewhere brings no cookies, so that
    /// nothing can be said of who is signed in.
    ///
    /// # Errors
    /// The page that says it does not.
    pub(super) fn check_origin(&self) -> Result<(), PageError> {
        if self.same_site {
            Ok(())
        } else {
            Err(PageError::Expired)
        }
    }

    /// Whether a form about `subject` was filled in here, in this browser (attack 67).
    ///
    /// # Errors
    /// The page that says it was not.
    pub(super) fn check_form(&self, form: &Params, subject: &str) -> Result<(), PageError> {
        self.check_token(form, &self.bound(subject), self.browser_cookie.as_ref())
    }

    /// Whether the form of an act was filled in here, in this session, which this browser's cookie has found (attack 67).
    ///
    /// # Errors
    /// The page that says it was not.
    pub(super) fn check_session_form(
        &self,
        form: &Params,
        session: &Session,
        act: &str,
    ) -> Result<(), PageError> {
        let bound = bound_to_session(session, act);
        self.check_token(form, &bound, self.session_cookie.as_ref())
    }

    /// The token by which the page of a sign-out reports what it heard: good with that page's cookie alone.
    pub(super) fn leaving_csrf(&self) -> String {
        self.token(&self.bound_to_leaving())
    }

    /// Whether a report comes from the page of the sign-out that this browser may look at (attack 67).
    ///
    /// # Errors
    /// The page that says it does not.
    pub(super) fn check_leaving_form(&self, form: &Params) -> Result<(), PageError> {
        let bound = self.bound_to_leaving();
        self.check_token(form, &bound, self.leaving_cookie.as_ref())
    }

    fn token(&self, bound: &str) -> String {
        self.provider.master.hash(HashPurpose::Csrf, bound)
    }

    fn check_token(
        &self,
        form: &Params,
        bound: &str,
        cookie: Option<&String>,
    ) -> Result<(), PageError> {
        let master = &self.provider.master;
        let ours = form
            .get("csrf")
            .is_some_and(|csrf| master.matches(HashPurpose::Csrf, bound, csrf));
        if self.same_site && cookie.is_some() && ours {
            Ok(())
        } else {
            Err(PageError::Expired)
        }
    }

    fn bound_to_leaving(&self) -> String {
        format!(
            "leaving {}",
            self.leaving_cookie.as_deref().unwrap_or_default()
        )
    }

    fn bound(&self, subject: &str) -> String {
        let cookie = self.browser_cookie.as_deref().unwrap_or_default();
        format!("{subject} {cookie}")
    }
}

/// Nobody else's form has a token of this: a session's identifier is one browser's, which finds it by its cookie.
fn bound_to_session(session: &Session, act: &str) -> String {
    format!("session {} {act}", session.id)
}
