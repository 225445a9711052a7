//! One application's web server: its page, and signing in and out.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Deserialize;
use serde_json::json;

use super::asking::Answer as Answered;
use super::door::{Door, headers, is_our_own, script, see_other, show, stylesheet};
use super::pages::{Entry, Front};
use super::{Hears, asking, notices, signing_in};

/// The application's routes.
pub(super) fn configure(routes: &mut ServiceConfig, door: Arc<Door>) {
    let hears = door.part.hears;
    let may_pretend = door.part.may_pretend_to_be_down;
    let mut scope = web::scope("")
        .wrap(headers())
        .app_data(Data::from(door))
        .route("/", web::get().to(page))
        .route("/status", web::get().to(status))
        .route("/sign-in", web::get().to(signing_in::sign_in))
        .route("/initiate-login", web::get().to(signing_in::initiate_login))
        .route("/callback", web::get().to(callback))
        .route("/sign-out", web::post().to(sign_out))
        .route("/ask", web::post().to(asking::ask))
        .route("/demo.css", web::get().to(stylesheet))
        .route("/demo.js", web::get().to(script));
    if may_pretend {
        scope = scope.route("/down", web::post().to(down));
    }
    scope = match hears {
        Hears::BackChannel => scope.route("/backchannel", web::post().to(notices::backchannel)),
        Hears::FrontChannel => scope
            .route("/frontchannel", web::get().to(notices::frontchannel))
            .route(
                "/frontchannel.js",
                web::get().to(notices::frontchannel_script),
            ),
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
    let cookie = door.cookie_of(&request);
    let front = Front {
        part: door.part,
        session: memory.session(&cookie),
        access_token: memory.access_token(&cookie),
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
    let cookie = door.cookie_of(&request);
    let token = memory.access_token(&cookie);
    let answer = token.and_then(|token| token.answer.as_ref());
    web::Json(json!({
        "signed_in": memory.session(&cookie).is_some(),
        "token": token.map(|token| &token.fingerprint),
        "answered": answer.and_then(Answered::status),
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
