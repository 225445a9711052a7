//! Requests that only one person or one way of signing in answers, and those that are none.

use serde_json::{Value, json};

use super::{redeem, start};
use crate::support::ledger::{add_grace, error, ledger_with, open, sign_in, sign_in_as};
use crate::support::provider::PASSWORD;
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::Visitor;

/// Attack 73: a request about one person, answered with another.
#[actix_web::test]
async fn a_request_about_somebody_is_answered_about_them_or_with_login_required() {
    let provider = ledger_with(|_| {}).await.configure(add_grace).start().await;
    let (party, browser) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let tokens = party.tokens(&Visitor::default(), &[]).await;
    let sub = tokens.id_claims(&provider.issuer).await["sub"].clone();
    let about = |member: &str, wish: Value| json!({ member: { "sub": wish } }).to_string();
    let ada = about("id_token", json!({ "value": sub }));

    // Nobody: sign in, and as ada.
    let page = open(&browser, &party.authorize_url(&[("claims", &ada)])).await;
    assert_eq!(page.page(), "page-sign-in");
    let answer = sign_in_as(&browser, &page, "grace", PASSWORD).await;
    let answer = browser.follow(answer, &provider.issuer).await;
    assert_eq!(error(&answer), "login_required");
    // Grace: no silent answer, and ada may sign in.
    let silent = [("claims", ada.as_str()), ("prompt", "none")];
    let refused = browser.get(&party.authorize_url(&silent)).await;
    assert_eq!(error(&refused), "login_required");
    let page = open(&browser, &party.authorize_url(&silent[..1])).await;
    assert_eq!(page.page(), "page-sign-in");
    let tokens = redeem(&party, &sign_in(&browser, &page).await).await;
    assert_eq!(tokens.id_claims(&provider.issuer).await["sub"], sub);
    // Ada: at once.
    for claims in [
        ada,
        about("userinfo", json!({ "value": sub })),
        about(
            "id_token",
            json!({ "values": ["somebody", sub], "essential": true }),
        ),
        about("id_token", json!(null)),
    ] {
        let silent = [("claims", claims.as_str()), ("prompt", "none")];
        let answer = browser.get(&party.authorize_url(&silent)).await;
        assert!(answer.parameter("code").is_some(), "{claims}: {answer:?}");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn an_essential_acr_that_cannot_be_is_unmet_and_a_wished_one_is_passed_over() {
    let (provider, party, ada) = start(|metadata| metadata.skip_consent = true).await;
    let acr = |wish: Value| json!({ "id_token": { "acr": wish } }).to_string();
    let gold = acr(json!({ "essential": true, "values": ["gold", "silver"] }));
    for more in [vec![], vec![("prompt", "none")], vec![("prompt", "login")]] {
        let more = [&[("claims", gold.as_str())], &more[..]].concat();
        let answer = ada.get(&party.authorize_url(&more)).await;
        assert_eq!(error(&answer), "unmet_authentication_requirements");
        assert_eq!(answer.parameter("state").as_deref(), Some("the-state"));
    }
    let metadata = ada
        .get(&provider.url("/.well-known/openid-configuration"))
        .await;
    let ours = metadata.json()["acr_values_supported"][0].clone();
    for wish in [
        json!({ "values": ["gold"] }),
        json!({ "essential": true }),
        json!({ "essential": true, "values": ["gold", ours] }),
        json!({ "essential": true, "value": ours }),
    ] {
        let tokens = party.tokens(&ada, &[("claims", &acr(wish))]).await;
        assert_eq!(tokens.id_claims(&provider.issuer).await["acr"], ours);
    }
    provider.stop().await;
}

/// Attack 6: one parameter that reads in two ways.
#[actix_web::test]
async fn a_parameter_that_is_malformed_ambiguous_or_endless_goes_back_as_invalid_request() {
    let (provider, party, ada) = start(|metadata| metadata.skip_consent = true).await;
    let endless = json!({ "userinfo": { "x".repeat(9000): null } }).to_string();
    for claims in [
        "name",
        "[]",
        "{\"userinfo\":{\"name\":null}",
        r#"{"userinfo":[]}"#,
        r#"{"userinfo":{"name":1}}"#,
        r#"{"userinfo":{"name":{"essential":"yes"}}}"#,
        r#"{"userinfo":{"name":null},"userinfo":{"email":null}}"#,
        r#"{"id_token":{"sub":{"value":"a","value":"b"}}}"#,
        &endless,
    ] {
        let answer = ada.get(&party.authorize_url(&[("claims", claims)])).await;
        assert_eq!(error(&answer), "invalid_request", "{claims:.60}");
        assert_eq!(answer.parameter("state").as_deref(), Some("the-state"));
    }
    provider.stop().await;
}

#[actix_web::test]
async fn the_provider_says_that_it_reads_the_parameter_and_which_claims_there_are() {
    let (provider, _, ada) = start(|_| {}).await;
    let metadata = ada
        .get(&provider.url("/.well-known/openid-configuration"))
        .await;
    let metadata = metadata.json();
    assert_eq!(metadata["claims_parameter_supported"], true);
    let claims = metadata["claims_supported"].as_array().unwrap();
    for name in [
        "sub",
        "name",
        "email",
        "updated_at",
        "address",
        "acr",
        "auth_time",
    ] {
        assert!(claims.contains(&json!(name)), "{name}: {claims:?}");
    }
    provider.stop().await;
}
