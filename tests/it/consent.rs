//! The consent page: asked once, remembered, and never for more than was shown.

use chrono::TimeDelta;
use exeunt::oidc::client::GrantType;

use crate::support::ledger::{
    add_grace, allow, consent_page as page, error, ledger_with, open, sign_in, sign_in_as, start_as,
};
use crate::support::provider::{PASSWORD, Provider, Wish};
use crate::support::relying_party::{RelyingParty, Tokens};
use crate::support::visitor::{Answer, Visitor};

async fn wish() -> Wish {
    ledger_with(|metadata| {
        metadata.skip_consent = false;
        metadata.grant_types.push(GrantType::RefreshToken);
    })
    .await
    .manual_clock()
}

async fn start() -> (Provider, RelyingParty, Visitor) {
    start_as(wish().await).await
}

async fn scope(party: &RelyingParty, answer: &Answer) -> String {
    let code = answer
        .parameter("code")
        .unwrap_or_else(|| panic!("no code: {answer:?}"));
    party.redeem(&code, &[]).await.json()["scope"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[actix_web::test]
async fn what_was_allowed_is_not_asked_again_and_what_was_not_is() {
    let (provider, party, ada) = start().await;
    let first = page(&party, &ada, &[("scope", "openid email")]).await;
    assert_eq!(
        first.attributes("#scopes li", "data-scope"),
        ["openid", "email"]
    );
    let answer = allow(&ada, &first).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.parameter("state").as_deref(), Some("the-state"));
    assert_eq!(scope(&party, &answer).await, "email openid");

    provider.advance(TimeDelta::seconds(1));
    for asked in ["openid email", "openid"] {
        let silent = [("scope", asked), ("prompt", "none")];
        let answer = ada.get(&party.authorize_url(&silent)).await;
        assert!(answer.parameter("code").is_some(), "{asked}");
    }
    let more = [("scope", "openid email phone"), ("prompt", "none")];
    let answer = ada.get(&party.authorize_url(&more)).await;
    assert_eq!(error(&answer), "consent_required");
    let second = page(&party, &ada, &more[..1]).await;
    assert_eq!(
        scope(&party, &allow(&ada, &second).await).await,
        "email openid phone"
    );
    provider.stop().await;
}

#[actix_web::test]
async fn prompt_consent_asks_again() {
    let (provider, party, ada) = start().await;
    let first = page(&party, &ada, &[]).await;
    allow(&ada, &first).await;
    provider.advance(TimeDelta::seconds(1));
    let again = page(&party, &ada, &[("prompt", "consent")]).await;
    assert!(allow(&ada, &again).await.parameter("code").is_some());
    provider.stop().await;
}

#[actix_web::test]
async fn who_denies_goes_back_with_access_denied_and_nothing_is_remembered() {
    let (provider, party, ada) = start().await;
    let first = page(&party, &ada, &[]).await;
    let answer = ada
        .submit(&first, &first.form(), &[("decision", "deny")])
        .await;
    assert_eq!(error(&answer), "access_denied");
    assert_eq!(answer.parameter("state").as_deref(), Some("the-state"));
    assert_eq!(answer.parameter("iss"), Some(provider.issuer.clone()));
    let answer = ada.get(&party.authorize_url(&[("prompt", "none")])).await;
    assert_eq!(error(&answer), "consent_required");
    assert_eq!(allow(&ada, &first).await.page(), "page-error");
    provider.stop().await;
}

/// Attack 67: a consent that another site makes the browser give, or a form that asks for more than
/// the page showed.
#[actix_web::test]
async fn only_the_page_itself_in_this_browser_can_allow_and_only_what_it_showed() {
    let (provider, party, ada) = start().await;
    let shown = page(&party, &ada, &[]).await;
    let form = shown.form();
    for wrong in [
        ("csrf", ""),
        ("csrf", "x"),
        ("interaction", "x"),
        ("decision", ""),
    ] {
        let fields = [("decision", "allow"), wrong];
        let fields = if wrong.0 == "decision" {
            &fields[1..]
        } else {
            &fields
        };
        let answer = ada.submit(&shown, &form, fields).await;
        assert_eq!(
            (answer.status.as_u16(), answer.page()),
            (400, "page-error".to_owned()),
            "{wrong:?}"
        );
    }
    let mut fields: Vec<_> = form
        .fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    fields.push(("decision", "allow"));
    let url = provider.url("/consent");
    for origin in ["https://evil.example", "null"] {
        let request = ada
            .client()
            .post(&url)
            .header("origin", origin)
            .form(&fields);
        assert_eq!(ada.send(&url, request).await.status, 400, "{origin}");
    }
    let stranger = Visitor::default();
    assert_eq!(stranger.get(&shown.url).await.page(), "page-error");
    assert_eq!(stranger.post(&url, &fields).await.status, 400);
    let silent = ada.get(&party.authorize_url(&[("prompt", "none")])).await;
    assert_eq!(error(&silent), "consent_required");

    let greedy = [("decision", "allow"), ("scope", "openid email phone")];
    let answer = ada.submit(&shown, &form, &greedy).await;
    assert_eq!(scope(&party, &answer).await, "openid");
    provider.stop().await;
}

/// Attack 72: two tabs, two people; the first one's consent page is answered by the second.
#[actix_web::test]
async fn nobody_allows_in_the_name_of_somebody_else() {
    let wish = wish().await.configure(add_grace);
    let provider = wish.start().await;
    let (party, browser) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let for_ada = page(&party, &browser, &[]).await;
    provider.advance(TimeDelta::seconds(1));
    let page = open(&browser, &party.authorize_url(&[("prompt", "login")])).await;
    sign_in_as(&browser, &page, "grace", PASSWORD).await;

    let answer = allow(&browser, &for_ada).await;
    assert_eq!(answer.parameter("code"), None, "{answer:?}");
    let silent = browser
        .get(&party.authorize_url(&[("prompt", "none")]))
        .await;
    assert_eq!(error(&silent), "consent_required");
    provider.stop().await;
}

/// Attack 69 (GHSA-hr5w-cwwq-2v4m): a client's name that is markup.
#[actix_web::test]
async fn names_are_text_on_every_page() {
    let markup = "<img src=x onerror=alert(1)>\" onclick=\"x";
    let provider = wish()
        .await
        .configure(|config| {
            config.clients[0].metadata.client_name = Some(markup.to_owned());
            config.users[0].claims.name = Some(markup.to_owned());
        })
        .start()
        .await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let sign_in_page = open(&ada, &party.authorize_url(&[])).await;
    let consent_page = sign_in(&ada, &sign_in_page).await;
    let wrong_address = ada
        .get(&party.authorize_url(&[("redirect_uri", "x")]))
        .await;
    let landing = ada.get(&provider.url("/")).await;
    for page in [sign_in_page, consent_page, wrong_address, landing] {
        assert!(
            page.text("body").unwrap().contains("onerror=alert(1)"),
            "{}",
            page.url
        );
        assert!(page.attributes("[onerror]", "onerror").is_empty());
        assert!(page.attributes("[onclick]", "onclick").is_empty());
    }
    provider.stop().await;
}

async fn is_offline(party: &RelyingParty, answer: &Answer) -> bool {
    scope(party, answer).await.contains("offline_access")
}

#[actix_web::test]
async fn offline_access_wants_to_be_asked_for_and_is_remembered_then() {
    let (provider, party, ada) = start().await;
    let offline = ("scope", "openid offline_access");
    let unasked = page(&party, &ada, &[offline]).await;
    assert_eq!(unasked.attributes("#scopes li", "data-scope"), ["openid"]);
    assert!(!is_offline(&party, &allow(&ada, &unasked).await).await);

    provider.advance(TimeDelta::seconds(1));
    let asked = page(&party, &ada, &[offline, ("prompt", "consent")]).await;
    assert_eq!(
        asked.attributes("#scopes li", "data-scope"),
        ["openid", "offline_access"]
    );
    assert!(is_offline(&party, &allow(&ada, &asked).await).await);

    provider.advance(TimeDelta::seconds(1));
    let remembered = ada.get(&party.authorize_url(&[offline])).await;
    assert!(is_offline(&party, &remembered).await);
    provider.stop().await;
}

#[actix_web::test]
async fn a_first_party_application_gets_offline_access_without_a_question() {
    let provider = ledger_with(|metadata| metadata.grant_types.push(GrantType::RefreshToken))
        .await
        .start()
        .await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let answer = party
        .sign_in(&ada, &[("scope", "openid offline_access")])
        .await;
    let code = answer.parameter("code").unwrap();
    let tokens = Tokens {
        all: party.redeem(&code, &[]).await.json(),
    };
    assert_eq!(tokens.all["scope"], "offline_access openid");
    tokens.get("refresh_token");
    provider.stop().await;
}

#[actix_web::test]
async fn offline_access_means_nothing_to_a_client_without_refresh_tokens() {
    let provider = ledger_with(|_| {}).await.start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let more = [("scope", "openid offline_access"), ("prompt", "consent")];
    let answer = party.sign_in(&ada, &more).await;
    assert_eq!(scope(&party, &answer).await, "openid");
    provider.stop().await;
}
