//! `session_state`: what an application's page compares in the browser (Session Management 1.0 §2, §3.2).

use std::fmt::Write as _;

use aws_lc_rs::digest;

use crate::oidc::uri;

/// The state as the application is told it: a hash, a dot and the `salt`. It is the application's own, and of the origin
/// that `redirect_uri` has. `static/check_session.js` makes the same hash in the browser. None for a redirect URI that
/// has no origin, as a native application's: no page of such an origin can ask.
///
/// `browser_state` is what the browser's cookie says; `salt` must have neither spaces nor dots.
pub fn session_state(
    client_id: &str,
    redirect_uri: &str,
    browser_state: &str,
    salt: &str,
) -> Option<String> {
    let origin = uri::origin(redirect_uri)?;
    let text = format!("{client_id} {origin} {browser_state} {salt}");
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let mut state = String::new();
    for byte in hash.as_ref() {
        let _ = write!(state, "{byte:02x}");
    }
    Some(format!("{state}.{salt}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(client_id: &str, redirect_uri: &str, browser_state: &str, salt: &str) -> String {
        session_state(client_id, redirect_uri, browser_state, salt).unwrap()
    }

    #[test]
    fn it_is_the_hash_of_client_origin_state_and_salt() {
        assert_eq!(
            of("ledger", "https://a.example/cb?x=1", "b", "s"),
            // printf 'ledger https://a.example b s' | sha256sum
            "090b250bbb67aac83f00db63ff46f29b9685e8795d44820eab54a2f8b19bbe28.s"
        );
    }

    #[test]
    fn it_depends_on_everything_but_the_path() {
        let one = of("ledger", "https://a.example/cb", "b", "s");
        assert_eq!(of("ledger", "https://a.example:443/other", "b", "s"), one);
        for other in [
            of("atlas", "https://a.example/cb", "b", "s"),
            of("ledger", "https://a.example:8443/cb", "b", "s"),
            of("ledger", "http://a.example/cb", "b", "s"),
            of("ledger", "https://a.example/cb", "c", "s"),
            of("ledger", "https://a.example/cb", "b", "t"),
        ] {
            assert_ne!(other, one);
        }
    }

    #[test]
    fn what_has_no_origin_has_no_state() {
        assert_eq!(session_state("app", "com.example.app:/cb", "b", "s"), None);
    }
}
