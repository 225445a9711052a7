//! Whatever a client sends: registered, or refused in words that it can read.

use exeunt::config::RegistrationPolicy::Token;
use exeunt::oidc::client::GrantType;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::ledger::json_error;
use crate::support::registrar::{ask, invite, registering, with};

/// Names of metadata, of ours and of others'.
const NAMES: [&str; 28] = [
    "redirect_uris",
    "response_types",
    "grant_types",
    "application_type",
    "contacts",
    "client_name",
    "logo_uri",
    "jwks",
    "jwks_uri",
    "sector_identifier_uri",
    "subject_type",
    "scope",
    "id_token_signed_response_alg",
    "userinfo_signed_response_alg",
    "request_uris",
    "request_object_signing_alg",
    "initiate_login_uri",
    "default_max_age",
    "require_auth_time",
    "token_endpoint_auth_method",
    "post_logout_redirect_uris",
    "backchannel_logout_uri",
    "frontchannel_logout_uri",
    "software_statement",
    "client_id",
    "client_secret",
    "private_networks",
    "logout_give_up_after",
];

/// Texts that mean something somewhere in it.
const TEXTS: [&str; 16] = [
    "code",
    "id_token token",
    "implicit",
    "refresh_token",
    "native",
    "none",
    "private_key_jwt",
    "RS256",
    "EdDSA",
    "pairwise",
    "openid",
    "https://ledger.example/callback",
    "http://127.0.0.1:9/x",
    "https://[::1]/",
    "keys",
    "\u{0}",
];

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => proptest::sample::select(&NAMES[..]).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::sample::select(&TEXTS[..]).prop_map(str::to_owned),
        2 => any::<String>(),
        1 => "https?://[a-z0-9.:@\\[\\]]{1,20}/[ -~]{0,20}",
    ]
}

/// Any JSON, most of it made of such names and texts.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        texts().prop_map(Value::from),
        texts().prop_map(|text| json!([text])),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(names(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[actix_web::test]
async fn any_json_is_registered_or_refused_with_a_registered_code() {
    let provider = registering(Token)
        .await
        .configure(|config| config.registration.offer.grant_types = GrantType::ALL.to_vec())
        .start()
        .await;
    let invite = invite(&provider, 1000).await;
    let mut runner = TestRunner::deterministic();
    let members = proptest::collection::btree_map(names(), values(), 0..6);
    let mut registered = 0;
    for turn in 0..300 {
        let drawn = members.new_tree(&mut runner).unwrap().current();
        let drawn = Value::Object(drawn.into_iter().collect());
        // Half of them begin from what is sound, so that some come through.
        let metadata = if turn % 2 == 0 { drawn } else { with(&drawn) };
        let answer = ask(&provider, &metadata, Some(&invite)).await;
        match answer.status.as_u16() {
            201 => registered += 1,
            400 => assert!(
                [
                    "invalid_redirect_uri",
                    "invalid_client_metadata",
                    "invalid_software_statement",
                    "unapproved_software_statement",
                ]
                .contains(&json_error(&answer).as_str()),
                "{metadata}: {answer:?}"
            ),
            _ => panic!("{metadata}: {answer:?}"),
        }
    }
    assert!((5..290).contains(&registered), "{registered}");
    provider.stop().await;
}
