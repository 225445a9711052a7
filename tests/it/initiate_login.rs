//! Sign-ins that begin at the provider and go through the application (Core §4).

use url::Url;

use crate::support::ledger::{HOME, ledger_with, open, sign_in};
use crate::support::provider::{Provider, Wish};
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::Visitor;

async fn with_a_way_in() -> Wish {
    ledger_with(|metadata| {
        metadata.initiate_login_uri = Some(format!("{HOME}/login?tenant=1"));
        metadata.client_uri = Some(format!("{HOME}/"));
    })
    .await
}

/// The link names us, and the application's own page to end on; nothing says who the person is.
fn check(provider: &Provider, links: &[String]) {
    let [link] = links else {
        panic!("one link: {links:?}")
    };
    let url = Url::parse(link).unwrap();
    assert!(
        link.starts_with(&format!("{HOME}/login?tenant=1&")),
        "{link}"
    );
    let parameters: Vec<_> = url.query_pairs().into_owned().collect();
    let expected = [
        ("tenant", "1"),
        ("iss", provider.issuer.as_str()),
        ("target_link_uri", "https://ledger.example/"),
    ];
    assert_eq!(
        parameters,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

#[actix_web::test]
async fn the_account_leads_to_the_applications_that_begin_a_sign_in_by_themselves() {
    let provider = with_a_way_in()
        .await
        .client(
            "atlas",
            crate::support::provider::metadata("https://atlas.example"),
        )
        .start()
        .await;
    let ada = Visitor::default();
    for client_id in ["ledger", "atlas"] {
        RelyingParty::of(&provider, client_id)
            .tokens(&ada, &[])
            .await;
    }
    let page = open(&ada, &provider.url("/account")).await;
    assert_eq!(page.attributes(".parts .part", "data-client").len(), 2);
    check(&provider, &page.attributes(".parts a.open", "href"));
    provider.stop().await;
}

#[actix_web::test]
async fn the_signed_out_page_leads_back_in_where_the_application_has_nowhere_else_to_send_people() {
    let provider = with_a_way_in().await.start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let tokens = party.tokens(&ada, &[]).await;
    let hint = tokens.get("id_token");
    let left = ada
        .get(&party.end_session_url(&[("id_token_hint", &hint)]))
        .await;
    let page = ada.follow(left, &provider.issuer).await;
    assert_eq!(page.page(), "page-signed-out");
    check(&provider, &page.attributes("#sign-in-again", "href"));
    assert_eq!(
        page.text("#sign-in-again").unwrap(),
        "Sign in to ledger again"
    );
    // Again: nobody is signed in, and the way in is the same.
    let url = party.end_session_url(&[("client_id", "ledger"), ("id_token_hint", &hint)]);
    let page = open(&ada, &url).await;
    assert_eq!(page.page(), "page-signed-out");
    check(&provider, &page.attributes("#sign-in-again", "href"));

    // Who wants to come back to a registered address comes back there.
    let page = open(&ada, &party.authorize_url(&[])).await;
    sign_in(&ada, &page).await;
    let home = format!("{HOME}/");
    let url =
        party.end_session_url(&[("client_id", "ledger"), ("post_logout_redirect_uri", &home)]);
    let page = ada.get(&url).await;
    let left = ada
        .submit(&page, &page.form(), &[("scope", "everywhere")])
        .await;
    let page = ada.follow(left, &provider.issuer).await;
    if page.page() == "page-signed-out" {
        assert!(!page.has("#sign-in-again"));
        assert_eq!(page.attributes("#continue", "href"), [home]);
    }
    provider.stop().await;
}
