//! Who may come in, and what is taken over of them.

use std::collections::BTreeMap;

use serde_json::json;

use super::{house, said};
use crate::oidc::upstream::person::{claims, is_admitted, username};
use crate::oidc::upstream::{Admits, Upstream};

/// Attack 89: an address that nobody verified, or that is not of the domain, lets nobody in. Attack 90: domains are
/// compared in one form.
#[test]
fn a_verified_address_in_the_domain_lets_people_in_and_no_other_does() {
    for (claims, admitted) in [
        (
            json!({ "email": "ada@house.example", "email_verified": true }),
            true,
        ),
        (
            json!({ "email": "ada@HOUSE.example", "email_verified": true }),
            true,
        ),
        (
            json!({ "email": "ada@house.example", "email_verified": false }),
            false,
        ),
        (
            json!({ "email": "ada@house.example", "email_verified": "true" }),
            false,
        ),
        (json!({ "email": "ada@house.example" }), false),
        (
            json!({ "email": "ada@house.example.evil.example", "email_verified": true }),
            false,
        ),
        (
            json!({ "email": "ada@evil.example", "email_verified": true }),
            false,
        ),
        (
            json!({ "email": "ada@sub.house.example", "email_verified": true }),
            false,
        ),
        (
            json!({ "email": "a@evil.example@house.example", "email_verified": true }),
            false,
        ),
        (
            json!({ "email": "\"a@evil.example\"@house.example", "email_verified": true }),
            false,
        ),
        (
            json!({ "email": "ada@house.example\n", "email_verified": true }),
            false,
        ),
        (
            json!({ "email": "ada@h\u{43e}use.example", "email_verified": true }),
            false,
        ),
        (
            json!({ "email": "@house.example", "email_verified": true }),
            false,
        ),
        (json!({}), false),
    ] {
        assert_eq!(
            is_admitted(&house(), &said(claims.clone())),
            admitted,
            "{claims}"
        );
    }
}

#[test]
fn a_claim_lets_people_in_by_its_value_or_one_of_its_values() {
    let upstream = Upstream {
        admits: Admits::Claim {
            name: "groups".to_owned(),
            value: "staff".to_owned(),
        },
        ..house()
    };
    for (claims, admitted) in [
        (json!({ "groups": ["guests", "staff"] }), true),
        (json!({ "groups": "staff" }), true),
        (json!({ "groups": ["staffing"] }), false),
        (json!({ "groups": { "staff": true } }), false),
        (json!({}), false),
    ] {
        assert_eq!(
            is_admitted(&upstream, &said(claims.clone())),
            admitted,
            "{claims}"
        );
    }
}

#[test]
fn claims_are_taken_over_under_our_names_where_their_type_fits() {
    let upstream = Upstream {
        claims: BTreeMap::from([("name".to_owned(), "displayName".to_owned())]),
        ..house()
    };
    let said = said(json!({
        "displayName": "Ada", "name": "Not this", "email": "ada@house.example", "email_verified": "yes",
        "updated_at": 5, "sub": "s", "groups": ["staff"], "nickname": "x".repeat(2048),
    }));
    let taken = claims(&upstream, &said);
    assert_eq!(
        serde_json::to_value(&taken).unwrap(),
        json!({ "name": "Ada", "email": "ada@house.example" })
    );
    assert_eq!(username(&upstream, &said, "s-1"), "house:s-1");
}

/// Attack 89: what is said to be verified is what stands under the usual name, and a name that somebody chose there is
/// none here.
#[test]
fn what_is_verified_and_what_somebody_is_called_is_taken_where_it_is_said_of_what_we_take() {
    let said = said(json!({
        "email": "ada@house.example", "email_verified": true, "phone_number": "+1", "phone_number_verified": true,
        "work_email": "ceo@house.example", "work_verified": false, "work_phone": "+2", "preferred_username": "admin",
    }));
    let taken = |names: &[(&str, &str)]| {
        let names = names
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        let upstream = Upstream {
            claims: names.collect(),
            ..house()
        };
        serde_json::to_value(claims(&upstream, &said)).unwrap()
    };
    assert_eq!(
        taken(&[("email", "work_email"), ("phone_number", "work_phone")]),
        json!({ "email": "ceo@house.example", "phone_number": "+2" })
    );
    assert_eq!(
        taken(&[
            ("email", "work_email"),
            ("email_verified", "work_verified"),
            ("preferred_username", "preferred_username"),
        ]),
        json!({
            "email": "ceo@house.example", "email_verified": false, "phone_number": "+1", "phone_number_verified": true,
            "preferred_username": "admin",
        })
    );
    assert_eq!(username(&house(), &said, "s-1"), "house:admin");
}
