//! One valid logout token, and one thing wrong at a time.

use std::sync::LazyLock;

use chrono::TimeDelta;
use openidconnect::JsonWebKeyId;
use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData as _, SigningKey as _};
use serde_json::json;

use super::*;

static OURS: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap());

/// A well-signed token under any header.
fn forge(header: &Value, claims: &Value) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = OURS.sign(message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn header() -> Value {
    json!({ "alg": "RS256", "kid": "ours", "typ": "logout+jwt" })
}

/// A valid token, but for one member of its header.
fn headed(name: &str, value: Value) -> String {
    let mut header = header();
    header[name] = value;
    forge(&header, &valid())
}

/// The provider's keys. A 2048-bit RSAPublicKey is DER of known shape: the modulus takes bytes 9 to 265.
fn keys() -> CoreJsonWebKeySet {
    let modulus = OURS.der_bytes()[9..265].to_vec();
    let kid = JsonWebKeyId::new("ours".to_owned());
    CoreJsonWebKeySet::new(vec![CoreJsonWebKey::new_rsa(
        modulus,
        vec![1, 0, 1],
        Some(kid),
    )])
}

fn noon() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

fn valid() -> Value {
    let now = noon().timestamp();
    json!({
        "iss": "https://op.example", "aud": "ledger", "iat": now, "exp": now + 120, "jti": "one",
        "sub": "ada", "sid": "s1", "events": { EVENT: {} },
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = valid();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = valid();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn signed(claims: &Value) -> String {
    forge(&header(), claims)
}

fn read_at(token: &str, now: Timestamp) -> Result<LogoutToken, Invalid> {
    let expected = Expected {
        issuer: "https://op.example",
        client_id: "ledger",
        keys: &keys(),
        now,
    };
    validate(token, &expected)
}

fn read(token: &str) -> Result<LogoutToken, Invalid> {
    read_at(token, noon())
}

fn refused(claims: &Value) -> Invalid {
    read(&signed(claims)).unwrap_err()
}

#[test]
fn a_valid_token_names_the_session_and_the_person() {
    let token = read(&signed(&valid())).unwrap();
    assert_eq!(token.sid.as_deref(), Some("s1"));
    assert_eq!(token.sub.as_deref(), Some("ada"));
    assert_eq!(token.jti, "one");
}

#[test]
fn the_audience_may_be_a_list_and_one_of_sub_and_sid_is_enough() {
    read(&signed(&with("aud", json!(["other", "ledger"])))).unwrap();
    read(&signed(&without("sub"))).unwrap();
    read(&signed(&without("sid"))).unwrap();
}

#[test]
fn what_is_not_a_token_is_refused() {
    for text in ["", "a.b", "a.b.c", "e30.e30.e30", "...."] {
        assert_eq!(read(text), Err(Invalid::Malformed), "{text}");
    }
}

#[test]
fn a_token_of_another_type_is_refused() {
    for typ in [Value::Null, json!("JWT"), json!("at+jwt")] {
        assert_eq!(read(&headed("typ", typ)), Err(Invalid::Type));
    }
}

#[test]
fn an_algorithm_that_was_not_registered_is_refused_whatever_the_token_says() {
    for algorithm in ["none", "HS256", "ES256", "PS256"] {
        let token = headed("alg", json!(algorithm));
        assert_eq!(read(&token), Err(Invalid::Algorithm), "{algorithm}");
    }
}

#[test]
fn header_members_that_must_be_understood_are_not() {
    for crit in [Value::Null, json!(["exp"])] {
        assert_eq!(read(&headed("crit", crit)), Err(Invalid::Critical));
    }
}

#[test]
fn a_token_without_the_kid_of_a_published_key_is_refused() {
    for kid in [Value::Null, json!("other")] {
        assert_eq!(read(&headed("kid", kid)), Err(Invalid::Key));
    }
}

#[test]
fn a_signature_is_not_left_out() {
    let token = forge(&header(), &valid());
    let (message, _) = token.rsplit_once('.').unwrap();
    assert_eq!(read(&format!("{message}.")), Err(Invalid::Signature));
}

#[test]
fn a_changed_payload_is_refused() {
    let token = signed(&valid());
    let (header, rest) = token.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let payload = URL_SAFE_NO_PAD.encode(with("sid", json!("s2")).to_string());
    let token = format!("{header}.{payload}.{signature}");
    assert_eq!(read(&token), Err(Invalid::Signature));
}

#[test]
fn a_missing_claim_or_one_of_a_wrong_type_is_refused() {
    for name in ["iss", "aud", "iat", "exp", "jti", "events"] {
        assert_eq!(refused(&without(name)), Invalid::Claims, "{name}");
        assert_eq!(refused(&with(name, json!(true))), Invalid::Claims, "{name}");
    }
}

#[test]
fn another_issuer_or_audience_is_refused() {
    let issuer = with("iss", json!("https://op.example/"));
    assert_eq!(refused(&issuer), Invalid::Issuer);
    assert_eq!(refused(&with("aud", json!("atlas"))), Invalid::Audience);
    assert_eq!(refused(&with("aud", json!(["atlas"]))), Invalid::Audience);
}

#[test]
fn a_token_is_good_from_its_making_to_its_end_give_or_take_the_clocks() {
    let token = signed(&valid());
    let at = |seconds| read_at(&token, noon() + TimeDelta::seconds(seconds));
    assert_eq!(at(-LEEWAY - 1), Err(Invalid::IssuedInTheFuture));
    at(-LEEWAY).unwrap();
    at(120 + LEEWAY - 1).unwrap();
    assert_eq!(at(120 + LEEWAY), Err(Invalid::Expired));
}

#[test]
fn the_events_are_exactly_the_one_that_ends_a_session() {
    for events in [
        json!({}),
        json!({ "https://schemas.example/other": {} }),
        json!({ EVENT: true }),
        json!({ EVENT: {}, "https://schemas.example/other": {} }),
    ] {
        assert_eq!(refused(&with("events", events)), Invalid::Events);
    }
}

#[test]
fn a_nonce_is_refused_whatever_its_value() {
    assert_eq!(refused(&with("nonce", json!("n"))), Invalid::Nonce);
    assert_eq!(refused(&with("nonce", Value::Null)), Invalid::Nonce);
}

#[test]
fn a_token_that_names_nobody_is_refused() {
    let mut claims = without("sub");
    claims.as_object_mut().unwrap().remove("sid");
    assert_eq!(refused(&claims), Invalid::NoSubject);
}
