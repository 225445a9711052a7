//! `/account`: a person's own door. What is theirs is looked up by whose it is, never by what a form says;
//! each form is bound to the session in which it was shown and to the act that it is for.

mod application;
mod consents;
pub(in crate::http) mod links;
mod overview;
mod password;
mod session;
pub(in crate::http) mod sign_in;
mod sign_outs;

use actix_web::HttpResponse;
use actix_web::web::{self, Bytes, ServiceConfig};

use super::authorize::form;
use super::error::{PageError, see_other, there};
use super::methods;
use super::pages::Form;
use super::visitor::Visitor;
use crate::oidc::params::Params;
use crate::store::sessions::Session;

/// Where it is.
pub(super) const PATH: &str = "/account";
const SIGN_IN: &str = "/account/sign-in";
const PASSWORD: &str = "/account/password";
const SIGN_OUTS: &str = "/account/sign-outs";
const END_SESSION: &str = "/account/end-session";
const END_ALL: &str = "/account/end-everything";
const LEAVE: &str = "/account/leave";
const WITHDRAW: &str = "/account/withdraw";
const LINK: &str = "/account/link";
const UNLINK: &str = "/account/unlink";

/// Adds its pages and acts.
pub(super) fn configure(app: &mut ServiceConfig) {
    app.service(
        methods(PATH, "GET, HEAD")
            .route(web::get().to(overview::get))
            .route(web::head().to(head)),
    )
    .service(
        methods(SIGN_IN, "GET, HEAD, POST")
            .route(web::get().to(sign_in::get))
            .route(web::post().to(sign_in::post))
            .route(web::head().to(sign_in::head)),
    )
    .service(
        methods(PASSWORD, "GET, HEAD, POST")
            .route(web::get().to(password::get))
            .route(web::post().to(password::post))
            .route(web::head().to(head)),
    )
    .service(
        methods(SIGN_OUTS, "GET, HEAD")
            .route(web::get().to(sign_outs::get))
            .route(web::head().to(head)),
    )
    .service(methods(END_SESSION, "POST").route(web::post().to(session::end)))
    .service(methods(END_ALL, "POST").route(web::post().to(session::end_all)))
    .service(methods(LEAVE, "POST").route(web::post().to(application::leave)))
    .service(methods(LINK, "POST").route(web::post().to(links::link)))
    .service(methods(UNLINK, "POST").route(web::post().to(links::unlink_one)))
    .service(methods(WITHDRAW, "POST").route(web::post().to(consents::withdraw)));
}

/// HEAD of a page of somebody who is signed in: sent on where GET is, and no session is kept from idling.
async fn head(visitor: Visitor) -> HttpResponse {
    match visitor.session().await {
        Ok(Some(_)) => there(),
        Ok(None) => to_sign_in(&visitor),
        Err(error) => PageError::from(error).page(&visitor),
    }
}

/// The form of an act. Whoever has signed in since, in another tab, was not shown it (attack 72).
fn act(visitor: &Visitor, path: &str, session: &Session) -> Form {
    Form::to(visitor.path(path)).with("csrf", visitor.session_csrf(session, path))
}

/// To the sign-in page, which leads to the account and nowhere else.
fn to_sign_in(visitor: &Visitor) -> HttpResponse {
    see_other(&visitor.path(SIGN_IN))
}

/// Whoever acts, and the form they have filled in; none where nobody is signed in any more.
async fn acting(
    visitor: &Visitor,
    path: &str,
    body: &Bytes,
) -> Result<Option<(Session, Params)>, PageError> {
    visitor.check_origin()?;
    let Some(session) = visitor.session().await? else {
        return Ok(None);
    };
    let form = form(body)?;
    visitor.check_session_form(&form, &session, path)?;
    Ok(Some((session, form)))
}
