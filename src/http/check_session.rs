//! Session Management 1.0: the state of the browser that applications compare, and the page that they frame to do so.
//!
//! While somebody is signed in the state is a keyed hash of the session's cookie, so that it follows from that whether
//! it is up to date; otherwise it is random. It says nothing of who is signed in, and opens nothing.

use actix_web::HttpResponse;
use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;

use super::cookies::Kind;
use super::error::{PageError, html};
use super::headers::let_be_framed;
use super::pages::CheckSession;
use super::visitor::Visitor;
use crate::flows::sign_in::BrowserCookies;
use crate::flows::{Provider, known_browser};
use crate::jose::HashPurpose;
use crate::oidc::authorization::ReplyTo;
use crate::oidc::client::Client;
use crate::oidc::session_state::session_state;

/// The state of a browser, and whether it knows of it.
pub(super) struct BrowserState {
    value: String,
    is_new: bool,
}

/// The page. It sets no cookie: a browser that keeps those of frames apart would have two states.
pub(super) async fn get(visitor: Visitor) -> HttpResponse {
    let page = CheckSession {
        ui: visitor.ui(None),
        cookie: Kind::State.name(&visitor.provider.config),
    };
    let mut response = html(StatusCode::OK, &page);
    let_be_framed(&mut response);
    response
}

/// The state that an answer to an application is to tell; none where Session Management is off.
pub(super) async fn browser_state(visitor: &Visitor) -> Result<Option<BrowserState>, PageError> {
    let provider = &visitor.provider;
    if !provider.config.session_management {
        return Ok(None);
    }
    let known = visitor.state_cookie.clone();
    if visitor.is_framed {
        // What is set in a frame may be kept apart from what a page of ours sets; and a frame on another site does
        // not bring the session's cookie.
        return Ok(known.map(|value| BrowserState {
            value,
            is_new: false,
        }));
    }
    let of_session = visitor
        .session_cookie
        .as_deref()
        .map(|cookie| signed_in_state(provider, cookie));
    let is_signed_in = visitor.session().await?.is_some();
    let value = match (of_session, &known) {
        (Some(state), _) if is_signed_in => state,
        // The session ended elsewhere, or its time was over: this browser learns of it now.
        (Some(state), Some(known)) if state == *known => provider.random.secret(),
        (_, Some(known)) => known.clone(),
        (_, None) => provider.random.secret(),
    };
    let is_new = known.as_ref() != Some(&value);
    Ok(Some(BrowserState { value, is_new }))
}

impl BrowserState {
    /// `session_state` for this client, if its redirect URI has an origin.
    pub(super) fn told_to(
        &self,
        visitor: &Visitor,
        client: &Client,
        reply_to: &ReplyTo,
    ) -> Option<String> {
        let salt = visitor.provider.random.secret();
        session_state(
            &client.client_id,
            reply_to.redirect_uri(),
            &self.value,
            &salt,
        )
    }

    /// The cookie that tells the browser, if it does not know.
    pub(super) fn cookie(self, visitor: &Visitor) -> Option<Cookie<'static>> {
        self.is_new
            .then(|| state_cookie(&visitor.provider, self.value))
    }
}

/// The cookies of a browser in which somebody has just proved who they are. From here on the request counts as theirs.
pub(super) fn signed_in(visitor: &mut Visitor, given: BrowserCookies) -> Vec<Cookie<'static>> {
    let provider = &visitor.provider;
    let config = &provider.config;
    let lifetime = config.session.absolute.num_seconds();
    let known_for = known_browser::KNOWN_FOR.num_seconds();
    let mut cookies = vec![
        Kind::Session.set(config, given.session.clone(), Some(lifetime)),
        Kind::Known.set(config, given.known, Some(known_for)),
    ];
    if config.session_management {
        let state = signed_in_state(provider, &given.session);
        cookies.push(state_cookie(provider, state.clone()));
        visitor.state_cookie = Some(state);
    }
    visitor.session_cookie = Some(given.session);
    cookies
}

/// The cookies of a browser whose session is over. Its state is another, and never none: where there is none, pages
/// are told that nothing has changed.
pub(super) fn signed_out(provider: &Provider) -> Vec<Cookie<'static>> {
    let mut cookies = vec![Kind::Session.clear(&provider.config)];
    if provider.config.session_management {
        cookies.push(state_cookie(provider, provider.random.secret()));
    }
    cookies
}

fn signed_in_state(provider: &Provider, cookie: &str) -> String {
    provider.master.hash(HashPurpose::BrowserState, cookie)
}

/// It lasts as long as the session's.
fn state_cookie(provider: &Provider, state: String) -> Cookie<'static> {
    let lifetime = provider.config.session.absolute.num_seconds();
    Kind::State.set(&provider.config, state, Some(lifetime))
}
