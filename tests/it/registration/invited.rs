//! Initial access tokens: who may register, and how often.

use chrono::TimeDelta;
use exeunt::config::RegistrationPolicy::{Open, Token};
use exeunt::flows::register;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::assert_refused;
use crate::support::provider::Provider;
use crate::support::registrar::{Registered, ask, invite, least, registering, send, with};
use crate::support::visitor::Answer;

async fn start() -> Provider {
    registering(Token).await.manual_clock().start().await
}

fn assert_wrong(answer: &Answer) {
    assert_refused(answer, 401, "invalid_token");
    let challenge = answer.header("www-authenticate");
    assert!(
        challenge.starts_with("Bearer error=\"invalid_token\""),
        "{challenge}"
    );
}

#[actix_web::test]
async fn who_brings_no_token_learns_only_that_one_is_needed() {
    let provider = start().await;
    for metadata in [least(), json!({ "redirect_uris": 7 })] {
        let answer = ask(&provider, &metadata, None).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        assert_eq!(answer.body, "");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn a_token_registers_as_many_clients_as_it_was_made_for() {
    let provider = start().await;
    let (one, three) = (invite(&provider, 1).await, invite(&provider, 3).await);
    Registered::new(&provider, &least(), Some(&one)).await;
    assert_wrong(&ask(&provider, &least(), Some(&one)).await);
    for _ in 0..3 {
        Registered::new(&provider, &least(), Some(&three)).await;
    }
    assert_wrong(&ask(&provider, &least(), Some(&three)).await);
    provider.stop().await;
}

#[actix_web::test]
async fn metadata_that_is_refused_uses_nothing_up() {
    let provider = start().await;
    let token = invite(&provider, 1).await;
    let wrong = with(&json!({ "scope": "email" }));
    for _ in 0..3 {
        let answer = ask(&provider, &wrong, Some(&token)).await;
        assert_refused(&answer, 400, "invalid_client_metadata");
    }
    Registered::new(&provider, &least(), Some(&token)).await;
    provider.stop().await;
}

#[actix_web::test]
async fn of_fifty_who_use_a_token_for_one_at_once_one_registers() {
    let provider = start().await;
    let token = invite(&provider, 1).await;
    let metadata = least();
    let asks = (0..50).map(|_| ask(&provider, &metadata, Some(&token)));
    let answers = join_all(asks).await;
    let (registered, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == 201);
    assert_eq!(registered.len(), 1);
    for answer in refused {
        assert_wrong(answer);
    }
    provider.stop().await;
}

#[actix_web::test]
async fn of_fifty_who_use_a_token_for_seven_at_once_seven_register() {
    let provider = start().await;
    let token = invite(&provider, 7).await;
    let metadata = least();
    let asks = (0..50).map(|_| ask(&provider, &metadata, Some(&token)));
    let answers = join_all(asks).await;
    let registered = answers.iter().filter(|answer| answer.status == 201);
    assert_eq!(registered.count(), 7);
    provider.stop().await;
}

#[actix_web::test]
async fn a_token_is_good_until_the_second_it_expires_or_until_it_is_taken_back() {
    let provider = start().await;
    let token = invite(&provider, 9).await;
    provider.advance(TimeDelta::seconds(3599));
    Registered::new(&provider, &least(), Some(&token)).await;
    provider.advance(TimeDelta::seconds(1));
    assert_wrong(&ask(&provider, &least(), Some(&token)).await);

    let (hour, flows) = (TimeDelta::hours(1), provider.flows());
    let (token, kept) = register::invite(flows, 9, hour, None).await.unwrap();
    let client = Registered::new(&provider, &least(), Some(&token)).await;
    assert!(register::uninvite(flows, kept.id).await.unwrap());
    assert!(!register::uninvite(flows, kept.id).await.unwrap());
    assert_wrong(&ask(&provider, &least(), Some(&token)).await);
    assert_eq!(client.manage(Method::GET, None).await.status, 200);
    provider.stop().await;
}

#[actix_web::test]
async fn where_strangers_may_register_a_wrong_token_is_wrong_all_the_same() {
    let provider = registering(Open).await.start().await;
    assert_wrong(&ask(&provider, &least(), Some("wrong")).await);
    let token = invite(&provider, 1).await;
    Registered::new(&provider, &least(), Some(&token)).await;
    assert_wrong(&ask(&provider, &least(), Some(&token)).await);
    provider.stop().await;
}

/// Attack 93: a token that does more than it was made for.
#[actix_web::test]
async fn no_token_of_registration_is_good_for_anything_else() {
    let provider = start().await;
    let token = invite(&provider, 2).await;
    let client = Registered::new(&provider, &least(), Some(&token)).await;
    let own = client.get("registration_access_token").to_owned();
    let (uri, userinfo) = (
        client.get("registration_client_uri").to_owned(),
        provider.url("/userinfo"),
    );
    assert_wrong(&send(Method::GET, &uri, Some(&token), None).await);
    assert_wrong(&send(Method::DELETE, &uri, Some(&token), None).await);
    assert_wrong(&ask(&provider, &least(), Some(&own)).await);
    assert_wrong(&send(Method::GET, &userinfo, Some(&token), None).await);
    assert_wrong(&send(Method::GET, &userinfo, Some(&own), None).await);
    // In the query it would end up in logs.
    let url = format!("{}?access_token={token}", provider.url("/register"));
    let answer = send(Method::POST, &url, None, Some(&least())).await;
    assert_eq!(answer.status, 401);
    provider.stop().await;
}
