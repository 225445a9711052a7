//! What a person is asked about services, and what counts as allowed.

use chrono::TimeDelta;
use exeunt::oidc::service::Service;

use crate::support::ledger::{allow, consent_page, error, ledger_with, open};
use crate::support::provider::{Provider, Wish};
use crate::support::relying_party::{RelyingParty, Tokens, verify};
use crate::support::services::{API, ARCHIVE, service};
use crate::support::visitor::Visitor;

async fn wish() -> Wish {
    ledger_with(|metadata| metadata.skip_consent = false)
        .await
        .service(Service {
            name: Some("Books".to_owned()),
            claims: vec!["name".to_owned(), "picture".to_owned()],
            ..service(API)
        })
        .service(service(ARCHIVE))
        .manual_clock()
}

async fn start() -> (Provider, RelyingParty, Visitor) {
    let provider = wish().await.start().await;
    let party = RelyingParty::of(&provider, "ledger");
    (provider, party, Visitor::default())
}

#[actix_web::test]
async fn the_page_names_each_service_with_its_scopes_and_what_its_tokens_tell() {
    let (provider, party, ada) = start().await;
    let asked = [
        ("scope", "openid read write"),
        ("resource", ARCHIVE),
        ("resource", API),
    ];
    let shown = consent_page(&party, &ada, &asked).await;
    assert_eq!(shown.attributes("#scopes li", "data-scope"), ["openid"]);
    assert_eq!(
        shown.attributes("#scopes li", "data-service"),
        [API, ARCHIVE]
    );
    assert_eq!(
        shown.attributes("#scopes li", "data-claim"),
        ["name", "picture"]
    );
    let at = |identifier: &str| format!("#scopes li[data-service=\"{identifier}\"]");
    let text = shown.text(&at(API)).unwrap();
    assert!(text.contains("Act for you at Books"), "{text}");
    assert_eq!(
        shown.attributes(&format!("{} code", at(API)), "data-scope"),
        ["read", "write"]
    );
    assert!(shown.text(&at(ARCHIVE)).unwrap().contains(ARCHIVE));
    allow(&ada, &shown).await;
    let account = open(&ada, &provider.url("/account")).await;
    let row = account.text("#consents .consent .detail").unwrap();
    assert!(row.contains("Books (read write)"), "{row}");
    provider.stop().await;
}

/// Attack 16: what was allowed at one service counts at another.
#[actix_web::test]
async fn what_was_allowed_at_one_service_is_asked_anew_for_another_and_for_more() {
    let (provider, party, ada) = start().await;
    let at_api = [("scope", "openid read"), ("resource", API)];
    allow(&ada, &consent_page(&party, &ada, &at_api).await).await;
    provider.advance(TimeDelta::seconds(1));
    let silently = async |asked: [(&str, &str); 2]| {
        let [scope, resource] = asked;
        let silent = [scope, resource, ("prompt", "none")];
        ada.get(&party.authorize_url(&silent)).await
    };
    assert!(silently(at_api).await.parameter("code").is_some());
    let less = [("scope", "openid"), ("resource", API)];
    assert!(silently(less).await.parameter("code").is_some());
    for more in [
        [("scope", "openid read write"), ("resource", API)],
        [("scope", "openid read"), ("resource", ARCHIVE)],
        [("scope", "openid"), ("resource", ARCHIVE)],
    ] {
        let answer = silently(more).await;
        assert_eq!(error(&answer), "consent_required", "{more:?}");
    }
    let at_archive = [("scope", "openid read"), ("resource", ARCHIVE)];
    let answer = allow(&ada, &consent_page(&party, &ada, &at_archive).await).await;
    let code = answer.parameter("code").unwrap();
    let refused = party.redeem(&code, &[("resource", API)]).await;
    assert_eq!(refused.json()["error"], "invalid_target");
    assert_eq!(
        party.redeem(&code, &[("resource", ARCHIVE)]).await.status,
        200
    );
    provider.stop().await;
}

#[actix_web::test]
async fn a_claim_that_a_service_wants_later_is_told_of_nobody_before_they_were_asked() {
    let provider = wish()
        .await
        .configure(|config| config.services[0].service.claims.clear())
        .start()
        .await;
    let party = RelyingParty::of(&provider, "ledger");
    let ada = Visitor::default();
    let at_api = [("scope", "openid read"), ("resource", API)];
    let answer = allow(&ada, &consent_page(&party, &ada, &at_api).await).await;
    let code = answer.parameter("code").unwrap();
    let provider = provider
        .restart(|config| config.services[0].service.claims = vec!["name".to_owned()])
        .await;
    let token = async |code: &str| {
        let answer = party.redeem(code, &[("resource", API)]).await;
        let tokens = Tokens { all: answer.json() };
        verify(&provider.issuer, &tokens.get("access_token"))
            .await
            .1
    };
    assert!(token(&code).await.get("name").is_none());
    provider.advance(TimeDelta::seconds(1));
    let shown = consent_page(&party, &ada, &at_api).await;
    assert_eq!(shown.attributes("#scopes li", "data-claim"), ["name"]);
    let code = allow(&ada, &shown).await.parameter("code").unwrap();
    assert_eq!(token(&code).await["name"], "Ada Lovelace");
    provider.stop().await;
}
