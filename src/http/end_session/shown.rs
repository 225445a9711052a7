//! What the end session endpoint shows where nothing ends yet, or nothing more: the page that asks, and the one of a browser
//! in which nobody is signed in.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::{ACT, CONFIRM_PATH, Request};
use crate::http::error::{PageError, html, see_other};
use crate::http::pages::{
    Application, Comparison, ConfirmSignOut, Details, Form, Onward, Participation, SignOutNotice,
    SignedOut,
};
use crate::http::visitor::Visitor;
use crate::oidc::error::ErrorCode;
use crate::oidc::logout::{EndSession, Then, Unfit};
use crate::store::{clients, users};

/// Names the account and the applications, and says what is wrong with the request, if anything.
pub(super) async fn ask(visitor: &Visitor, known: &Request) -> Result<HttpResponse, PageError> {
    let Some((session, participants)) = &known.session else {
        return Err(PageError::Expired);
    };
    let provider = &visitor.provider;
    let db = provider.database.read();
    let user = users::find(db, session.user_id).await?;
    let ids: Vec<String> = participants
        .iter()
        .map(|known| known.client_id.clone())
        .collect();
    let named = clients::find_all(db, &ids).await?;
    let application = |client_id: &str| {
        let known = named
            .iter()
            .find(|known| known.client.client_id == client_id);
        let name = known
            .map_or(client_id, |known| known.client.name())
            .to_owned();
        Application {
            client_id: client_id.to_owned(),
            name,
        }
    };
    let only = match &known.decision {
        EndSession::Confirm {
            asked_by: Some(client_id),
            ..
        } if ids.contains(client_id) => Some(application(client_id)),
        _ => None,
    };
    let (notice, details) = unfit(&known.decision);
    let page = ConfirmSignOut {
        ui: visitor.ui(known.params.get("ui_locales")),
        account: user
            .map(|user| user.display_name().to_owned())
            .unwrap_or_default(),
        applications: participants
            .iter()
            .map(|known| Participation {
                application: application(&known.client_id),
                since: known.joined_at,
            })
            .collect(),
        only,
        notice,
        details,
        form: Form::to(visitor.path(CONFIRM_PATH))
            .with("request", known.params.to_text())
            .with("csrf", visitor.session_csrf(session, ACT)),
        now: provider.clock.now(),
    };
    Ok(html(StatusCode::OK, &page))
}

/// Nobody is signed in in this browser.
pub(super) fn already_out(visitor: &Visitor, known: &Request, then: Then) -> HttpResponse {
    let link = match then {
        Then::Redirect(redirect) => return see_other(&redirect.location()),
        Then::SignedOutPage { link } => link,
    };
    let (notice, details) = unfit(&known.decision);
    let sign_in_again = known
        .client
        .as_ref()
        .filter(|_| link.is_none())
        .and_then(|client| Onward::sign_in(client, &visitor.provider.config.issuer));
    let page = SignedOut {
        ui: visitor.ui(known.request.ui_locales.first().map(String::as_str)),
        was_signed_in: false,
        departures: Vec::new(),
        notice,
        details,
        onward: link.map(|link| Onward {
            href: link.location(),
            application: known.client.as_ref().map(|client| client.name().to_owned()),
        }),
        sign_in_again,
        status_href: None,
        again_href: None,
        elsewhere: None,
        now: visitor.provider.clock.now(),
    };
    html(StatusCode::OK, &page)
}

/// What is wrong with the request: for the person, and for the application's developer.
fn unfit(decision: &EndSession) -> (Option<SignOutNotice>, Option<Details>) {
    let EndSession::Unfit(unfit) = decision else {
        return (None, None);
    };
    let (notice, comparison) = match unfit {
        Unfit::ClientIsNotTheHints => (SignOutNotice::RequestDoesNotFit, None),
        Unfit::UnknownPostLogoutRedirectUri { received, nearest } => (
            SignOutNotice::AddressNotRegistered,
            Some(Comparison {
                received: received.clone(),
                registered: nearest.clone(),
            }),
        ),
    };
    let details = Details {
        error: ErrorCode::InvalidRequest.to_string(),
        description: unfit.to_string(),
        comparison,
    };
    (Some(notice), Some(details))
}
