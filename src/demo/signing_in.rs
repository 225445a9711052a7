//! An application's way in: somebody asks to sign in, here or at the provider.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::door::{Door, see_other};

/// The button.
pub(super) async fn sign_in(door: Data<Door>, request: HttpRequest) -> HttpResponse {
    let (url, state, attempt) = match door.relying_party.begin().await {
        Ok(begun) => begun,
        Err(error) => return door.trouble(StatusCode::BAD_GATEWAY, format!("{error:#}.")),
    };
    let cookie = match door.cookie_of(&request) {
        none if none.is_empty() => door.random.secret(),
        cookie => cookie,
    };
    door.memory()
        .begin(state, cookie.clone(), attempt, door.now());
    see_other(url.as_str())
        .cookie(door.set_cookie(cookie))
        .finish()
}

#[derive(Deserialize)]
pub(super) struct Initiation {
    iss: String,
    target_link_uri: Option<String>,
}

/// A sign-in that begins elsewhere (Core §4): anyone can send somebody here, so that it leads to our own provider and
/// ends on our own page, or nowhere. Who is signed in here stays so, as whoever they are.
pub(super) async fn initiate_login(
    door: Data<Door>,
    request: HttpRequest,
    initiation: Query<Initiation>,
) -> HttpResponse {
    if initiation.iss != door.relying_party.issuer() {
        let text = "You were sent here to sign in with a provider that we do not know.";
        return door.trouble(StatusCode::BAD_REQUEST, text);
    }
    let target = initiation.target_link_uri.as_deref();
    if target.is_some_and(|target| target != door.home()) {
        let text = "You were sent here to go on to a page that is not ours.";
        return door.trouble(StatusCode::BAD_REQUEST, text);
    }
    if door.memory().session(&door.cookie_of(&request)).is_some() {
        return see_other("/").finish();
    }
    sign_in(door, request).await
}
