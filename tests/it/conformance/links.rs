//! What an application says of itself, on the page where people decide whether to go there, and where it begins.

use serde_json::json;

use super::checks;
use super::desk::Desk;
use super::house::{BASE, Suite};
use super::party::{ask_to_register, registered, registration};
use super::plans::variants_of;
use crate::support::eventually;

/// The sign-in page of every run, which must link to what was registered.
async fn is_linked(module: &'static str, name: &str) {
    let address = format!("{BASE}/{name}");
    let more = json!({ name: address });
    let suite = Suite::with(module, |_| more, |wish| wish).await;
    for run in suite.runs().await {
        let page = run.open(&suite.browser(), &run.request()).await;
        assert_eq!(page.page(), "page-sign-in", "{run}");
        let links = page.attributes("a", "href");
        assert!(links.contains(&address), "{run}: {links:?}");
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_registration_policy_uri() {
    is_linked("oidcc-registration-policy-uri", "policy_uri").await;
}

#[actix_web::test]
async fn oidcc_registration_tos_uri() {
    is_linked("oidcc-registration-tos-uri", "tos_uri").await;
}

#[actix_web::test]
async fn oidcc_registration_logo_uri() {
    let picture: &[u8] = b"\x89PNG\r\n\x1a\n and what follows";
    let more = |desk: &Desk| json!({ "logo_uri": desk.put("/logo.png", "image/png", picture) });
    let suite = Suite::with("oidcc-registration-logo-uri", more, |wish| wish).await;
    for run in suite.runs().await {
        // It is fetched beside the page, and shown from the next one on.
        let shown = eventually(async || {
            let page = run.open(&suite.browser(), &run.request()).await;
            assert_eq!(page.page(), "page-sign-in", "{run}");
            page.attributes("img.logo", "src").into_iter().next()
        });
        let path = shown.await.expect("the logo is shown");
        // From here: the application is not told who looks at the page.
        let url = format!("{}{path}", suite.issuer());
        let answer = suite.browser().get(&url).await;
        assert_eq!(answer.status, 200, "{run}: {answer:?}");
        assert_eq!(answer.header("content-type"), "image/png", "{run}");
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_3rd_party_init_login() {
    let initiate_login_uri = format!("{BASE}/initiate");
    let more = json!({ "initiate_login_uri": initiate_login_uri });
    let suite = Suite::open("oidcc-3rd_party-init-login").await;
    for variant in variants_of(suite.module) {
        let asked = registration(&variant, "client_secret_basic", &more);
        let told = registered(&suite, &asked).await;
        assert_eq!(told["initiate_login_uri"], initiate_login_uri);
        let url = told["registration_client_uri"].as_str().unwrap();
        let token = told["registration_access_token"].as_str().unwrap();
        let visitor = suite.browser();
        let request = visitor.client().get(url).bearer_auth(token);
        let answer = visitor.send(url, request).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let kind = answer.header("content-type");
        assert!(kind.starts_with("application/json"), "{kind}");
        assert_eq!(answer.json()["initiate_login_uri"], initiate_login_uri);
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_3rd_party_init_login_nohttps() {
    let suite = Suite::open("oidcc-3rd_party-init-login-nohttps").await;
    let more = json!({ "initiate_login_uri": "http://suite.example/initiate" });
    for variant in variants_of(suite.module) {
        let asked = registration(&variant, "client_secret_basic", &more);
        let answer = ask_to_register(&suite, &asked).await;
        checks::not_registered(suite.module, &answer, &["invalid_client_metadata"]);
    }
    suite.close().await;
}
