//! Signing keys that nobody rotates: they rotate by themselves.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use exeunt::flows::keys;
use exeunt::oidc::algorithm::SigningAlgorithm;
use exeunt::server::Running;
use exeunt::store::signing_keys;

use crate::support::eventually;
use crate::support::ledger::ledger;
use crate::support::provider::Provider;
use crate::support::relying_party::{RelyingParty, verify};
use crate::support::visitor::Visitor;

async fn kids(provider: &Provider) -> BTreeSet<String> {
    let answer = Visitor::default().get(&provider.url("/jwks")).await;
    let keys = answer.json();
    let keys = keys["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

/// How many there are, published or not.
async fn all(provider: &Provider) -> usize {
    let keys = signing_keys::list(provider.flows().database.read());
    keys.await.unwrap().len()
}

/// What an ID token is signed with now.
async fn signs(provider: &Provider) -> String {
    let tokens = RelyingParty::of(provider, "ledger");
    let tokens = tokens.tokens(&Visitor::default(), &[]).await;
    let (header, _) = verify(&provider.issuer, &tokens.get("id_token")).await;
    header["kid"].as_str().unwrap().to_owned()
}

/// Attack 36: the same for a key that nobody rotates.
#[actix_web::test]
async fn a_key_that_has_signed_for_long_enough_gets_a_successor_by_itself() {
    let provider = ledger().await.manual_clock().start().await;
    let (old, before) = (signs(&provider).await, kids(&provider).await);
    provider.advance(TimeDelta::days(90) - TimeDelta::hours(1) - TimeDelta::seconds(1));
    keys::rotate_by_age(provider.flows()).await.unwrap();
    provider.advance(TimeDelta::milliseconds(500));
    assert_eq!(kids(&provider).await, before);
    provider.advance(TimeDelta::milliseconds(60_000));
    // A successor of each algorithm's key, an hour before it signs.
    let made = eventually(async || (all(&provider).await == 2 * before.len()).then_some(()));
    assert!(made.await.is_some(), "nothing was made");
    provider.advance(TimeDelta::milliseconds(500));
    let grown = eventually(async || {
        let known = kids(&provider).await;
        (known.len() == 2 * before.len()).then_some(known)
    });
    let grown = grown.await.expect("each key has a successor");
    assert!(grown.is_superset(&before));
    assert_eq!(signs(&provider).await, old);

    provider.advance(TimeDelta::minutes(58));
    assert_eq!(signs(&provider).await, old);
    provider.advance(TimeDelta::minutes(1));
    let new = signs(&provider).await;
    assert!(grown.contains(&new) && !before.contains(&new));
    provider.advance(TimeDelta::days(30));
    assert_eq!(kids(&provider).await, &grown - &before);
    // And no more of them before the successors have signed for as long.
    keys::rotate_by_age(provider.flows()).await.unwrap();
    provider.advance(TimeDelta::seconds(1));
    assert_eq!(kids(&provider).await, &grown - &before);
    provider.stop().await;
}

#[actix_web::test]
async fn several_nodes_make_one_successor() {
    let day = TimeDelta::days(1);
    let provider = ledger()
        .await
        .configure(|config| config.keys.rotate_after = Some(day))
        .manual_clock()
        .start()
        .await;
    let nodes = [provider.another_node().await, provider.another_node().await];
    let before = kids(&provider).await.len();
    // Each node's worker wakes up too.
    provider.advance(day);
    let them = nodes.iter().map(Running::provider);
    let them = them.chain([provider.flows()]).map(keys::rotate_by_age);
    for rotated in futures_util::future::join_all(them).await {
        rotated.unwrap();
    }
    assert_eq!(all(&provider).await, 2 * before);
    for node in nodes {
        node.stop().await;
    }
    provider.stop().await;
}

#[actix_web::test]
async fn where_it_is_off_and_after_a_rotation_by_hand_no_key_is_made() {
    let provider = ledger()
        .await
        .configure(|config| config.keys.rotate_after = None)
        .manual_clock()
        .start()
        .await;
    let before = kids(&provider).await;
    provider.advance(TimeDelta::days(1000));
    keys::rotate_by_age(provider.flows()).await.unwrap();
    provider.advance(TimeDelta::seconds(1));
    assert_eq!(kids(&provider).await, before);
    for algorithm in [SigningAlgorithm::RS256, SigningAlgorithm::ES256] {
        keys::rotate(provider.flows(), algorithm, false)
            .await
            .unwrap();
    }
    let provider = provider
        .restart(|config| config.keys.rotate_after = Some(TimeDelta::days(1)))
        .await;
    keys::rotate_by_age(provider.flows()).await.unwrap();
    assert_eq!(kids(&provider).await.len(), 2 * before.len());
    provider.stop().await;
}
