//! Signing in to the provider itself. There is no application that asked, and one place to go on to.

use actix_web::HttpResponse;
use actix_web::web::Bytes;

use super::{PATH, SIGN_IN};
use crate::flows::upstream::Purpose;
use crate::http::authorize::form;
use crate::http::check_session;
use crate::http::cookies::{self, Kind};
use crate::http::error::{PageError, html, see_other, there};
use crate::http::pages::{self, About, Form, SignInNotice};
use crate::http::sign_in::with_password;
use crate::http::upstream::{self, Doors};
use crate::http::visitor::Visitor;
use crate::oidc::upstream::answer::Problem;
use crate::oidc::upstream::request::Wanted;

/// The page.
pub(super) async fn get(mut visitor: Visitor) -> HttpResponse {
    let answer = async {
        if visitor.session().await?.is_some() {
            return Ok(see_other(&visitor.path(PATH)));
        }
        // What binds the form to this browser (attack 67): also the one shown when the upstream does not answer.
        let is_new = visitor.browser_cookie.is_none();
        let random = &visitor.provider.random;
        let browser = visitor
            .browser_cookie
            .get_or_insert_with(|| random.secret())
            .clone();
        let doors = Doors::of(&visitor).await?;
        let mut response = match doors.straight_through(None) {
            Some(known) => through(&visitor, &known.id).await?,
            None => page(&visitor, "", None).await?,
        };
        if is_new {
            let cookie = Kind::Browser.set(&visitor.provider.config, browser, None);
            cookies::add(&mut response, [cookie])?;
        }
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
        if let Some(id) = form.get("upstream") {
            return through(&visitor, id).await;
        }
        let username = form.get("username").unwrap_or_default();
        let notice = match with_password(&visitor, &form).await? {
            Ok(given) => {
                let signed_in = check_session::signed_in(&mut visitor, given);
                let mut response = see_other(&visitor.path(PATH));
                cookies::add(&mut response, signed_in)?;
                return Ok(response);
            }
            Err(notice) => notice,
        };
        page(&visitor, username, Some(notice)).await
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// To sign in at an upstream.
async fn through(visitor: &Visitor, id: &str) -> Result<HttpResponse, PageError> {
    match upstream::go(visitor, id, Purpose::Account, &Wanted::default()).await? {
        Some(response) => Ok(response),
        None => {
            let notice = Some(SignInNotice::Upstream(Problem::Unavailable));
            page(visitor, "", notice).await
        }
    }
}

/// The page, with what came of the last try.
pub(in crate::http) async fn page(
    visitor: &Visitor,
    username: &str,
    notice: Option<SignInNotice>,
) -> Result<HttpResponse, PageError> {
    let doors = Doors::of(visitor).await?;
    let page = pages::SignIn {
        ui: visitor.ui(None),
        application: None,
        about: About::default(),
        form: Form::to(visitor.path(SIGN_IN)).with("csrf", visitor.csrf(SIGN_IN)),
        username: username.to_owned(),
        notice,
        upstreams: doors.buttons(),
        passwords: doors.passwords,
    };
    Ok(html(upstream::status(notice), &page))
}
