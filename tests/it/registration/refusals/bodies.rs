//! Bodies that are no metadata, or would have others vouch for it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{assert_refused, description, start};
use crate::support::provider::Provider;
use crate::support::registrar::{ask, with};
use crate::support::visitor::{Answer, Visitor};

/// Asks with a body that need not be JSON.
async fn post(provider: &Provider, body: &str) -> Answer {
    let (url, visitor) = (provider.url("/register"), Visitor::default());
    let request = visitor.client().post(&url).body(body.to_owned());
    let request = request.header("content-type", "application/json");
    visitor.send(&url, request).await
}

/// Attack 6, in JSON: of two members of one name two readers pick different ones.
#[actix_web::test]
async fn a_registration_that_names_a_member_twice_is_refused_however_deep_it_lies() {
    let provider = start().await;
    for body in [
        r#"{"redirect_uris":["https://a.example/"],"redirect_uris":["https://b.example/"]}"#,
        r#"{"redirect_uris":["https://a.example/"],"client_name":"A","client_n\u0061me":"B"}"#,
        r#"{"redirect_uris":["https://a.example/"],"x":1,"x":1}"#,
        r#"{"redirect_uris":["https://a.example/"],"jwks":{"keys":[{"kty":"EC","kty":"RSA"}]}}"#,
    ] {
        let answer = post(&provider, body).await;
        assert_refused(&answer, 400, "invalid_client_metadata");
        assert!(description(&answer).contains("twice"), "{answer:?}");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn what_is_no_json_object_is_invalid_metadata() {
    let provider = start().await;
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for body in [
        "",
        "[]",
        "7",
        "null",
        "{",
        "{\"redirect_uris\":}",
        "{} {}",
        "\u{feff}{}",
        &deep,
    ] {
        let answer = post(&provider, body).await;
        assert_refused(&answer, 400, "invalid_client_metadata");
    }
    provider.stop().await;
}

/// Attack 93: a software statement that is believed because nobody looked who made it.
#[actix_web::test]
async fn a_software_statement_is_believed_of_nobody_whoever_seems_to_have_made_it() {
    let provider = start().await;
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let statement = |algorithm: &str, claims: Value| {
        let header = part(json!({ "alg": algorithm }));
        format!("{header}.{}.c2lnbmVk", part(claims))
    };
    let claims = json!({ "iss": "https://trusted.example", "skip_consent": true });
    for algorithm in ["RS256", "ES256", "HS256"] {
        let statement = statement(algorithm, claims.clone());
        let wanted = with(&json!({ "software_statement": statement }));
        let answer = ask(&provider, &wanted, None).await;
        assert_refused(&answer, 400, "unapproved_software_statement");
    }
    for statement in [
        json!(statement("none", claims.clone())),
        json!(statement("RS256", json!({ "sub": "nobody" }))),
        json!(statement("RS256", claims).trim_end_matches("c2lnbmVk")),
        json!("no statement"),
        json!("a.b.c"),
        json!(""),
        json!(7),
        json!({ "iss": "https://trusted.example" }),
    ] {
        let wanted = with(&json!({ "software_statement": statement }));
        let answer = ask(&provider, &wanted, None).await;
        assert_refused(&answer, 400, "invalid_software_statement");
    }
    provider.stop().await;
}
