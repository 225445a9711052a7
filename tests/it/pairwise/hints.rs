//! What is asked by a name, and what is told under one.

use exeunt::flows::end_session;
use exeunt::oidc::client::ClientMetadata;
use exeunt::oidc::logout::Cause;
use exeunt::store::orders::OrderScope;
use serde_json::json;

use super::{ada, pairwise, sub, wish};
use crate::support::ledger::{add_grace, error, open, sign_in_as};
use crate::support::provider::{PASSWORD, provider};
use crate::support::relying_party::{Ear, RelyingParty};
use crate::support::visitor::Visitor;

#[actix_web::test]
async fn a_hint_and_a_sub_are_read_by_the_name_that_the_application_knows() {
    let provider = wish().await.configure(add_grace).start().await;
    let (browser, grace) = (Visitor::default(), Visitor::default());
    let ledger = RelyingParty::of(&provider, "ledger");
    let parlour = RelyingParty::of(&provider, "parlour");
    let mine = ledger.tokens(&browser, &[]).await;
    let page = open(&grace, &ledger.authorize_url(&[])).await;
    sign_in_as(&grace, &page, "grace", PASSWORD).await;

    let hint = mine.get("id_token");
    let silent = [("prompt", "none"), ("id_token_hint", hint.as_str())];
    let answer = browser.get(&ledger.authorize_url(&silent)).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    let answer = grace.get(&ledger.authorize_url(&silent)).await;
    assert_eq!(error(&answer), "login_required");

    let about = |sub: &str| json!({ "id_token": { "sub": { "value": sub } } }).to_string();
    let known = about(&sub(&provider, &ledger, &mine).await);
    let silent = [("prompt", "none"), ("claims", known.as_str())];
    let answer = browser.get(&ledger.authorize_url(&silent)).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    assert_eq!(
        error(&grace.get(&ledger.authorize_url(&silent)).await),
        "login_required"
    );

    // Another sector's name, or the public one, finds nothing out: not whether it is hers, nor whose it is.
    let public = about(&ada(&provider).await);
    for foreign in [
        ("claims", known.as_str()),
        ("claims", &public),
        ("id_token_hint", &hint),
    ] {
        for who in [&browser, &grace] {
            let silent = [("prompt", "none"), foreign];
            let answer = who.get(&parlour.authorize_url(&silent)).await;
            assert_eq!(error(&answer), "login_required", "{foreign:?}");
        }
    }
    let silent = [("prompt", "none"), ("claims", public.as_str())];
    assert_eq!(
        error(&browser.get(&ledger.authorize_url(&silent)).await),
        "login_required"
    );
    provider.stop().await;
}

/// Attack 56: a logout token names the person as this application knows them.
#[actix_web::test]
async fn a_sign_out_is_told_to_each_under_the_name_it_knows_whatever_the_cause() {
    let (near, far) = (Ear::open().await, Ear::open().await);
    let hears = |ear: &Ear, base: &str| ClientMetadata {
        backchannel_logout_uri: Some(ear.backchannel_logout_uri()),
        ..pairwise(base)
    };
    let provider = provider()
        .await
        .client("ledger", hears(&near, "https://ledger.example"))
        .client("parlour", hears(&far, "https://parlour.example"))
        .start()
        .await;
    let applications = [("ledger", &near), ("parlour", &far)];
    for (turn, cause) in [Cause::Logout, Cause::Administrator]
        .into_iter()
        .enumerate()
    {
        let browser = Visitor::default();
        let mut expected = Vec::new();
        let mut hint = String::new();
        for (client_id, _) in applications {
            let party = RelyingParty::of(&provider, client_id);
            let tokens = party.tokens(&browser, &[]).await;
            let claims = tokens.id_claims(&provider.issuer).await;
            expected.push((claims["sub"].clone(), claims["sid"].clone()));
            hint = tokens.get("id_token");
        }
        if cause == Cause::Logout {
            // The application's own name for her vouches: nobody is asked.
            let parlour = RelyingParty::of(&provider, "parlour");
            let sub = expected[1].0.as_str().unwrap();
            let url = parlour.end_session_url(&[("id_token_hint", &hint), ("logout_hint", sub)]);
            let answer = browser
                .follow(browser.get(&url).await, &provider.issuer)
                .await;
            assert_eq!(answer.page(), "page-signed-out", "{answer:?}");
        } else {
            let user_id = ada(&provider).await.parse().unwrap();
            end_session::end_many(provider.flows(), OrderScope::User(user_id), cause)
                .await
                .unwrap();
        }
        for ((_, ear), (sub, sid)) in applications.iter().zip(&expected) {
            let notices = ear.wait_for(turn + 1).await;
            let told = notices[turn].claims(&provider.issuer).await;
            assert_eq!((&told["sub"], &told["sid"]), (sub, sid));
            assert!(!told.to_string().contains(&ada(&provider).await));
        }
    }
    provider.stop().await;
}

#[actix_web::test]
async fn the_name_of_another_sector_does_not_vouch_for_a_sign_out() {
    let provider = wish().await.start().await;
    let browser = Visitor::default();
    let party = RelyingParty::of(&provider, "ledger");
    let tokens = party.tokens(&browser, &[]).await;
    let hint = tokens.get("id_token");
    let other = RelyingParty::of(&provider, "parlour");
    let foreign = other.tokens(&browser, &[]).await;
    for logout_hint in [ada(&provider).await, sub(&provider, &other, &foreign).await] {
        let fields = [
            ("id_token_hint", hint.as_str()),
            ("logout_hint", &logout_hint),
        ];
        let answer = browser.get(&party.end_session_url(&fields)).await;
        assert_eq!(answer.page(), "page-confirm-sign-out", "{answer:?}");
    }
    provider.stop().await;
}
