//! When a person must prove again who they are, when they need not, and when nobody may be asked.

use super::checks;
use super::house::Suite;
use super::run::{Outcome, Request, Run};

/// Why nobody can be answered for without asking.
pub const NOBODY_MAY_BE_ASKED: [&str; 4] = [
    "login_required",
    "interaction_required",
    "consent_required",
    "account_selection_required",
];

fn auth_time(run: &Run<'_>, outcome: &Outcome) -> i64 {
    let claims = outcome.id_claims();
    let auth_time = claims["auth_time"].as_i64();
    auth_time.unwrap_or_else(|| panic!("{run}: no auth_time: {claims}"))
}

/// Two runs in one browser, some seconds apart; the first must ask for the password.
async fn twice(
    run: &Run<'_>,
    first: Request,
    seconds: i64,
    second: impl FnOnce(Request, &Outcome) -> Request,
) -> (Outcome, Outcome) {
    let visitor = run.suite.browser();
    let first = run.complete(&visitor, &first).await;
    assert!(first.callback.asked_to_sign_in(), "{run}");
    run.suite.wait(seconds);
    let request = second(run.request(), &first);
    let second = run.complete(&visitor, &request).await;
    (first, second)
}

/// The second of two answers came without a page, and is about the same sign-in.
fn assert_silent(run: &Run<'_>, first: &Outcome, second: &Outcome) {
    let pages = &second.callback.pages;
    assert!(pages.is_empty(), "{run}: {pages:?}");
    assert_eq!(first.id_claims()["sub"], second.id_claims()["sub"], "{run}");
    assert_eq!(auth_time(run, first), auth_time(run, second), "{run}");
}

#[actix_web::test]
async fn oidcc_prompt_login() {
    let suite = Suite::open("oidcc-prompt-login").await;
    for run in suite.runs().await {
        let (first, second) = twice(&run, run.request(), 1, |request, _| {
            request.with("prompt", "login")
        })
        .await;
        assert!(second.callback.asked_to_sign_in(), "{run}");
        assert!(auth_time(&run, &second) > auth_time(&run, &first), "{run}");
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_prompt_none_not_logged_in() {
    let suite = Suite::open("oidcc-prompt-none-not-logged-in").await;
    for run in suite.runs().await {
        let state = "s".repeat(128);
        let request = run.request().with("prompt", "none").with("state", state);
        let callback = run.ask(&suite.browser(), &request).await;
        assert!(callback.pages.is_empty(), "{run}: {:?}", callback.pages);
        checks::refusal(&run, &callback, &NOBODY_MAY_BE_ASKED);
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_prompt_none_logged_in() {
    let suite = Suite::open("oidcc-prompt-none-logged-in").await;
    for run in suite.runs().await {
        let (first, second) = twice(&run, run.request(), 1, |request, _| {
            request.with("prompt", "none")
        })
        .await;
        assert_silent(&run, &first, &second);
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_max_age_1() {
    let suite = Suite::open("oidcc-max-age-1").await;
    for run in suite.runs().await {
        let (first, second) = twice(&run, run.request(), 2, |request, _| {
            request.with("max_age", "1")
        })
        .await;
        assert!(second.callback.asked_to_sign_in(), "{run}");
        let again = auth_time(&run, &second);
        assert!(again > auth_time(&run, &first), "{run}");
        assert!(suite.now().timestamp() - again <= 1, "{run}");
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_max_age_10000() {
    let suite = Suite::open("oidcc-max-age-10000").await;
    for run in suite.runs().await {
        let first = run.request().with("max_age", "15000");
        let (first, second) = twice(&run, first, 1, |request, _| {
            request.with("max_age", "10000")
        })
        .await;
        assert_silent(&run, &first, &second);
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_id_token_hint() {
    let suite = Suite::open("oidcc-id-token-hint").await;
    for run in suite.runs().await {
        let (first, second) = twice(&run, run.request(), 1, |request, first| {
            request
                .with("prompt", "none")
                .with("id_token_hint", first.id_token())
        })
        .await;
        assert_silent(&run, &first, &second);
    }
    suite.close().await;
}
