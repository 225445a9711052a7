//! What is taken back, by itself or with its session, its grant or its client, is good nowhere.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use serde_json::json;

use super::{API, House, WAYS, Way, refreshed, tokens_in};
use crate::support::exchange::own_token;
use crate::support::relying_party::RelyingParty;

/// P1, P3, attack 47: of every format, that token alone, and not at another's word.
#[actix_web::test]
async fn p3_an_encrypted_token_that_was_revoked_is_good_nowhere_and_never_again() {
    for way in WAYS {
        let mut house = House::open(way).await;
        let token = &house.token;
        let told = house.told(token).await;
        assert_eq!(told["active"], true, "{way:?}: {told}");
        let id = house.tokens.id_claims(&house.provider.issuer).await;
        for (name, value) in [
            ("iss", json!(house.provider.issuer)),
            ("aud", json!(API)),
            ("sub", id["sub"].clone()),
            ("sid", id["sid"].clone()),
            ("client_id", json!("ledger")),
            ("scope", json!("read")),
            ("token_type", json!("Bearer")),
        ] {
            assert_eq!(told[name], value, "{way:?}: {name}");
        }
        let [issued, expires] = ["iat", "exp"].map(|name| told[name].as_i64().unwrap());
        assert_eq!(expires - issued, 300);
        // Attack 29: it is another client's.
        let mallory = RelyingParty::of(&house.provider, "mallory");
        assert_eq!(mallory.revoke(token, &[]).await.status, 200);
        let there = mallory.introspect(token, &[]).await.json();
        assert_eq!(there, json!({ "active": false }));
        assert!(house.is_good(token).await);

        let second = refreshed(&house.party, &house.tokens, API)
            .await
            .get("access_token");
        for hint in ["access_token", "refresh_token"] {
            let answer = house
                .party
                .revoke(token, &[("token_type_hint", hint)])
                .await;
            assert_eq!(
                (answer.status.as_u16(), &*answer.body),
                (200, ""),
                "{way:?}"
            );
            assert!(!house.is_good(token).await, "{way:?}");
        }
        assert!(house.is_good(&second).await, "{way:?}");
        let heard = house.api.hears_of_a_token().await;
        let hash = digest::digest(&digest::SHA256, token.as_bytes());
        let hash = URL_SAFE_NO_PAD.encode(hash);
        match way {
            Way::Short => assert_eq!(heard["hash"], hash),
            Way::Nested => assert_eq!(heard["jti"], told["jti"]),
            _ => assert_eq!(
                heard["jti"],
                json!(house.api.read(&house.provider, token).jti)
            ),
        }
        assert_eq!(heard.get("jti").is_some(), way != Way::Short);
        assert!(heard["until"].as_i64().unwrap() >= expires);

        house.provider = house.provider.restart(|_| {}).await;
        assert!(!house.is_good(token).await, "{way:?}");
        assert!(house.is_good(&second).await, "{way:?}");
        house.provider.advance(TimeDelta::seconds(300));
        assert!(!house.is_good(&second).await, "expired");
        house.provider.stop().await;
    }
}

/// Attack 43: what ends with its session ends in every format.
#[actix_web::test]
async fn an_encrypted_token_ends_with_its_session_and_a_clients_own_with_its_client() {
    for way in WAYS {
        let house = House::open(way).await;
        let token = &house.token;
        let own = own_token(&house.party).await;
        let told = house.told(&own).await;
        assert_eq!(told["sub"], "ledger", "{way:?}: {told}");
        let hint = house.tokens.get("id_token");
        house
            .ada
            .get(&house.party.end_session_url(&[("id_token_hint", &hint)]))
            .await;
        assert!(!house.is_good(token).await, "{way:?}");
        assert!(house.is_good(&own).await, "{way:?}");
        // It is not said twice, and what is over is no error.
        assert_eq!(house.party.revoke(token, &[]).await.status, 200);
        assert_eq!(house.party.revoke(&own, &[]).await.status, 200);
        assert!(!house.is_good(&own).await, "{way:?}");
        assert_eq!(house.party.userinfo(token).await.status, 401);
        house.provider.stop().await;
    }
}

/// A revoked refresh token takes along what its grant gave, also what does not name the grant.
#[actix_web::test]
async fn an_encrypted_token_ends_with_the_grant_that_it_came_of() {
    for way in WAYS {
        let house = House::open(way).await;
        let token = &house.token;
        assert!(house.is_good(token).await);
        let refresh_token = house.tokens.get("refresh_token");
        assert_eq!(house.party.revoke(&refresh_token, &[]).await.status, 200);
        assert!(!house.is_good(token).await, "{way:?}");
        let again = tokens_in(&house.ada, &house.party, &[API]).await;
        let again = again.get("access_token");
        assert!(house.is_good(&again).await, "{way:?}");
        house.provider.stop().await;
    }
}

/// Attack 42 (CVE-2020-15223): a database that fails, and a token that is said to be taken back.
#[actix_web::test]
async fn what_could_not_be_written_is_not_said_to_be_taken_back() {
    for way in WAYS {
        let house = House::open(way).await;
        let token = &house.token;
        house
            .provider
            .sql("ALTER TABLE revocations RENAME TO elsewhere")
            .await;
        assert_eq!(house.party.revoke(token, &[]).await.status, 503, "{way:?}");
        house
            .provider
            .sql("ALTER TABLE elsewhere RENAME TO revocations")
            .await;
        assert!(house.is_good(token).await, "{way:?}");
        house.provider.stop().await;
    }
}
