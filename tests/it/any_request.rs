//! Whatever is asked of the authorization endpoint, the answer is a page of ours or goes where it may.

use exeunt::oidc::client::{ClientMetadata, GrantType};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use url::{Url, form_urlencoded};

use crate::support::ledger::{HOME, ledger_with};
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::{Answer, Visitor};

/// As many requests as take a few seconds.
const REQUESTS: usize = 250;

const VALUES: [&str; 30] = [
    "",
    "code",
    "id_token",
    "id_token token",
    "code id_token token",
    "token",
    "ledger",
    "nobody",
    "https://ledger.example/callback",
    "https://ledger.example/callback?x=1",
    "https://ledger.example/callback#x",
    "https://ledger.example.evil.example/callback",
    "javascript:alert(1)",
    "//evil.example/",
    "openid",
    "openid profile offline_access",
    "none",
    "login",
    "login none",
    "consent",
    "create",
    "form_post",
    "query",
    "fragment",
    "0",
    "-1",
    "99999999999999999999",
    "{\"userinfo\":{\"name\":null}}",
    "eyJhbGciOiJub25lIn0.e30.",
    "se xx-*-\u{e9}",
];

const NAMES: [&str; 24] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "response_mode",
    "display",
    "prompt",
    "max_age",
    "ui_locales",
    "id_token_hint",
    "login_hint",
    "acr_values",
    "claims",
    "claims_locales",
    "request",
    "request_uri",
    "registration",
    "resource",
    "code_challenge",
    "code_challenge_method",
    "parked",
    "interaction",
];

/// A sound request, which some parameters are taken out of and others put into; now and then bytes that are no text.
fn query() -> impl Strategy<Value = String> {
    let sound = [
        ("response_type", "code"),
        ("client_id", "ledger"),
        ("redirect_uri", "https://ledger.example/callback"),
        ("scope", "openid"),
        ("nonce", "n"),
    ];
    let keep = proptest::collection::vec(prop::bool::weighted(0.9), sound.len());
    let value = prop_oneof![
        4 => select(VALUES.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => "[a-z%]{1,2}".prop_map(|text| text.repeat(3000)),
    ];
    let more = proptest::collection::vec((select(NAMES.to_vec()), value), 0..5);
    let bytes = prop_oneof![6 => Just(String::new()), 1 => "(&|=|%[0-9a-fA-FzZ]{2}|[a-z]){0,12}"];
    (keep, more, bytes).prop_map(move |(keep, more, bytes)| {
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        for ((name, value), keep) in sound.into_iter().zip(keep) {
            // What is put in takes the place of what was there, most of the time.
            if keep && !more.iter().any(|(other, _)| *other == name) {
                pairs.append_pair(name, value);
            }
        }
        pairs.extend_pairs(more);
        format!("{}&{bytes}", pairs.finish())
    })
}

/// Where an answer may lead: a page of ours, or the redirect URI with more behind it.
fn is_where_it_may(answer: &Answer, issuer: &str) -> bool {
    let registered = format!("{HOME}/callback");
    let forms = answer.attributes("form", "action");
    let forms_fit = forms
        .iter()
        .all(|action| action.starts_with('/') || *action == registered);
    let location_fits = answer.location().is_none_or(|location| {
        let mut url = Url::parse(&location).unwrap();
        url.set_query(None);
        url.set_fragment(None);
        url.as_str() == registered || location.starts_with(&format!("{issuer}/"))
    });
    forms_fit && location_fits
}

fn everything(metadata: &mut ClientMetadata) {
    metadata.grant_types.push(GrantType::Implicit);
    let types = ["code", "id_token", "id_token token", "code id_token token"];
    metadata.response_types = types.map(str::to_owned).to_vec();
}

/// Attacks 1, 7: an open redirector. Attack 96: requests that break the server.
#[actix_web::test]
async fn whatever_is_asked_the_answer_is_a_page_or_goes_to_a_registered_uri() {
    let provider = ledger_with(everything).await.start().await;
    let signed_in = Visitor::default();
    RelyingParty::of(&provider, "ledger")
        .tokens(&signed_in, &[])
        .await;
    let mut runner = TestRunner::default();
    for number in 0..REQUESTS {
        let query = query().new_tree(&mut runner).unwrap().current();
        let stranger = Visitor::default();
        let visitor = if number % 2 == 0 {
            &signed_in
        } else {
            &stranger
        };
        let answer = if number % 3 == 0 {
            let url = provider.url("/authorize");
            let request = visitor
                .client()
                .post(&url)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(query.clone());
            visitor.send(&url, request).await
        } else {
            visitor
                .get(&provider.url(&format!("/authorize?{query}")))
                .await
        };
        let answer = visitor.follow(answer, &provider.issuer).await;
        assert!(answer.status.as_u16() < 500, "{query}: {answer:?}");
        assert!(
            is_where_it_may(&answer, &provider.issuer),
            "{query}: {answer:?}"
        );
        if answer.location().is_none() {
            assert_ne!(answer.page(), "", "{query}: {answer:?}");
        }
    }
    provider.stop().await;
}
