//! The authorization endpoint (Core §3.1.2, RFC 6749 §4.1): what is answered, where, and what never is.

use chrono::TimeDelta;
use exeunt::oidc::client::{ApplicationType, ClientAuthMethod};
use url::Url;

use crate::support::ledger::{HOME, error, ledger, open, sign_in};
use crate::support::provider::{Provider, metadata};
use crate::support::relying_party::{RelyingParty, Tokens};
use crate::support::visitor::{Answer, Visitor};

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

async fn start() -> (Provider, RelyingParty, Visitor) {
    let provider = ledger().await.start().await;
    let party = RelyingParty::of(&provider, "ledger");
    (provider, party, Visitor::default())
}

/// Somewhere on our site, and nowhere else.
fn assert_stays(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 400, "{what}: {answer:?}");
    assert_eq!(answer.location(), None, "{what}");
    assert_eq!(answer.page(), "page-error", "{what}");
}

#[actix_web::test]
async fn the_order_of_parameters_unknown_ones_and_empty_ones_change_nothing() {
    let (provider, party, ada) = start().await;
    let url = provider.url(
        "/authorize?unknown=x&nonce=n&state=&prompt=&max_age=&request=&scope=openid&response_mode=\
         &redirect_uri=https%3A%2F%2Fledger.example%2Fcallback&client_id=ledger&response_type=code",
    );
    let page = open(&ada, &url).await;
    let answer = sign_in(&ada, &page).await;
    let code = answer.parameter("code").unwrap();
    assert_eq!(answer.parameter("state"), None);
    assert_eq!(party.redeem(&code, &[]).await.status, 200);
    provider.stop().await;
}

/// Attack 14: an answer that could be another provider's, or for another browser. Attack 8: line
/// ends in what is echoed.
#[actix_web::test]
async fn state_comes_back_unchanged_and_iss_always() {
    let (provider, party, ada) = start().await;
    let long = "x".repeat(512);
    for state in ["s", "a&b=c#d", "ä \"<'>", "x\r\nSet-Cookie: a=b", &long] {
        let answer = party.sign_in(&ada, &[("state", state)]).await;
        assert!(answer.parameter("code").is_some(), "{state}");
        let refused = party
            .sign_in(&ada, &[("state", state), ("prompt", "x")])
            .await;
        assert_eq!(error(&refused), "invalid_request");
        for answer in [answer, refused] {
            assert_eq!(answer.parameter("state").as_deref(), Some(state));
            assert_eq!(answer.parameter("iss"), Some(provider.issuer.clone()));
            let location = Url::parse(&answer.location().unwrap()).unwrap();
            assert_eq!(location.host_str(), Some("ledger.example"));
            assert_eq!(location.fragment(), None);
        }
    }
    provider.stop().await;
}

/// Attack 1 (CVE-2023-6927, CVE-2023-6134, CVE-2024-1132, CVE-2020-15233, CVE-2020-15234), attack 2
/// (CVE-2026-28512), attack 3 (CVE-2024-52289), attack 5 (CVE-2024-21637), attack 8: whatever
/// resembles the registered address without being it.
#[actix_web::test]
async fn an_address_that_is_not_registered_is_never_gone_to() {
    let (provider, party, ada) = start().await;
    let overlong = format!("{HOME}/callback{}", "/x".repeat(5000));
    for uri in [
        "https://ledger.example/callback/",
        "https://ledger.example/callback?x=y",
        "https://ledger.example/callback#f",
        "https://ledger.example/callback/../callback",
        "https://ledger.example/%63allback",
        "https://ledger.example/%2e%2e/callback",
        "https://ledger.example//callback",
        "https://ledger.example\\callback",
        "https://ledger.example:443/callback",
        "https://ledger.example./callback",
        "https://ledger.example/Callback",
        "https://LEDGER.example/callback",
        "HTTPS://ledger.example/callback",
        "http://ledger.example/callback",
        "//ledger.example/callback",
        "https:ledger.example/callback",
        "https://ledger.example/",
        "https://ledger.example/call",
        "https://ledger.example/callbacks",
        "https://ledger.example@evil.example/callback",
        "https://evil.example/https://ledger.example/callback",
        "https://ledger.example.evil.example/callback",
        "https://ledgerXexample/callback",
        "https://sub.ledger.example/callback",
        "https://l\u{435}dger.example/callback",
        "https://ledger.example/callback\0",
        "https://ledger.example/callback\r\nx: y",
        "https://ledger.example/call\tback",
        " https://ledger.example/callback",
        "javascript:alert(1)//https://ledger.example/callback",
        "data:text/html,x",
        "vbscript:x",
        "com.example.app:/callback",
        &overlong,
    ] {
        for more in [[("prompt", "none")], [("response_mode", "form_post")]] {
            let mut all = vec![("redirect_uri", uri)];
            all.extend(more);
            let answer = ada.get(&party.authorize_url(&all)).await;
            assert_stays(&answer, uri);
            assert!(
                answer
                    .attributes("a[href]", "href")
                    .iter()
                    .all(|link| !link.contains("evil"))
            );
        }
    }
    assert_stays(
        &ada.get(&party.authorize_url(&[("redirect_uri", "")])).await,
        "none",
    );
    provider.stop().await;
}

