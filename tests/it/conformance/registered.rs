//! Applications that register themselves: what they register is honoured, and what they must not register is refused.

use serde_json::{Value, json};

use super::checks;
use super::desk::Desk;
use super::house::{BASE, Suite};
use super::party::{ask_to_register, registration, suite_key};
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

/// Where the sector's redirect URIs lie.
const SECTOR: &str = "/redirect_uris.json";

/// A registration that must be refused, once for each variant.
async fn refused_to_register(suite: &Suite, more: &Value, allowed: &[&str]) {
    for variant in variants_of(suite.module) {
        let asked = registration(&variant, "private_key_jwt", more);
        let answer: Answer = ask_to_register(suite, &asked).await;
        checks::not_registered(suite.module, &answer, allowed);
    }
}

#[actix_web::test]
async fn oidcc_redirect_uri_regfrag() {
    let suite = Suite::open("oidcc-redirect-uri-regfrag").await;
    let more = json!({ "redirect_uris": [format!("{BASE}/callback#foobar")] });
    let allowed = ["invalid_redirect_uri", "invalid_client_metadata"];
    refused_to_register(&suite, &more, &allowed).await;
    suite.close().await;
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

#[actix_web::test]
async fn oidcc_registration_jwks_uri() {
    let path = "/client1_jwks";
    let more = |desk: &Desk| {
        let keys = json!({ "keys": [suite_key().jwk()] }).to_string();
        let uri = desk.put(path, "application/json", keys);
        json!({ "jwks_uri": uri, "jwks": null })
    };
    let suite = Suite::with("oidcc-registration-jwks-uri", more, |wish| wish).await;
    for run in suite.runs().await {
        run.complete(&suite.browser(), &run.request()).await;
        assert!(!suite.desk.asked(path).is_empty(), "{run}");
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_idtoken_unsigned() {
    let more = json!({ "id_token_signed_response_alg": "none" });
    let suite = Suite::with("oidcc-idtoken-unsigned", |_| more, |wish| wish).await;
    suite.assert_lists("id_token_signing_alg_values_supported", "none");
    for run in suite.runs().await {
        let outcome = run.complete(&suite.browser(), &run.request()).await;
        let (header, _) = checks::read_jws(outcome.id_token());
        assert_eq!(header["alg"], "none", "{run}");
        assert!(outcome.id_token().ends_with('.'), "{run}");
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_userinfo_rs256() {
    let more = json!({ "userinfo_signed_response_alg": "RS256" });
    let suite = Suite::with("oidcc-userinfo-rs256", |_| more, |wish| wish).await;
    suite.assert_lists("userinfo_signing_alg_values_supported", "RS256");
    for run in suite.runs().await {
        let outcome = run.complete(&suite.browser(), &run.request()).await;
        let answer = run.userinfo(outcome.access_token().unwrap()).await;
        checks::signed_userinfo(&run, &answer, outcome.id_claims());
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_registration_sector_uri() {
    let more = |desk: &Desk| {
        let own = json!([format!("{BASE}/callback")]).to_string();
        let uri = desk.put(SECTOR, "application/json", own);
        json!({ "subject_type": "pairwise", "sector_identifier_uri": uri })
    };
    let suite = Suite::with("oidcc-registration-sector-uri", more, |wish| wish).await;
    suite.assert_lists("subject_types_supported", "pairwise");
    let mut subjects = Vec::new();
    for run in suite.runs().await {
        let outcome = run.complete(&suite.browser(), &run.request()).await;
        subjects.push(outcome.id_claims()["sub"].clone());
    }
    assert!(!suite.desk.asked(SECTOR).is_empty());
    // Applications of one sector know her by one name.
    subjects.dedup();
    assert_eq!(subjects.len(), 1);
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_registration_sector_bad() {
    let suite = Suite::open("oidcc-registration-sector-bad").await;
    let others = json!(["https://suite.example/other"]).to_string();
    let uri = suite.desk.put(SECTOR, "application/json", others);
    let more = json!({ "subject_type": "pairwise", "sector_identifier_uri": uri });
    refused_to_register(&suite, &more, &["invalid_client_metadata"]).await;
    suite.close().await;
}
