//! Who may register: nobody, the invited, or anyone at a modest pace.

use chrono::TimeDelta;
use exeunt::config::RegistrationPolicy::{Closed, Open, Token};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::Value;

use super::assert_refused;
use crate::support::ledger::json_error;
use crate::support::provider::Provider;
use crate::support::registrar::{Registered, ask, invite, least, registering};
use crate::support::visitor::Visitor;

async fn endpoint(provider: &Provider) -> Value {
    let url = provider.url("/.well-known/openid-configuration");
    Visitor::default().get(&url).await.json()["registration_endpoint"].clone()
}

#[actix_web::test]
async fn discovery_names_the_endpoint_where_there_is_one() {
    for policy in [Open, Token] {
        let provider = registering(policy).await.start().await;
        assert_eq!(endpoint(&provider).await, provider.url("/register"));
        provider.stop().await;
    }
}

/// Attack 22 (CVE-2024-49757): registration that is switched off, and answers who knows its address.
#[actix_web::test]
async fn where_registration_is_closed_nobody_registers_and_who_has_may_look_after_itself() {
    let provider = registering(Token).await.start().await;
    let token = invite(&provider, 9).await;
    let client = Registered::new(&provider, &least(), Some(&token)).await;
    let provider = provider
        .restart(|config| config.registration.policy = Closed)
        .await;
    assert_eq!(endpoint(&provider).await, Value::Null);
    for token in [None, Some(token.as_str())] {
        let answer = ask(&provider, &least(), token).await;
        assert_eq!(answer.status, 404, "{answer:?}");
    }
    assert_eq!(client.manage(Method::GET, None).await.status, 200);
    let wanted = client.update(&serde_json::json!({ "client_name": "Ledger" }));
    assert_eq!(client.manage(Method::PUT, Some(&wanted)).await.status, 200);
    assert_eq!(client.manage(Method::DELETE, None).await.status, 204);
    provider.stop().await;
}

/// Attack 93: mass registration.
#[actix_web::test]
async fn strangers_register_at_a_modest_pace_and_the_invited_as_they_may() {
    let provider = registering(Open).await.manual_clock().start().await;
    let (metadata, wrong) = (least(), serde_json::json!({ "redirect_uris": [] }));
    // What is refused counts too: looking at it has cost as much.
    let asks = (0..130).map(|turn| {
        let metadata = if turn % 10 == 0 { &wrong } else { &metadata };
        ask(&provider, metadata, None)
    });
    let answers = join_all(asks).await;
    let held_up: Vec<_> = answers
        .iter()
        .filter(|answer| ![201, 400].contains(&answer.status.as_u16()))
        .collect();
    assert_eq!(held_up.len(), 30);
    for answer in &held_up {
        assert_refused(answer, 429, "temporarily_unavailable");
        let wait: i64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=21).contains(&wait), "{wait}");
    }
    let token = invite(&provider, 1).await;
    Registered::new(&provider, &metadata, Some(&token)).await;
    provider.advance(TimeDelta::seconds(20));
    assert_eq!(ask(&provider, &metadata, None).await.status, 201);
    let answer = ask(&provider, &metadata, None).await;
    assert_eq!(json_error(&answer), "temporarily_unavailable");
    provider.stop().await;
}
