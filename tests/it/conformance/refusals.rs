//! What must be refused: to the application where that is safe, else on a page.

use super::checks;
use super::house::Suite;
use super::run::{Run, random};

/// The request is refused on a page, or to the application for one of these reasons.
async fn refused(run: &Run<'_>, request: &super::run::Request, allowed: &[&str]) {
    let answer = run.open(&run.suite.browser(), request).await;
    if answer.page() == "page-error" {
        return checks::error_page(run, &answer);
    }
    let visitor = run.suite.browser();
    let callback = run.answered(&visitor, answer, request).await;
    assert!(callback.pages.is_empty(), "{run}: {:?}", callback.pages);
    checks::refusal(run, &callback, allowed);
}

#[actix_web::test]
async fn oidcc_response_type_missing() {
    let suite = Suite::open("oidcc-response-type-missing").await;
    for mut run in suite.runs().await {
        let request = run.request().without("response_type");
        // Without a response type the answer comes as that of a code does, unless it is posted.
        run.variant.response_type = "code";
        refused(
            &run,
            &request,
            &["invalid_request", "unsupported_response_type"],
        )
        .await;
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_ensure_request_without_nonce_fails() {
    let suite = Suite::open("oidcc-ensure-request-without-nonce-fails").await;
    for run in suite.runs().await {
        let request = run.request().without("nonce");
        refused(&run, &request, &["invalid_request"]).await;
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_ensure_registered_redirect_uri() {
    let suite = Suite::open("oidcc-ensure-registered-redirect-uri").await;
    for run in suite.runs().await {
        let other = format!("{}/{}", run.party.redirect_uri, random());
        let request = run.request().with("redirect_uri", other);
        let answer = run.open(&suite.browser(), &request).await;
        checks::error_page(&run, &answer);
    }
    suite.close().await;
}
