mod shortcomings;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::{Value, json};
use url::Url;

use super::super::Upstream;
use super::super::request::{Fresh, Wanted, address};
use super::super::tests::house;
use super::*;
use crate::oidc::claims::request::ClaimsRequest;
use crate::oidc::issuer::Issuer;

fn requested(value: &Value) -> RequestedClaims {
    RequestedClaims::parse(&value.to_string()).unwrap()
}

fn misfits(text: &str) -> Vec<String> {
    let misfits = RequestedClaims::parse(text).unwrap_err();
    misfits.iter().map(Misfit::to_string).collect()
}

// Core §5.5's own example.
#[test]
fn the_example_of_the_specification_reads_and_is_sent_as_it_stands() {
    let example = json!({
        "userinfo": {
            "given_name": { "essential": true }, "nickname": null, "email": { "essential": true },
            "email_verified": { "essential": true }, "picture": null, "http://example.info/claims/groups": null,
        },
        "id_token": {
            "auth_time": { "essential": true },
            "acr": { "values": ["urn:mace:incommon:iap:silver"] },
        },
    });
    let requested = requested(&example);
    let sent: Value = serde_json::from_str(&requested.parameter(None).unwrap()).unwrap();
    assert_eq!(sent, example);
    assert!(requested.asks_userinfo());
    // A provider of ours reads it.
    assert!(ClaimsRequest::parse(&sent.to_string()).is_ok());
}

