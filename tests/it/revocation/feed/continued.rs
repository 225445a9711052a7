//! Where the reader goes on: after a restart, a restore, an upgrade, and where the log can't be continued.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{scene, sign_out};
use crate::support::eventually;
use crate::support::scene::Scene;
use crate::support::service::entries;
use crate::support::visitor::Visitor;

/// P3: whoever can't be told all that came in between is told so, and not that nothing did.
#[actix_web::test]
async fn p3_where_the_log_can_not_be_continued_the_reader_is_told_to_begin_anew() {
    let (scene, api, _) = scene().await;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    sign_out(&scene, &ada, &tokens[0]).await;
    let to = api.hear(0, 60).await.json()["to"].as_i64().unwrap();
    // Nobody here gave that number.
    let answer = api.hear(to + 1, 60).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()),
        (410, json!({"error": "gone"}))
    );
    // After a restore from a copy no number of before counts, and all that was issued before is taken back.
    let token = tokens[0].get("access_token");
    let scene = Scene {
        provider: scene.provider.restored().await,
        ..scene
    };
    assert_eq!(api.hear(to, 0).await.status, 410);
    let begun = eventually(async || {
        let begun = api.snapshot().await;
        let told = entries(&begun);
        let of = |kind: &str| told.iter().any(|entry| entry["kind"] == kind);
        (of("all") && of("key")).then_some(begun)
    });
    let begun = begun.await.expect("all is taken back, and every key");
    assert!(api.deny_list().await.names(&token));
    let answer = api.hear(begun["to"].as_i64().unwrap(), 0).await;
    assert_eq!(answer.status, 200);
    scene.provider.stop().await;
}

/// P3: nothing that was taken back becomes valid again, at services either: by no restart, and not by `restored`.
#[actix_web::test]
async fn p3_nothing_revoked_becomes_valid_again_by_a_restart_or_a_restore() {
    let (scene, api, _) = scene().await;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let ledger = &scene.applications[0];
    let kept = ledger.tokens(&ada, &[]).await;
    let dead = tokens[0].get("access_token");
    assert_eq!(ledger.revoke(&dead, &[]).await.status, 200);
    assert!(api.hears_of(&dead).await);
    assert!(!api.deny_list().await.names(&kept.get("access_token")));
    let before = api.snapshot().await;
    let provider = scene.provider.restart(|_| {}).await;
    assert_eq!(entries(&api.snapshot().await), entries(&before));
    assert_eq!(ledger.userinfo(&dead).await.status, 401);
    let provider = provider.restored().await;
    for token in [&dead, &kept.get("access_token")] {
        assert!(api.hears_of(token).await);
        assert_eq!(ledger.userinfo(token).await.status, 401);
    }
    // Until they would have expired: then nothing of them needs to be kept.
    provider.advance(TimeDelta::minutes(12));
    assert_eq!(entries(&api.snapshot().await), [Value::Null; 0]);
    provider.stop().await;
}

/// P3: what ended before there was a log is known by it when there is one, as far as tokens of it would be good.
#[actix_web::test]
async fn p3_nothing_revoked_becomes_valid_again_by_an_upgrade() {
    let (scene, api, _) = scene().await;
    let (ada, bob) = (Visitor::default(), Visitor::default());
    let tokens = scene.sign_in_everywhere(&ada).await;
    let others = scene.sign_in_everywhere(&bob).await;
    let ledger = &scene.applications[0];
    let kept = ledger.tokens(&bob, &[]).await;
    sign_out(&scene, &ada, &tokens[0]).await;
    let given_back = others[0].get("refresh_token");
    assert_eq!(ledger.revoke(&given_back, &[]).await.status, 200);
    scene.sql("DELETE FROM revocations").await;
    scene
        .sql("DELETE FROM marks WHERE name <> 'alive_at'")
        .await;
    let provider = scene.provider.restart(|_| {}).await;
    for tokens in [&tokens[0], &others[0]] {
        assert!(api.hears_of(&tokens.get("access_token")).await);
    }
    assert!(!api.deny_list().await.names(&kept.get("access_token")));
    provider.stop().await;
}
