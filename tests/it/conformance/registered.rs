//! Applications that register themselves: what they register is honoured, and what they must not register is refused.

use serde_json::{Value, json};

use super::checks;
use super::house::{BASE, Suite};
use super::party::{ask_to_register, registration};
use super::plans::variants_of;
use crate::support::visitor::Answer;

#[actix_web::test]
async fn oidcc_idtoken_rs256() {
    let more = json!({ "id_token_signed_response_alg": "RS256" });
    let suite = Suite::with("oidcc-idtoken-rs256", |_| more, |wish| wish).await;
    for run in suite.runs().await {
        let outcome = run.complete(&suite.browser(), &run.request()).await;
        let (header, _) = checks::read_jws(outcome.id_token());
        assert_eq!(header["alg"], "RS256", "{run}");
        assert!(header["kid"].is_string(), "{run}");
    }
    suite.close().await;
}

/// Every run's request, changed, is refused on a page.
async fn refuses(
    module: &'static str,
    more: Value,
    change: impl Fn(super::run::Request) -> super::run::Request,
) {
    let suite = Suite::with(module, |_| more, |wish| wish).await;
    for run in suite.runs().await {
        let answer = run.open(&suite.browser(), &change(run.request())).await;
        checks::error_page(&run, &answer);
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_ensure_redirect_uri_in_authorization_request() {
    let both = [
        format!("{BASE}/callback"),
        "https://example.org/redirect".to_owned(),
    ];
    let module = "oidcc-ensure-redirect-uri-in-authorization-request";
    let more = json!({ "redirect_uris": both });
    refuses(module, more, |request| request.without("redirect_uri")).await;
}

#[actix_web::test]
async fn oidcc_redirect_uri_query_ok() {
    let more = json!({ "redirect_uris": [format!("{BASE}/callback?bar=foo")] });
    let suite = Suite::with("oidcc-redirect-uri-query-OK", |_| more, |wish| wish).await;
    for run in suite.runs().await {
        assert!(run.party.redirect_uri.ends_with("?bar=foo"), "{run}");
        run.complete(&suite.browser(), &run.request()).await;
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_redirect_uri_query_mismatch() {
    let module = "oidcc-redirect-uri-query-mismatch";
    let more = json!({ "redirect_uris": [format!("{BASE}/callback?foo=bar")] });
    refuses(module, more, |request| {
        request.with("redirect_uri", format!("{BASE}/callback?bar=foo"))
    })
    .await;
}

#[actix_web::test]
async fn oidcc_redirect_uri_query_added() {
    let module = "oidcc-redirect-uri-query-added";
    refuses(module, Value::Null, |request| {
        request.with("redirect_uri", format!("{BASE}/callback?foo=bar"))
    })
    .await;
}

/// A registration that must be refused, once for each variant.
async fn refused_to_register(module: &'static str, more: Value, allowed: &[&str]) {
    let suite = Suite::open(module).await;
    for variant in variants_of(module) {
        let asked = registration(&variant, "private_key_jwt", &more);
        let answer: Answer = ask_to_register(&suite, &asked).await;
        checks::not_registered(module, &answer, allowed);
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_redirect_uri_regfrag() {
    let more = json!({ "redirect_uris": [format!("{BASE}/callback#foobar")] });
    let allowed = ["invalid_redirect_uri", "invalid_client_metadata"];
    refused_to_register("oidcc-redirect-uri-regfrag", more, &allowed).await;
}

#[actix_web::test]
async fn oidcc_ensure_client_assertion_with_iss_aud_succeeds() {
    let suite = Suite::open("oidcc-ensure-client-assertion-with-iss-aud-succeeds").await;
    for mut run in suite.runs().await {
        run.party.assertion_audience = Some(suite.issuer().to_owned());
        run.complete(&suite.browser(), &run.request()).await;
    }
    suite.close().await;
}
