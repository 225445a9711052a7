//! What the authorization endpoint brings beside a code: ID tokens and access tokens through the browser.

use exeunt::flows::keys;
use exeunt::oidc::client::{ClientMetadata, GrantType};
use exeunt::oidc::logout::DeliveryState;
use serde_json::Value;
use sha2_of::left_half;
use url::{Url, form_urlencoded};

use crate::support::ledger::{HOME, error, ledger_with, open, sign_in};
use crate::support::provider::Provider;
use crate::support::relying_party::{Ear, RelyingParty, verify};
use crate::support::scene::{Scene, by_server};
use crate::support::visitor::{Answer, Visitor};

const ALL: [&str; 6] = [
    "code",
    "id_token",
    "id_token token",
    "code id_token",
    "code token",
    "code id_token token",
];

/// An independent reading of Core §3.3.2.11 for SHA-256.
mod sha2_of {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use rsa::sha2::{Digest as _, Sha256};

    pub fn left_half(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(&Sha256::digest(text.as_bytes())[..16])
    }
}

fn everything(metadata: &mut ClientMetadata) {
    metadata.grant_types = vec![
        GrantType::AuthorizationCode,
        GrantType::Implicit,
        GrantType::RefreshToken,
    ];
    metadata.response_types = ALL.map(str::to_owned).to_vec();
}

/// Ledger, which may have everything, and the answer to ada's sign-in there.
async fn answer(provider: &Provider, visitor: &Visitor, more: &[(&str, &str)]) -> Answer {
    let ledger = RelyingParty::of(provider, "ledger");
    let answer = open(visitor, &ledger.authorize_url(more)).await;
    if answer.page() == "page-sign-in" {
        sign_in(visitor, &answer).await
    } else {
        answer
    }
}

/// The parameters of the fragment of where an answer leads.
fn fragment(answer: &Answer) -> Vec<(String, String)> {
    let location = Url::parse(&answer.location().expect("it leads somewhere")).unwrap();
    assert_eq!(location.query(), None, "{location}");
    assert!(location.as_str().starts_with(HOME), "{location}");
    let fragment = location.fragment().expect("there is a fragment");
    form_urlencoded::parse(fragment.as_bytes())
        .into_owned()
        .collect()
}

fn value<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = fields.iter().filter(|(known, _)| known == name);
    let value = found.next().map(|(_, value)| value.as_str());
    assert_eq!(found.next(), None, "{name} stands twice");
    value
}

#[actix_web::test]
async fn each_response_type_brings_what_it_names_and_hashes_of_what_comes_along() {
    let provider = ledger_with(everything).await.start().await;
    let issuer = &provider.issuer;
    let visitor = Visitor::default();
    for response_type in &ALL[1..] {
        let more = [("response_type", *response_type), ("scope", "openid email")];
        let fields = fragment(&answer(&provider, &visitor, &more).await);
        let has = |word: &str| response_type.split(' ').any(|known| known == word);
        let (code, token, id_token) = (
            value(&fields, "code"),
            value(&fields, "access_token"),
            value(&fields, "id_token"),
        );
        assert_eq!(code.is_some(), has("code"), "{response_type}");
        assert_eq!(token.is_some(), has("token"), "{response_type}");
        assert_eq!(id_token.is_some(), has("id_token"), "{response_type}");
        assert_eq!(value(&fields, "state"), Some("the-state"));
        assert_eq!(value(&fields, "iss"), Some(issuer.as_str()));
        assert_eq!(value(&fields, "error"), None);

        if let Some(token) = token {
            assert_eq!(value(&fields, "token_type"), Some("Bearer"));
            assert_eq!(value(&fields, "expires_in"), Some("600"));
            let told = RelyingParty::of(&provider, "ledger").userinfo(token).await;
            assert_eq!(told.json()["email"], "ada@example.org");
        }
        let sid = match id_token {
            None => None,
            Some(id_token) => {
                let (_, claims) = verify(issuer, id_token).await;
                assert_eq!(claims["nonce"], "the-nonce");
                let hash =
                    |text: Option<&str>| text.map_or(Value::Null, |text| left_half(text).into());
                assert_eq!(claims["at_hash"], hash(token), "{response_type}");
                assert_eq!(claims["c_hash"], hash(code), "{response_type}");
                // Only where nothing else could tell of her (Core §5.4).
                let alone = *response_type == "id_token";
                let email = claims["email"].as_str();
                assert_eq!(email, alone.then_some("ada@example.org"), "{response_type}");
                Some(claims["sid"].clone())
            }
        };
        if let Some(code) = code {
            let redeemed = RelyingParty::of(&provider, "ledger")
                .redeem(code, &[])
                .await;
            assert_eq!(redeemed.status, 200, "{}", redeemed.body);
            let (_, claims) = verify(issuer, redeemed.json()["id_token"].as_str().unwrap()).await;
            assert_eq!(claims["nonce"], "the-nonce");
            assert!(sid.is_none_or(|sid| sid == claims["sid"]));
        }
    }
    provider.stop().await;
}

