//! What stands in Redis, as docs/revocation.md has it: an interface for services in any language.

use chrono::TimeDelta;
use exeunt::flows::people;
use redis::AsyncCommands as _;
use redis::streams::StreamRangeReply;
use serde_json::Value;

use super::{API, Person, wish};
use crate::support::eventually;
use crate::support::provider::{Provider, provider};
use crate::support::redis::Redis;
use crate::support::service::{Reader, entries};

const OTHER: &str = "https://other.example/";

fn key(service: &str, name: &str) -> String {
    format!("exeunt:{{{service}}}:{name}")
}

/// The entries of a service's stream, each with its place.
async fn stream(redis: &Redis, service: &str) -> Vec<(String, Value)> {
    let mut connection = redis.connection().await;
    let all: StreamRangeReply = connection.xrange_all(key(service, "log")).await.unwrap();
    let entry = |id: redis::streams::StreamId| {
        let text: String = id.get("entry").unwrap();
        (id.id, serde_json::from_str(&text).unwrap())
    };
    all.ids.into_iter().map(entry).collect()
}

/// Waits until a service's stream has as many entries.
async fn comes_to(redis: &Redis, service: &str, count: usize) -> Vec<(String, Value)> {
    let there = eventually(async || {
        let there = stream(redis, service).await;
        (there.len() == count).then_some(there)
    });
    match there.await {
        Some(there) => there,
        None => panic!("{:?} are not {count}", stream(redis, service).await),
    }
}

async fn state(redis: &Redis, name: &str) -> String {
    let mut connection = redis.connection().await;
    connection.hget(key(API, "state"), name).await.unwrap()
}

/// Attack 74: each service hears of its own tokens alone, in Redis as at the feed.
#[actix_web::test]
#[ignore = "needs redis-server: scripts/test has it"]
async fn the_stream_of_a_service_has_what_the_feed_tells_it() {
    let redis = Redis::forgetful().await;
    let provider = wish(&redis).await.start().await;
    let api = Reader::added(&provider, API, None).await;
    let other = Reader::added(&provider, OTHER, Some(&[])).await;
    let (ada, bob) = (
        Person::signed_in(&provider).await,
        Person::signed_in(&provider).await,
    );
    ada.leaves().await;
    assert_eq!(ada.party.revoke(&bob.token, &[]).await.status, 200);
    let there = comes_to(&redis, API, 2).await;
    let told = entries(&api.snapshot().await);
    let entries_there: Vec<_> = there.iter().map(|(_, entry)| entry.clone()).collect();
    assert_eq!(entries_there, told);
    for (place, entry) in &there {
        assert_eq!(*place, format!("{}-0", entry["number"]));
    }
    assert_eq!(stream(&redis, OTHER).await, []);
    assert_eq!(entries(&other.snapshot().await), Vec::<Value>::new());
    assert_eq!(state(&redis, "issuer").await, provider.issuer);
    assert_eq!(state(&redis, "to").await, told[1]["number"].to_string());
    let before: u64 = state(&redis, "beat").await.parse().unwrap();
    let rose = eventually(async || {
        let beat: u64 = state(&redis, "beat").await.parse().unwrap();
        (beat > before).then_some(())
    });
    assert!(rose.await.is_some());
    provider.stop().await;
}

/// For services that ask instead of following: a key for each entry, kept until its last token has expired.
#[actix_web::test]
#[ignore = "needs redis-server: scripts/test has it"]
async fn the_shared_deny_list_has_a_key_for_each_entry_that_goes_by_itself() {
    let redis = Redis::forgetful().await;
    let provider = wish(&redis).await.start().await;
    Reader::added(&provider, API, None).await;
    let ada = Person::signed_in(&provider).await;
    assert_eq!(ada.party.revoke(&ada.token, &[]).await.status, 200);
    let there = comes_to(&redis, API, 1).await;
    let jti = there[0].1["jti"].as_str().unwrap();
    let mut connection = redis.connection().await;
    let name = key(API, &format!("denied:token:{jti}"));
    let value: String = connection.get(&name).await.unwrap();
    assert_eq!(value, "*");
    // Ten minutes, a minute of slack and a minute of leeway.
    let left: i64 = connection.ttl(&name).await.unwrap();
    assert!((700..=725).contains(&left), "{left}");
    people::disable_user(provider.flows(), "ada")
        .await
        .unwrap()
        .unwrap();
    let of_ada = eventually(async || {
        let there = stream(&redis, API).await.into_iter();
        let mut entries = there.map(|(_, entry)| entry);
        entries.find(|entry| entry["kind"] == "subject")
    });
    let entry = of_ada.await.expect("the person is named");
    let (sub, before) = (entry["sub"].as_str().unwrap(), &entry["before"]);
    let name = key(API, &format!("denied:subject:{sub}"));
    let value: String = connection.get(&name).await.unwrap();
    assert_eq!(value, before.to_string());
    // Who asks learns from this key whether the list is kept up to date.
    let alive: i64 = connection.ttl(key(API, "alive")).await.unwrap();
    assert!((1..=15).contains(&alive), "{alive}");
    provider.stop().await;
}

