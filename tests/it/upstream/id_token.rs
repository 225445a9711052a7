//! The ID token of another house, with one thing wrong with it at a time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use exeunt::oidc::upstream::answer::{Expected, Unbelievable, Vouched, verify, with_userinfo};
use exeunt::oidc::upstream::oauth2::{self, OAuth2};
use openidconnect::core::CoreJsonWebKeySet;
use serde_json::{Value, json};

use super::house;
use crate::support::client_key::{ClientKey, sign_with_secret, unsigned};
use crate::support::provider::SECRET;

const ISSUER: &str = "https://id.house.example";
const NOW: i64 = 1_800_000_000;

fn sound() -> Value {
    json!({
        "iss": ISSUER, "sub": "ada", "aud": "exeunt", "iat": NOW, "exp": NOW + 300, "nonce": "the-nonce",
        "auth_time": NOW - 5, "azp": "exeunt", "sid": "s-1", "acr": "gold",
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = sound();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = sound();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn read(key: &ClientKey, token: &str) -> Result<Vouched, Unbelievable> {
    let keys: CoreJsonWebKeySet = serde_json::from_value(key.jwks()).unwrap();
    verify(
        token,
        &Expected {
            upstream: &house(ISSUER),
            keys: &keys,
            nonce: "the-nonce",
            access_token: "the-access-token",
            now: DateTime::from_timestamp(NOW, 0).unwrap(),
        },
    )
}

/// The half of its hash that names an access token (Core §3.1.3.6).
fn at_hash(access_token: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])
}

/// Attack 14 (Core §3.1.3.7): each check is made, and what does not hold is not quoted in our log.
#[test]
fn an_id_token_with_anything_wrong_with_it_is_not_believed() {
    let key = ClientKey::generate();
    let token = |claims: &Value| key.sign(&key.header(), claims);
    assert_eq!(read(&key, &token(&sound())).unwrap().subject, "ada");
    let own = with("at_hash", at_hash("the-access-token").into());
    assert!(read(&key, &token(&own)).is_ok());
    for broken in [
        with("iss", "https://marker.example".into()),
        with("iss", format!("{ISSUER}/").into()),
        without("iss"),
        with("aud", "marker".into()),
        with("aud", json!(["exeunt", "marker"])),
        with("aud", json!([])),
        without("aud"),
        with("nonce", "marker".into()),
        without("nonce"),
        with("exp", (NOW - 31).into()),
        without("exp"),
        with("iat", (NOW + 31).into()),
        with("azp", "marker".into()),
        with("at_hash", at_hash("marker").into()),
        with("sub", "".into()),
        with("sub", "x".repeat(256).into()),
        with("sub", "marker\0".into()),
        without("sub"),
        with("name", "x".repeat(16 * 1024).into()),
    ] {
        let why = read(&key, &token(&broken)).expect_err(&broken.to_string());
        assert!(!why.to_string().contains("marker"), "{why}");
    }
}

/// Attack 31: of a name that stands twice, others may have read the other value.
#[test]
fn an_id_token_that_says_something_twice_is_not_believed() {
    let key = ClientKey::generate();
    let (header, once) = (key.header().to_string(), sound().to_string());
    let token = |claims: &str| key.sign_text(&header, claims);
    assert!(read(&key, &token(&once)).is_ok());
    for twice in [
        once.replacen('{', r#"{"email_verified":true,"email_verified":false,"#, 1),
        once.replacen('{', r#"{"address":{"country":"A","country":"B"},"#, 1),
        once.replacen('{', r#"{"sub":"ada","#, 1),
    ] {
        assert!(read(&key, &token(&twice)).is_err(), "{twice}");
    }
}

/// The same of userinfo, be it beside an ID token or without one.
#[test]
fn userinfo_that_says_something_twice_is_not_believed() {
    let key = ClientKey::generate();
    let told = OAuth2 {
        authorization_endpoint: format!("{ISSUER}/authorize"),
        token_endpoint: format!("{ISSUER}/token"),
        userinfo_endpoint: format!("{ISSUER}/userinfo"),
        subject_claim: "sub".to_owned(),
    };
    let vouched = || read(&key, &key.sign(&key.header(), &sound())).unwrap();
    let once = br#"{"sub":"ada","email":"ada@house.example"}"#;
    assert!(with_userinfo(vouched(), once).is_ok());
    assert!(oauth2::vouched(once, &told).is_ok());
    for twice in [
        r#"{"sub":"ada","sub":"ada"}"#,
        r#"{"sub":"ada","email":"eve@house.example","email":"ada@house.example"}"#,
    ] {
        assert!(
            with_userinfo(vouched(), twice.as_bytes()).is_err(),
            "{twice}"
        );
        assert!(oauth2::vouched(twice.as_bytes(), &told).is_err(), "{twice}");
    }
}

#[test]
fn an_id_token_that_the_other_house_did_not_sign_is_not_believed() {
    let (key, other) = (ClientKey::generate(), ClientKey::generate());
    let (header, claims) = (key.header(), sound());
    let signed = key.sign(&header, &claims);
    let (message, _) = signed.rsplit_once('.').unwrap();
    for token in [
        other.sign(&header, &claims),
        key.sign(&json!({ "alg": "ES256", "kid": "another" }), &claims),
        key.sign(&json!({ "alg": "RS256", "kid": key.kid }), &claims),
        sign_with_secret("HS256", SECRET.as_bytes(), &claims),
        sign_with_secret("HS256", key.jwk().to_string().as_bytes(), &claims),
        unsigned(&claims),
        format!("{message}."),
        "none".to_owned(),
    ] {
        assert!(read(&key, &token).is_err(), "{token}");
    }
}

#[test]
fn what_can_not_be_kept_is_left_out() {
    let key = ClientKey::generate();
    for (name, value) in [
        ("sid", "s\0"),
        ("sid", ""),
        ("acr", "a\0"),
        ("acr", "urn:exeunt:acr:password"),
    ] {
        let token = key.sign(&key.header(), &with(name, value.into()));
        let vouched = read(&key, &token).unwrap();
        let kept = match name {
            "sid" => vouched.sid,
            _ => vouched.acr,
        };
        assert_eq!(kept, None, "{name} {value:?}");
    }
}
