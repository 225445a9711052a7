use super::*;
use crate::oidc::authorization::tests::{client, issuer};
use crate::oidc::error::ErrorCode;
use crate::oidc::token::id_token::tests::noon;
use serde_json::json;

fn read(authorization: Option<&str>, form: &str) -> Result<PresentedCredentials, ErrorCode> {
    PresentedCredentials::read(authorization, &Params::parse(form.as_bytes()).unwrap())
        .map_err(|refusal| refusal.error)
}

fn basic(credentials: &str) -> Result<PresentedCredentials, ErrorCode> {
    read(Some(&format!("Basic {}", STANDARD.encode(credentials))), "")
}

/// The client's name and secret, however they came.
fn pair(presented: Result<PresentedCredentials, ErrorCode>) -> (String, String) {
    match presented.unwrap_or_else(|error| panic!("{error}")) {
        PresentedCredentials::Basic {
            client_id,
            client_secret,
        }
        | PresentedCredentials::Post {
            client_id,
            client_secret,
        } => (client_id, client_secret),
        _ => panic!("no secret"),
    }
}

fn jwt(payload: &Value) -> String {
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload.to_string()))
}

fn with_assertion(assertion: &str, rest: &str) -> Result<PresentedCredentials, ErrorCode> {
    read(
        None,
        &format!("client_assertion_type={ASSERTION_TYPE}&client_assertion={assertion}{rest}"),
    )
}

#[test]
fn both_halves_of_a_basic_credential_are_form_encoded() {
    let expected = ("led:ger".to_owned(), "a b:c%&=+".to_owned());
    assert_eq!(pair(basic("led%3Ager:a+b%3Ac%25%26%3D%2B")), expected);
    assert_eq!(pair(basic("led%3Ager:a+b:c%25&=%2B")), expected);
}

#[test]
fn the_scheme_of_the_header_is_read_in_any_case() {
    let encoded = STANDARD.encode("ledger:s");
    assert!(read(Some(&format!("bAsIc {encoded}")), "client_id=ledger").is_ok());
}

/// Attack 26: empty secrets, and headers that are no credential.
#[test]
fn a_credential_that_is_empty_or_malformed_is_refused() {
    for credentials in ["ledger:", ":secret", ":", "ledger", ""] {
        assert_eq!(
            basic(credentials).err(),
            Some(ErrorCode::InvalidClient),
            "{credentials}"
        );
    }
    for header in [
        "",
        "Basic",
        "Basic !",
        "Basic //8=",
        "Bearer abc",
        "Basicbm86eWVz",
    ] {
        assert_eq!(
            read(Some(header), "").err(),
            Some(ErrorCode::InvalidClient),
            "{header}"
        );
    }
    assert_eq!(read(None, "").err(), Some(ErrorCode::InvalidClient));
    assert_eq!(
        read(None, "client_secret=s").err(),
        Some(ErrorCode::InvalidClient)
    );
}

#[test]
fn a_secret_in_the_form_and_a_bare_name_read_as_what_they_are() {
    assert_eq!(
        pair(read(None, "client_id=ledger&client_secret=s")),
        ("ledger".to_owned(), "s".to_owned())
    );
    let bare = read(None, "client_id=ledger&client_secret=").ok().unwrap();
    assert!(bare.are_of(ClientAuthMethod::None));
}

/// Attack 26: two methods at once, of which two readers believe different ones.
#[test]
fn two_methods_at_once_are_refused_even_when_they_agree() {
    let header = format!("Basic {}", STANDARD.encode("ledger:s"));
    let assertion = format!(
        "client_assertion_type={ASSERTION_TYPE}&client_assertion={}",
        jwt(&json!({"sub": "ledger"}))
    );
    for (authorization, form) in [
        (
            Some(header.as_str()),
            "client_id=ledger&client_secret=s".to_owned(),
        ),
        (Some(header.as_str()), assertion.clone()),
        (
            None,
            format!("client_id=ledger&client_secret=s&{assertion}"),
        ),
        (Some(header.as_str()), "client_id=other".to_owned()),
    ] {
        assert_eq!(
            read(authorization, &form).err(),
            Some(ErrorCode::InvalidRequest),
            "{form}"
        );
    }
}

#[test]
fn an_assertion_names_its_client_by_itself() {
    let assertion = jwt(&json!({ "sub": "ledger" }));
    assert_eq!(
        with_assertion(&assertion, "").ok().unwrap().client_id(),
        "ledger"
    );
    assert_eq!(
        with_assertion(&assertion, "&client_id=ledger")
            .ok()
            .unwrap()
            .client_id(),
        "ledger"
    );
    for broken in ["x", "e30.!.x", "e30.e30.x", &jwt(&json!({ "sub": 1 }))] {
        assert_eq!(
            with_assertion(broken, "").err(),
            Some(ErrorCode::InvalidClient),
            "{broken}"
        );
    }
    let untyped = read(None, &format!("client_assertion={assertion}"));
    assert_eq!(untyped.err(), Some(ErrorCode::InvalidClient));
}

