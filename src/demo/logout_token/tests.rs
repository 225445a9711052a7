//! One valid logout token, and one thing wrong at a time.

use std::sync::LazyLock;

use chrono::TimeDelta;
use serde_json::json;

use super::*;
use crate::jose::{MasterKey, Schedule, SigningKey, StoredKey, sign};
use crate::oidc::algorithm::SigningAlgorithm;
use crate::random::SeededRandom;

static RSA: LazyLock<SigningKey> = LazyLock::new(|| key(SigningAlgorithm::RS256, 1));
static EC: LazyLock<SigningKey> = LazyLock::new(|| key(SigningAlgorithm::ES256, 2));
static STRANGE: LazyLock<SigningKey> = LazyLock::new(|| key(SigningAlgorithm::RS256, 3));

fn key(algorithm: SigningAlgorithm, seed: u64) -> SigningKey {
    let random = SeededRandom::new(seed);
    let master = MasterKey::generate(&random);
    let schedule = Schedule::at_once(noon());
    let stored = StoredKey::generate(algorithm, &master, &random, schedule).unwrap();
    SigningKey::open(&stored, &master).unwrap()
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
    sign(&RSA, Some("logout+jwt"), claims).unwrap()
}

fn read_at(token: &str, now: Timestamp) -> Result<LogoutToken, Invalid> {
    let keys = json!({ "keys": [RSA.public_jwk(), EC.public_jwk()] });
    let keys = serde_json::from_value(keys).unwrap();
    let expected = Expected {
        issuer: "https://op.example",
        client_id: "ledger",
        keys: &keys,
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
    for typ in [None, Some("JWT"), Some("at+jwt")] {
        let token = sign(&RSA, typ, &valid()).unwrap();
        assert_eq!(read(&token), Err(Invalid::Type));
    }
}

#[test]
fn an_algorithm_that_was_not_registered_is_refused_though_the_key_is_published() {
    let token = sign(&EC, Some("logout+jwt"), &valid()).unwrap();
    assert_eq!(read(&token), Err(Invalid::Algorithm));
}

#[test]
fn a_token_without_a_signature_is_refused() {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"logout+jwt"}"#);
    let token = format!("{header}.{}.", URL_SAFE_NO_PAD.encode(valid().to_string()));
    assert_eq!(read(&token), Err(Invalid::Algorithm));
}

#[test]
fn header_members_that_must_be_understood_are_not() {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"logout+jwt","crit":null}"#);
    assert_eq!(read(&format!("{header}.e30.e30")), Err(Invalid::Critical));
}

#[test]
fn a_key_that_the_provider_does_not_publish_is_refused() {
    let token = sign(&STRANGE, Some("logout+jwt"), &valid()).unwrap();
    assert_eq!(read(&token), Err(Invalid::Key));
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
