//! The authorization endpoint (Core §3.1.2, RFC 6749 §4.1): what is answered, where, and what never is.

use exeunt::oidc::client::ClientAuthMethod;
use url::Url;

use crate::support::ledger::{
    HOME, assert_stays, error, json_error, ledger, open, sign_in, start_as,
};
use crate::support::provider::{Provider, metadata};
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::Visitor;

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

async fn start() -> (Provider, RelyingParty, Visitor) {
    start_as(ledger().await).await
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

/// Attack 15 (CVE-2026-7571): a response type that the client has not. Attack 19: a request object
/// that is none. Attack 13: the PKCE method that protects nothing.
#[actix_web::test]
async fn what_is_wrong_otherwise_is_told_to_the_application() {
    let (provider, party, ada) = start().await;
    for (more, expected) in [
        (&[("response_type", "")][..], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_type", "id_token")], "unauthorized_client"),
        (&[("response_type", "code id_token")], "unauthorized_client"),
        (&[("response_mode", "web_message")], "invalid_request"),
        (&[("scope", "")], "invalid_scope"),
        (&[("scope", "email")], "invalid_scope"),
        (&[("scope", "openid \"")], "invalid_scope"),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("prompt", "create")], "invalid_request"),
        (&[("max_age", "-1")], "invalid_request"),
        (&[("max_age", "x")], "invalid_request"),
        (
            &[("request", "eyJhbGciOiJub25lIn0.e30.x")],
            "invalid_request_object",
        ),
        (
            &[("request_uri", "https://evil.example")],
            "invalid_request_uri",
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

/// Attack 42 (CVE-2020-15223): a failure of the database that is answered as if it were none.
#[actix_web::test]
async fn while_the_database_does_not_answer_everyone_is_told_to_come_back() {
    let provider = ledger().await.start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let token = party.tokens(&ada, &[]).await.get("access_token");
    provider.flows().database.clone().close().await;
    let page = ada.get(&party.authorize_url(&[])).await;
    assert_eq!(page.page(), "page-error");
    assert_eq!(page.text("h1").unwrap(), "We cannot answer just now");
    let answers = [
        page,
        party.redeem("a-code", &[]).await,
        party.userinfo(&token).await,
    ];
    for answer in &answers {
        assert_eq!(answer.status, 503, "{answer:?}");
        assert_eq!(answer.header("retry-after"), "10");
    }
    for answer in &answers[1..] {
        assert_eq!(answer.json()["error"], "temporarily_unavailable");
    }
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

/// RFC 6749 appendix B, and attack 8: bytes that are no UTF-8, which would be replaced, and come back as another value.
#[actix_web::test]
async fn parameters_that_are_no_utf8_are_an_invalid_request_at_every_door() {
    let (provider, party, ada) = start().await;
    for state in ["%FF", "%C3", "%C0%AF", "%ED%A0%80"] {
        let asked = party.authorize_url(&[]);
        let answer = ada.get(&format!("{asked}&padding={state}")).await;
        assert_stays(&answer, state);
        assert!(answer.body.contains("invalid_request"), "{state}");
        for (path, form) in [
            ("/authorize", "client_id=ledger&state="),
            ("/sign-in", "username=ada&password="),
            ("/end_session", "state="),
        ] {
            let (url, body) = (provider.url(path), format!("{form}{state}"));
            let request = ada.client().post(&url).body(body);
            let answer = ada.send(&url, request).await;
            assert_stays(&answer, path);
            assert!(answer.body.contains("invalid_request"), "{path} {state}");
        }
        for (path, form) in [
            ("/token", "grant_type=authorization_code&code="),
            ("/userinfo", "access_token="),
        ] {
            let (url, body) = (provider.url(path), format!("{form}{state}"));
            let form = "application/x-www-form-urlencoded";
            let request = ada.client().post(&url).header("content-type", form);
            let answer = ada.send(&url, request.body(body)).await;
            assert_eq!(answer.status, 400, "{path} {state}");
            assert_eq!(json_error(&answer), "invalid_request", "{path} {state}");
        }
    }
    let page = open(&ada, &party.authorize_url(&[("state", "\u{e4}")])).await;
    let answer = sign_in(&ada, &page).await;
    assert_eq!(answer.parameter("state").as_deref(), Some("\u{e4}"));
    provider.stop().await;
}
