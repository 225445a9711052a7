//! The end session endpoint (RP-Initiated Logout 1.0). The cookie decides whose session ends; the
//! hint only vouches for who asks, and nothing but a registered URI is ever redirected to.

pub mod breaker;
pub mod delivery;
mod facts;
pub mod frontchannel;
pub mod logout_token;
pub mod termination;
pub mod verdict;

pub use facts::{Cause, Channel, DeliveryState};

use crate::oidc::client::Client;
use crate::oidc::params::Params;
use crate::oidc::token::id_token::IdTokenClaims;
use crate::oidc::uri;

/// A request to sign out (RP-Initiated Logout 1.0 §2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndSessionRequest {
    /// An ID token, not verified yet.
    pub id_token_hint: Option<String>,
    /// Who asks.
    pub client_id: Option<String>,
    /// Where to go afterwards.
    pub post_logout_redirect_uri: Option<String>,
    /// What that place must be told.
    pub state: Option<String>,
    /// Who is likely to sign out.
    pub logout_hint: Option<String>,
    /// The languages for the pages, best first.
    pub ui_locales: Vec<String>,
}

impl EndSessionRequest {
    /// Reads a request. Nothing in it can be wrong enough to leave the person with an error alone.
    pub fn parse(params: &Params) -> Self {
        let owned = |name| params.get(name).map(str::to_owned);
        Self {
            id_token_hint: owned("id_token_hint"),
            client_id: owned("client_id"),
            post_logout_redirect_uri: owned("post_logout_redirect_uri"),
            state: owned("state"),
            logout_hint: owned("logout_hint"),
            ui_locales: owned("ui_locales")
                .unwrap_or_default()
                .split_ascii_whitespace()
                .map(str::to_owned)
                .collect(),
        }
    }

    /// The client to look up: the hint's where it vouches for one, else `client_id`.
    pub fn names_client<'a>(&'a self, hint: &'a Hint) -> Option<&'a str> {
        match hint {
            Hint::Vouches(claims) => Some(&claims.aud),
            Hint::Absent | Hint::Worthless => self.client_id.as_deref(),
        }
    }
}

/// What became of the `id_token_hint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// There was none.
    Absent,
    /// It is forged, unsigned, no ID token or another issuer's.
    Worthless,
    /// It is an ID token of ours, expired or not: see [`IdTokenClaims::read_hint`].
    Vouches(Box<IdTokenClaims>),
}

/// The living session of the browser that asks.
#[derive(Debug, Clone, Copy)]
pub struct LivingSession<'a> {
    /// Whose it is.
    pub sub: &'a str,
    /// What they sign in with.
    pub username: &'a str,
    /// Their e-mail address.
    pub email: Option<&'a str>,
    /// The `sid` of every application that takes part.
    pub sids: &'a [String],
}

/// What to do about a request to sign out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndSession {
    /// End the session, then go on.
    EndNow {
        /// What follows.
        then: Then,
    },
    /// Ask the person: another site could have made the request.
    Confirm {
        /// The application that asked, if one did: "only this application" is offered too.
        asked_by: Option<String>,
        /// What follows once they agree.
        then: Then,
    },
    /// There is no session in this browser.
    AlreadyOut {
        /// What follows.
        then: Then,
    },
    /// A page that says why, and offers to sign out; never a redirect.
    Unfit(Unfit),
}

/// What follows the end of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// Go back to the application.
    Redirect(PostLogoutRedirect),
    /// Our own page.
    SignedOutPage {
        /// The way back, for the person to choose.
        link: Option<PostLogoutRedirect>,
    },
}

/// What is wrong with a request to sign out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// `client_id` is not in the hint's `aud` (§2).
    #[error("client_id is not the client that the id_token_hint was issued to")]
    ClientIsNotTheHints,
    /// The URI is none that the client registered (§3).
    #[error("post_logout_redirect_uri is not one that the client registered")]
    UnknownPostLogoutRedirectUri {
        /// What the request said.
        received: String,
        /// The registered one that looks most like it.
        nearest: Option<String>,
    },
}

/// A post-logout redirect URI that the client registered. Holding one is the permission to redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostLogoutRedirect {
    uri: String,
    state: Option<String>,
}