#[actix_web::test]
async fn the_error_page_shows_what_was_received_beside_the_nearest_registered_address() {
    let (provider, party, ada) = start().await;
    let url = party.authorize_url(&[("redirect_uri", "https://ledger.example/<b>callback")]);
    let answer = ada.get(&url).await;
    assert_stays(&answer, "markup");
    let text = answer.text("main").unwrap();
    for shown in [
        "https://ledger.example/<b>callback",
        "https://ledger.example/callback",
    ] {
        assert!(text.contains(shown), "{text}");
    }
    assert!(answer.attributes("main b", "id").is_empty());
    provider.stop().await;
}

/// Attack 4 (CVE-2024-8883): a loopback address whose host or path varies along with its port.
#[actix_web::test]
async fn a_native_applications_loopback_port_may_vary_and_nothing_else() {
    let mut native = metadata(HOME);
    native.application_type = ApplicationType::Native;
    native.token_endpoint_auth_method = ClientAuthMethod::None;
    native.redirect_uris = vec![
        "http://127.0.0.1/callback".to_owned(),
        "http://[::1]/callback".to_owned(),
        "com.example.app:/callback".to_owned(),
    ];
    let provider = ledger().await.client("native", native).start().await;
    let (party, ada) = (RelyingParty::of(&provider, "native"), Visitor::default());
    let ask = |uri: &str| {
        party.authorize_url(&[
            ("redirect_uri", uri),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("prompt", "none"),
        ])
    };
    for uri in [
        "http://127.0.0.1:51004/callback",
        "http://[::1]:51004/callback",
        "com.example.app:/callback",
    ] {
        let answer = ada.get(&ask(uri)).await;
        assert!(answer.location().unwrap().starts_with(uri), "{uri}");
    }
    for uri in [
        "http://localhost:51004/callback",
        "http://127.0.0.2:51004/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://127.0.0.1:51004@evil.example/callback",
        "http://127.0.0.1:51004/other",
        "http://127.0.0.1:510040/callback",
        "https://127.0.0.1:51004/callback",
    ] {
        assert_stays(&ada.get(&ask(uri)).await, uri);
    }
    provider.stop().await;
}

/// Attack 6 (CVE-2026-9689): one parameter twice, for two readers who pick different ones.
#[actix_web::test]
async fn a_parameter_that_stands_twice_is_refused_on_a_page() {
    let (provider, party, ada) = start().await;
    let url = party.authorize_url(&[]);
    for twice in [
        "state=x",
        "redirect_uri=https://evil.example",
        "client_id=ledger",
        "x=1&x=2",
    ] {
        assert_stays(&ada.get(&format!("{url}&{twice}")).await, twice);
    }
    let resources = format!("{url}&resource={0}&resource={0}", provider.issuer);
    assert_eq!(open(&ada, &resources).await.page(), "page-sign-in");
    provider.stop().await;
}

/// Attack 7: an unknown client, by which an open redirect would be had for nothing.
#[actix_web::test]
async fn an_unknown_client_is_refused_on_a_page_whatever_else_is_asked() {
    let (provider, party, ada) = start().await;
    for client_id in ["nobody", "", "LEDGER", "ledger\0", "' OR 1=1 --"] {
        for prompt in ["none", "login"] {
            let url = party.authorize_url(&[("client_id", client_id), ("prompt", prompt)]);
            assert_stays(&ada.get(&url).await, client_id);
        }
    }
    provider.stop().await;
}

