//! Signing keys: published before they sign, believed until their last token has expired (Core §10.1).

use std::collections::BTreeSet;

use chrono::TimeDelta;
use exeunt::flows::keys;
use exeunt::oidc::algorithm::SigningAlgorithm;
use serde_json::Value;

use crate::support::eventually;
use crate::support::ledger::{HOME, ledger};
use crate::support::provider::{Provider, metadata};
use crate::support::relying_party::{RelyingParty, verify};
use crate::support::visitor::{Answer, Visitor};

async fn published(provider: &Provider) -> Vec<Value> {
    let answer = Visitor::default().get(&provider.url("/jwks")).await;
    answer.json()["keys"].as_array().unwrap().clone()
}

async fn kids(provider: &Provider) -> BTreeSet<String> {
    let keys = published(provider).await;
    keys.iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

#[actix_web::test]
async fn keys_are_published_without_their_private_parts_and_each_under_a_name_of_its_own() {
    let provider = ledger().await.start().await;
    let keys = published(&provider).await;
    assert_eq!(kids(&provider).await.len(), keys.len());
    let algorithms: BTreeSet<_> = keys.iter().filter_map(|key| key["alg"].as_str()).collect();
    assert_eq!(algorithms, BTreeSet::from(["RS256", "ES256"]));
    for key in keys {
        assert_eq!(key["use"], "sig");
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(key.get(private).is_none(), "{private}");
        }
    }
    provider.stop().await;
}

#[actix_web::test]
async fn each_client_gets_id_tokens_with_the_algorithm_it_registered() {
    let mut wish = ledger().await;
    for algorithm in SigningAlgorithm::ALL {
        let mut metadata = metadata(HOME);
        metadata.id_token_signed_response_alg = algorithm.into();
        wish = wish.client(algorithm.as_str(), metadata);
    }
    let provider = wish.start().await;
    let ada = Visitor::default();
    for algorithm in SigningAlgorithm::ALL {
        let party = RelyingParty::of(&provider, algorithm.as_str());
        let tokens = party.tokens(&ada, &[]).await;
        let (header, _) = verify(&provider.issuer, &tokens.get("id_token")).await;
        assert_eq!(header["alg"], algorithm.as_str());
    }
    provider.stop().await;
}

/// Attack 36: a key that signs before others can know it, or is forgotten while its tokens are good.
#[actix_web::test]
async fn a_new_key_is_published_before_it_signs_and_the_old_one_until_no_hint_of_it_can_be_needed()
{
    let provider = ledger().await.manual_clock().start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let signer = async || {
        let tokens = party.tokens(&ada, &[]).await;
        let (header, _) = verify(&provider.issuer, &tokens.get("id_token")).await;
        let kid = header["kid"].as_str().unwrap().to_owned();
        (kid, tokens.get("access_token"))
    };
    let (old, _) = signer().await;
    let new = keys::rotate(provider.flows(), SigningAlgorithm::RS256, false)
        .await
        .unwrap()
        .kid;
    provider.advance(TimeDelta::seconds(1));
    let both = async || Some(kids(&provider).await).filter(|kids| kids.contains(&new));
    let known = eventually(both).await.expect("the new key is published");
    assert!(known.contains(&old));
    assert_eq!(signer().await.0, old);

    provider.advance(keys::JWKS_MAX_AGE + keys::LOADED - TimeDelta::seconds(2));
    let (kid, last_token) = signer().await;
    assert_eq!(kid, old);
    provider.advance(TimeDelta::seconds(1));
    assert_eq!(signer().await.0, new);
    assert_eq!(party.userinfo(&last_token).await.status, 200);

    // The last token of the old key is good for ten minutes.
    provider.advance(TimeDelta::seconds(598));
    assert_eq!(party.userinfo(&last_token).await.status, 200);
    // An ID token that it signed vouches for its session at the end, however long that goes on: for 30 days.
    provider.advance(TimeDelta::days(30) - TimeDelta::seconds(599));
    assert!(kids(&provider).await.contains(&old));
    provider.advance(TimeDelta::seconds(2));
    let remaining = kids(&provider).await;
    assert!(!remaining.contains(&old) && remaining.contains(&new));
    provider.stop().await;
}