#[actix_web::test]
#[ignore = "needs redis-server: scripts/test has it"]
async fn what_has_expired_is_taken_out_of_the_stream() {
    let redis = Redis::forgetful().await;
    let provider = wish(&redis).await.manual_clock().start().await;
    Reader::added(&provider, API, None).await;
    let ada = Person::signed_in(&provider).await;
    ada.leaves().await;
    comes_to(&redis, API, 1).await;
    let history = state(&redis, "history").await;
    provider.advance(TimeDelta::minutes(12));
    comes_to(&redis, API, 0).await;
    assert_eq!(state(&redis, "history").await, history);
    provider.stop().await;
}

/// Several nodes publish, and one that begins late: twice is the same as once.
#[actix_web::test]
#[ignore = "needs redis-server: scripts/test has it"]
async fn nodes_that_publish_the_same_leave_each_entry_once() {
    let redis = Redis::forgetful().await;
    let provider = wish(&redis).await.start().await;
    Reader::added(&provider, API, None).await;
    let node = provider.another_node().await;
    let mut people = Vec::new();
    for _ in 0..5 {
        people.push(Person::signed_in(&provider).await);
    }
    for person in &people {
        person.leaves().await;
    }
    let there = comes_to(&redis, API, people.len()).await;
    let history = state(&redis, "history").await;
    let late = provider.another_node().await;
    let ada = Person::signed_in(&provider).await;
    ada.leaves().await;
    let more = comes_to(&redis, API, people.len() + 1).await;
    assert_eq!(more[..there.len()], there);
    assert_eq!(state(&redis, "history").await, history);
    for node in [node, late] {
        node.stop().await;
    }
    provider.stop().await;
}

/// P3: after a restore the numbers are another history's, and who follows reads all of it.
#[actix_web::test]
#[ignore = "needs redis-server: scripts/test has it"]
async fn p3_after_a_restore_the_list_begins_anew_and_takes_everything_back() {
    let redis = Redis::forgetful().await;
    let provider = wish(&redis).await.start().await;
    Reader::added(&provider, API, None).await;
    let ada = Person::signed_in(&provider).await;
    ada.leaves().await;
    comes_to(&redis, API, 1).await;
    let history = state(&redis, "history").await;
    let provider = provider.restored().await;
    let begun = eventually(async || {
        let there = stream(&redis, API).await;
        let all = there.iter().any(|(_, entry)| entry["kind"] == "all");
        (all && state(&redis, "history").await != history).then_some(())
    });
    assert!(begun.await.is_some());
    provider.stop().await;
}

/// Two providers by mistake at one Redis: neither can make the other's services forget anything.
#[actix_web::test]
#[ignore = "needs redis-server: scripts/test has it"]
async fn the_list_of_another_issuer_is_left_alone() {
    let redis = Redis::forgetful().await;
    let first = wish(&redis).await.start().await;
    Reader::added(&first, API, None).await;
    let ada = Person::signed_in(&first).await;
    ada.leaves().await;
    let there = comes_to(&redis, API, 1).await;
    let second = wish(&redis).await.with_admin().start().await;
    Reader::added(&second, API, None).await;
    let complains = eventually(async || {
        let text = measured(&second).await;
        text.contains("exeunt_bus_up 0").then_some(())
    });
    assert!(complains.await.is_some());
    assert_eq!(stream(&redis, API).await, there);
    assert_eq!(state(&redis, "issuer").await, first.issuer);
    first.stop().await;
    second.stop().await;
}

/// Redis need not be there when the provider starts, nor ever; whether it is, can be measured.
#[actix_web::test]
#[ignore = "needs redis-server: scripts/test has it"]
async fn a_redis_that_is_away_is_measured_and_keeps_nobody_from_leaving() {
    let mut redis = Redis::forgetful().await;
    redis.is_killed();
    let provider = wish(&redis).await.with_admin().start().await;
    let api = Reader::added(&provider, API, None).await;
    let ada = Person::signed_in(&provider).await;
    ada.leaves().await;
    assert!(api.hears_of(&ada.token).await);
    let says = async |line: &str| {
        let said = eventually(async || measured(&provider).await.contains(line).then_some(()));
        assert!(said.await.is_some(), "never {line}");
    };
    says("exeunt_bus_up 0\n").await;
    says("exeunt_revocations{state=\"living\"} 1\n").await;
    says("exeunt_revocations_numbered_total 1\n").await;
    redis.comes_back().await;
    says("exeunt_bus_up 1\n").await;
    says("exeunt_bus_entries_total 1\n").await;
    comes_to(&redis, API, 1).await;
    provider.stop().await;
    // Without a bus nothing is said of one.
    let alone = provider_alone().await;
    assert!(!measured(&alone).await.contains("exeunt_bus"));
    alone.stop().await;
}

async fn provider_alone() -> Provider {
    provider().await.with_admin().start().await
}

async fn measured(provider: &Provider) -> String {
    let answer = crate::support::visitor::http_client()
        .get(provider.admin_url("/metrics"))
        .send();
    answer.await.unwrap().text().await.unwrap()
}
