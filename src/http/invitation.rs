//! The page of an invitation to come in through another provider. Programs that look at links before people do (attack 86)
//! change nothing: only somebody who signs in there uses it up.

use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use uuid::Uuid;

use super::authorize::form;
use super::cookies::{self, Kind};
use super::error::{PageError, html};
use super::pages::{self, Form, UpstreamButton};
use super::upstream::{self, go, known};
use super::visitor::Visitor;
use crate::flows::upstream::Purpose;
use crate::flows::upstream::invitations::{Worth, worth};
use crate::oidc::params::Params;
use crate::oidc::upstream::Upstream;
use crate::oidc::upstream::request::Wanted;

/// Where it is, of each upstream.
pub(super) fn path() -> String {
    format!("{}/{{id}}/invitation", upstream::PATH)
}

/// The page.
pub(super) async fn get(mut visitor: Visitor, request: HttpRequest) -> HttpResponse {
    let answer = async {
        let params = Params::parse(request.query_string().as_bytes())?;
        let (upstream, token, _) = invited(&visitor, &request, &params).await?;
        // What binds the form to this browser (attack 67).
        let is_new = visitor.browser_cookie.is_none();
        let random = &visitor.provider.random;
        let browser = visitor
            .browser_cookie
            .get_or_insert_with(|| random.secret())
            .clone();
        let mut response = page(&visitor, &upstream, &token, false);
        if is_new {
            let cookie = Kind::Browser.set(&visitor.provider.config, browser, None);
            cookies::add(&mut response, [cookie])?;
        }
        Ok(response)
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// The form: on to the upstream. What comes of it is bound to this browser.
pub(super) async fn post(visitor: Visitor, request: HttpRequest, body: Bytes) -> HttpResponse {
    let answer = async {
        let form = form(&body)?;
        let (upstream, token, id) = invited(&visitor, &request, &form).await?;
        visitor.check_form(&form, &subject(&upstream, &token))?;
        let purpose = Purpose::Invitation(id);
        let gone = go(&visitor, &upstream.id, purpose, &Wanted::default()).await?;
        Ok(gone.unwrap_or_else(|| page(&visitor, &upstream, &token, true)))
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// Through which upstream, by which token, and by which invitation.
async fn invited(
    visitor: &Visitor,
    request: &HttpRequest,
    params: &Params,
) -> Result<(Upstream, String, Uuid), PageError> {
    let upstream = known(visitor, request).await?;
    let token = params.get("token").unwrap_or_default();
    match worth(&visitor.provider, &upstream, token).await? {
        Worth::Good(id) => Ok((upstream, token.to_owned(), id)),
        Worth::Used => Err(PageError::InvitationUsed),
        Worth::Over => Err(PageError::InvitationOver),
    }
}

/// What the form is about.
fn subject(upstream: &Upstream, token: &str) -> String {
    format!("{}/{}/invitation {token}", upstream::PATH, upstream.id)
}

fn page(
    visitor: &Visitor,
    upstream: &Upstream,
    token: &str,
    does_not_answer: bool,
) -> HttpResponse {
    let action = format!("{}/{}/invitation", upstream::PATH, upstream.id);
    let page = pages::Invitation {
        ui: visitor.ui(None),
        upstream: UpstreamButton {
            id: upstream.id.clone(),
            label: upstream.label.clone(),
            logo: upstream.logo.clone(),
        },
        form: Form::to(visitor.path(&action))
            .with("token", token)
            .with("csrf", visitor.csrf(&subject(upstream, token))),
        does_not_answer,
    };
    let status = match does_not_answer {
        true => StatusCode::BAD_GATEWAY,
        false => StatusCode::OK,
    };
    html(status, &page)
}
