//! Services that keep no list, and ask Redis about each token.

use std::time::Duration;

use exeunt::flows::people;
use exeunt_guard::{Guard, Refused, Staleness};
use redis::AsyncCommands as _;

use super::{API, Person, wish};
use crate::support::eventually;
use crate::support::provider::Provider;
use crate::support::redis::Redis;
use crate::support::service::Reader;

async fn guard(provider: &Provider, redis: &Redis, staleness: Staleness) -> Guard {
    Guard::builder(&provider.issuer, API)
        .ask_redis(redis.url())
        .staleness(staleness)
        .connect()
        .await
        .unwrap()
}

/// Waits until the guard says so of the token.
async fn comes_to_say(guard: &Guard, token: &str, expected: Option<Refused>) {
    let said = eventually(async || (guard.check(token).await.err() == expected).then_some(()));
    let now = guard.check(token).await;
    assert!(said.await.is_some(), "{now:?}, and never {expected:?}");
}

/// P3: a token, a session or a person that was taken back is refused at the next question, and nothing else is.
#[actix_web::test]
#[ignore = "needs redis-server: scripts/test has it"]
async fn p3_who_asks_redis_about_each_token_refuses_what_was_taken_back() {
    let redis = Redis::forgetful().await;
    let provider = wish(&redis).await.start().await;
    Reader::added(&provider, API, None).await;
    let guard = guard(&provider, &redis, Staleness::RefuseBeyond(Duration::ZERO)).await;
    let (ada, bob) = (
        Person::signed_in(&provider).await,
        Person::signed_in(&provider).await,
    );
    for person in [&ada, &bob] {
        comes_to_say(&guard, &person.token, None).await;
    }
    let answer = ada.party.revoke(&ada.token, &[]).await;
    assert_eq!(answer.status, 200);
    comes_to_say(&guard, &ada.token, Some(Refused::Revoked)).await;
    assert_eq!(guard.check(&bob.token).await.err(), None);
    bob.leaves().await;
    comes_to_say(&guard, &bob.token, Some(Refused::Revoked)).await;
    let again = Person::signed_in(&provider).await;
    comes_to_say(&guard, &again.token, None).await;
    people::disable_user(provider.flows(), "ada")
        .await
        .unwrap()
        .unwrap();
    comes_to_say(&guard, &again.token, Some(Refused::Revoked)).await;
    // It asked, and keeps nothing.
    assert!(guard.deny_list().is_empty());
    provider.stop().await;
}

/// Without an answer, or with one for which nobody vouches, the service's own policy decides.
#[actix_web::test]
#[ignore = "needs redis-server: scripts/test has it"]
async fn while_redis_knows_nothing_the_policy_of_the_service_decides() {
    let mut redis = Redis::forgetful().await;
    let provider = wish(&redis).await.start().await;
    Reader::added(&provider, API, None).await;
    let strict = guard(&provider, &redis, Staleness::RefuseBeyond(Duration::ZERO)).await;
    let lenient = guard(&provider, &redis, Staleness::Accept).await;
    let ada = Person::signed_in(&provider).await;
    comes_to_say(&strict, &ada.token, None).await;
    let token = ada.token.clone();
    // A connection that was cut off meanwhile is no reason to know nothing.
    let mut connection = redis.connection().await;
    redis::cmd("CLIENT")
        .arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"])
        .query_async::<redis::Value>(&mut connection)
        .await
        .unwrap();
    assert_eq!(strict.check(&token).await.err(), None);
    redis.is_killed();
    comes_to_say(&strict, &token, Some(Refused::Stale)).await;
    comes_to_say(&lenient, &token, None).await;
    redis.comes_back().await;
    comes_to_say(&strict, &token, None).await;
    ada.leaves().await;
    for guard in [&strict, &lenient] {
        comes_to_say(guard, &token, Some(Refused::Revoked)).await;
    }
    // Nobody writes any more: what is denied stays so, and of nothing else is known that it is good.
    let other = Person::signed_in(&provider).await.token;
    comes_to_say(&strict, &other, None).await;
    provider.stop().await;
    let alive = format!("exeunt:{{{API}}}:alive");
    let mut connection = redis.connection().await;
    connection.del::<_, ()>(alive).await.unwrap();
    comes_to_say(&strict, &other, Some(Refused::Stale)).await;
    assert_eq!(lenient.check(&other).await.err(), None);
    assert_eq!(lenient.check(&token).await.err(), Some(Refused::Revoked));
    // Another issuer's list vouches for nobody, and denies nobody.
    connection
        .hset::<_, _, _, ()>(
            format!("exeunt:{{{API}}}:state"),
            "issuer",
            "https://other.example",
        )
        .await
        .unwrap();
    assert_eq!(lenient.check(&token).await.err(), None);
}
