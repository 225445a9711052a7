//! Keys that change: the provider's, and an application's that it publishes at its `jwks_uri`.

use exeunt::flows::keys;
use exeunt::oidc::algorithm::SigningAlgorithm;
use serde_json::{Value, json};

use super::checks;
use super::codes::offline;
use super::desk::Desk;
use super::house::Suite;
use super::party::{ClientKey, next_key, suite_key};
use crate::support::eventually;

/// The keys that the provider publishes for signatures, as they are now.
async fn published(suite: &Suite) -> Vec<Value> {
    let url = suite.endpoint("jwks_uri");
    let keys = suite.browser().get(url).await.json();
    let mut keys = keys["keys"].as_array().unwrap().clone();
    keys.retain(|key| key.get("use").is_none_or(|what| what == "sig"));
    keys
}

#[actix_web::test]
async fn oidcc_server_rotate_keys() {
    let suite = Suite::open("oidcc-server-rotate-keys").await;
    let before = published(&suite).await;
    // As `exeunt keys rotate` does it.
    keys::rotate(suite.provider.flows(), SigningAlgorithm::RS256, false)
        .await
        .unwrap();
    suite.wait(1);
    let after = eventually(async || {
        let after = published(&suite).await;
        (after.len() > before.len()).then_some(after)
    });
    let after = after.await.expect("the new key is published");
    for old in &before {
        assert!(after.contains(old), "{old} is gone");
    }
    for new in after.iter().filter(|key| !before.contains(key)) {
        for name in ["kid", "n"] {
            let is_old = before.iter().any(|old| old[name] == new[name]);
            assert!(new[name].is_string() && !is_old, "{name}: {new}");
        }
    }
    suite.close().await;
}

/// Where the application's keys lie.
const KEYS: &str = "/client1_jwks";

fn publish(desk: &Desk, key: &ClientKey) -> String {
    let keys = json!({ "keys": [key.jwk()] }).to_string();
    desk.put(KEYS, "application/json", keys)
}

#[actix_web::test]
async fn oidcc_refresh_token_rp_key_rotation() {
    let more = |desk: &Desk| {
        let uri = publish(desk, suite_key());
        json!({ "jwks_uri": uri, "jwks": null, "grant_types": ["refresh_token"] })
    };
    let suite = Suite::with("oidcc-refresh-token-rp-key-rotation", more, |wish| wish).await;
    suite.assert_lists("grant_types_supported", "refresh_token");
    for mut run in suite.runs().await {
        publish(&suite.desk, suite_key());
        let (first, refresh_token) = offline(&run).await;
        publish(&suite.desk, next_key());
        suite.wait(60);
        run.party.key = next_key();
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.as_str()),
        ];
        let answer = run.party.token(&suite, &suite.browser(), &fields).await;
        let tokens = checks::tokens(&run, &answer);
        let told = run.userinfo(tokens["access_token"].as_str().unwrap()).await;
        checks::userinfo(&run, &told, first.id_claims());
        suite.wait(60);
    }
    suite.close().await;
}
