//! One application's web server: its page, signing in and out, and the two ways in which it hears of a session's end.

use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION};
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Responder};
use askama::Template;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::logout_token::Invalid;
use super::memory::{Event, Memory};
use super::pages::{Entry, Front, LetGo, Message};
use super::relying_party::{RelyingParty, Unheard};
use super::{Hears, Options, Part, signing_in};
use crate::clock::{Clock, Timestamp};
use crate::random::Random;

/// No `form-action`: browsers would check it along the whole way to the provider and back.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; frame-ancestors ";

/// Another application's address.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) name: &'static str,
    pub(super) href: String,
}

/// Everything that one application's handlers share.
pub(super) struct Door {
    part: &'static Part,
    pub(super) relying_party: RelyingParty,
    memory: Mutex<Memory>,
    others: Vec<Link>,
    cookie: String,
    is_https: bool,
    clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    home: String,
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

/// The application's routes.
pub(super) fn configure(routes: &mut ServiceConfig, door: Arc<Door>) {
    let hears = door.part.hears;
    let may_pretend = door.part.may_pretend_to_be_down;
    let headers = DefaultHeaders::new()
        .add((CACHE_CONTROL, "no-store"))
        .add((CONTENT_SECURITY_POLICY, format!("{POLICY}'none'")))
        .add(("X-Content-Type-Options", "nosniff"))
        .add(("Referrer-Policy", "strict-origin"));
    let mut scope = web::scope("")
        .wrap(headers)
        .app_data(Data::from(door))
        .route("/", web::get().to(page))
        .route("/status", web::get().to(status))
        .route("/sign-in", web::get().to(signing_in::sign_in))
        .route("/initiate-login", web::get().to(signing_in::initiate_login))
        .route("/callback", web::get().to(callback))
        .route("/sign-out", web::post().to(sign_out))
        .route("/demo.css", web::get().to(stylesheet))
        .route("/demo.js", web::get().to(script));
    if may_pretend {
        scope = scope.route("/down", web::post().to(down));
    }
    scope = match hears {
        Hears::BackChannel => scope.route("/backchannel", web::post().to(backchannel)),
        Hears::FrontChannel => scope
            .route("/frontchannel", web::get().to(frontchannel))
            .route("/frontchannel.js", web::get().to(frontchannel_script)),
    };
    routes.service(scope);
}

#[derive(Deserialize)]
struct Returning {
    state: Option<String>,
}

async fn page(
    door: Data<Door>,
    request: HttpRequest,
    query: web::Query<Returning>,
) -> HttpResponse {
    let mut memory = door.memory();
    if let Some(state) = &query.state {
        memory.came_back(state, door.now());
    }
    let front = Front {
        part: door.part,
        session: memory.session(&door.cookie_of(&request)),
        is_down: memory.is_down(),
        revision: memory.revision(),
        log: memory.log().map(Entry::from).collect(),
        others: &door.others,
    };
    show(&front, StatusCode::OK)
}

/// What the page's script asks for every second, and the rehearsal too.
async fn status(door: Data<Door>, request: HttpRequest) -> impl Responder {
    let memory = door.memory();
    web::Json(json!({
        "signed_in": memory.session(&door.cookie_of(&request)).is_some(),
        "heard": memory.heard(),
        "turned_away": memory.turned_away(),
        "revision": memory.revision(),
    }))
}

#[derive(Deserialize)]
struct Answer {
    state: String,
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
    iss: Option<String>,
}

async fn callback(
    door: Data<Door>,
    request: HttpRequest,
    answer: web::Query<Answer>,
) -> HttpResponse {
    let answer = answer.into_inner();
    let old = door.cookie_of(&request);
    let attempt = door.memory().attempt(&answer.state, &old);
    let Some(attempt) = attempt else {
        let text = "This answer is not to a sign-in that this browser began here.";
        return door.trouble(StatusCode::BAD_REQUEST, text);
    };
    // RFC 9207 §2.4: an answer of another provider is none.
    if answer
        .iss
        .is_some_and(|iss| iss != door.relying_party.issuer())
    {
        return door.trouble(
            StatusCode::BAD_REQUEST,
            "The answer comes from another provider.",
        );
    }
    let Some(code) = answer.code else {
        let error = answer.error.unwrap_or_default();
        let description = answer.error_description.unwrap_or_default();
        return door.trouble(
            StatusCode::OK,
            format!("Nobody signed in: {error}. {description}"),
        );
    };
    let signed_in = match door.relying_party.finish(attempt, code).await {
        Ok(signed_in) => signed_in,
        Err(error) => return door.trouble(StatusCode::BAD_GATEWAY, format!("{error:#}.")),
    };
    // A new value, so that whoever planted the old one gains nothing.
    let new = door.random.secret();
    if !door
        .memory()
        .enter(&old, new.clone(), signed_in, door.now())
    {
        return door.trouble(StatusCode::OK, "You were signed out while you signed in.");
    }
    see_other("/").cookie(door.set_cookie(new)).finish()
}

async fn sign_out(door: Data<Door>, request: HttpRequest) -> HttpResponse {
    if !is_our_own(&request) {
        return door.trouble(StatusCode::FORBIDDEN, "Another site asked to sign you out.");
    }
    // Here first: whatever happens to the provider, this application lets go.
    let session = door.memory().leave(&door.cookie_of(&request), door.now());
    let Some(session) = session else {
        return see_other("/").finish();
    };
    match door.relying_party.sign_out(&session.signed_in).await {
        Ok((url, state)) => {
            door.memory().expect_back(state, door.now());
            see_other(url.as_str()).finish()
        }
        Err(error) => door.trouble(
            StatusCode::BAD_GATEWAY,
            format!("You are signed out here alone: {error:#}."),
        ),
    }
}

#[derive(Deserialize)]
struct Switch {
    down: bool,
}

async fn down(door: Data<Door>, request: HttpRequest, switch: web::Form<Switch>) -> HttpResponse {
    if !is_our_own(&request) {
        return door.trouble(StatusCode::FORBIDDEN, "Another site pulled the switch.");
    }
    door.pretend_to_be_down(switch.down);
    see_other("/").finish()
}

#[derive(Deserialize)]
struct Notice {
    logout_token: String,
}

/// Back-Channel Logout 1.0 §2.5 to §2.8.
async fn backchannel(door: Data<Door>, notice: Option<web::Form<Notice>>) -> HttpResponse {
    if door.memory().is_down() {
        door.memory().turn_away(door.now());
        return HttpResponse::ServiceUnavailable().finish();
    }
    let heard = match notice {
        Some(notice) => {
            door.relying_party
                .read_logout_token(&notice.logout_token)
                .await
        }
        None => Err(Unheard::Invalid(Invalid::Malformed)),
    };
    let now = door.now();
    let mut memory = door.memory();
    let heard = heard.and_then(|token| memory.hear_token(token, now).map_err(Unheard::Invalid));
    match heard {
        Ok(()) => HttpResponse::Ok().finish(),
        Err(Unheard::Invalid(reason)) => {
            memory.note(Event::Refused(reason), now);
            HttpResponse::BadRequest().json(json!({
                "error": "invalid_request",
                "error_description": format!("the logout token is refused: {reason}"),
            }))
        }
        // Not the token's fault: the provider shall try again.
        Err(Unheard::NoKeys(error)) => {
            tracing::warn!(application = door.part.name, "{error:#}");
            memory.turn_away(now);
            HttpResponse::ServiceUnavailable().finish()
        }
    }
}

#[derive(Deserialize)]
struct Framed {
    iss: Option<String>,
    sid: Option<String>,
}

/// Front-Channel Logout 1.0 §2: framed by the provider, and by nobody else. The session is found by `sid`, because
/// many browsers give a framed page no cookies.
async fn frontchannel(door: Data<Door>, framed: web::Query<Framed>) -> HttpResponse {
    let is_ours = framed.iss.as_deref() == Some(door.relying_party.issuer());
    let Some(sid) = framed.sid.as_deref().filter(|_| is_ours) else {
        return door.trouble(
            StatusCode::BAD_REQUEST,
            "This is not a notice of our provider.",
        );
    };
    door.memory().hear_frame(sid, door.now());
    let issuer = door.relying_party.issuer();
    let provider = Url::parse(issuer);
    let provider = provider.map_or_else(
        |_| "'none'".to_owned(),
        |issuer| issuer.origin().ascii_serialization(),
    );
    let page = LetGo {
        name: door.part.name,
        issuer,
        sid,
        provider: &provider,
    };
    let mut response = show(&page, StatusCode::OK);
    if let Ok(policy) = format!("{POLICY}{provider}").parse() {
        response
            .headers_mut()
            .insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

async fn stylesheet() -> impl Responder {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .body(include_str!("../../static/demo.css"))
}

async fn script() -> impl Responder {
    HttpResponse::Ok()
        .content_type("text/javascript; charset=utf-8")
        .body(include_str!("../../static/demo.js"))
}

async fn frontchannel_script() -> impl Responder {
    HttpResponse::Ok()
        .content_type("text/javascript; charset=utf-8")
        .body(include_str!("../../static/demo_frontchannel.js"))
}

/// Whether a POST comes from one of this application's pages. What is not a browser does not say, and carries nobody's
/// cookie against their will.
fn is_our_own(request: &HttpRequest) -> bool {
    let site = request.headers().get("sec-fetch-site");
    site.is_none_or(|site| site == "same-origin" || site == "none")
}

pub(super) fn see_other(location: &str) -> HttpResponseBuilder {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((LOCATION, location));
    response
}

fn show(page: &impl Template, status: StatusCode) -> HttpResponse {
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
