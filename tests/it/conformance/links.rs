//! What an application registers for people to see, and for people to come in by.

use serde_json::{Value, json};

use super::checks;
use super::desk::Desk;
use super::house::Suite;
use super::party::{ask_to_register, registered, registration};
use super::plans::variants_of;

/// The sign-in page of every run's application, for a person to look at: it shows what this selector finds, with this in
/// that attribute.
async fn is_shown(
    module: &'static str,
    more: Value,
    selector: &str,
    attribute: &str,
    wanted: &str,
) {
    let suite = Suite::with(module, |_| more, |wish| wish).await;
    for run in suite.runs().await {
        let page = run.open(&suite.browser(), &run.request()).await;
        assert_eq!(page.page(), "page-sign-in", "{run}");
        assert_eq!(page.attributes(selector, attribute), [wanted], "{run}");
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_registration_policy_uri() {
    let uri = "https://suite.example/policy";
    let more = json!({ "policy_uri": uri });
    is_shown(
        "oidcc-registration-policy-uri",
        more,
        "#policy-uri",
        "href",
        uri,
    )
    .await;
}

#[actix_web::test]
async fn oidcc_registration_tos_uri() {
    let uri = "https://suite.example/terms";
    let more = json!({ "tos_uri": uri });
    is_shown("oidcc-registration-tos-uri", more, "#tos-uri", "href", uri).await;
}

#[actix_web::test]
async fn oidcc_registration_logo_uri() {
    let picture = include_bytes!("../support/logo.png").as_slice();
    let more = |desk: &Desk| json!({ "logo_uri": desk.put("/logo.png", "image/png", picture) });
    let suite = Suite::with("oidcc-registration-logo-uri", more, |wish| wish).await;
    for run in suite.runs().await {
        let browser = suite.browser();
        let page = run.open(&browser, &run.request()).await;
        assert_eq!(page.page(), "page-sign-in", "{run}");
        let shown = page.attributes("img.logo", "src");
        let [path] = &shown[..] else {
            panic!("{run}: no logo: {}", page.body)
        };
        let logo = browser.get(&format!("{}{path}", suite.issuer())).await;
        assert_eq!(logo.status, 200, "{run}");
        assert_eq!(logo.header("content-type"), "image/png", "{run}");
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_3rd_party_init_login() {
    let suite = Suite::open("oidcc-3rd_party-init-login").await;
    let uri = "https://suite.example/login";
    for variant in variants_of(suite.module) {
        let more = json!({ "initiate_login_uri": uri });
        let asked = registration(&variant, "client_secret_basic", &more);
        let told = registered(&suite, &asked).await;
        assert_eq!(told["initiate_login_uri"], uri);
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        let (url, token) = (
            text("registration_client_uri"),
            text("registration_access_token"),
        );
        let browser = suite.browser();
        let request = browser.client().get(&url).bearer_auth(&token);
        let known = browser.send(&url, request).await;
        assert_eq!(known.status, 200, "{known:?}");
        assert!(known.header("content-type").starts_with("application/json"));
        assert_eq!(known.json()["initiate_login_uri"], uri);
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_3rd_party_init_login_nohttps() {
    let suite = Suite::open("oidcc-3rd_party-init-login-nohttps").await;
    for variant in variants_of(suite.module) {
        let more = json!({ "initiate_login_uri": "http://suite.example/login" });
        let asked = registration(&variant, "client_secret_basic", &more);
        let answer = ask_to_register(&suite, &asked).await;
        checks::not_registered(suite.module, &answer, &["invalid_client_metadata"]);
    }
    suite.close().await;
}
