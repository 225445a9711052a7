//! A new password.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use secrecy::SecretString;

use super::{PASSWORD, PATH, act, acting, to_sign_in};
use crate::config::check_password;
use crate::flows::account::{NewPassword, PasswordChange, change_password};
use crate::http::error::{PageError, html, see_other};
use crate::http::pages::{ChangePassword, PasswordNotice};
use crate::http::visitor::Visitor;
use crate::http::{check_session, cookies};
use crate::store::sessions::Session;
use crate::store::users;

/// The page.
pub(super) async fn get(visitor: Visitor) -> HttpResponse {
    let answer = async {
        match visitor.session().await? {
            Some(session) => page(&visitor, &session, None).await,
            None => Ok(to_sign_in(&visitor)),
        }
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// The form.
pub(super) async fn post(mut visitor: Visitor, body: Bytes) -> HttpResponse {
    let answer = async {
        let Some((session, form)) = acting(&visitor, PASSWORD, &body).await? else {
            return Ok(to_sign_in(&visitor));
        };
        let new = form.get("new-password").unwrap_or_default();
        // Before anything is counted: it says nothing about the current one.
        if check_password(new).is_err() {
            return page(&visitor, &session, Some(PasswordNotice::Unfit)).await;
        }
        let wanted = NewPassword {
            session: &session,
            current: &SecretString::from(form.get("current-password").unwrap_or_default()),
            new: &SecretString::from(new),
            address: visitor.address,
            known: visitor.known_cookie.as_deref(),
        };
        let provider = &visitor.provider;
        let notice = match change_password(provider, &wanted).await? {
            PasswordChange::Done(given) => {
                let signed_in = check_session::signed_in(&mut visitor, given);
                let mut response = see_other(&visitor.path(&format!("{PATH}?password=changed")));
                cookies::add(&mut response, signed_in)?;
                return Ok(response);
            }
            PasswordChange::Refused => PasswordNotice::Wrong,
            PasswordChange::TooOften(again_at) => PasswordNotice::Throttled {
                wait: again_at - provider.clock.now(),
            },
        };
        page(&visitor, &session, Some(notice)).await
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

async fn page(
    visitor: &Visitor,
    session: &Session,
    notice: Option<PasswordNotice>,
) -> Result<HttpResponse, PageError> {
    let status = match notice {
        Some(PasswordNotice::Throttled { .. }) => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::OK,
    };
    let user = users::find(visitor.provider.database.read(), session.user_id).await?;
    let page = ChangePassword {
        ui: visitor.ui(None),
        username: user.map(|user| user.username).unwrap_or_default(),
        form: act(visitor, PASSWORD, session),
        notice,
        back_href: visitor.path(PATH),
    };
    Ok(html(status, &page))
}
