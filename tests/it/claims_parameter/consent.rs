//! What the person sees and allows.

use chrono::TimeDelta;
use serde_json::json;

use super::{asks, redeem, start, told, told_in_id_token};
use crate::support::ledger::{allow, consent_page, error};

#[actix_web::test]
async fn the_person_sees_each_claim_and_allows_it_and_is_not_asked_again() {
    let (provider, party, ada) = start(asks).await;
    let claims = json!({
        "userinfo": { "email": null, "name": { "essential": true }, "shoe_size": null },
        "id_token": { "nickname": null, "phone_number": null },
    })
    .to_string();
    let more = [("scope", "openid phone"), ("claims", claims.as_str())];
    let page = consent_page(&party, &ada, &more).await;
    let scopes = page.attributes("#scopes li[data-scope]", "data-scope");
    assert_eq!(scopes, ["openid", "phone"]);
    // The scope says already that the number will be known.
    let shown = page.attributes("#scopes li[data-claim]", "data-claim");
    assert_eq!(shown, ["name", "nickname", "email"]);
    assert!(page.body.contains("See your full name"), "{}", page.body);
    let tokens = redeem(&party, &allow(&ada, &page).await).await;
    let known = told(&party, &tokens).await;
    assert_eq!(known["email"], "ada@example.org");
    assert_eq!(known["name"], "Ada Lovelace");
    assert!(known.get("nickname").is_none(), "{known}");
    assert_eq!(
        told_in_id_token(&provider, &tokens.get("id_token")).await,
        json!({ "nickname": "the countess", "phone_number": "+44 20 7946 0000" })
    );

    provider.advance(TimeDelta::seconds(1));
    let silent = [more[0], more[1], ("prompt", "none")];
    let again = ada.get(&party.authorize_url(&silent)).await;
    assert!(again.parameter("code").is_some(), "{again:?}");
    // Where it is told is the application's choice; what is told is hers.
    let elsewhere = json!({ "id_token": { "email": null } }).to_string();
    let silent = [("claims", elsewhere.as_str()), ("prompt", "none")];
    let again = ada.get(&party.authorize_url(&silent)).await;
    assert!(again.parameter("code").is_some(), "{again:?}");
    let other = json!({ "userinfo": { "birthdate": null } }).to_string();
    let silent = [("claims", other.as_str()), ("prompt", "none")];
    let refused = ada.get(&party.authorize_url(&silent)).await;
    assert_eq!(error(&refused), "consent_required");

    let account = ada.get(&provider.url("/account")).await;
    let allowed = account.text("#consents .consent .detail").unwrap();
    for words in [
        "See your full name",
        "See your nickname",
        "See your e-mail address",
    ] {
        assert!(allowed.contains(words), "{allowed}");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn a_claim_that_an_allowed_scope_brings_needs_no_new_consent() {
    let (provider, party, ada) = start(asks).await;
    let page = consent_page(&party, &ada, &[("scope", "openid profile")]).await;
    allow(&ada, &page).await;
    provider.advance(TimeDelta::seconds(1));
    let claims = json!({ "id_token": { "name": null } }).to_string();
    let silent = [("claims", claims.as_str()), ("prompt", "none")];
    let answer = ada.get(&party.authorize_url(&silent)).await;
    let tokens = redeem(&party, &answer).await;
    let in_id_token = told_in_id_token(&provider, &tokens.get("id_token")).await;
    assert_eq!(in_id_token, json!({ "name": "Ada Lovelace" }));
    provider.stop().await;
}

/// Attack 72: what was shown is what is allowed; a claim that was slipped into the form is not.
#[actix_web::test]
async fn a_form_can_allow_no_claim_that_the_page_did_not_show() {
    let (provider, party, ada) = start(asks).await;
    let claims = json!({ "userinfo": { "name": null } }).to_string();
    let page = consent_page(&party, &ada, &[("claims", &claims)]).await;
    let more = json!({ "userinfo": { "name": null, "email": null } }).to_string();
    let fields = [
        ("decision", "allow"),
        ("claims", more.as_str()),
        ("scope", "openid email"),
    ];
    let answer = ada.submit(&page, &page.form(), &fields).await;
    let tokens = redeem(&party, &answer).await;
    assert_eq!(
        told(&party, &tokens).await,
        json!({ "name": "Ada Lovelace" })
    );
    provider.stop().await;
}
