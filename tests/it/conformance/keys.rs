//! Keys that change.

use exeunt::flows::keys;
use exeunt::oidc::algorithm::SigningAlgorithm;
use serde_json::Value;

use super::house::Suite;
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
