//! Metadata that will not do is named, field by field.

use serde_json::{Value, json};

use super::{assert_refused, description, start};
use crate::support::registrar::{HOME, Registered, ask, with};

#[actix_web::test]
async fn a_redirect_uri_that_will_not_do_is_named_so() {
    let provider = start().await;
    for uris in [
        json!([]),
        json!("https://ledger.example/callback"),
        json!([format!("{HOME}/callback#fragment")]),
        json!(["http://ledger.example/callback"]),
        json!(["org.example.ledger:/callback"]),
        json!(["javascript:alert(1)"]),
        json!(["https://ledger.example@evil.example/callback"]),
        json!(["/callback"]),
        json!([format!("{HOME}/callback"), "data:text/html,x"]),
        json!([7]),
    ] {
        let wanted = with(&json!({ "redirect_uris": uris }));
        let answer = ask(&provider, &wanted, None).await;
        assert_refused(&answer, 400, "invalid_redirect_uri");
        assert!(
            description(&answer).starts_with("redirect_uris: "),
            "{answer:?}"
        );
    }
    let answer = ask(&provider, &json!({}), None).await;
    assert_refused(&answer, 400, "invalid_redirect_uri");
    provider.stop().await;
}

#[actix_web::test]
async fn other_metadata_that_will_not_do_is_named_so_each_by_its_field() {
    let provider = start().await;
    for (field, value) in [
        ("client_name", json!("\u{202e}regdel")),
        ("client_name", json!(7)),
        ("application_type", json!("desktop")),
        (
            "post_logout_redirect_uris",
            json!(["http://ledger.example/"]),
        ),
        ("response_types", json!(["token"])),
        ("response_types", json!("code")),
        ("grant_types", json!(["password"])),
        ("grant_types", json!([])),
        ("token_endpoint_auth_method", json!("tls_client_auth")),
        ("jwks", json!({ "keys": [] })),
        (
            "jwks",
            json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": "a", "y": "b" }] }),
        ),
        (
            "jwks",
            json!({ "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "AQAB" }] }),
        ),
        (
            "jwks",
            json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0" }] }),
        ),
        ("scope", json!("email")),
        ("id_token_signed_response_alg", json!("HS256")),
        (
            "backchannel_logout_uri",
            json!("https://ledger.example/backchannel#fragment"),
        ),
        (
            "frontchannel_logout_uri",
            json!("https://elsewhere.example/frontchannel"),
        ),
        ("initiate_login_uri", json!("http://ledger.example/login")),
        ("client_uri", json!("javascript:alert(1)")),
        ("logo_uri", json!("data:image/svg+xml,<svg/>")),
        ("policy_uri", json!("//elsewhere.example")),
        ("tos_uri", json!(["https://ledger.example/terms"])),
        ("contacts", json!("ada@example.org")),
        ("default_max_age", json!(-1)),
        ("require_auth_time", json!("true")),
        // A protection that it would go without.
        ("id_token_encrypted_response_alg", json!("RSA-OAEP")),
        ("userinfo_encrypted_response_enc", json!("A128GCM")),
        ("request_object_encryption_alg", json!("RSA-OAEP")),
        ("dpop_bound_access_tokens", json!(true)),
        ("tls_client_certificate_bound_access_tokens", json!(true)),
        ("require_pushed_authorization_requests", json!(true)),
    ] {
        let wanted = with(&json!({ field: value }));
        let answer = ask(&provider, &wanted, None).await;
        assert_refused(&answer, 400, "invalid_client_metadata");
        let description = description(&answer);
        assert!(
            description.starts_with(&format!("{field}: ")),
            "{field}: {value}: {description}"
        );
    }
    let twice =
        json!({ "jwks": { "keys": [{ "kty": "EC" }] }, "jwks_uri": format!("{HOME}/jwks") });
    let answer = ask(&provider, &with(&twice), None).await;
    assert_refused(&answer, 400, "invalid_client_metadata");
    assert!(description(&answer).contains("jwks_uri: stands beside jwks"));
    // What asks for no protection is fine.
    let harmless = json!({ "dpop_bound_access_tokens": false, "subject_type": "public" });
    Registered::new(&provider, &with(&harmless), None).await;
    provider.stop().await;
}

/// RFC 7517 §5: keys of kinds that are not known here are passed over where one that is stands beside them.
#[actix_web::test]
async fn a_registered_key_set_may_hold_keys_of_other_kinds_and_none_without_a_kind() {
    let provider = start().await;
    let known = json!({
        "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    });
    let register = async |keys: Value| {
        let wanted = with(&json!({ "jwks": { "keys": keys } }));
        ask(&provider, &wanted, None).await
    };
    let answer = register(json!([{ "kty": "AKP", "alg": "ML-DSA-44" }, &known])).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    for (keys, word) in [
        (json!([{ "kty": "AKP" }]), "no key in it has the kty"),
        (json!([&known, { "kid": "x" }]), "key 2: it has no 'kty'"),
        (json!([&known, 1]), "key 2: it is not an object"),
        (
            json!([&known, { "kty": "AKP", "priv": "AA" }]),
            "private key",
        ),
    ] {
        let answer = register(keys).await;
        assert_refused(&answer, 400, "invalid_client_metadata");
        assert!(description(&answer).contains(word), "{answer:?}");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn every_problem_is_told_at_once_and_none_at_endless_length() {
    let provider = start().await;
    let wanted = with(&json!({ "scope": "email", "tos_uri": "x", "client_name": "" }));
    let answer = ask(&provider, &wanted, None).await;
    let told = description(&answer);
    for field in ["scope: ", "tos_uri: ", "client_name: "] {
        assert!(told.contains(field), "{told}");
    }
    let uris = vec!["http://elsewhere.example/".to_owned() + &"x".repeat(1000); 50];
    let answer = ask(&provider, &json!({ "redirect_uris": uris }), None).await;
    assert_refused(&answer, 400, "invalid_redirect_uri");
    assert!(description(&answer).len() < 1100);
    provider.stop().await;
}
