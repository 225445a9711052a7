//! The provider's own front page: who one is here.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::account;
use super::error::{PageError, html};
use super::pages::{Form, Landing};
use super::visitor::Visitor;
use crate::oidc::discovery::END_SESSION;
use crate::store::users;

/// GET and HEAD.
pub(super) async fn get(visitor: Visitor) -> HttpResponse {
    let answer = async {
        let account = match visitor.session().await? {
            Some(session) => users::find(visitor.provider.database.read(), session.user_id)
                .await?
                .map(|user| user.display_name().to_owned()),
            None => None,
        };
        let sign_out = Form::to(visitor.path(END_SESSION));
        Ok(html(
            StatusCode::OK,
            &Landing {
                ui: visitor.ui(None),
                account,
                account_href: visitor.path(account::PATH),
                sign_out,
            },
        ))
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}
