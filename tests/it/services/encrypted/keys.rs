//! Tokens outlive the keys that they are under, and the rows that they came of.

use chrono::TimeDelta;
use exeunt::clock::Clock as _;
use exeunt::flows::service_keys::{self, Rotated, Start};

use super::{API, House, WAYS, Way, refreshed, tokens_in};
use crate::support::eventually;
use crate::support::exchange::own_token;
use crate::support::provider::Provider;
use crate::support::service::entries;
use crate::support::visitor::Visitor;

/// A new key for the service.
async fn rotate(provider: &Provider, start: Start) -> Rotated {
    let made = service_keys::rotate(provider.flows(), API, start).await;
    made.unwrap().unwrap_or_else(|why| panic!("{why:?}"))
}

/// P3, attack 36: keys that change leave no token behind that nobody could take back.
#[actix_web::test]
async fn p3_a_token_under_a_key_that_has_retired_is_known_as_long_as_it_lives() {
    for way in [Way::Direct, Way::Short] {
        let house = House::open(way).await;
        let first = &house.token;
        let second = refreshed(&house.party, &house.tokens, API)
            .await
            .get("access_token");
        // The service's tokens were good for longer, before. The key retires now: one that did so long ago is swept away.
        let now = house.provider.clock.as_ref().unwrap().now();
        let retired = format!(
            "UPDATE service_keys SET retire_at = {}",
            now.timestamp_millis()
        );
        house.provider.sql(&retired).await;
        rotate(&house.provider, Start::Later(TimeDelta::zero())).await;
        assert!(house.is_good(first).await, "{way:?}");
        assert_eq!(house.party.revoke(first, &[]).await.status, 200);
        assert!(!house.is_good(first).await, "{way:?}");
        house.api.hears_of_a_token().await;
        assert!(house.is_good(&second).await, "{way:?}");
        // What somebody else knows proves nothing from then on.
        rotate(&house.provider, Start::Now).await;
        assert!(!house.is_good(&second).await, "{way:?}");
        assert_eq!(house.party.revoke(&second, &[]).await.status, 200);
        house.provider.stop().await;
    }
}

/// What nobody can use is not kept: a key when no token under it can live, and only then its name is free.
#[actix_web::test]
async fn a_retired_key_is_forgotten_when_no_token_under_it_can_live() {
    let house = House::open(Way::Short).await;
    let token = &house.token;
    let flows = house.provider.flows();
    let kids = async || {
        let kept = exeunt::store::service_keys::list(flows.database.read(), API).await;
        let kids = kept.unwrap().into_iter().map(|key| key.kid);
        kids.collect::<Vec<_>>()
    };
    house.provider.advance(TimeDelta::seconds(1));
    assert_eq!(
        rotate(&house.provider, Start::Later(TimeDelta::zero()))
            .await
            .kid,
        2
    );
    // Sweeps come every five minutes. The longest that any token lives are ten, and the old key retires after six.
    for _ in 0..3 {
        house.provider.advance(TimeDelta::minutes(5));
    }
    assert_eq!(kids().await, ["1", "2"]);
    assert!(!house.is_good(token).await, "expired");
    let gone = eventually(async || {
        house.provider.advance(TimeDelta::minutes(5));
        (kids().await == ["2"]).then_some(())
    });
    assert!(gone.await.is_some());
    // The name of the newest is never free, though it was given up.
    assert_eq!(rotate(&house.provider, Start::Now).await.kid, 3);
    assert_eq!(rotate(&house.provider, Start::Now).await.kid, 4);
    house.provider.stop().await;
}

/// P3, attack 49: the history that was lost made tokens under keys that the service still has. Nothing that is left of it knows
/// their sessions, their grants or even their keys; they are dead all the same, to the last second.
#[actix_web::test]
async fn p3_what_a_lost_history_issued_under_shared_keys_stays_dead_when_a_copy_is_put_back() {
    for way in WAYS {
        let mut house = House::open(way).await;
        let token = &house.token;
        let own = own_token(&house.party).await;
        let told = house.told(token).await;
        let issued = told["iat"].as_i64().unwrap();
        // The copy is from before all of it.
        for table in [
            "refresh_tokens",
            "authorization_codes",
            "participants",
            "grants",
            "sessions",
        ] {
            house.provider.sql(&format!("DELETE FROM {table}")).await;
        }
        if way != Way::Nested {
            house.provider.sql("DELETE FROM service_keys").await;
        }
        house.provider = house.provider.restored().await;
        for token in [token, &own] {
            assert!(!house.is_good(token).await, "{way:?}");
            assert_eq!(house.party.revoke(token, &[]).await.status, 200);
            assert_eq!(house.party.userinfo(token).await.status, 401);
        }
        let heard = eventually(async || {
            let heard = entries(&house.api.reader.snapshot().await);
            heard.into_iter().find(|entry| entry["kind"] == "all")
        });
        let heard = heard.await.expect("everything is taken back");
        assert!(heard["before"].as_i64().unwrap() > issued, "{way:?}");
        assert!(heard["until"].as_i64() >= told["exp"].as_i64());
        // And what comes after it is good.
        if way != Way::Nested {
            rotate(&house.provider, Start::Now).await;
        }
        let next = tokens_in(&Visitor::default(), &house.party, &[API]).await;
        let next = next.get("access_token");
        assert!(house.is_good(&next).await, "{way:?}");
        assert!(heard["before"].as_i64().unwrap() <= issued + 1);
        house.provider.stop().await;
    }
}