/// Attack 26: a method other than the registered one; a public client that sends a secret.
#[test]
fn only_the_registered_method_is_good() {
    let presented = [
        basic("ledger:s"),
        read(None, "client_id=ledger&client_secret=s"),
        with_assertion(&jwt(&json!({ "sub": "ledger" })), ""),
        read(None, "client_id=ledger"),
    ]
    .map(|presented| presented.ok().unwrap());
    for registered in ClientAuthMethod::ALL {
        let mut client = client();
        client.metadata.token_endpoint_auth_method = registered;
        for presented in &presented {
            let good = presented.are_of(registered);
            assert_eq!(
                check_method(&client, presented).is_ok(),
                good,
                "{registered:?}"
            );
        }
    }
}

const TOKEN_ENDPOINT: &str = "https://id.example/token";

/// A sound assertion with `name` set to `value`, or taken away where that is null.
fn check_with(name: &str, value: Value, client: &Client) -> Result<Assertion, OAuthError> {
    let now = noon().timestamp();
    let mut claims = json!({
        "iss": "ledger", "sub": "ledger", "aud": "https://id.example", "exp": now + 60, "iat": now, "jti": "j1",
    });
    let claims = claims.as_object_mut().unwrap();
    claims.insert(name.to_owned(), value);
    claims.retain(|_, value| !value.is_null());
    check_assertion(claims.clone(), client, &issuer(), TOKEN_ENDPOINT, noon())
}

#[test]
fn a_sound_assertion_says_what_to_remember_and_until_when() {
    let assertion = check_with("extra", json!(1), &client()).unwrap();
    let expires_at = noon() + TimeDelta::seconds(60);
    assert_eq!(
        assertion,
        Assertion {
            jti: "j1".to_owned(),
            expires_at
        }
    );
}

/// Attack 23 (CVE-2025-27371, CVE-2025-27370): an assertion that is good at another server too.
#[test]
fn the_audience_is_one_string_the_issuer_or_unless_strict_the_token_endpoint() {
    let mut strict = client();
    strict.metadata.strict_assertion_audience = true;
    for (aud, lenient_good, strict_good) in [
        (json!("https://id.example"), true, true),
        (json!(TOKEN_ENDPOINT), true, false),
        (json!(["https://id.example"]), false, false),
        (
            json!(["https://id.example", "https://evil.example"]),
            false,
            false,
        ),
        (json!("https://id.example/"), false, false),
        (json!("https://id.example/par"), false, false),
        (json!("ledger"), false, false),
        (json!(null), false, false),
    ] {
        assert_eq!(
            check_with("aud", aud.clone(), &client()).is_ok(),
            lenient_good,
            "{aud}"
        );
        assert_eq!(
            check_with("aud", aud.clone(), &strict).is_ok(),
            strict_good,
            "strict: {aud}"
        );
    }
}

/// Attack 25: no end, a far end, a future beginning, another's name.
#[test]
fn an_assertion_is_refused_for_each_of_its_faults_alone() {
    let now = noon().timestamp();
    for (name, value, good) in [
        ("exp", json!(null), false),
        ("exp", json!(now), false),
        ("exp", json!(now + 1), true),
        ("exp", json!(now + 600), true),
        ("exp", json!(now + 601), false),
        ("exp", json!(i64::MAX), false),
        ("iat", json!(null), true),
        ("iat", json!(now + 30), true),
        ("iat", json!(now + 31), false),
        ("nbf", json!(now + 30), true),
        ("nbf", json!(now + 31), false),
        ("iss", json!("mallory"), false),
        ("sub", json!("mallory"), false),
        ("iss", json!(null), false),
        ("sub", json!(null), false),
        ("jti", json!(null), false),
        ("jti", json!(""), false),
        ("jti", json!("j".repeat(256)), true),
        ("jti", json!("j".repeat(257)), false),
    ] {
        assert_eq!(
            check_with(name, value.clone(), &client()).is_ok(),
            good,
            "{name}: {value}"
        );
    }
}

/// Attack 31 (CVE-2026-25537): claims of the wrong JSON type that are skipped rather than refused.
#[test]
fn claims_of_the_wrong_type_are_refused() {
    let now = noon().timestamp();
    for (name, value) in [
        ("exp", json!((now + 60).to_string())),
        ("exp", json!([now + 60])),
        ("exp", json!(true)),
        ("nbf", json!("0")),
        ("iat", json!({})),
        ("jti", json!(1)),
        ("iss", json!(["ledger"])),
        ("sub", json!(1)),
    ] {
        assert!(
            check_with(name, value.clone(), &client()).is_err(),
            "{name}: {value}"
        );
    }
}
