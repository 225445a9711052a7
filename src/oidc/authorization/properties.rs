//! Whatever a request says: where the answer goes is registered, and nothing makes us panic.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use url::Url;

use super::response::{Delivery, Granted};
use super::tests::{client, issuer};
use super::*;
use crate::oidc::client::GrantType;

const WEB: &str = "https://a.example/cb?tenant=7";
const NATIVE: [&str; 3] = [
    "http://127.0.0.1:8000/cb",
    "http://[::1]/cb",
    "com.example.app:/cb",
];

/// What makes one URI look like another.
const PIECES: [&str; 24] = [
    "/",
    "//",
    "?",
    "#",
    "@",
    ":",
    ":80",
    ":443",
    ":65536",
    "\\",
    ".",
    "..",
    "%2e",
    "%00",
    "&",
    "=",
    "a",
    "cb",
    "evil.example",
    "localhost",
    "\u{2044}",
    "\t",
    " ",
    "\r\n",
];

fn registered(web: bool) -> Client {
    let mut client = client();
    if web {
        client.metadata.redirect_uris = vec![WEB.to_owned()];
    } else {
        client.metadata.application_type = ApplicationType::Native;
        client.metadata.redirect_uris = NATIVE.map(str::to_owned).to_vec();
    }
    client
}

/// A URI with a few pieces put in, taken out or put in the place of what was there.
fn damaged(uri: &'static str) -> impl Strategy<Value = String> {
    let change = (any::<Index>(), 0_usize..4, select(&PIECES[..]));
    proptest::collection::vec(change, 0..4).prop_map(move |changes| {
        let mut letters: Vec<String> = uri.chars().map(String::from).collect();
        for (place, out, piece) in changes {
            let from = place.index(letters.len() + 1);
            let to = letters.len().min(from + out);
            letters.splice(from..to, [piece.to_owned()]);
        }
        letters.concat()
    })
}

fn establish(asked: &str, client: &Client) -> Result<ReplyTo, Unanswerable> {
    let pair = ("redirect_uri".to_owned(), asked.to_owned());
    ReplyTo::establish(&Params::from_pairs([pair]).unwrap_or_default(), client)
}

/// The answer's URL, without what was added for the application.
fn destination(delivery: Delivery) -> String {
    let Delivery::Redirect(location) = delivery else {
        panic!("nobody asked for a form")
    };
    let (before, _) = location.split_once("iss=").expect("iss is always there");
    before.trim_end_matches(['?', '&', '#']).to_owned()
}

proptest! {
    /// Attack 1: an answer at what merely resembles a registered URI.
    #[test]
    fn a_web_application_is_answered_at_the_registered_text_alone(asked in damaged(WEB)) {
        match establish(&asked, &registered(true)) {
            Ok(reply_to) => {
                prop_assert_eq!(&asked, WEB);
                let answer = reply_to.success(&issuer(), Granted::default());
                prop_assert_eq!(destination(answer), WEB);
            }
            Err(Unanswerable::UnknownRedirectUri { received, .. }) => {
                prop_assert_eq!(&received, &asked);
                prop_assert_ne!(&asked, WEB);
            }
            Err(Unanswerable::MissingRedirectUri) => prop_assert!(asked.is_empty() || asked.contains('\0')),
        }
    }

    /// Attack 4: more than the port of a loopback address that may vary. A browser's own reading of the URI, not ours,
    /// says where it leads.
    #[test]
    fn a_native_application_is_answered_on_this_machine_at_the_registered_path_alone(
        asked in select(&NATIVE[..]).prop_flat_map(damaged),
    ) {
        if establish(&asked, &registered(false)).is_ok() && !NATIVE.contains(&asked.as_str()) {
            let url = Url::parse(&asked).unwrap();
            prop_assert_eq!(url.scheme(), "http");
            prop_assert!(matches!(url.host_str(), Some("127.0.0.1" | "[::1]")), "{}", url);
            prop_assert_eq!(url.path(), "/cb");
            prop_assert_eq!((url.query(), url.fragment()), (None, None));
            prop_assert_eq!((url.username(), url.password()), ("", None));
        }
    }

    #[test]
    fn a_native_application_is_answered_at_any_port(port in 0_u16..) {
        let asked = format!("http://127.0.0.1:{port}/cb");
        prop_assert!(establish(&asked, &registered(false)).is_ok());
    }

    /// What is refused is refused in words that may travel (RFC 6749 §4.1.2.1); what is not has what every request has.
    #[test]
    fn any_parameters_are_a_sound_request_or_a_refusal_that_can_be_sent(
        pairs in proptest::collection::vec((select(&NAMES[..]), value()), 0..12),
        hybrid: bool,
    ) {
        let mut client = registered(true);
        if hybrid {
            client.metadata.response_types = ResponseType::ALL.map(|known| known.as_str().to_owned()).to_vec();
            client.metadata.grant_types.push(GrantType::Implicit);
        }
        let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value));
        let request = Params::from_pairs(pairs)
            .and_then(|params| AuthorizationRequest::parse(&params, &client, &issuer(), &[]));
        match request {
            Ok(request) => {
                prop_assert!(request.scope.contains(OPENID));
                prop_assert!(!request.response_type.id_token || request.nonce.is_some());
                prop_assert!(hybrid || request.response_type == ResponseType::CODE);
            }
            Err(refusal) => {
                let legal = |byte: u8| matches!(byte, b' '..=b'!' | b'#'..=b'[' | b']'..=b'~');
                prop_assert!(refusal.description.bytes().all(legal), "{}", refusal);
            }
        }
    }
}

const NAMES: [&str; 19] = [
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "prompt",
    "max_age",
    "display",
    "login_hint",
    "ui_locales",
    "id_token_hint",
    "acr_values",
    "code_challenge",
    "code_challenge_method",
    "resource",
    "claims",
    "request",
    "request_uri",
    "registration",
];

/// Often what some parameter understands, else anything.
fn value() -> impl Strategy<Value = String> {
    let understood = [
        "code",
        "id_token",
        "code id_token token",
        "openid",
        "openid offline_access",
        "none",
        "login consent",
        "form_post",
        "query",
        "0",
        "S256",
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "https://id.example",
    ];
    prop_oneof![
        2 => select(understood.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}
