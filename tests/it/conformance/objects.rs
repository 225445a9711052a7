//! Request objects, by value and by reference.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::desk::Desk;
use super::house::{BASE, Suite};
use super::party::suite_key;
use super::plans::{Variant, variants_of};
use super::run::{Request, Run};

/// What stands beside an object: what OAuth itself needs.
const OUTER: [&str; 4] = ["response_type", "client_id", "scope", "redirect_uri"];

/// The claims of an object that says all of this.
fn claims(run: &Run<'_>, request: &Request) -> Value {
    let mut claims: Map<String, Value> = request
        .fields()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    claims.insert("iss".to_owned(), json!(run.party.client_id));
    claims.insert("aud".to_owned(), json!(run.suite.issuer()));
    Value::Object(claims)
}

/// An object that nobody signed.
fn unsigned(claims: &Value) -> String {
    let [header, claims] =
        [&json!({ "alg": "none" }), claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    format!("{header}.{claims}.")
}

/// What stands beside the object that says the same.
fn outer(request: &Request) -> Request {
    let names: Vec<String> = request
        .fields()
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    names
        .iter()
        .filter(|name| !OUTER.contains(&name.as_str()))
        .fold(request.clone(), |request, name| request.without(name))
}

/// Asks with `sent`, and uses what comes as if `meant` had been sent.
async fn succeeds(run: &Run<'_>, sent: &Request, meant: &Request) {
    let visitor = run.suite.browser();
    let answer = run.open(&visitor, sent).await;
    let callback = run.answered(&visitor, answer, meant).await;
    run.check_success(&callback);
    run.finish(callback, meant, &[]).await;
}

/// Where a run's object lies at the suite's site.
fn path(variant: &Variant) -> String {
    let response_type = variant.response_type.replace(' ', "-");
    let mode = if variant.form_post { "-posted" } else { "" };
    format!("/objects/{response_type}{mode}.jwt")
}

/// Every address of a module's objects, with a fragment as the suite gives it.
fn request_uris(module: &str, desk: &Desk) -> Value {
    let mut uris: Vec<String> = variants_of(module)
        .iter()
        .map(|variant| format!("{}{}#the-hash", desk.base, path(variant)))
        .collect();
    uris.sort_unstable();
    uris.dedup();
    json!({ "request_uris": uris })
}

/// Each run with an object that is fetched, made by `object` of its claims.
async fn succeeds_by_reference(suite: &Suite, object: impl Fn(&Value) -> String) {
    assert_eq!(suite.metadata["request_uri_parameter_supported"], true);
    for run in suite.runs().await {
        let meant = run.request();
        let path = path(&run.variant);
        let before = suite.desk.asked(&path).len();
        let object = object(&claims(&run, &meant));
        let kind = "application/oauth-authz-req+jwt";
        let uri = format!("{}#the-hash", suite.desk.put(&path, kind, object));
        succeeds(&run, &outer(&meant).with("request_uri", uri), &meant).await;
        let asked = &suite.desk.asked(&path)[before..];
        assert!(!asked.is_empty(), "{run}: nobody fetched it");
        assert!(asked.iter().all(|asked| asked.method == "GET"), "{run}");
    }
}

#[actix_web::test]
async fn oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported() {
    let module = "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported";
    let suite = Suite::with(module, |desk| request_uris(module, desk), |wish| wish).await;
    suite.assert_lists("request_object_signing_alg_values_supported", "none");
    succeeds_by_reference(&suite, unsigned).await;
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_request_uri_unsigned() {
    let module = "oidcc-request-uri-unsigned";
    let suite = Suite::with(module, |desk| request_uris(module, desk), |wish| wish).await;
    suite.assert_lists("request_object_signing_alg_values_supported", "none");
    succeeds_by_reference(&suite, unsigned).await;
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_request_uri_signed_rs256() {
    let module = "oidcc-request-uri-signed-rs256";
    let more = |desk: &Desk| {
        let mut more = request_uris(module, desk);
        more["request_object_signing_alg"] = json!("RS256");
        more
    };
    let suite = Suite::with(module, more, |wish| wish).await;
    suite.assert_lists("request_object_signing_alg_values_supported", "RS256");
    succeeds_by_reference(&suite, |claims| suite_key().sign(claims)).await;
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported() {
    let module = "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported";
    let suite = Suite::open(module).await;
    suite.assert_lists("request_object_signing_alg_values_supported", "none");
    assert_eq!(suite.metadata["request_parameter_supported"], true);
    for run in suite.runs().await {
        let meant = run.request();
        let object = unsigned(&claims(&run, &meant));
        succeeds(&run, &outer(&meant).with("request", object), &meant).await;
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_ensure_request_object_with_redirect_uri() {
    let suite = Suite::open("oidcc-ensure-request-object-with-redirect-uri").await;
    for run in suite.runs().await {
        let meant = run.request();
        let object = unsigned(&claims(&run, &meant));
        let sent = outer(&meant)
            .with("redirect_uri", format!("{BASE}/elsewhere"))
            .with("request", object);
        // What is inside wins; `succeeds` sees where the answer goes.
        succeeds(&run, &sent, &meant).await;
    }
    suite.close().await;
}
