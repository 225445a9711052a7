//! Redis: services in other processes hear there what was taken back, whatever becomes of Redis and of the provider.

mod asking;
mod layout;
mod outages;

use exeunt::config::{Bus, RedisUrl};

use crate::support::guarded;
use crate::support::provider::{Provider, Wish, metadata, provider};
use crate::support::redis::Redis;
use crate::support::relying_party::RelyingParty;
use crate::support::service::Reader;
use crate::support::visitor::Visitor;

const API: &str = "https://api.example/?a=b&c";

/// With this Redis.
fn with(redis: &Redis, wish: Wish) -> Wish {
    let url = RedisUrl::parse(&redis.url()).unwrap();
    wish.configure(|config| config.bus = Some(Bus { url }))
}

/// A provider with the application ledger, whose tokens are for the service.
async fn wish(redis: &Redis) -> Wish {
    let mut metadata = metadata("https://ledger.example");
    metadata.access_token_audience = Some(API.to_owned());
    with(redis, provider().await.client("ledger", metadata))
}

/// A service that follows Redis alone.
fn by_redis(provider: &Provider, redis: &Redis) -> guarded::Wish {
    guarded::Wish {
        issuer: provider.issuer.clone(),
        identifier: API.to_owned(),
        redis: Some(redis.url()),
        ..guarded::Wish::default()
    }
}

/// Somebody who signed in at ledger.
struct Person {
    browser: Visitor,
    party: RelyingParty,
    token: String,
    hint: String,
}

impl Person {
    async fn signed_in(provider: &Provider) -> Self {
        let (browser, party) = (Visitor::default(), RelyingParty::of(provider, "ledger"));
        let tokens = party.tokens(&browser, &[]).await;
        Self {
            token: tokens.get("access_token"),
            hint: tokens.get("id_token"),
            browser,
            party,
        }
    }

    async fn leaves(&self) {
        let hint = [("id_token_hint", self.hint.as_str())];
        let answer = self.browser.get(&self.party.end_session_url(&hint)).await;
        assert!(answer.status.as_u16() < 400, "{answer:?}");
    }
}

/// P3: what was taken back is refused by services in other processes which never ask about it, also by one that comes
/// later, and whatever their clocks say.
#[actix_web::test]
#[ignore = "needs redis-server: scripts/test has it"]
async fn p3_what_was_revoked_is_refused_in_other_processes_over_redis_and_over_the_feed() {
    let redis = Redis::forgetful().await;
    let provider = wish(&redis).await.start().await;
    let api = Reader::added(&provider, API, None).await;
    let over_redis = by_redis(&provider, &redis);
    let over_the_feed = guarded::Wish {
        secret: Some(api.secret.clone()),
        redis: None,
        ..over_redis.clone()
    };
    let behind = guarded::Wish {
        clock: -50,
        ..over_redis.clone()
    };
    let ahead = guarded::Wish {
        clock: 50,
        ..over_redis.clone()
    };
    let mut services = Vec::new();
    for wish in [&over_redis, &over_the_feed, &behind, &ahead] {
        services.push(wish.start().await);
    }
    let (ada, bob) = (
        Person::signed_in(&provider).await,
        Person::signed_in(&provider).await,
    );
    for service in &services {
        service.comes_to_say(200, &ada.token).await;
    }
    ada.leaves().await;
    for service in &services {
        service.comes_to_say(401, &ada.token).await;
        assert_eq!(service.says(&bob.token).await, 200);
    }
    // One that starts afterwards, as after a restart, never lets it in.
    drop(services);
    for wish in [&over_redis, &over_the_feed] {
        let again = wish.start().await;
        assert!([401, 503].contains(&again.says(&ada.token).await));
        again.comes_to_say(200, &bob.token).await;
        assert_eq!(again.says(&ada.token).await, 401);
    }
    provider.stop().await;
}

/// What nobody vouches for any more is not believed for longer than the service wants.
#[actix_web::test]
#[ignore = "needs redis-server: scripts/test has it"]
async fn a_service_notices_that_nobody_writes_any_more() {
    let redis = Redis::forgetful().await;
    let provider = wish(&redis).await.start().await;
    Reader::added(&provider, API, None).await;
    let wish = guarded::Wish {
        stale_after: 5,
        ..by_redis(&provider, &redis)
    };
    let service = wish.start().await;
    let ada = Person::signed_in(&provider).await;
    service.comes_to_say(200, &ada.token).await;
    provider.stop().await;
    service.comes_to_say(503, &ada.token).await;
}
