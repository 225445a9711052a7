//! Registrations of which nothing comes are forgotten.

use chrono::TimeDelta;
use exeunt::config::RegistrationPolicy::Open;
use exeunt::oidc::client::GrantType;
use exeunt::store::{clients, registrations};
use reqwest::Method;
use serde_json::json;

use crate::support::eventually;
use crate::support::provider::Provider;
use crate::support::registrar::{Registered, least, registering, with};
use crate::support::visitor::Visitor;

/// Waits until the sweeper has forgotten it.
async fn is_forgotten(client: &Registered) -> bool {
    let gone = async || {
        let status = client.manage(Method::GET, None).await.status;
        (status == 401).then_some(())
    };
    eventually(gone).await.is_some()
}

async fn rows(provider: &Provider) -> usize {
    let db = provider.flows().database.read();
    let known = registrations::list(db).await.unwrap().len();
    assert!(known >= clients::list(db).await.unwrap().len());
    known
}

#[actix_web::test]
async fn one_that_nobody_used_in_its_time_is_forgotten_and_one_that_was_used_is_not() {
    let provider = registering(Open)
        .await
        .configure(|config| config.registration.offer.grant_types = GrantType::ALL.to_vec())
        .manual_clock()
        .start()
        .await;
    let unused = Registered::new(&provider, &least(), None).await;
    let signed_in = Registered::new(&provider, &least(), None).await;
    signed_in.tokens(&Visitor::default()).await;
    let program = with(&json!({ "grant_types": ["client_credentials"] }));
    let program = Registered::new(&provider, &program, None).await;
    let answer = program.token(&[("grant_type", "client_credentials")]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    provider.advance(TimeDelta::days(7) - TimeDelta::seconds(1));
    let young = Registered::new(&provider, &least(), None).await;
    assert_eq!(unused.manage(Method::GET, None).await.status, 200);

    provider.advance(TimeDelta::minutes(6));
    assert!(is_forgotten(&unused).await);
    let answer = unused.sign_in(&Visitor::default(), &[]).await;
    assert_eq!(answer.status, 400, "nobody knows it any more: {answer:?}");
    for kept in [&signed_in, &program, &young] {
        assert_eq!(kept.manage(Method::GET, None).await.status, 200);
    }
    // Once it was used it stays, though what came of it has been forgotten by then.
    provider.advance(TimeDelta::days(60));
    assert!(is_forgotten(&young).await);
    assert_eq!(signed_in.manage(Method::GET, None).await.status, 200);
    provider.stop().await;
}

#[actix_web::test]
async fn where_unused_ones_are_kept_none_is_forgotten() {
    let provider = registering(Open)
        .await
        .configure(|config| config.registration.unused = None)
        .manual_clock()
        .start()
        .await;
    let unused = Registered::new(&provider, &least(), None).await;
    let removed = Registered::new(&provider, &least(), None).await;
    assert_eq!(removed.manage(Method::DELETE, None).await.status, 204);
    assert_eq!(rows(&provider).await, 1, "nothing hung on it");
    provider.advance(TimeDelta::days(1000));
    // A used one that is removed goes when nothing is left to tell: that it went shows that the sweeper was there.
    let used = Registered::new(&provider, &least(), None).await;
    used.tokens(&Visitor::default()).await;
    assert_eq!(used.manage(Method::DELETE, None).await.status, 204);
    assert_eq!(rows(&provider).await, 2, "it is still to be told");
    let swept = eventually(async || {
        provider.advance(TimeDelta::days(20));
        (rows(&provider).await == 1).then_some(())
    });
    assert!(swept.await.is_some());
    assert_eq!(unused.manage(Method::GET, None).await.status, 200);
    provider.stop().await;
}
