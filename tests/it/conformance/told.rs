//! What is told of a person: userinfo, and the claims that scopes ask for.

use super::checks;
use super::house::Suite;
use super::run::{Outcome, Run};
use crate::support::visitor::Answer;

/// A whole run, and userinfo asked once more in a way of the module's own.
async fn ask_userinfo(
    run: &Run<'_>,
    how: impl Fn(reqwest::RequestBuilder, &str) -> reqwest::RequestBuilder,
    method: reqwest::Method,
) -> (Outcome, Answer) {
    let outcome = run.complete(&run.suite.browser(), &run.request()).await;
    let url = run.suite.endpoint("userinfo_endpoint");
    let visitor = run.suite.browser();
    let request = visitor.client().request(method, url);
    let request = how(request, outcome.access_token().unwrap());
    let answer = visitor.send(url, request).await;
    (outcome, answer)
}

#[actix_web::test]
async fn oidcc_userinfo_get() {
    let suite = Suite::open("oidcc-userinfo-get").await;
    for run in suite.runs().await {
        let header = |request: reqwest::RequestBuilder, token: &str| request.bearer_auth(token);
        let (outcome, answer) = ask_userinfo(&run, header, reqwest::Method::GET).await;
        checks::userinfo(&run, &answer, outcome.id_claims());
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_userinfo_post_header() {
    let suite = Suite::open("oidcc-userinfo-post-header").await;
    for run in suite.runs().await {
        let header = |request: reqwest::RequestBuilder, token: &str| request.bearer_auth(token);
        let (outcome, answer) = ask_userinfo(&run, header, reqwest::Method::POST).await;
        checks::userinfo(&run, &answer, outcome.id_claims());
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_userinfo_post_body() {
    let suite = Suite::open("oidcc-userinfo-post-body").await;
    for run in suite.runs().await {
        let body = |request: reqwest::RequestBuilder, token: &str| {
            request.form(&[("access_token", token)])
        };
        let (outcome, answer) = ask_userinfo(&run, body, reqwest::Method::POST).await;
        checks::userinfo(&run, &answer, outcome.id_claims());
    }
    suite.close().await;
}

/// Asks for these scopes; every claim of theirs is told, and each in its place.
async fn tells_all(module: &'static str, scopes: &[&str]) {
    let suite = Suite::open(module).await;
    for scope in scopes {
        suite.assert_lists("scopes_supported", scope);
    }
    for run in suite.runs().await {
        let request = run
            .request()
            .with("scope", format!("openid {}", scopes.join(" ")));
        let outcome = run.complete(&suite.browser(), &request).await;
        let told = outcome.about_the_person();
        let missing = checks::missing_claims(scopes, told);
        assert!(missing.is_empty(), "{run}: {missing:?} of {told}");
        // What nobody asked for is not told.
        let others: Vec<_> = ["profile", "email", "address", "phone"]
            .into_iter()
            .filter(|scope| !scopes.contains(scope))
            .collect();
        for other in others {
            let asked = checks::missing_claims(&[other], &serde_json::json!({}));
            let absent = checks::missing_claims(&[other], told);
            assert_eq!(absent, asked, "{run}: {told}");
        }
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_scope_profile() {
    tells_all("oidcc-scope-profile", &["profile"]).await;
}

#[actix_web::test]
async fn oidcc_scope_email() {
    tells_all("oidcc-scope-email", &["email"]).await;
}

#[actix_web::test]
async fn oidcc_scope_address() {
    tells_all("oidcc-scope-address", &["address"]).await;
}

#[actix_web::test]
async fn oidcc_scope_phone() {
    tells_all("oidcc-scope-phone", &["phone"]).await;
}

#[actix_web::test]
async fn oidcc_scope_all() {
    tells_all("oidcc-scope-all", &["profile", "email", "address", "phone"]).await;
}

#[actix_web::test]
async fn oidcc_claims_essential() {
    let suite = Suite::open("oidcc-claims-essential").await;
    for run in suite.runs().await {
        // Where there is nothing to ask userinfo with, the ID token is asked.
        let alone = run.variant.response_type == "id_token";
        let member = if alone { "id_token" } else { "userinfo" };
        let claims = serde_json::json!({ member: { "name": { "essential": true } } });
        let request = run.request().with("claims", claims.to_string());
        let outcome = run.complete(&suite.browser(), &request).await;
        let told = outcome.about_the_person();
        assert!(told["name"].is_string(), "{run}: {told}");
        let in_id_token = outcome.id_claims().get("name");
        assert_eq!(in_id_token.is_some(), alone, "{run}: {in_id_token:?}");
    }
    suite.close().await;
}
