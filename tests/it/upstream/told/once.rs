//! A logout token is good once, and not before it did what it says.

use futures_util::future::join_all;

use super::{Stage, assert_refused};
use crate::support::visitor::Visitor;

/// Attack 62: a token that somebody overheard, sent again after the person has signed in anew.
#[actix_web::test]
async fn a_logout_token_that_comes_again_ends_nothing_more() {
    let stage = Stage::set().await;
    let provider = &stage.scene.provider;
    let ada = Visitor::default();
    stage.sign_in(&ada, ("ada-there", "s-1")).await;
    // It names the person alone, so that it would end whatever session she has.
    let mut claims = stage.claims(("ada-there", "s-1"), "once");
    claims.as_object_mut().unwrap().remove("sid");
    let token = stage.house.sign(&claims);
    assert_eq!(stage.house.tell(provider, &token).await.status, 200);
    assert!(!stage.is_in(&ada).await);
    provider.advance(chrono::TimeDelta::seconds(1));
    stage.sign_in(&ada, ("ada-there", "s-2")).await;
    assert_refused(&stage.house.tell(provider, &token).await, "again");
    // Under the same name nothing else is good either.
    let same_name = stage.house.sign(&claims);
    assert_refused(
        &stage.house.tell(provider, &same_name).await,
        "signed again",
    );
    assert!(stage.is_in(&ada).await);
    let Stage { scene, house } = stage;
    let provider = scene.provider.restart(|_| {}).await;
    assert_refused(&house.tell(&provider, &token).await, "after a restart");
    // Rows that are tidied away are of tokens that nobody would take any more.
    provider.advance(chrono::TimeDelta::minutes(50));
    let told = async || {
        assert_refused(&house.tell(&provider, &token).await, "much later");
        let left = "UPDATE upstream_logouts SET told_at = told_at";
        let mut side =
            crate::support::fixtures::Side::open(provider.config.database.as_str()).await;
        (side.execute(left).await == 0).then_some(())
    };
    assert!(crate::support::eventually(told).await.is_some());
    provider.stop().await;
}

/// Attack 62: many at once, at two nodes.
#[actix_web::test]
async fn of_many_at_once_at_two_nodes_one_is_heard() {
    let stage = Stage::with(|wish| wish).await;
    let provider = &stage.scene.provider;
    let node = provider.another_node().await;
    let ada = Visitor::default();
    stage.sign_in(&ada, ("ada-there", "s-1")).await;
    let bases = [
        provider.issuer.clone(),
        format!("http://{}", node.address()),
    ];
    let token = stage
        .house
        .sign(&stage.claims(("ada-there", "s-1"), "once"));
    let all = (0..12).map(|turn| stage.house.tell_at(&bases[turn % 2], &token));
    let (heard, others): (Vec<_>, Vec<_>) = join_all(all)
        .await
        .into_iter()
        .partition(|answer| answer.status == 200);
    assert_eq!(heard.len(), 1);
    for other in others {
        assert_refused(&other, "at the same time");
    }
    assert!(!stage.is_in(&ada).await);
    node.stop().await;
    stage.close().await;
}

/// P1, attack 42: while nothing can be written nobody is told that it was, and the token stays good.
#[actix_web::test]
async fn p1_a_logout_token_that_could_not_be_carried_out_is_good_still() {
    let stage = Stage::set().await;
    let provider = &stage.scene.provider;
    let ada = Visitor::default();
    stage.sign_in(&ada, ("ada-there", "s-1")).await;
    let token = stage
        .house
        .sign(&stage.claims(("ada-there", "s-1"), "once"));
    for table in [
        "logout_deliveries",
        "upstream_logouts",
        "session_upstreams",
        "upstreams",
    ] {
        provider
            .sql(&format!("ALTER TABLE {table} RENAME TO lost"))
            .await;
        let answer = stage.house.tell(provider, &token).await;
        provider
            .sql(&format!("ALTER TABLE lost RENAME TO {table}"))
            .await;
        assert_eq!(answer.status, 503, "{table}: {answer:?}");
        assert_ne!(answer.header("retry-after"), "");
        assert!(!answer.body.contains(table), "{}", answer.body);
        assert!(stage.is_in(&ada).await, "{table}");
    }
    assert_eq!(stage.house.tell(provider, &token).await.status, 200);
    assert!(!stage.is_in(&ada).await);
    stage.close().await;
}