#[actix_web::test]
async fn form_post_brings_tokens_in_a_form_that_needs_no_script() {
    let provider = ledger_with(everything).await.start().await;
    let visitor = Visitor::default();
    let more = [
        ("response_type", "code id_token token"),
        ("response_mode", "form_post"),
    ];
    let page = answer(&provider, &visitor, &more).await;
    assert_eq!(page.page(), "page-form-post");
    let form = page.form();
    assert_eq!(form.action, format!("{HOME}/callback"));
    for name in [
        "code",
        "access_token",
        "token_type",
        "id_token",
        "state",
        "iss",
    ] {
        assert!(form.fields.iter().any(|(known, _)| known == name), "{name}");
    }
    assert!(page.body.contains("<button id=\"continue\""));
    assert_eq!(page.header("cache-control"), "no-store");
    provider.stop().await;
}

/// Attack 15 (CVE-2026-7571): implicit turned on by whoever asks for it.
#[actix_web::test]
async fn who_is_registered_for_codes_alone_gets_no_token_through_the_browser() {
    let provider = ledger_with(|_| {}).await.start().await;
    let visitor = Visitor::default();
    for response_type in &ALL[1..] {
        let answer = answer(&provider, &visitor, &[("response_type", response_type)]).await;
        let fields = fragment(&answer);
        assert_eq!(value(&fields, "error"), Some("unauthorized_client"));
        assert_eq!(value(&fields, "id_token"), None);
        assert_eq!(value(&fields, "access_token"), None);
    }
    // Not after a sign-in either, in which the request waited.
    let ledger = RelyingParty::of(&provider, "ledger");
    ledger.tokens(&visitor, &[]).await;
    let answer = answer(&provider, &visitor, &[("response_type", "id_token")]).await;
    assert_eq!(
        value(&fragment(&answer), "error"),
        Some("unauthorized_client")
    );
    provider.stop().await;
}

/// RFC 6749 §4.1.2.1: an application that waits for an answer hears that there is none, in the way that it asked for.
#[actix_web::test]
async fn what_goes_wrong_with_us_is_told_where_the_application_waits() {
    let provider = ledger_with(everything).await.start().await;
    let visitor = Visitor::default();
    answer(&provider, &visitor, &[]).await;
    provider.sql("UPDATE signing_keys SET retire_at = 1").await;
    keys::reload_if_changed(provider.flows(), -1).await.unwrap();
    for response_type in ["code id_token", "id_token"] {
        let answer = answer(&provider, &visitor, &[("response_type", response_type)]).await;
        let fields = fragment(&answer);
        assert_eq!(value(&fields, "error"), Some("server_error"));
        assert_eq!(value(&fields, "state"), Some("the-state"));
        assert_eq!(value(&fields, "iss"), Some(provider.issuer.as_str()));
        assert_eq!(value(&fields, "code"), None, "{response_type}");
    }
    for (table, browser) in [("grants", &visitor), ("interactions", &Visitor::default())] {
        let rename = async |from: &str, to: &str| {
            let rename = format!("ALTER TABLE {from} RENAME TO {to}");
            provider.sql(&rename).await;
        };
        rename(table, "lost").await;
        let told = answer(&provider, browser, &[]).await;
        rename("lost", table).await;
        assert_eq!(error(&told), "server_error", "{table}");
        assert_eq!(told.parameter("state").as_deref(), Some("the-state"));
        assert_eq!(told.parameter("iss"), Some(provider.issuer.clone()));
        let told = told.location().unwrap();
        assert!(!told.contains(table) && !told.contains("lost"), "{told}");
    }
    let answer = answer(&provider, &visitor, &[]).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    provider.stop().await;
}

/// P2: who was given a token through the browser took part, though it never asked the token endpoint.
#[actix_web::test]
async fn p2_an_application_that_got_its_token_through_the_browser_is_told() {
    let describe = |_: &str, ear: &Ear| {
        let mut metadata = by_server(ear);
        everything(&mut metadata);
        metadata
    };
    for response_type in &ALL[1..] {
        let scene = Scene::with(&["ledger"], describe, |wish| wish).await;
        let ada = Visitor::default();
        let ledger = &scene.applications[0];
        let more = [("response_type", *response_type)];
        let answer = ledger.sign_in(&ada, &more).await;
        assert!(answer.location().unwrap().contains('#'), "{answer:?}");
        // A code that nobody redeems, and the person leaves.
        let page = ada.get(&scene.provider.url("/end_session")).await;
        ada.submit(&page, &page.form(), &[("scope", "everywhere")])
            .await;
        let told = ledger.told(1, &scene.provider.issuer).await;
        let sid = told[0]["sid"].as_str().unwrap();
        scene.wait_for_state(sid, DeliveryState::Confirmed).await;
        scene.provider.stop().await;
    }
}
