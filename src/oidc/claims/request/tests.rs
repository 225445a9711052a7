use super::*;
use crate::oidc::authorization::tests::client;
use crate::oidc::claims::{BY_SCOPE, tests::ada};
use crate::oidc::error::ErrorCode;
use proptest::prelude::*;
use serde_json::json;

fn read(value: &Value) -> ClaimsRequest {
    ClaimsRequest::parse(&value.to_string()).unwrap()
}

fn names(request: &ClaimsRequest) -> Vec<String> {
    request.about_the_person().into_iter().collect()
}

// Core §5.5's own example.
#[test]
fn the_example_of_the_specification_reads() {
    let request = read(&json!({
        "userinfo": {
            "given_name": { "essential": true }, "nickname": null, "email": { "essential": true },
            "email_verified": { "essential": true }, "picture": null, "http://example.info/claims/groups": null,
        },
        "id_token": {
            "auth_time": { "essential": true },
            "acr": { "values": ["urn:mace:incommon:iap:silver"] },
        },
    }));
    assert_eq!(
        names(&request),
        [
            "email",
            "email_verified",
            "given_name",
            "nickname",
            "picture"
        ]
    );
    assert!(request.is_met_by("urn:exeunt:acr:password"));
    assert!(request.is_about("anyone"));
}

#[test]
fn what_is_not_defined_is_ignored() {
    for value in [
        json!({}),
        json!({ "verified_claims": { "x": 1 }, "transaction": [null] }),
        json!({ "userinfo": {}, "id_token": {} }),
        json!({ "userinfo": { "shoe_size": null, "name#de": { "essential": true } } }),
    ] {
        assert!(names(&read(&value)).is_empty(), "{value}");
    }
    let with_more =
        json!({ "userinfo": { "name": { "essential": true, "purpose": "curiosity" } } });
    assert_eq!(names(&read(&with_more)), ["name"]);
}

/// Attack 6: two members of one name. Attack 31: members of the wrong JSON type.
#[test]
fn what_can_be_read_in_two_ways_or_in_none_is_refused() {
    let long = json!({ "x": "y".repeat(MOST_BYTES) }).to_string();
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(2000), "]".repeat(2000));
    for text in [
        "",
        "null",
        "[]",
        "true",
        "{",
        r#"{"userinfo":{}"#,
        r#"{"userinfo":null}"#,
        r#"{"userinfo":["name"]}"#,
        r#"{"id_token":"name"}"#,
        r#"{"userinfo":{"name":true}}"#,
        r#"{"userinfo":{"name":"Ada"}}"#,
        r#"{"userinfo":{"name":{"essential":"true"}}}"#,
        r#"{"userinfo":{"name":{"essential":null}}}"#,
        r#"{"userinfo":{"name":{"values":"Ada"}}}"#,
        r#"{"userinfo":{"name":{"value":"Ada","values":["Ada"]}}}"#,
        r#"{"userinfo":{"name":null,"name":null}}"#,
        r#"{"userinfo":{},"userinfo":{"email":null}}"#,
        r#"{"userinfo":{"x":{"essential":true,"essential":false}}}"#,
        r#"{"x":{"y":1,"y":2}}"#,
        &long,
        &deep,
    ] {
        let refusal = ClaimsRequest::parse(text).unwrap_err();
        assert_eq!(refusal.error, ErrorCode::InvalidRequest, "{text:.60}");
    }
}

#[test]
fn an_essential_acr_must_be_one_that_we_have_and_a_wished_one_need_not() {
    for (wish, met) in [
        (json!(null), true),
        (json!({ "essential": true }), true),
        (json!({ "value": "b" }), true),
        (json!({ "essential": false, "values": ["b"] }), true),
        (json!({ "essential": true, "value": "a" }), true),
        (json!({ "essential": true, "values": ["b", "a"] }), true),
        (json!({ "essential": true, "value": "b" }), false),
        (json!({ "essential": true, "values": [] }), false),
        (json!({ "essential": true, "values": [["a"], 1] }), false),
    ] {
        let request = read(&json!({ "id_token": { "acr": wish } }));
        assert_eq!(request.is_met_by("a"), met, "{request:?}");
    }
}

#[test]
fn a_sub_names_whom_the_answer_must_be_about_essential_or_not() {
    for (value, about) in [
        (json!({}), true),
        (json!({ "id_token": { "sub": null } }), true),
        (json!({ "id_token": { "sub": { "value": "ada" } } }), true),
        (
            json!({ "userinfo": { "sub": { "values": ["grace", "ada"] } } }),
            true,
        ),
        (
            json!({ "id_token": { "sub": { "value": "grace" } } }),
            false,
        ),
        (json!({ "id_token": { "sub": { "value": "Ada" } } }), false),
        (json!({ "id_token": { "sub": { "values": [] } } }), false),
        (json!({ "id_token": { "sub": { "value": 1 } } }), false),
        (
            json!({ "id_token": { "sub": { "value": "ada" } }, "userinfo": { "sub": { "value": "grace" } } }),
            false,
        ),
    ] {
        assert_eq!(read(&value).is_about("ada"), about, "{value}");
    }
}

