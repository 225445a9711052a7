//! Our cookies: random values that mean nothing elsewhere, each kept only as a keyed hash, or not at all.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, HttpResponse};

use super::error::PageError;
use crate::config::Config;
use crate::flows::known_browser;

/// Which cookie.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Finds the session.
    Session,
    /// Binds a parked request to the browser it came in.
    Browser,
    /// Shows the receipts of a session that is over.
    Leaving,
    /// Says that a person has signed in here before.
    Known,
    /// Changes when somebody signs in or out (Session Management 1.0). A script of ours reads it, in a frame on an
    /// application's page; it opens nothing.
    State,
}

impl Kind {
    /// `__Host-` keeps other hosts of the domain from setting it. On plain http, which only loopback
    /// may be, there is no `Secure` and so no prefix; and since cookies ignore ports, the name has it.
    pub(super) fn name(self, config: &Config) -> String {
        let name = match self {
            Self::Session => "session",
            Self::Browser => "browser",
            Self::Leaving => "leaving",
            Self::Known => "known",
            Self::State => "state",
        };
        if config.issuer.is_loopback_http() {
            format!("exeunt-{name}-{}", config.issuer.port())
        } else {
            format!("__Host-exeunt-{name}")
        }
    }

    /// The value that came along.
    pub(super) fn read(self, request: &HttpRequest, config: &Config) -> Option<String> {
        let cookie = request.cookie(&self.name(config))?;
        // A value of another length is none of ours.
        let length = match self {
            Self::Known => known_browser::LENGTH,
            Self::Session | Self::Browser | Self::Leaving | Self::State => 43,
        };
        (cookie.value().len() == length).then(|| cookie.value().to_owned())
    }

    /// A cookie with `value` for so many seconds; without, until the browser closes.
    pub(super) fn set(
        self,
        config: &Config,
        value: String,
        seconds: Option<i64>,
    ) -> Cookie<'static> {
        let secure = !config.issuer.is_loopback_http();
        let state = matches!(self, Self::State);
        let mut cookie = Cookie::build(self.name(config), value)
            .path("/")
            .http_only(!state)
            .secure(secure)
            // Browsers take `None` with `Secure` alone; and to them all of this machine is one site.
            .same_site(if state && secure {
                SameSite::None
            } else {
                SameSite::Lax
            })
            .finish();
        cookie.set_max_age(seconds.map(Duration::seconds));
        cookie
    }

    /// Forgets it.
    pub(super) fn clear(self, config: &Config) -> Cookie<'static> {
        self.set(config, String::new(), Some(0))
    }
}

/// Adds cookies to an answer.
pub(super) fn add(
    response: &mut HttpResponse,
    cookies: impl IntoIterator<Item = Cookie<'static>>,
) -> Result<(), PageError> {
    for cookie in cookies {
        response
            .add_cookie(&cookie)
            .map_err(|_invalid| PageError::Expired)?;
    }
    Ok(())
}
