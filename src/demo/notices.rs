//! How an application hears that a session has ended: a logout token at its server, or a page in a frame.

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_SECURITY_POLICY;
use actix_web::web::{self, Data};
use actix_web::{HttpResponse, Responder};
use exeunt_guard::Refused;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::door::{Door, show};
use super::memory::Event;
use super::pages::LetGo;
use super::relying_party::Unheard;

#[derive(Deserialize)]
pub(super) struct Notice {
    logout_token: String,
}

/// Back-Channel Logout 1.0 §2.5 to §2.8.
pub(super) async fn backchannel(
    door: Data<Door>,
    notice: Option<web::Form<Notice>>,
) -> HttpResponse {
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
        None => Err(Unheard::Refused(Refused::Malformed)),
    };
    let now = door.now();
    let mut memory = door.memory();
    match heard {
        Ok(logout) => {
            memory.hear_token(&logout, now);
            HttpResponse::Ok().finish()
        }
        // Why is for the log here: whoever learns which check failed is helped in passing it.
        Err(Unheard::Refused(reason)) => {
            memory.note(Event::Refused(reason), now);
            HttpResponse::BadRequest().json(json!({ "error": "invalid_request" }))
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
pub(super) struct Framed {
    iss: Option<String>,
    sid: Option<String>,
}

/// Front-Channel Logout 1.0 §2: framed by the provider, and by nobody else that it was not told of. The session is found by `sid`, because
/// many browsers give a framed page no cookies.
pub(super) async fn frontchannel(door: Data<Door>, framed: web::Query<Framed>) -> HttpResponse {
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
    if let Ok(policy) = door.framed_policy().parse() {
        response
            .headers_mut()
            .insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

pub(super) async fn frontchannel_script() -> impl Responder {
    HttpResponse::Ok()
        .content_type("text/javascript; charset=utf-8")
        .body(include_str!("../../static/demo_frontchannel.js"))
}
