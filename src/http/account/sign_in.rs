//! Signing in to the provider itself. There is no application that asked, and one place to go on to.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use secrecy::SecretString;

use super::{PATH, SIGN_IN};
use crate::flows::sign_in::{Attempt, SignIn, sign_in};
use crate::http::authorize::form;
use crate::http::check_session;
use crate::http::cookies::{self, Kind};
use crate::http::error::{PageError, html, see_other, there};
use crate::http::pages::{self, About, Form, SignInNotice};
use crate::http::visitor::Visitor;

/// The page.
pub(super) async fn get(mut visitor: Visitor) -> HttpResponse {
    let answer = async {
        if visitor.session().await?.is_some() {
            return Ok(see_other(&visitor.path(PATH)));
        }
        if visitor.browser_cookie.is_some() {
            return Ok(page(&visitor, "", None));
        }
        // What binds the form to this browser (attack 67).
        let browser = visitor.provider.random.secret();
        visitor.browser_cookie = Some(browser.clone());
        let mut response = page(&visitor, "", None);
        let cookie = Kind::Browser.set(&visitor.provider.config, browser, None);
        response
            .add_cookie(&cookie)
            .map_err(|_invalid| PageError::Expired)?;
        Ok(response)
    };
    let answer: Result<_, PageError> = answer.await;
    answer.unwrap_or_else(|error| error.page(&visitor))
}

/// HEAD: sent on where GET is.
pub(super) async fn head(visitor: Visitor) -> HttpResponse {
    match visitor.session().await {
        Ok(Some(_)) => see_other(&visitor.path(PATH)),
        Ok(None) => there(),
        Err(error) => PageError::from(error).page(&visitor),
    }
}

/// The form.
pub(super) async fn post(mut visitor: Visitor, body: Bytes) -> HttpResponse {
    let answer = async {
        let form = form(&body)?;
        visitor.check_form(&form, SIGN_IN)?;
        let username = form.get("username").unwrap_or_default();
        let attempt = Attempt {
            username,
            password: &SecretString::from(form.get("password").unwrap_or_default()),
            address: visitor.address,
            user_agent: &visitor.user_agent,
            cookie: visitor.session_cookie.as_deref(),
            known: visitor.known_cookie.as_deref(),
        };
        let notice = match sign_in(&visitor.provider, &attempt).await? {
            SignIn::Done(given) => {
                let signed_in = check_session::signed_in(&mut visitor, given);
                let mut response = see_other(&visitor.path(PATH));
                cookies::add(&mut response, signed_in)?;
                return Ok(response);
            }
            SignIn::Refused => SignInNotice::WrongCredentials,
            SignIn::TooOften(again_at) => SignInNotice::Throttled {
                wait: again_at - visitor.provider.clock.now(),
            },
        };
        Ok(page(&visitor, username, Some(notice)))
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

fn page(visitor: &Visitor, username: &str, notice: Option<SignInNotice>) -> HttpResponse {
    let status = match notice {
        Some(SignInNotice::Throttled { .. }) => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::OK,
    };
    let page = pages::SignIn {
        ui: visitor.ui(None),
        application: None,
        about: About::default(),
        form: Form::to(visitor.path(SIGN_IN)).with("csrf", visitor.csrf(SIGN_IN)),
        username: username.to_owned(),
        notice,
    };
    html(status, &page)
}
