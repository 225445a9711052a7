use super::*;
use crate::oidc::authorization::tests::client as some_client;
use crate::oidc::token::id_token::tests::claims;

const BYE: &str = "https://a.example/bye?x=%2f";

fn client() -> Client {
    let mut client = some_client();
    client.metadata.post_logout_redirect_uris = vec![BYE.to_owned()];
    client
}

/// A request by `client_id` to go to `uri`.
fn request(client_id: Option<&str>, uri: Option<&str>) -> EndSessionRequest {
    EndSessionRequest {
        client_id: client_id.map(str::to_owned),
        post_logout_redirect_uri: uri.map(str::to_owned),
        state: Some("s".to_owned()),
        ..EndSessionRequest::default()
    }
}

/// A hint of ours for the client `ledger`.
fn hint_about(sub: &str, sid: &str) -> Hint {
    Hint::Vouches(Box::new(IdTokenClaims {
        sub: sub.to_owned(),
        sid: Some(sid.to_owned()),
        ..claims()
    }))
}

/// What is decided when Ada's session with `s1` lives, or none does.
fn decide(request: &EndSessionRequest, hint: &Hint, signed_in: bool) -> EndSession {
    let sids = ["s0".to_owned(), "s1".to_owned()];
    let session = signed_in.then(|| of_ada(&sids));
    let client = client();
    let named = request
        .names_client(hint)
        .filter(|named| *named == client.client_id);
    end_session(request, hint, named.map(|_| &client), session)
}

fn of_ada(sids: &[String]) -> LivingSession<'_> {
    LivingSession {
        sub: "ada",
        username: "lovelace",
        email: Some("ada@example.org"),
        sids,
    }
}

fn back() -> Then {
    Then::Redirect(PostLogoutRedirect {
        uri: BYE.to_owned(),
        state: Some("s".to_owned()),
    })
}

fn page() -> Then {
    Then::SignedOutPage { link: None }
}

fn link() -> Then {
    Then::SignedOutPage {
        link: Some(PostLogoutRedirect {
            uri: BYE.to_owned(),
            state: Some("s".to_owned()),
        }),
    }
}

fn confirm(asked_by: Option<&str>, then: Then) -> EndSession {
    EndSession::Confirm {
        asked_by: asked_by.map(str::to_owned),
        then,
    }
}

/// Attack 50 (CVE-2020-10734): a session that another site ends. Attack 54: hints that are expired
/// (as every hint here is), unknown or forged, and that end in an error.
#[test]
fn every_row_of_the_table() {
    let ours = hint_about("ada", "s1");
    let earlier = hint_about("ada", "s9");
    let another = hint_about("grace", "s1");
    let forged = Hint::Worthless;
    let absent = Hint::Absent;
    let ledger = Some("ledger");
    let bye = Some(BYE);
    for (row, signed_in, hint, client_id, uri, expected) in [
        (
            "of this session, with a URI",
            true,
            &ours,
            None,
            bye,
            EndSession::EndNow { then: back() },
        ),
        (
            "of this session, and client_id",
            true,
            &ours,
            ledger,
            bye,
            EndSession::EndNow { then: back() },
        ),
        (
            "of this session, without a URI",
            true,
            &ours,
            None,
            None,
            EndSession::EndNow { then: page() },
        ),
        (
            "of an earlier session",
            true,
            &earlier,
            None,
            bye,
            confirm(ledger, back()),
        ),
        (
            "of an earlier session, no URI",
            true,
            &earlier,
            None,
            None,
            confirm(ledger, page()),
        ),
        (
            "of another person",
            true,
            &another,
            None,
            bye,
            confirm(ledger, back()),
        ),
        (
            "client_id and URI",
            true,
            &absent,
            ledger,
            bye,
            confirm(ledger, back()),
        ),
        (
            "client_id only",
            true,
            &absent,
            ledger,
            None,
            confirm(ledger, page()),
        ),
        ("nothing", true, &absent, None, None, confirm(None, page())),
        (
            "a URI of nobody",
            true,
            &absent,
            None,
            bye,
            confirm(None, page()),
        ),
        (
            "an unknown client",
            true,
            &absent,
            Some("stranger"),
            bye,
            confirm(None, page()),
        ),
        ("forged", true, &forged, None, bye, confirm(None, page())),
        (
            "forged, with client_id",
            true,
            &forged,
            ledger,
            bye,
            confirm(ledger, page()),
        ),
        (
            "out, valid hint",
            false,
            &ours,
            None,
            bye,
            EndSession::AlreadyOut { then: back() },
        ),
        (
            "out, valid hint, no URI",
            false,
            &ours,
            None,
            None,
            EndSession::AlreadyOut { then: page() },
        ),
        (
            "out, client_id and URI",
            false,
            &absent,
            ledger,
            bye,
            EndSession::AlreadyOut { then: link() },
        ),
        (
            "out, nothing",
            false,
            &absent,
            None,
            None,
            EndSession::AlreadyOut { then: page() },
        ),
        (
            "out, forged",
            false,
            &forged,
            ledger,
            bye,
            EndSession::AlreadyOut { then: page() },
        ),
    ] {
        assert_eq!(
            decide(&request(client_id, uri), hint, signed_in),
            expected,
            "{row}"
        );
    }
}

