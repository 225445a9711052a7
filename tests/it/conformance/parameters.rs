//! Parameters of the authorization request that must be understood or may be ignored, and never disturb.

use super::house::Suite;
use super::run::Request;

/// A whole run with the request changed, once for each change.
async fn succeeds_with(module: &'static str, change: impl Fn(&Suite, Request) -> Request) {
    let suite = Suite::open(module).await;
    for run in suite.runs().await {
        let request = change(&suite, run.request());
        run.complete(&suite.browser(), &request).await;
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_alternate_happy_flow() {
    succeeds_with("oidcc-alternate-happy-flow", |_, request| {
        request.with("scope", "email openid").reversed()
    })
    .await;
}

#[actix_web::test]
async fn oidcc_display_page() {
    succeeds_with("oidcc-display-page", |_, request| {
        request.with("display", "page")
    })
    .await;
}

#[actix_web::test]
async fn oidcc_display_popup() {
    succeeds_with("oidcc-display-popup", |_, request| {
        request.with("display", "popup")
    })
    .await;
}

#[actix_web::test]
async fn oidcc_ensure_request_with_unknown_parameter_succeeds() {
    let module = "oidcc-ensure-request-with-unknown-parameter-succeeds";
    succeeds_with(module, |_, request| request.with("extra", "foobar")).await;
}

#[actix_web::test]
async fn oidcc_login_hint() {
    succeeds_with("oidcc-login-hint", |_, request| {
        request.with("login_hint", "buffy@localhost")
    })
    .await;
}

#[actix_web::test]
async fn oidcc_ui_locales() {
    succeeds_with("oidcc-ui-locales", |_, request| {
        request.with("ui_locales", "se")
    })
    .await;
}

#[actix_web::test]
async fn oidcc_claims_locales() {
    succeeds_with("oidcc-claims-locales", |_, request| {
        request.with("claims_locales", "se")
    })
    .await;
}

#[actix_web::test]
async fn oidcc_ensure_request_with_acr_values_succeeds() {
    let suite = Suite::open("oidcc-ensure-request-with-acr-values-succeeds").await;
    let supported = suite.metadata["acr_values_supported"].as_array().unwrap();
    let values: Vec<_> = supported.iter().map(|acr| acr.as_str().unwrap()).collect();
    for run in suite.runs().await {
        let request = run.request().with("acr_values", values.join(" "));
        let outcome = run.complete(&suite.browser(), &request).await;
        let acr = outcome.id_claims()["acr"].as_str().unwrap_or_default();
        assert!(values.contains(&acr), "{run}: {acr:?} of {values:?}");
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_ensure_request_without_nonce_succeeds_for_code_flow() {
    let module = "oidcc-ensure-request-without-nonce-succeeds-for-code-flow";
    succeeds_with(module, |_, request| request.without("nonce")).await;
}

#[actix_web::test]
async fn oidcc_ensure_post_request_succeeds() {
    let suite = Suite::open("oidcc-ensure-post-request-succeeds").await;
    for run in suite.runs().await {
        let request = run.request();
        let visitor = suite.browser();
        let url = suite.endpoint("authorization_endpoint");
        // The suite's page is another site's.
        let answer = visitor.post_from_elsewhere(url, &request.fields()).await;
        let answer = visitor.follow(answer, suite.issuer()).await;
        let callback = run.answered(&visitor, answer, &request).await;
        assert_eq!(callback.get("error"), None, "{run}");
        run.finish(callback, &request, &[]).await;
    }
    suite.close().await;
}
