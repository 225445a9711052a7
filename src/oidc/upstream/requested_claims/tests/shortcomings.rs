//! What is asked in vain.

use serde_json::{Value, json};

use super::requested;
use crate::oidc::upstream::metadata::Metadata;

/// What an upstream says that says this beside what it must.
fn said_of_itself(more: Value) -> Metadata {
    let mut said = json!({ "issuer": "i", "authorization_endpoint": "a", "token_endpoint": "t", "jwks_uri": "j" });
    let members = said.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    Metadata::read(said.to_string().as_bytes()).unwrap()
}

#[test]
fn what_is_asked_in_vain_is_told() {
    let told = |asked: Value, more: Value| requested(&asked).shortcomings(&said_of_itself(more));
    let asked = || json!({ "userinfo": { "email": null, "name#de": null }, "id_token": { "email": null, "shoe_size": null } });
    let can =
        |names: Value| json!({ "claims_parameter_supported": true, "claims_supported": names });
    let none: [&str; 0] = [];
    assert_eq!(told(json!({}), json!({})), none);
    assert_eq!(
        told(asked(), json!({ "claims_parameter_supported": true })),
        none
    );
    assert_eq!(
        told(asked(), can(json!(["shoe_size", "name", "email", "sub"]))),
        none
    );
    let of_names = told(asked(), can(json!(["email"])));
    assert_eq!(
        of_names,
        [
            "it does not name name#de, shoe_size among the claims that it can tell (claims_supported)"
        ]
    );
    for more in [json!({}), json!({ "claims_parameter_supported": false })] {
        let told = told(asked(), more);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("claims_parameter_supported"), "{told:?}");
    }
}

#[test]
fn what_is_asked_of_an_upstream_that_knows_no_such_class_is_told() {
    let told = |acr: Value, known: Value| {
        let more = json!({ "claims_parameter_supported": true, "acr_values_supported": known });
        let asked = requested(&json!({ "id_token": { "acr": acr } }));
        asked.shortcomings(&said_of_itself(more)).join("; ")
    };
    let nobody = "it may be that nobody comes in";
    for (acr, known, unknown, is_closed) in [
        (json!(null), json!([]), "", false),
        (json!({ "essential": true }), json!([]), "", false),
        (
            json!({ "essential": true, "value": "gold" }),
            json!(null),
            "",
            false,
        ),
        (
            json!({ "essential": true, "value": "gold" }),
            json!(["silver", "gold"]),
            "",
            false,
        ),
        (
            json!({ "essential": true, "value": "gold" }),
            json!(["Gold"]),
            "name gold among",
            true,
        ),
        (
            json!({ "value": "gold" }),
            json!([]),
            "name gold among",
            false,
        ),
        (
            json!({ "essential": true, "values": ["gold", "silver"] }),
            json!(["silver"]),
            "name gold among",
            false,
        ),
        (
            json!({ "essential": true, "values": ["gold", "silver"] }),
            json!(["bronze"]),
            "name gold, silver among",
            true,
        ),
    ] {
        let told = told(acr.clone(), known.clone());
        assert_eq!(told.is_empty(), unknown.is_empty(), "{acr} {known}: {told}");
        assert!(told.contains(unknown), "{acr} {known}: {told}");
        assert_eq!(told.contains(nobody), is_closed, "{acr} {known}: {told}");
    }
}