impl PostLogoutRedirect {
    /// Matches by exact string comparison (§3.1). `None` where the request asks for no redirect.
    fn establish(request: &EndSessionRequest, client: &Client) -> Result<Option<Self>, Unfit> {
        let Some(asked) = &request.post_logout_redirect_uri else {
            return Ok(None);
        };
        let registered = &client.metadata.post_logout_redirect_uris;
        if !registered.contains(asked) {
            return Err(Unfit::UnknownPostLogoutRedirectUri {
                received: asked.clone(),
                nearest: uri::nearest(asked, registered).map(str::to_owned),
            });
        }
        Ok(Some(Self {
            uri: asked.clone(),
            state: request.state.clone(),
        }))
    }

    /// Where to go: the URI as it was registered, with `state` and nothing else (§3).
    pub fn location(&self) -> String {
        match &self.state {
            Some(state) => uri::with_query(&self.uri, &[("state", state.clone())]),
            None => self.uri.clone(),
        }
    }
}

/// Decides about a request. `client` is the one that [`EndSessionRequest::names_client`] names, if
/// it is known and enabled.
pub fn end_session(
    request: &EndSessionRequest,
    hint: &Hint,
    client: Option<&Client>,
    session: Option<LivingSession<'_>>,
) -> EndSession {
    let redirect = match (client_is_the_hints(request, hint), client) {
        (Err(unfit), _) => return EndSession::Unfit(unfit),
        (Ok(()), None) => None,
        (Ok(()), Some(client)) => match PostLogoutRedirect::establish(request, client) {
            Ok(redirect) => redirect,
            Err(unfit) => return EndSession::Unfit(unfit),
        },
    };
    // A hint that is worthless makes the rest of the request suspect: stay here.
    let redirect = redirect.filter(|_| *hint != Hint::Worthless);
    let go_back = |redirect: Option<PostLogoutRedirect>| match redirect {
        Some(redirect) => Then::Redirect(redirect),
        None => Then::SignedOutPage { link: None },
    };
    match (session, hint) {
        (Some(session), Hint::Vouches(claims))
            if is_of_this_session(claims, session) && !hints_at_another(request, session) =>
        {
            EndSession::EndNow {
                then: go_back(redirect),
            }
        }
        (Some(_), _) => EndSession::Confirm {
            asked_by: client.map(|client| client.client_id.clone()),
            then: go_back(redirect),
        },
        (None, Hint::Vouches(_)) => EndSession::AlreadyOut {
            then: go_back(redirect),
        },
        // Nobody vouches for the request and nobody confirms it: offer the way, do not take it.
        (None, _) => EndSession::AlreadyOut {
            then: Then::SignedOutPage { link: redirect },
        },
    }
}

/// §2: "the OP MUST verify that the Client Identifier matches the one used when issuing the ID Token".
fn client_is_the_hints(request: &EndSessionRequest, hint: &Hint) -> Result<(), Unfit> {
    match (hint, &request.client_id) {
        (Hint::Vouches(claims), Some(client_id)) if claims.aud != *client_id => {
            Err(Unfit::ClientIsNotTheHints)
        }
        _ => Ok(()),
    }
}

fn is_of_this_session(claims: &IdTokenClaims, session: LivingSession<'_>) -> bool {
    claims.sub == session.sub
        && claims
            .sid
            .as_ref()
            .is_some_and(|sid| session.sids.contains(sid))
}

/// §2: `logout_hint` is who the application thinks is leaving: a `sub`, `sid`, name or e-mail address. When that is not
/// the person at this browser, they are asked. A hint at nobody we know is treated alike: else the answer would tell
/// who has an account here.
fn hints_at_another(request: &EndSessionRequest, session: LivingSession<'_>) -> bool {
    let Some(hint) = &request.logout_hint else {
        return false;
    };
    let same = |name: &str| name.to_lowercase() == hint.to_lowercase();
    let is_this = hint == session.sub
        || session.sids.contains(hint)
        || same(session.username)
        || session.email.is_some_and(same);
    !is_this
}

#[cfg(test)]
mod tests;