/// Attack 15 (CVE-2026-7571): a response type that the client has not. Attack 19: a request object
/// that nobody checks. Attack 13: the PKCE method that protects nothing.
#[actix_web::test]
async fn what_is_wrong_otherwise_is_told_to_the_application() {
    let (provider, party, ada) = start().await;
    for (more, expected) in [
        (&[("response_type", "")][..], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (
            &[("response_type", "id_token")],
            "unsupported_response_type",
        ),
        (
            &[("response_type", "code id_token")],
            "unsupported_response_type",
        ),
        (&[("response_mode", "fragment")], "invalid_request"),
        (&[("scope", "")], "invalid_scope"),
        (&[("scope", "email")], "invalid_scope"),
        (&[("scope", "openid \"")], "invalid_scope"),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("prompt", "create")], "invalid_request"),
        (&[("max_age", "-1")], "invalid_request"),
        (&[("max_age", "x")], "invalid_request"),
        (
            &[("request", "eyJhbGciOiJub25lIn0.e30.")],
            "request_not_supported",
        ),
        (
            &[("request_uri", "https://evil.example")],
            "request_uri_not_supported",
        ),
        (&[("registration", "{}")], "registration_not_supported"),
        (&[("resource", "https://api.example")], "invalid_target"),
        (&[("code_challenge", CHALLENGE)], "invalid_request"),
        (&[("code_challenge_method", "S256")], "invalid_request"),
        (
            &[
                ("code_challenge", CHALLENGE),
                ("code_challenge_method", "plain"),
            ],
            "invalid_request",
        ),
        (
            &[
                ("code_challenge", "short"),
                ("code_challenge_method", "S256"),
            ],
            "invalid_request",
        ),
    ] {
        let answer = ada.get(&party.authorize_url(more)).await;
        assert_eq!(answer.status, 303, "{more:?}");
        assert_eq!(error(&answer), expected, "{more:?}");
        assert_eq!(answer.parameter("state").as_deref(), Some("the-state"));
        assert_eq!(answer.parameter("iss"), Some(provider.issuer.clone()));
        assert!(answer.location().unwrap().starts_with(&party.redirect_uri));
    }
    provider.stop().await;
}

