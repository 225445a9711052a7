//! Our cookies: random values that mean nothing elsewhere, each kept only as a keyed hash or not at all.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};

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
}

impl Kind {
    /// `__Host-` keeps other hosts of the domain from setting it. On plain http, which only loopback
    /// may be, there is no `Secure` and so no prefix; and since cookies ignore ports, the name has it.
    fn name(self, config: &Config) -> String {
        let name = match self {
            Self::Session => "session",
            Self::Browser => "browser",
            Self::Leaving => "leaving",
            Self::Known => "known",
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
            Self::Session | Self::Browser | Self::Leaving => 43,
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
        let mut cookie = Cookie::build(self.name(config), value)
            .path("/")
            .http_only(true)
            .secure(!config.issuer.is_loopback_http())
            .same_site(SameSite::Lax)
            .finish();
        cookie.set_max_age(seconds.map(Duration::seconds));
        cookie
    }

    /// Forgets it.
    pub(super) fn clear(self, config: &Config) -> Cookie<'static> {
        self.set(config, String::new(), Some(0))
    }
}
