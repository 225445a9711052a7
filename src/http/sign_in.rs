//! The sign-in page.

use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use secrecy::SecretString;

use super::authorize::{self, Answerable, By};
use super::error::{PageError, html};
use super::pages::{self, Application, Form, SignInNotice};
use super::upstream::{self, Doors};
use super::visitor::Visitor;
use super::{check_session, cookies, logo};
use crate::flows::sign_in::{Attempt, BrowserCookies, SignIn, sign_in};
use crate::oidc::params::Params;
use crate::oidc::upstream::answer::Problem;

/// Where it is.
pub(super) const PATH: &str = "/sign-in";

/// The page.
pub(super) async fn get(visitor: Visitor, request: HttpRequest) -> HttpResponse {
    let answer = async {
        let params = Params::parse(request.query_string().as_bytes())?;
        let (_, answerable) = authorize::waiting(&visitor, &params).await?;
        let hint = answerable
            .request
            .as_ref()
            .ok()
            .and_then(|request| request.login_hint.clone());
        // Somebody who is signed in sees why they are asked again.
        let notice = visitor.session().await?.map(|_| SignInNotice::Again);
        // Nor is anybody sent on without being asked who is signed in: they could go round and round.
        let doors = Doors::of(&visitor).await?;
        let straight = doors
            .straight_through(hint.as_deref())
            .filter(|_| notice.is_none() && answerable.request.is_ok());
        if let Some(known) = straight {
            let handle = params.get("interaction").unwrap_or_default();
            let gone = upstream::go_for(&visitor, &known.id, &answerable, handle).await?;
            if let Some(response) = gone {
                return Ok(response);
            }
            let notice = Some(SignInNotice::Upstream(Problem::Unavailable));
            return page(&visitor, &answerable, &params, "", notice).await;
        }
        let username = hint.unwrap_or_default();
        page(&visitor, &answerable, &params, &username, notice).await
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// HEAD: refused where GET is.
pub(super) async fn head(visitor: Visitor, request: HttpRequest) -> HttpResponse {
    authorize::head_of_waiting(&visitor, &request).await
}

/// The form.
pub(super) async fn post(mut visitor: Visitor, body: Bytes) -> HttpResponse {
    let answer = async {
        let form = authorize::form(&body)?;
        let username = form.get("username").unwrap_or_default();
        let (interaction, answerable, _) =
            authorize::waiting_or_answered(&visitor, &form, By::Name(username)).await?;
        let handle = form.get("interaction").unwrap_or_default();
        visitor.check_form(&form, handle)?;
        if form.get("action") == Some("cancel") {
            return authorize::cancel(&visitor, &answerable, &interaction).await;
        }
        if let Some(id) = form.get("upstream") {
            let gone = upstream::go_for(&visitor, id, &answerable, handle).await?;
            if let Some(response) = gone {
                return Ok(response);
            }
            let notice = Some(SignInNotice::Upstream(Problem::Unavailable));
            return page(&visitor, &answerable, &form, "", notice).await;
        }
        let notice = match with_password(&visitor, &form).await? {
            Ok(given) => {
                let signed_in = check_session::signed_in(&mut visitor, given);
                let mut response =
                    authorize::advance(&visitor, &answerable, Some((handle, &interaction)))
                        .await
                        // They are signed in, whatever happens to the request.
                        .unwrap_or_else(|error| error.page(&visitor));
                cookies::add(&mut response, signed_in)?;
                return Ok(response);
            }
            Err(notice) => notice,
        };
        page(&visitor, &answerable, &form, username, Some(notice)).await
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// What comes of the name and the password in a form: cookies for who has proved who they are, or what the page says.
pub(super) async fn with_password(
    visitor: &Visitor,
    form: &Params,
) -> Result<Result<BrowserCookies, SignInNotice>, PageError> {
    let attempt = Attempt {
        username: form.get("username").unwrap_or_default(),
        password: &SecretString::from(form.get("password").unwrap_or_default()),
        address: visitor.address,
        user_agent: &visitor.user_agent,
        cookie: visitor.session_cookie.as_deref(),
        known: visitor.known_cookie.as_deref(),
    };
    Ok(match sign_in(&visitor.provider, &attempt).await? {
        SignIn::Done(given) => Ok(given),
        SignIn::Refused => Err(SignInNotice::WrongCredentials),
        SignIn::TooOften(again_at) => Err(SignInNotice::Throttled {
            wait: again_at - visitor.provider.clock.now(),
        }),
    })
}

/// The page, with what came of the last try.
pub(super) async fn page(
    visitor: &Visitor,
    answerable: &Answerable,
    params: &Params,
    username: &str,
    notice: Option<SignInNotice>,
) -> Result<HttpResponse, PageError> {
    let doors = Doors::of(visitor).await?;
    let handle = params.get("interaction").unwrap_or_default();
    let page = pages::SignIn {
        ui: visitor.ui(answerable.params.get("ui_locales")),
        application: Some(Application::of(&answerable.client)),
        about: logo::about(visitor, &answerable.client).await,
        form: form(visitor, PATH, handle, handle),
        username: username.to_owned(),
        notice,
        upstreams: doors.buttons(),
        passwords: doors.passwords,
    };
    Ok(html(upstream::status(notice), &page))
}

/// A form about a parked request, whose token is about `subject`.
pub(super) fn form(visitor: &Visitor, path: &str, handle: &str, subject: &str) -> Form {
    Form::to(visitor.path(path))
        .with("interaction", handle)
        .with("csrf", visitor.csrf(subject))
}