/// Attack 13 (CVE-2024-22258): a public client's code without PKCE.
#[actix_web::test]
async fn pkce_is_asked_of_public_clients_and_of_those_set_so() {
    let provider = ledger()
        .await
        .client("public", {
            let mut public = metadata(HOME);
            public.token_endpoint_auth_method = ClientAuthMethod::None;
            public
        })
        .client("careful", {
            let mut careful = metadata(HOME);
            careful.require_pkce = true;
            careful
        })
        .start()
        .await;
    let ada = Visitor::default();
    for client_id in ["public", "careful"] {
        let party = RelyingParty::of(&provider, client_id);
        let answer = party.sign_in(&ada, &[]).await;
        assert_eq!(error(&answer), "invalid_request", "{client_id}");
        let pkce = [
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let answer = party.sign_in(&ada, &pkce).await;
        assert!(answer.parameter("code").is_some(), "{client_id}");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn a_post_is_as_good_as_a_get() {
    let (provider, party, ada) = start().await;
    let fields = fields(&party);
    let answer = ada.post(&provider.url("/authorize"), &fields).await;
    assert_eq!(answer.status, 303);
    let page = ada.follow(answer, &provider.issuer).await;
    let answer = sign_in(&ada, &page).await;
    assert!(answer.parameter("code").is_some());
    let answer = ada.post(&provider.url("/authorize"), &fields).await;
    assert!(answer.parameter("code").is_some());
    let mixed = format!("{}?state=x", provider.url("/authorize"));
    assert_stays(&ada.post(&mixed, &fields).await, "query and body");
    provider.stop().await;
}

fn fields(party: &RelyingParty) -> [(&str, &str); 5] {
    [
        ("response_type", "code"),
        ("client_id", "ledger"),
        ("redirect_uri", &party.redirect_uri),
        ("scope", "openid"),
        ("nonce", "n"),
    ]
}

#[actix_web::test]
async fn who_comes_by_post_from_another_site_is_recognised_and_asked_nothing() {
    let (provider, party, ada) = start().await;
    party.sign_in(&ada, &[]).await;
    let session = ada.cookie("exeunt-session").unwrap();
    let url = provider.url("/authorize");
    let answer = ada.post_from_elsewhere(&url, &fields(&party)).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("set-cookie"), "");
    let parked = answer.location().unwrap();
    assert!(parked.starts_with(&provider.issuer));
    let answer = ada.get(&parked).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    assert_eq!(ada.cookie("exeunt-session").unwrap(), session);
    assert_stays(&ada.get(&parked).await, "a second time");
    provider.stop().await;
}

#[actix_web::test]
async fn prompt_none_shows_nothing() {
    let (provider, party, ada) = start().await;
    let silent = party.authorize_url(&[("prompt", "none")]);
    let answer = ada.get(&silent).await;
    assert_eq!(error(&answer), "login_required");
    assert_eq!(answer.parameter("state").as_deref(), Some("the-state"));
    party.sign_in(&ada, &[]).await;
    assert!(ada.get(&silent).await.parameter("code").is_some());
    provider.stop().await;
}

async fn auth_time(provider: &Provider, party: &RelyingParty, answer: &Answer) -> i64 {
    let code = answer
        .parameter("code")
        .unwrap_or_else(|| panic!("no code: {answer:?}"));
    let tokens = Tokens {
        all: party.redeem(&code, &[]).await.json(),
    };
    tokens.id_claims(&provider.issuer).await["auth_time"]
        .as_i64()
        .unwrap()
}

/// Attack 73 (CVE-2023-3597): an old sign-in passed off as a new one.
#[actix_web::test]
async fn a_new_sign_in_is_asked_for_where_the_application_wants_one_and_once() {
    let provider = ledger().await.manual_clock().start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let answer = party.sign_in(&ada, &[]).await;
    let mut before = auth_time(&provider, &party, &answer).await;
    for more in [
        ("prompt", "login"),
        ("prompt", "select_account"),
        ("max_age", "0"),
        ("max_age", "1"),
    ] {
        provider.advance(TimeDelta::seconds(2));
        let silent = if more.0 == "max_age" {
            let url = party.authorize_url(&[more, ("prompt", "none")]);
            assert_eq!(error(&ada.get(&url).await), "login_required");
            party.authorize_url(&[("max_age", "2"), ("prompt", "none")])
        } else {
            party.authorize_url(&[("prompt", "none")])
        };
        let same = auth_time(&provider, &party, &ada.get(&silent).await).await;
        assert_eq!(same, before, "{more:?}");
        let page = open(&ada, &party.authorize_url(&[more])).await;
        assert_eq!(page.page(), "page-sign-in", "{more:?}");
        // Going back to the application without signing in again is not possible from here.
        provider.advance(TimeDelta::seconds(5));
        let answer = sign_in(&ada, &page).await;
        let after = auth_time(&provider, &party, &answer).await;
        assert_eq!(after, before + 7, "{more:?}");
        before = after;
    }
    let silent = party.authorize_url(&[("max_age", "10000"), ("prompt", "none")]);
    assert!(ada.get(&silent).await.parameter("code").is_some());
    provider.stop().await;
}

#[actix_web::test]
async fn the_hint_of_who_signs_in_is_filled_in_as_text() {
    let (provider, party, ada) = start().await;
    let hint = "\"><script>alert(1)</script>";
    let page = open(&ada, &party.authorize_url(&[("login_hint", hint)])).await;
    assert_eq!(page.attributes("#username", "value"), [hint]);
    assert!(!page.body.contains("<script>alert"));
    provider.stop().await;
}

#[actix_web::test]
async fn wishes_that_cannot_be_met_are_no_errors() {
    let (provider, party, ada) = start().await;
    for more in [
        ("display", "popup"),
        ("display", "wap"),
        ("ui_locales", "se tlh de"),
        ("acr_values", "urn:mace:incommon:iap:gold 2"),
        ("claims_locales", "se"),
        ("claims", "{\"userinfo\":{\"name\":{\"essential\":true}}}"),
        ("scope", "openid unknown"),
        ("id_token_hint", "no token at all"),
    ] {
        let answer = party.sign_in(&ada, &[more]).await;
        assert!(answer.parameter("code").is_some(), "{more:?}");
    }
    provider.stop().await;
}

/// Attack 35 (CVE-2026-4349): a forged token, or another person's, as the hint.
#[actix_web::test]
async fn an_id_token_hint_says_who_is_expected_and_lets_nobody_in() {
    let provider = ledger()
        .await
        .configure(|config| {
            let mut grace = config.users[0].clone();
            grace.username = "grace".to_owned();
            config.users.push(grace);
        })
        .start()
        .await;
    let party = RelyingParty::of(&provider, "ledger");
    let (ada, grace) = (Visitor::default(), Visitor::default());
    let about_ada = party.tokens(&ada, &[]).await.get("id_token");
    let hinted = [("id_token_hint", about_ada.as_str())];
    let silent = [hinted[0], ("prompt", "none")];
    // Nobody is signed in by a hint.
    let answer = grace.get(&party.authorize_url(&silent)).await;
    assert_eq!(error(&answer), "login_required");
    assert!(
        ada.get(&party.authorize_url(&silent))
            .await
            .parameter("code")
            .is_some()
    );

    let page = open(&grace, &party.authorize_url(&[])).await;
    let fields = [
        ("username", "grace"),
        ("password", crate::support::provider::PASSWORD),
    ];
    let answer = grace.submit(&page, &page.form(), &fields).await;
    assert!(answer.parameter("code").is_some());
    let answer = grace.get(&party.authorize_url(&silent)).await;
    assert_eq!(error(&answer), "login_required");
    let page = open(&grace, &party.authorize_url(&hinted)).await;
    assert_eq!(page.page(), "page-sign-in");
    let answer = grace.submit(&page, &page.form(), &fields).await;
    assert_eq!(error(&answer), "login_required");

    // A token that we did not sign expects nobody: whoever is signed in is still who they are.
    let (message, _) = about_ada.rsplit_once('.').unwrap();
    let forged = format!("{message}.AAAA");
    let answer = party.sign_in(&grace, &[("id_token_hint", &forged)]).await;
    let tokens = Tokens {
        all: party
            .redeem(&answer.parameter("code").unwrap(), &[])
            .await
            .json(),
    };
    let claims = crate::support::relying_party::verify(&provider.issuer, &about_ada)
        .await
        .1;
    assert_ne!(
        tokens.id_claims(&provider.issuer).await["sub"],
        claims["sub"]
    );
    provider.stop().await;
}

/// Attack 70, attack 5 (CVE-2024-21637): what a form_post answer carries is text, whatever it looks like.
#[actix_web::test]
async fn form_post_carries_success_and_refusal_in_a_form_and_nothing_in_the_query() {
    let (provider, party, ada) = start().await;
    let state = "\"><script>alert(1)</script>";
    let form_post = [("response_mode", "form_post"), ("state", state)];
    let refused = ada
        .get(&party.authorize_url(&[form_post[0], form_post[1], ("prompt", "none")]))
        .await;
    let success = party.sign_in(&ada, &form_post).await;
    for (answer, names) in [
        (refused, &["error", "error_description", "state", "iss"][..]),
        (success, &["code", "state", "iss"]),
    ] {
        assert_eq!((answer.status.as_u16(), answer.location()), (200, None));
        let form = answer.form();
        assert_eq!(form.action, party.redirect_uri);
        let sent: Vec<_> = form.fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(sent, names);
        assert!(
            form.fields
                .contains(&("state".to_owned(), state.to_owned()))
        );
        assert!(
            form.fields
                .contains(&("iss".to_owned(), provider.issuer.clone()))
        );
        assert!(!answer.body.contains("<script>alert"));
    }
    provider.stop().await;
}

#[actix_web::test]
async fn who_cancels_goes_back_with_access_denied() {
    let (provider, party, ada) = start().await;
    let page = open(&ada, &party.authorize_url(&[])).await;
    let cancel = [("action", "cancel")];
    let answer = ada.submit(&page, &page.forms()[1], &cancel).await;
    assert_eq!(error(&answer), "access_denied");
    assert_eq!(answer.parameter("state").as_deref(), Some("the-state"));
    assert_eq!(answer.parameter("iss"), Some(provider.issuer.clone()));
    assert_stays(&ada.submit(&page, &page.forms()[1], &cancel).await, "twice");
    provider.stop().await;
}

/// Attack 8, attack 91: a NUL, which databases read differently.
#[actix_web::test]
async fn a_nul_is_refused_or_carried_and_never_breaks_anything() {
    let (provider, party, ada) = start().await;
    for name in ["state", "nonce", "login_hint", "ui_locales", "x"] {
        let answer = party.sign_in(&ada, &[(name, "a\0b")]).await;
        assert_ne!(answer.status, 500, "{name}");
    }
    provider.stop().await;
}