#[test]
fn a_logout_hint_at_anybody_else_has_the_person_asked_and_otherwise_changes_nothing() {
    let ours = hint_about("ada", "s1");
    let end = EndSession::EndNow { then: back() };
    let ask = confirm(Some("ledger"), back());
    for (logout_hint, hint, signed_in, expected) in [
        (None, &ours, true, &end),
        (Some("ada"), &ours, true, &end),
        (Some("lovelace"), &ours, true, &end),
        (Some("LoveLace"), &ours, true, &end),
        (Some("Ada@Example.org"), &ours, true, &end),
        // Of this application, or of another that takes part.
        (Some("s1"), &ours, true, &end),
        (Some("s0"), &ours, true, &end),
        (Some("grace"), &ours, true, &ask),
        (Some("grace@example.org"), &ours, true, &ask),
        (Some("s9"), &ours, true, &ask),
        (Some("nobody we know"), &ours, true, &ask),
        // A `sub` and a `sid` are compared letter by letter.
        (Some("ADA"), &ours, true, &ask),
        (Some("lovelace"), &hint_about("ada", "s9"), true, &ask),
        (
            Some("grace"),
            &ours,
            false,
            &EndSession::AlreadyOut { then: back() },
        ),
        (
            Some("lovelace"),
            &Hint::Worthless,
            true,
            &confirm(Some("ledger"), page()),
        ),
    ] {
        let request = EndSessionRequest {
            logout_hint: logout_hint.map(str::to_owned),
            ..request(Some("ledger"), Some(BYE))
        };
        let decided = decide(&request, hint, signed_in);
        assert_eq!(decided, *expected, "{logout_hint:?} {hint:?}");
    }
}

#[test]
fn a_client_that_is_not_the_hints_is_unfit_whether_or_not_there_is_a_session() {
    for signed_in in [true, false] {
        let decided = decide(
            &request(Some("other"), Some(BYE)),
            &hint_about("ada", "s1"),
            signed_in,
        );
        assert_eq!(decided, EndSession::Unfit(Unfit::ClientIsNotTheHints));
    }
}

/// Attack 51: places to go that merely resemble a registered one.
#[test]
fn a_uri_that_is_not_registered_is_never_redirected_to() {
    for asked in [
        "https://a.example/bye",
        "https://a.example/bye?x=%2f&y",
        "https://a.example/bye?x=%2F",
        "https://a.example/",
        "https://a.example/*",
        "https://a.example@evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "https://a.example/cb",
        "https://a.example/bye?x=%2f\r\nSet-Cookie: a=b",
    ] {
        for signed_in in [true, false] {
            for hint in [hint_about("ada", "s1"), Hint::Absent] {
                let decided = decide(&request(Some("ledger"), Some(asked)), &hint, signed_in);
                let EndSession::Unfit(Unfit::UnknownPostLogoutRedirectUri { received, nearest }) =
                    decided
                else {
                    panic!("{asked}")
                };
                assert_eq!((received.as_str(), nearest.as_deref()), (asked, Some(BYE)));
            }
        }
    }
}

/// Attack 51: a URI that another client registered.
#[test]
fn the_uri_of_another_client_is_not_this_ones() {
    let mut other = client();
    other.client_id = "other".to_owned();
    other.metadata.post_logout_redirect_uris.clear();
    let decided = end_session(
        &request(Some("other"), Some(BYE)),
        &Hint::Absent,
        Some(&other),
        None,
    );
    assert!(matches!(decided, EndSession::Unfit(_)));
}

#[test]
fn a_hint_whose_client_is_gone_still_ends_the_session_and_goes_nowhere() {
    let sids = ["s1".to_owned()];
    let session = Some(of_ada(&sids));
    let decided = end_session(
        &request(None, Some(BYE)),
        &hint_about("ada", "s1"),
        None,
        session,
    );
    assert_eq!(decided, EndSession::EndNow { then: page() });
}

/// Attack 53: a `state` that breaks out of its parameter, or that replaces the URI's own query.
#[test]
fn the_state_joins_the_query_that_the_uri_has() {
    let location = |state: Option<&str>| {
        PostLogoutRedirect {
            uri: BYE.to_owned(),
            state: state.map(str::to_owned),
        }
        .location()
    };
    assert_eq!(
        location(Some("a&b=\r\n#")),
        "https://a.example/bye?x=%2f&state=a%26b%3D%0D%0A%23"
    );
    assert_eq!(location(None), BYE);
}

#[test]
fn a_request_reads_back() {
    let params = Params::parse(b"id_token_hint=h&client_id=c&post_logout_redirect_uri=u&state=s&logout_hint=l&ui_locales=de+en&x=y");
    let expected = EndSessionRequest {
        id_token_hint: Some("h".to_owned()),
        client_id: Some("c".to_owned()),
        post_logout_redirect_uri: Some("u".to_owned()),
        state: Some("s".to_owned()),
        logout_hint: Some("l".to_owned()),
        ui_locales: vec!["de".to_owned(), "en".to_owned()],
    };
    assert_eq!(EndSessionRequest::parse(&params.unwrap()), expected);
}

#[test]
fn the_hint_is_asked_first_who_the_client_is() {
    let request = request(Some("other"), None);
    assert_eq!(
        request.names_client(&hint_about("ada", "s1")),
        Some("ledger")
    );
    assert_eq!(request.names_client(&Hint::Absent), Some("other"));
}