#[test]
fn a_claim_is_told_where_it_has_a_value_that_the_client_takes() {
    let told =
        |wishes: Value| Value::Object(told(&read(&json!({ "userinfo": wishes })).userinfo, &ada()));
    assert_eq!(
        told(
            json!({ "email_verified": null, "updated_at": null, "address": null, "shoe_size": null })
        ),
        json!({ "email_verified": true, "updated_at": 1_700_000_000, "address": { "locality": "London" } })
    );
    for (wish, is_told) in [
        (json!({ "value": "ada@a.example" }), true),
        (json!({ "values": ["x", "ada@a.example"] }), true),
        (
            json!({ "value": "eve@a.example", "essential": true }),
            false,
        ),
        (json!({ "values": [] }), false),
    ] {
        let told = told(json!({ "email": wish }));
        assert_eq!(told.get("email").is_some(), is_told, "{told}");
    }
}

/// Attack 16: more by the `claims` parameter than the client may have by scopes.
#[test]
fn a_client_may_ask_one_by_one_for_what_its_scopes_would_bring_and_for_no_more() {
    let mut client = client();
    let request = || {
        read(&json!({
            "userinfo": { "name": null, "email": null, "sub": { "value": "ada" } },
            "id_token": { "phone_number": null, "acr": null },
        }))
    };
    client.metadata.scope = None;
    let free = request().for_client(&client, true);
    assert_eq!(names(&free), ["email", "name", "phone_number"]);
    client.metadata.scope = Some("openid email".to_owned());
    assert_eq!(names(&request().for_client(&client, true)), ["email"]);
    let without = request().for_client(&client, false);
    assert!(names(&without).is_empty());
    assert!(!without.is_about("grace"));
}

#[test]
fn what_was_granted_is_written_down_and_reads_the_same_again() {
    let request = read(&json!({
        "userinfo": { "name": null, "email": { "values": ["a", null, 1.5] }, "sub": null },
        "id_token": { "email": { "essential": true }, "acr": null },
    }));
    let granted = request.granted(&["email".to_owned(), "acr".to_owned()].into());
    let text = granted.to_text().unwrap();
    assert_eq!(
        text,
        r#"{"userinfo":{"email":{"values":["a",null,1.5]}},"id_token":{"email":{"essential":true}}}"#
    );
    assert_eq!(ClaimsRequest::parse(&text), Ok(granted));
    assert_eq!(request.granted(&BTreeSet::new()).to_text(), None);
}

/// Names that are claims about a person, about a sign-in, or nothing.
fn name() -> impl Strategy<Value = String> {
    let known = BY_SCOPE.iter().flat_map(|(_, names)| names.iter().copied());
    let known: Vec<_> = known
        .chain(["sub", "acr", "auth_time", "iss", "email#de"])
        .collect();
    prop_oneof![
        3 => prop::sample::select(known).prop_map(str::to_owned),
        1 => ".{0,8}",
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z@.]{0,14}".prop_map(Value::from),
        Just(json!("ada@a.example")),
    ]
}

fn wish() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|essential| json!({ "essential": essential })),
        scalar().prop_map(|value| json!({ "value": value })),
        prop::collection::vec(scalar(), 0..4)
            .prop_map(|values| json!({ "values": values, "x": 1 })),
    ]
}

fn wishes() -> impl Strategy<Value = Value> {
    prop::collection::hash_map(name(), wish(), 0..6)
        .prop_map(|wishes| Value::Object(wishes.into_iter().collect()))
}

proptest! {
    #[test]
    fn no_text_reads_as_something_else_the_second_time(text in "\\PC{0,200}") {
        if let Ok(request) = ClaimsRequest::parse(&text) {
            let again = request.to_text().map_or(Ok(ClaimsRequest::default()), |text| ClaimsRequest::parse(&text));
            prop_assert_eq!(again, Ok(request));
        }
    }

    #[test]
    fn nothing_is_told_that_was_not_asked_and_granted(
        userinfo in wishes(),
        id_token in wishes(),
        allowed in prop::collection::btree_set(name(), 0..6),
    ) {
        let request = read(&json!({ "userinfo": userinfo, "id_token": id_token }));
        let granted = request.granted(&allowed);
        let again = granted.to_text().map_or(Ok(ClaimsRequest::default()), |text| ClaimsRequest::parse(&text));
        prop_assert_eq!(again.as_ref(), Ok(&granted));
        for (wishes, asked) in [(&granted.userinfo, &userinfo), (&granted.id_token, &id_token)] {
            for (name, value) in told(wishes, &ada()) {
                prop_assert!(allowed.contains(&name) && is_about_a_person(&name), "{}", name);
                let wish = &asked[&name];
                if let Some(wanted) = wish.get("value") {
                    prop_assert_eq!(wanted, &value);
                }
                if let Some(wanted) = wish.get("values") {
                    prop_assert!(wanted.as_array().unwrap().contains(&value));
                }
            }
        }
    }
}
