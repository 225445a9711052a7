//! Whatever comes as an object.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::{signed, start};
use crate::support::client_key::{ClientKey, unsigned};
use crate::support::ledger::HOME;

/// Values of every kind, for members of every kind.
fn any_claims() -> impl Strategy<Value = Value> {
    let names = [
        "client_id",
        "response_type",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "prompt",
        "max_age",
        "claims",
        "response_mode",
        "id_token_hint",
        "ui_locales",
        "resource",
        "code_challenge",
        "exp",
        "aud",
        "iss",
        "nbf",
        "x",
    ];
    let value = prop_oneof![
        Just(json!("openid")),
        Just(json!("code")),
        Just(json!("none")),
        Just(json!(format!("{HOME}/other"))),
        Just(json!("form_post")),
        any::<String>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::collection::vec(any::<String>(), 0..3).prop_map(Value::from),
        Just(json!({ "userinfo": { "name": null } })),
        Just(Value::Null),
    ];
    prop::collection::btree_map(prop::sample::select(names.to_vec()), value, 0..5)
        .prop_map(|members| json!(members))
}

fn any_object(key: &ClientKey) -> impl Strategy<Value = String> {
    let base64 = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
    let bytes = || prop::collection::vec(any::<u8>(), 0..60);
    prop_oneof![
        any::<String>(),
        "[A-Za-z0-9._-]{0,200}",
        (bytes(), bytes(), bytes()).prop_map(move |(a, b, c)| format!(
            "{}.{}.{}",
            base64(a),
            base64(b),
            base64(c)
        )),
        any::<String>().prop_map(|claims| {
            let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
            format!("{header}.{}.", URL_SAFE_NO_PAD.encode(claims))
        }),
        any_claims().prop_map(|claims| unsigned(&claims)),
        any_claims().prop_map(|claims| signed(key, &claims)),
    ]
}

#[actix_web::test]
async fn whatever_comes_as_an_object_there_is_a_page_or_a_redirect_to_the_application() {
    let key = ClientKey::generate();
    let (provider, party, ada) = start(&key, |_| {}).await;
    party.sign_in(&ada, &[]).await;
    let objects = any_object(&key);
    let mut runner = TestRunner::default();
    for _ in 0..runner.config().cases {
        let object = objects.new_tree(&mut runner).unwrap().current();
        let answer = ada.get(&party.authorize_url(&[("request", &object)])).await;
        let led = answer.location().unwrap_or_default();
        match answer.status.as_u16() {
            303 => assert!(
                led.starts_with(&format!("{HOME}/")) || led.starts_with(&provider.issuer),
                "{object}: {answer:?}"
            ),
            200 => assert!(answer.form().action.starts_with(HOME), "{object}"),
            400 => assert_eq!(answer.page(), "page-error", "{object}"),
            _ => panic!("{object}: {answer:?}"),
        }
    }
    provider.stop().await;
}
