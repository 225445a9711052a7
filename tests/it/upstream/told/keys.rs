//! The other provider's keys change, or can't be had.

use chrono::TimeDelta;
use serde_json::json;

use super::Stage;
use crate::support::client_key::ClientKey;
use crate::support::publisher::Document;
use crate::support::visitor::Visitor;

const ADA: (&str, &str) = ("ada-there", "s-1");

/// A token under `key`, for the session of [`ADA`].
fn under(stage: &Stage, key: &ClientKey, jti: &str) -> String {
    let header = json!({ "alg": "ES256", "kid": key.kid, "typ": "logout+jwt" });
    key.sign(&header, &stage.claims(ADA, jti))
}

#[actix_web::test]
async fn a_token_under_a_new_key_is_proved_by_keys_that_are_fetched_for_it() {
    let stage = Stage::set().await;
    let provider = &stage.scene.provider;
    let ada = Visitor::default();
    stage.sign_in(&ada, ADA).await;
    provider.advance(TimeDelta::seconds(61));
    let next = ClientKey::called("k2");
    stage.house.publish_keys(&next);
    let asked = stage.house.publisher.asked("/jwks");
    let answer = stage
        .house
        .tell(provider, &under(&stage, &next, "j1"))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(!stage.is_in(&ada).await);
    assert_eq!(stage.house.publisher.asked("/jwks"), asked + 1);
    // What was signed with the old one proves nothing any more, and leads to no third look.
    let answer = stage
        .house
        .tell(provider, &under(&stage, &stage.house.key, "j2"))
        .await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(stage.house.publisher.asked("/jwks"), asked + 1);
    stage.close().await;
}

/// Attack 62: keys are not fetched for each stranger; a token that newer ones might prove is not refused for good.
#[actix_web::test]
async fn a_token_under_a_key_that_is_too_new_for_us_is_asked_for_again() {
    let stage = Stage::set().await;
    let provider = &stage.scene.provider;
    let ada = Visitor::default();
    stage.sign_in(&ada, ADA).await;
    provider.advance(TimeDelta::seconds(1));
    let next = ClientKey::called("k2");
    stage.house.publish_keys(&next);
    let token = under(&stage, &next, "j1");
    let answer = stage.house.tell(provider, &token).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(stage.is_in(&ada).await);
    provider.advance(TimeDelta::seconds(61));
    assert_eq!(stage.house.tell(provider, &token).await.status, 200);
    assert!(!stage.is_in(&ada).await);
    stage.close().await;
}

/// Attack 62 (jellyfin-plugin-sso#1060): where the other provider can't be reached a sign-out is not passed over in silence.
#[actix_web::test]
async fn while_what_proves_a_token_can_not_be_had_it_is_asked_for_again() {
    for lost in ["/jwks", "/.well-known/openid-configuration"] {
        let stage = Stage::set().await;
        let provider = &stage.scene.provider;
        let ada = Visitor::default();
        stage.sign_in(&ada, ADA).await;
        // What was fetched for the sign-in is too old by then to be used.
        provider.advance(TimeDelta::hours(3));
        let gone = Document::Status(500);
        stage.house.publisher.publish(lost, gone);
        let token = stage.house.sign(&stage.claims(ADA, "j1"));
        for _ in 0..2 {
            let answer = stage.house.tell(provider, &token).await;
            assert_eq!(answer.status, 503, "{lost}: {answer:?}");
            assert_ne!(answer.header("retry-after"), "", "{lost}");
            assert!(!answer.body.contains("secret words"), "{}", answer.body);
            assert!(stage.is_in(&ada).await, "{lost}");
        }
        let metrics = provider.flows().metrics.render().unwrap();
        let line = r#"exeunt_upstream_logouts_total{upstream="house",result="unprovable"} 2"#;
        assert!(metrics.contains(line), "{metrics}");
        stage.house.publish_metadata();
        stage.house.publish_keys(&stage.house.key);
        provider.advance(TimeDelta::seconds(11));
        let answer = stage.house.tell(provider, &token).await;
        assert_eq!(answer.status, 200, "{lost}: {answer:?}");
        assert!(!stage.is_in(&ada).await, "{lost}");
        stage.close().await;
    }
}

/// What is not sound at all is refused without asking anybody anything.
#[actix_web::test]
async fn nobody_is_asked_for_keys_because_of_a_token_that_says_nothing() {
    let stage = Stage::set().await;
    let provider = &stage.scene.provider;
    let mut claims = stage.claims(ADA, "j1");
    claims["aud"] = "another".into();
    let answer = stage.house.tell(provider, &stage.house.sign(&claims)).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    for path in ["/jwks", "/.well-known/openid-configuration"] {
        assert_eq!(stage.house.publisher.asked(path), 0, "{path}");
    }
    stage.close().await;
}