/// Attack 36: a stolen key goes on being believed.
#[actix_web::test]
async fn after_a_compromise_nothing_that_the_old_key_has_signed_is_believed() {
    let provider = ledger().await.manual_clock().start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let token = party.tokens(&ada, &[]).await.get("access_token");
    assert_eq!(party.userinfo(&token).await.status, 200);
    let new = keys::rotate(provider.flows(), SigningAlgorithm::RS256, true)
        .await
        .unwrap()
        .kid;
    provider.advance(TimeDelta::seconds(1));
    let known = async || Some(kids(&provider).await).filter(|kids| kids.contains(&new));
    eventually(known).await.expect("the new key is published");
    assert_eq!(party.userinfo(&token).await.status, 401);
    let token = party.tokens(&ada, &[]).await.get("access_token");
    assert_eq!(party.userinfo(&token).await.status, 200);
    provider.stop().await;
}

async fn discovery(provider: &Provider) -> Answer {
    let url = provider.url("/.well-known/openid-configuration");
    Visitor::default().get(&url).await
}

/// Waits until discovery names exactly these, and `none`, which needs no key.
async fn named(provider: &Provider, algorithms: &[&str]) -> Answer {
    let algorithms = [algorithms, &["none"]].concat();
    let named = eventually(async || {
        let document = discovery(provider).await;
        let named = &document.json()["id_token_signing_alg_values_supported"];
        (*named == serde_json::json!(algorithms)).then_some(document)
    });
    named.await.expect("discovery names what signs")
}

#[actix_web::test]
async fn an_algorithm_that_gets_a_key_is_named_in_discovery_without_a_restart() {
    let provider = ledger().await.manual_clock().start().await;
    let first = named(&provider, &["RS256", "ES256"]).await;
    // As `exeunt client add` does it, and then `exeunt keys rotate`.
    keys::ensure(provider.flows(), SigningAlgorithm::EdDSA)
        .await
        .unwrap();
    keys::rotate(provider.flows(), SigningAlgorithm::PS256, false)
        .await
        .unwrap();
    provider.advance(TimeDelta::seconds(1));
    let second = named(&provider, &["RS256", "ES256", "EdDSA"]).await;
    assert_ne!(second.header("etag"), first.header("etag"));
    // A key that was announced is named once it signs.
    provider.advance(keys::JWKS_MAX_AGE + keys::LOADED);
    let third = named(&provider, &["RS256", "PS256", "ES256", "EdDSA"]).await;
    let provider = provider.restart(|_| {}).await;
    assert_eq!(discovery(&provider).await.body, third.body);
    provider.stop().await;
}

#[actix_web::test]
async fn a_client_of_an_algorithm_whose_key_was_only_announced_does_not_wait_for_it() {
    let provider = ledger().await.manual_clock().start().await;
    let rotated = keys::rotate(provider.flows(), SigningAlgorithm::EdDSA, false);
    rotated.await.unwrap();
    keys::ensure(provider.flows(), SigningAlgorithm::EdDSA)
        .await
        .unwrap();
    provider.advance(TimeDelta::seconds(1));
    named(&provider, &["RS256", "ES256", "EdDSA"]).await;
    // And through a rotation nothing is made that nobody asked for.
    let before = kids(&provider).await;
    keys::ensure(provider.flows(), SigningAlgorithm::EdDSA)
        .await
        .unwrap();
    assert_eq!(kids(&provider).await, before);
    provider.stop().await;
}

#[actix_web::test]
async fn keys_outlive_a_restart() {
    let provider = ledger().await.start().await;
    let before = kids(&provider).await;
    let provider = provider.restart(|_| {}).await;
    assert_eq!(kids(&provider).await, before);
    provider.stop().await;
}