#[test]
fn what_is_plainly_wished_is_null_however_it_was_written() {
    let requested = requested(&json!({
        "userinfo": { "a": null, "b": {}, "c": { "essential": false }, "d": { "value": false } }, "id_token": null,
    }));
    assert_eq!(
        requested.parameter(None).as_deref(),
        Some(r#"{"userinfo":{"a":null,"b":null,"c":null,"d":{"value":false}}}"#)
    );
    for nothing in [
        json!({}),
        json!({ "userinfo": {} }),
        json!({ "userinfo": null, "id_token": {} }),
    ] {
        let requested = self::requested(&nothing);
        assert!(requested.is_empty() && !requested.asks_userinfo());
        assert_eq!(requested.parameter(Some("gold")), None, "{nothing}");
    }
}

/// What is kept must be read again, and readers give up at some depth.
#[test]
fn a_value_may_be_so_deep_and_no_deeper() {
    let deep = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        format!(r#"{{"userinfo":{{"a":{{"value":{open}1{close}}}}}}}"#)
    };
    let kept = RequestedClaims::parse(&deep(8)).unwrap();
    let read: RequestedClaims = serde_json::from_value(kept.clone().into()).unwrap();
    assert_eq!(read, kept);
    for levels in [9, 124] {
        let misfits = RequestedClaims::parse(&deep(levels)).unwrap_err();
        assert!(
            misfits[0].to_string().contains("more than 8"),
            "{misfits:?}"
        );
    }
    let values = r#"{"userinfo":{"a":{"values":[{"a":{"a":{"a":{"a":{"a":{"a":{"a":{}}}}}}}}]}}}"#;
    assert!(RequestedClaims::parse(values).is_err());
}

/// Attack 6: two members of one name. Attack 31: members of the wrong JSON type.
#[test]
fn what_will_not_do_is_told_in_words() {
    for (text, told) in [
        ("", "it is no JSON object in which no name occurs twice"),
        ("null", "it is no JSON object"),
        ("[]", "it is no JSON object"),
        (r#"{"userinfo":{}} {}"#, "it is no JSON object"),
        (
            r#"{"userinfo":{},"userinfo":{"email":null}}"#,
            "no name occurs twice",
        ),
        (
            r#"{"userinfo":{"email":null,"email":{}}}"#,
            "no name occurs twice",
        ),
        (
            r#"{"userinfo":{"email":{"essential":true,"essential":false}}}"#,
            "no name occurs twice",
        ),
        (
            r#"{"user_info":{}}"#,
            "user_info is neither userinfo nor id_token",
        ),
        (
            r#"{"userinfo":["email"]}"#,
            "userinfo is neither an object nor null",
        ),
        (
            r#"{"userinfo":"email"}"#,
            "userinfo is neither an object nor null",
        ),
        (
            r#"{"userinfo":{"email":true}}"#,
            "userinfo.email is neither an object nor null",
        ),
        (
            r#"{"userinfo":{"":null}}"#,
            "userinfo names a claim that is none: it has 1 to 255 bytes",
        ),
        (
            r#"{"userinfo":{"a\u0000":null}}"#,
            "userinfo names a claim that is none",
        ),
        (
            r#"{"id_token":{"sub":{"value":"ada"}}}"#,
            "id_token.sub is told always",
        ),
        (
            r#"{"userinfo":{"sub":null}}"#,
            "userinfo.sub is told always",
        ),
        (
            r#"{"userinfo":{"email":{"essential":"true"}}}"#,
            "userinfo.email has an essential that is neither true nor false",
        ),
        (
            r#"{"userinfo":{"email":{"essential":null}}}"#,
            "userinfo.email has an essential that is neither true nor false",
        ),
        (
            r#"{"userinfo":{"email":{"value":null}}}"#,
            "userinfo.email has a value that is none",
        ),
        (
            r#"{"userinfo":{"email":{"values":[null]}}}"#,
            "userinfo.email has a value that is none",
        ),
        (
            r#"{"userinfo":{"email":{"values":[]}}}"#,
            "userinfo.email has values, and there is none",
        ),
        (
            r#"{"userinfo":{"email":{"values":"a"}}}"#,
            "userinfo.email has values that are no array",
        ),
        (
            r#"{"userinfo":{"email":{"value":"a","values":["a"]}}}"#,
            "userinfo.email has value and values: they exclude each other",
        ),
        (
            r#"{"userinfo":{"email":{"purpose":"curiosity"}}}"#,
            "userinfo.email has \"purpose\": known are essential, value and values",
        ),
        (
            r#"{"id_token":{"acr":{"essential":true,"value":1}}}"#,
            "id_token.acr has values, and they are not all texts",
        ),
        (
            r#"{"id_token":{"acr":{"values":["gold",["gold"]]}}}"#,
            "id_token.acr has values, and they are not all texts",
        ),
    ] {
        let misfits = misfits(text);
        assert_eq!(misfits.len(), 1, "{text}: {misfits:?}");
        assert!(
            misfits[0].starts_with(told) || misfits[0].ends_with(told),
            "{text}: {misfits:?}"
        );
    }
    let of_length = |length: usize| {
        let around = r#"{"userinfo":{"x":{"value":""}}}"#.len();
        let value = "x".repeat(length - around);
        json!({ "userinfo": { "x": { "value": value } } }).to_string()
    };
    assert!(RequestedClaims::parse(&of_length(MOST_BYTES)).is_ok());
    let long = misfits(&of_length(MOST_BYTES + 1));
    assert_eq!(long, ["it has 2049 bytes, and 2048 at most will do"]);
    let all =
        misfits(r#"{"x":1,"userinfo":{"sub":1,"a":{"value":1,"values":[1]}},"id_token":{"b":1}}"#);
    assert_eq!(all.len(), 5, "{all:?}");
}

/// Core §5.5.1.1, in the ID token of others.
#[test]
fn an_essential_acr_must_be_one_that_was_asked_for_and_a_wished_one_need_not() {
    let gold = || json!({ "acr": "gold" });
    for (asked, said, met) in [
        (json!(null), json!({}), true),
        (json!({ "essential": true }), json!({}), true),
        (
            json!({ "values": ["gold"] }),
            json!({ "acr": "none" }),
            true,
        ),
        (json!({ "value": "gold" }), json!({}), true),
        (
            json!({ "essential": false, "values": ["gold"] }),
            json!({}),
            true,
        ),
        (json!({ "essential": true, "value": "gold" }), gold(), true),
        (
            json!({ "essential": true, "values": ["silver", "gold"] }),
            gold(),
            true,
        ),
        (
            json!({ "essential": true, "value": "silver" }),
            gold(),
            false,
        ),
        (
            json!({ "essential": true, "values": ["silver", "golden"] }),
            gold(),
            false,
        ),
        (
            json!({ "essential": true, "values": ["gold"] }),
            json!({}),
            false,
        ),
        (
            json!({ "essential": true, "values": ["gold"] }),
            json!({ "acr": null }),
            false,
        ),
        (
            json!({ "essential": true, "values": ["gold"] }),
            json!({ "acr": "Gold" }),
            false,
        ),
        (
            json!({ "essential": true, "values": ["gold"] }),
            json!({ "acr": ["gold"] }),
            false,
        ),
    ] {
        let requested = requested(&json!({ "id_token": { "acr": asked } }));
        let said = said.as_object().unwrap();
        assert_eq!(requested.is_met_by(said), met, "{asked} {said:?}");
        // What userinfo is asked says nothing of the sign-in.
        let of_userinfo = self::requested(&json!({ "userinfo": { "acr": asked } }));
        assert!(of_userinfo.is_met_by(said), "{asked}");
    }
}

/// What an application wishes is never asked beside what the configuration asks: what both together mean is not specified.
#[test]
fn the_classes_that_an_application_wishes_come_first_among_those_that_will_do() {
    let ours = Issuer::parse("https://id.example.org").unwrap();
    let sent = |asked: Value, acr_values: Option<&str>| {
        let upstream = Upstream {
            request_claims: requested(&asked),
            ..house()
        };
        let wanted = Wanted {
            acr_values: acr_values.map(str::to_owned),
            ..Wanted::default()
        };
        let fresh = Fresh {
            state: "s",
            nonce: "n",
            code_verifier: "v",
        };
        let longest = TimeDelta::hours(1);
        let address = address(
            &upstream,
            "https://x.example/a",
            &ours,
            &wanted,
            fresh,
            longest,
        );
        let url = Url::parse(&address).unwrap();
        let mut sent: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let claims = sent
            .remove("claims")
            .map(|text| serde_json::from_str(&text).unwrap());
        (claims.unwrap_or(Value::Null), sent.remove("acr_values"))
    };
    let acr = |wish: Value| json!({ "id_token": { "acr": wish } });
    let wish = || Some("platinum silver".to_owned());
    for (asked, claims, acr_values) in [
        (json!({}), Value::Null, wish()),
        (acr(json!(null)), acr(json!(null)), wish()),
        (
            acr(json!({ "essential": true })),
            acr(json!({ "essential": true })),
            wish(),
        ),
        (
            json!({ "userinfo": { "acr": { "value": "gold" } } }),
            json!({ "userinfo": { "acr": { "value": "gold" } } }),
            wish(),
        ),
        (
            acr(json!({ "value": "gold" })),
            acr(json!({ "value": "gold" })),
            None,
        ),
        (
            acr(json!({ "values": ["bronze", "gold", "silver", "platinum"] })),
            acr(json!({ "values": ["platinum", "silver", "bronze", "gold"] })),
            None,
        ),
        (
            acr(json!({ "values": ["gold", "bronze"] })),
            acr(json!({ "values": ["gold", "bronze"] })),
            None,
        ),
    ] {
        assert_eq!(
            sent(asked.clone(), Some("platinum silver")),
            (claims, acr_values),
            "{asked}"
        );
        assert_eq!(sent(asked.clone(), None).1, None, "{asked}");
    }
}

#[test]
fn an_upstream_that_was_kept_before_claims_could_be_asked_for_still_reads() {
    let mut kept = serde_json::to_value(house()).unwrap();
    assert!(
        kept.as_object_mut()
            .unwrap()
            .remove("request_claims")
            .is_some()
    );
    assert_eq!(
        serde_json::from_value::<Upstream>(kept.clone()).unwrap(),
        house()
    );
    let asked = json!({ "userinfo": { "email": null }, "id_token": { "acr": { "essential": true, "values": ["gold"] } } });
    let upstream = Upstream {
        request_claims: requested(&asked),
        ..house()
    };
    let written = serde_json::to_value(&upstream).unwrap();
    assert_eq!(written["request_claims"], asked);
    assert_eq!(
        serde_json::from_value::<Upstream>(written).unwrap(),
        upstream
    );
    kept["request_claims"] = json!({ "userinfo": { "sub": null } });
    let damaged = serde_json::from_value::<Upstream>(kept).unwrap_err();
    assert!(damaged.to_string().contains("userinfo.sub"), "{damaged}");
}
