//! Providers that give no ID tokens.

use chrono::TimeDelta;
use serde_json::{Value, json};
use url::Url;

use super::house;
use crate::oidc::issuer::Issuer;
use crate::oidc::upstream::Upstream;
use crate::oidc::upstream::oauth2::{OAuth2, vouched};
use crate::oidc::upstream::request::{Fresh, Wanted, address};

fn plain() -> Upstream {
    Upstream {
        oauth2: Some(OAuth2 {
            authorization_endpoint: "https://code.example/authorize".to_owned(),
            token_endpoint: "https://code.example/token".to_owned(),
            userinfo_endpoint: "https://api.code.example/user".to_owned(),
            subject_claim: "id".to_owned(),
        }),
        scope: String::new(),
        ..house()
    }
}

/// Attack 14: who somebody is where there are no ID tokens: one claim alone, which is a text or a whole number.
#[test]
fn userinfo_names_somebody_by_one_claim_and_says_nothing_of_their_sign_in() {
    let provider = plain().oauth2.unwrap();
    let subject = |claims: Value| {
        let vouched = vouched(claims.to_string().as_bytes(), &provider);
        vouched.ok().map(|vouched| vouched.subject)
    };
    for (id, expected) in [
        (json!("u-1"), "u-1"),
        (json!(42), "42"),
        (json!(-1), "-1"),
        (json!(u64::MAX), "18446744073709551615"),
    ] {
        assert_eq!(
            subject(json!({ "id": id, "sub": "x" })).as_deref(),
            Some(expected)
        );
    }
    for id in [
        json!(""),
        json!("a\0"),
        json!("x".repeat(256)),
        json!(1.5),
        json!(1e300),
        json!(null),
        json!(true),
        json!(["u-1"]),
        json!({ "id": "u-1" }),
    ] {
        assert_eq!(subject(json!({ "id": id, "sub": "x" })), None, "{id}");
    }
    assert_eq!(subject(json!({ "sub": "x" })), None);
    assert_eq!(subject(json!([{ "id": "u-1" }])), None);
    let said = json!({ "id": 1, "sid": "s", "auth_time": 1, "acr": "gold", "amr": ["hwk"] });
    let vouched = vouched(said.to_string().as_bytes(), &provider).unwrap();
    assert_eq!(
        (vouched.sid, vouched.auth_time, vouched.acr),
        (None, None, None)
    );
    assert_eq!(vouched.amr, "");
}

#[test]
fn who_is_no_openid_provider_is_asked_nothing_that_only_one_knows() {
    let wanted = Wanted {
        prompt: vec!["login".to_owned()],
        max_age: Some(5),
        login_hint: Some("ada".to_owned()),
        ..Wanted::default()
    };
    let fresh = Fresh {
        state: "s",
        nonce: "n",
        code_verifier: "v",
    };
    let ours = Issuer::parse("https://id.example.org").unwrap();
    let of = |upstream: &Upstream| {
        let longest = TimeDelta::hours(1);
        let address = address(
            upstream,
            "https://x.example/a",
            &ours,
            &wanted,
            fresh,
            longest,
        );
        let url = Url::parse(&address).unwrap();
        let names = url.query_pairs().map(|(name, _)| name.into_owned());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let plain = of(&plain());
    let openid = of(&house());
    for name in [
        "response_type",
        "client_id",
        "redirect_uri",
        "state",
        "code_challenge",
        "code_challenge_method",
    ] {
        assert!(plain.contains(name) && openid.contains(name), "{name}");
    }
    assert_eq!(plain.len(), 6, "{plain:?}");
    for name in ["nonce", "scope", "prompt", "max_age", "login_hint"] {
        assert!(openid.contains(name), "{name}");
    }
}
