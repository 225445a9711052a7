//! Our cookies: random values that mean nothing elsewhere, each kept only as a keyed hash, or not at all.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::{COOKIE, HeaderMap};
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
        let value = value_of(request.headers(), &self.name(config))?;
        // A value of another length is none of ours.
        let length = match self {
            Self::Known => known_browser::LENGTH,
            Self::Session | Self::Browser | Self::Leaving | Self::State => 43,
        };
        (value.len() == length).then(|| value.to_owned())
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

/// The value of the cookie of exactly this name; none where two differ, of which one is somebody else's.
///
/// We read the header ourselves: libraries decode names, so that `%5F_Host-...`, which any host of the domain may set,
/// becomes one of ours (attack 66); and they read none at all beside one that is not UTF-8.
fn value_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers
        .get_all(COOKIE)
        .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| {
            let value = pair.trim_ascii_start().strip_prefix(name.as_bytes())?;
            value.strip_prefix(b"=")
        });
    let first = values.next()?;
    if values.any(|other| other != first) {
        return None;
    }
    str::from_utf8(first).ok()
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

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    const NAME: &str = "__Host-exeunt-session";

    fn read(lines: &[&[u8]]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_bytes(line).unwrap());
        }
        value_of(&headers, NAME).map(str::to_owned)
    }

    #[test]
    fn a_cookie_is_found_among_others_and_in_several_lines() {
        let ours = Some("ours".to_owned());
        assert_eq!(read(&[b"a=1; __Host-exeunt-session=ours; b=2"]), ours);
        assert_eq!(read(&[b"a=1", b"__Host-exeunt-session=ours"]), ours);
        assert_eq!(read(&[b"a=1;\t__Host-exeunt-session=ours"]), ours);
        assert_eq!(read(&[b"a=1"]), None);
        assert_eq!(read(&[]), None);
    }

    /// Attack 66 (CVE-2024-28197): a cookie that another host of the domain may set, and that a lenient reader takes for ours.
    #[test]
    fn another_hosts_cookie_is_not_taken_for_ours() {
        for theirs in [
            "%5F_Host-exeunt-session=theirs",
            "__host-exeunt-session=theirs",
            "__Host-exeunt-session =theirs",
            "\u{2003}__Host-exeunt-session=theirs",
            "x__Host-exeunt-session=theirs",
            "__Host-exeunt-session2=theirs",
            "__Host-exeunt-session",
        ] {
            assert_eq!(read(&[theirs.as_bytes()]), None, "{theirs}");
            let both = format!("{theirs}; __Host-exeunt-session=ours");
            assert_eq!(
                read(&[both.as_bytes()]),
                Some("ours".to_owned()),
                "{theirs}"
            );
        }
        let twice = b"__Host-exeunt-session=theirs; __Host-exeunt-session=ours";
        assert_eq!(read(&[twice]), None);
        let same = b"__Host-exeunt-session=ours; __Host-exeunt-session=ours";
        assert_eq!(read(&[same]), Some("ours".to_owned()));
    }

    #[test]
    fn a_cookie_that_is_no_text_hides_no_other() {
        let beside = b"city=M\xfcnchen; __Host-exeunt-session=ours";
        assert_eq!(read(&[beside]), Some("ours".to_owned()));
        assert_eq!(
            read(&[b"\xff", b"__Host-exeunt-session=ours"]),
            Some("ours".to_owned())
        );
        assert_eq!(read(&[b"__Host-exeunt-session=\xff"]), None);
    }
}
