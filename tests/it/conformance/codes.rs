//! Codes are used once, and refresh tokens by whom they were given to.

use serde_json::json;

use super::checks;
use super::house::Suite;
use super::party::Party;
use super::run::{Outcome, Run};

#[actix_web::test]
async fn oidcc_codereuse() {
    let suite = Suite::open("oidcc-codereuse").await;
    for run in suite.runs().await {
        let outcome = run.complete(&suite.browser(), &run.request()).await;
        let again = run.redeem(outcome.callback.expect("code"), &[]).await;
        checks::json_refusal(&run, &again, 400, "invalid_grant");
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_codereuse_30seconds() {
    let suite = Suite::open("oidcc-codereuse-30seconds").await;
    for run in suite.runs().await {
        let outcome = run.complete(&suite.browser(), &run.request()).await;
        suite.wait(30);
        let again = run.redeem(outcome.callback.expect("code"), &[]).await;
        checks::json_refusal(&run, &again, 400, "invalid_grant");
        // What the first use brought is worth nothing any more.
        let answer = run.userinfo(outcome.access_token().unwrap()).await;
        assert!(answer.status.is_client_error(), "{run}: {answer:?}");
    }
    suite.close().await;
}

/// A run that asks for a refresh token.
async fn offline(run: &Run<'_>) -> (Outcome, String) {
    let mut request = run.request();
    if run.suite.lists("scopes_supported", "offline_access") {
        request = request
            .with("scope", "openid offline_access")
            .with("prompt", "consent");
    }
    let outcome = run.complete(&run.suite.browser(), &request).await;
    let tokens = outcome.tokens.as_ref().unwrap();
    let refresh_token = tokens["refresh_token"].as_str();
    let refresh_token = refresh_token.unwrap_or_else(|| panic!("{run}: {tokens}"));
    checks::hard_to_guess(run, refresh_token);
    let visible = refresh_token
        .bytes()
        .all(|byte| (b' '..=b'~').contains(&byte));
    assert!(visible, "{run}: {refresh_token}");
    let refresh_token = refresh_token.to_owned();
    (outcome, refresh_token)
}

#[actix_web::test]
async fn oidcc_refresh_token() {
    let more = json!({ "grant_types": ["refresh_token"] });
    let suite = Suite::with("oidcc-refresh-token", |_| more.clone(), |wish| wish).await;
    suite.assert_lists("grant_types_supported", "refresh_token");
    for run in suite.runs().await {
        let (first, refresh_token) = offline(&run).await;
        suite.wait(2);
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.as_str()),
        ];
        let visitor = suite.browser();
        let answer = run.party.token(&suite, &visitor, &fields).await;
        let tokens = checks::tokens(&run, &answer);
        let access_token = tokens["access_token"].as_str().unwrap();
        checks::hard_to_guess(&run, access_token);
        if let Some(again) = tokens["refresh_token"].as_str() {
            checks::hard_to_guess(&run, again);
        }
        if let Some(id_token) = tokens["id_token"].as_str() {
            let nonce = checks::read_jws(id_token).1;
            let claims = checks::id_token(&run, id_token, nonce["nonce"].as_str());
            for name in ["iss", "sub", "aud", "auth_time", "azp"] {
                assert_eq!(claims[name], first.id_claims()[name], "{run}: {name}");
            }
            assert_ne!(claims["iat"], first.id_claims()["iat"], "{run}");
        }
        let answer = run.userinfo(access_token).await;
        checks::userinfo(&run, &answer, first.id_claims());

        // Another application's refresh token is nothing to this one.
        let second = if run.variant.dynamic {
            Party::register(&suite, &run.variant, &more).await
        } else {
            Party::declared(&run.variant, "-second", "client_secret_basic")
        };
        let (_, refresh_token) = offline(&run.by(second)).await;
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.as_str()),
        ];
        let answer = run.party.token(&suite, &visitor, &fields).await;
        checks::json_refusal(&run, &answer, 400, "invalid_grant");
    }
    suite.close().await;
}
