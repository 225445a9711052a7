//! The page of an application that is framed when a session ends (Front-Channel Logout 1.0 §2, §3).

use super::{Channel, DeliveryState};
use crate::oidc::issuer::Issuer;
use crate::oidc::uri;

/// How many pages may frame one application. A page that was left before its frames had loaded asked nobody, and
/// nobody can tell; so one that is shown again asks again. That an application is asked twice does no harm, and it
/// must not go on for ever.
const MOST_ASKS: i32 = 3;

/// Whether a page that is shown now frames the application of a delivery that `asked` pages have framed before.
pub fn may_ask(channel: Channel, state: DeliveryState, asked: i32) -> bool {
    channel == Channel::Front
        && match state {
            DeliveryState::Unreachable => true,
            DeliveryState::Asked => asked < MOST_ASKS,
            _ => false,
        }
}

/// The frame's URL: the registered one, its query kept, with `iss` and `sid` (§3). Both are always
/// sent: an application that does not need them ignores them.
pub fn frame_url(frontchannel_logout_uri: &str, issuer: &Issuer, sid: &str) -> String {
    uri::with_query(
        frontchannel_logout_uri,
        &[("iss", issuer.as_str().to_owned()), ("sid", sid.to_owned())],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::authorization::tests::issuer;

    #[test]
    fn an_application_is_asked_again_three_times_at_most_and_never_once_it_has_confirmed() {
        use DeliveryState::{Asked, Confirmed, Unreachable};
        let may = |state, asked| may_ask(Channel::Front, state, asked);
        assert!(may(Unreachable, 0));
        assert!(may(Asked, 1) && may(Asked, 2));
        assert!(!may(Asked, 3));
        assert!(!may(Confirmed, 1));
        assert!(!may_ask(Channel::None, Unreachable, 0));
        assert!(!may_ask(Channel::Back, Unreachable, 0));
    }

    /// Attack 60: frames that do not say whose session ended.
    #[test]
    fn a_frame_names_issuer_and_session_beside_the_uris_own_query() {
        assert_eq!(
            frame_url("https://a.example/out?tenant=%2f", &issuer(), "s&1"),
            "https://a.example/out?tenant=%2f&iss=https%3A%2F%2Fid.example&sid=s%261"
        );
    }

    /// Attack 60: a `frame-src` that lets in more than the registered origin.
    #[test]
    fn the_origin_is_that_and_no_more() {
        let origin_of = uri::framed_origin;
        assert_eq!(
            origin_of("https://a.example:8443/out?x").unwrap(),
            "https://a.example:8443"
        );
        assert_eq!(
            origin_of("http://127.0.0.1:80/").unwrap(),
            "http://127.0.0.1"
        );
        assert_eq!(origin_of("data:text/html,x"), None);
        assert_eq!(origin_of("*"), None);
    }
}
