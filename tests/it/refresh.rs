//! Refresh tokens (RFC 6749 §6, RFC 9700 §4.14.2): they rotate, and whoever reuses one loses all.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use exeunt::config::RefreshReuse;
use exeunt::flows::people;
use futures_util::future::join_all;

use crate::support::ledger::{json_error, ledger_with, with_refresh};
use crate::support::provider::{Provider, SECRET, Wish, metadata, provider};
use crate::support::relying_party::{Ear, RelyingParty, Tokens};
use crate::support::visitor::{Answer, Visitor};

const OFFLINE: [(&str, &str); 2] = [("scope", "openid offline_access"), ("prompt", "consent")];

async fn wish() -> Wish {
    ledger_with(with_refresh).await
}

async fn begin(wish: Wish) -> (Provider, RelyingParty, Visitor, Tokens) {
    let provider = wish.start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let tokens = party.tokens(&ada, &[]).await;
    (provider, party, ada, tokens)
}

async fn refreshed(party: &RelyingParty, refresh_token: &str) -> Tokens {
    let answer = party.refresh(refresh_token).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    Tokens { all: answer.json() }
}

fn assert_refused(answer: &Answer) {
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(json_error(answer), "invalid_grant");
}

#[actix_web::test]
async fn a_refresh_token_becomes_new_tokens_of_the_same_session_and_a_successor() {
    let (provider, party, _, before) = begin(wish().await.manual_clock()).await;
    provider.advance(TimeDelta::seconds(30));
    let after = refreshed(&party, &before.get("refresh_token")).await;
    assert_ne!(after.get("refresh_token"), before.get("refresh_token"));
    assert_ne!(after.get("access_token"), before.get("access_token"));
    assert_eq!(after.all["scope"], before.all["scope"]);
    let old = before.id_claims(&provider.issuer).await;
    let new = after.id_claims(&provider.issuer).await;
    for same in ["iss", "sub", "aud", "sid", "auth_time"] {
        assert_eq!(new[same], old[same], "{same}");
    }
    assert_eq!(
        new["iat"].as_i64().unwrap(),
        old["iat"].as_i64().unwrap() + 30
    );
    assert!(new.get("nonce").is_none());
    assert_eq!(party.userinfo(&after.get("access_token")).await.status, 200);
    refreshed(&party, &after.get("refresh_token")).await;
    provider.stop().await;
}

/// Attack 38: within the grace, the same client alone gets the same successor again.
#[actix_web::test]
async fn within_the_grace_a_lost_answer_is_given_again() {
    let other = metadata("https://mallory.example");
    let (provider, party, _, tokens) = begin(
        wish()
            .await
            .client("mallory", {
                let mut other = other;
                with_refresh(&mut other);
                other
            })
            .manual_clock(),
    )
    .await;
    let token = tokens.get("refresh_token");
    let first = refreshed(&party, &token).await;
    provider.advance(TimeDelta::milliseconds(9_999));
    let again = refreshed(&party, &token).await;
    assert_eq!(again.get("refresh_token"), first.get("refresh_token"));
    // Attack 11 (CVE-2026-55672): another client, that spoils nothing either.
    assert_refused(&RelyingParty::of(&provider, "mallory").refresh(&token).await);
    refreshed(&party, &first.get("refresh_token")).await;
    provider.stop().await;
}

async fn reuse(policy: RefreshReuse) {
    let (ledger, atlas) = (Ear::open().await, Ear::open().await);
    let mut wish = provider().await.manual_clock();
    for (client_id, ear) in [("ledger", &ledger), ("atlas", &atlas)] {
        let mut metadata = metadata(&ear.base);
        with_refresh(&mut metadata);
        metadata.backchannel_logout_uri = Some(ear.backchannel_logout_uri());
        wish = wish.client(client_id, metadata);
    }
    let wish = wish.configure(|config| config.tokens.refresh_reuse = policy);
    let (provider, party, ada, stolen) = begin(wish).await;
    let at_atlas = RelyingParty::of(&provider, "atlas");
    let elsewhere = at_atlas.tokens(&ada, &[]).await;
    let sid = stolen.id_claims(&provider.issuer).await["sid"].clone();
    let successor = refreshed(&party, &stolen.get("refresh_token")).await;
    provider.advance(TimeDelta::seconds(10));

    assert_refused(&party.refresh(&stolen.get("refresh_token")).await);

    assert_refused(&party.refresh(&successor.get("refresh_token")).await);
    for tokens in [&stolen, &successor] {
        assert_eq!(
            party.userinfo(&tokens.get("access_token")).await.status,
            401
        );
    }
    let notices = ledger.wait_for(1).await;
    assert_eq!(notices[0].claims(&provider.issuer).await["sid"], sid);
    let silent = party.authorize_url(&[("prompt", "none")]);
    let answer = ada.get(&silent).await;
    let there = at_atlas.userinfo(&elsewhere.get("access_token")).await;
    match policy {
        RefreshReuse::Participation => {
            assert!(answer.parameter("code").is_some());
            assert_eq!(there.status, 200);
            assert!(atlas.notices().is_empty());
        }
        RefreshReuse::Session => {
            assert_eq!(answer.parameter("error").unwrap(), "login_required");
            assert_eq!(there.status, 401);
            atlas.wait_for(1).await;
        }
    }
    provider.stop().await;
}

/// Attack 38: a rotated token that comes back is a stolen one. Attack 48: who is signed out is told.
#[actix_web::test]
async fn reuse_after_the_grace_ends_the_family_and_the_participation_and_tells_the_application() {
    reuse(RefreshReuse::Participation).await;
}

/// Attack 38, under the stricter policy.
#[actix_web::test]
async fn reuse_after_the_grace_can_end_the_whole_session() {
    reuse(RefreshReuse::Session).await;
}

/// Attack 39 (CVE-2026-1035): many refreshes at once.
#[actix_web::test]
async fn of_a_hundred_refreshes_of_one_token_all_get_the_one_successor() {
    let (provider, party, _, tokens) = begin(wish().await.manual_clock()).await;
    let token = tokens.get("refresh_token");
    let answers = join_all((0..100).map(|_| party.refresh(&token))).await;
    let successors: BTreeSet<_> = answers
        .iter()
        .map(|answer| {
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.json()["refresh_token"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(successors.len(), 1);
    let successor = successors.first().unwrap();
    assert_ne!(*successor, token);
    refreshed(&party, successor).await;
    provider.stop().await;
}

/// Attack 40 (CVE-2026-9802): a restart between rotation and replay.
#[actix_web::test]
async fn a_restart_forgets_neither_the_rotation_nor_what_was_revoked() {
    let (provider, party, _, tokens) = begin(wish().await.manual_clock()).await;
    let token = tokens.get("refresh_token");
    let successor = refreshed(&party, &token).await;
    let provider = provider.restart(|_| {}).await;
    let again = refreshed(&party, &token).await;
    assert_eq!(again.get("refresh_token"), successor.get("refresh_token"));
    provider.advance(TimeDelta::seconds(10));
    assert_refused(&party.refresh(&token).await);
    let provider = provider.restart(|_| {}).await;
    assert_refused(&party.refresh(&successor.get("refresh_token")).await);
    assert_eq!(
        party.userinfo(&successor.get("access_token")).await.status,
        401
    );
    provider.stop().await;
}

/// Attacks 39 and 40: two nodes that share the database.
#[actix_web::test]
async fn two_nodes_rotate_one_token_once() {
    let (provider, party, _, tokens) = begin(wish().await).await;
    let node = provider.another_node().await;
    let visitor = Visitor::default();
    let token = tokens.get("refresh_token");
    let ask = |address: std::net::SocketAddr| {
        let url = format!("http://{address}/token");
        let form = [("grant_type", "refresh_token"), ("refresh_token", &token)];
        let request = visitor
            .client()
            .post(&url)
            .basic_auth("ledger", Some(SECRET))
            .form(&form);
        let visitor = &visitor;
        async move { visitor.send(&url, request).await }
    };
    let both = [provider.config.listen, node.address()];
    let answers = join_all((0..20).map(|turn| ask(both[turn % 2]))).await;
    let successors: BTreeSet<_> = answers
        .iter()
        .map(|answer| answer.json()["refresh_token"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(successors.len(), 1);
    refreshed(&party, successors.first().unwrap()).await;
    node.stop().await;
    provider.stop().await;
}

#[actix_web::test]
async fn a_refresh_token_is_good_until_the_second_it_expires() {
    let wish = wish().await.manual_clock().configure(|config| {
        config.tokens.refresh = TimeDelta::hours(1);
    });
    let (provider, party, _, tokens) = begin(wish).await;
    provider.advance(TimeDelta::hours(1) - TimeDelta::milliseconds(1));
    let next = refreshed(&party, &tokens.get("refresh_token")).await;
    provider.advance(TimeDelta::hours(1));
    assert_refused(&party.refresh(&next.get("refresh_token")).await);
    provider.stop().await;
}

async fn sign_out(party: &RelyingParty, ada: &Visitor, tokens: &Tokens) {
    let id_token = tokens.get("id_token");
    ada.get(&party.end_session_url(&[("id_token_hint", &id_token)]))
        .await;
    let silent = ada.get(&party.authorize_url(&[("prompt", "none")])).await;
    assert_eq!(silent.parameter("error").unwrap(), "login_required");
}

#[actix_web::test]
async fn without_offline_access_a_refresh_token_dies_with_the_session() {
    let (provider, party, ada, tokens) = begin(wish().await).await;
    sign_out(&party, &ada, &tokens).await;
    assert_refused(&party.refresh(&tokens.get("refresh_token")).await);
    provider.stop().await;
}

#[actix_web::test]
async fn without_offline_access_a_refresh_token_dies_when_the_session_expires() {
    let wish = wish().await.manual_clock().configure(|config| {
        config.session.absolute = TimeDelta::hours(1);
    });
    let (provider, party, _, tokens) = begin(wish).await;
    provider.advance(TimeDelta::hours(1));
    assert_refused(&party.refresh(&tokens.get("refresh_token")).await);
    provider.stop().await;
}

/// Attack 46 (CVE-2022-3916, CVE-2025-12390): an offline grant that is mixed up with the next person's session.
#[actix_web::test]
async fn with_offline_access_it_survives_the_session_and_names_none_any_more() {
    let provider = wish().await.start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let tokens = party.tokens(&ada, &OFFLINE).await;
    let sub = tokens.id_claims(&provider.issuer).await["sub"].clone();
    sign_out(&party, &ada, &tokens).await;
    assert_eq!(
        party.userinfo(&tokens.get("access_token")).await.status,
        401
    );
    party.tokens(&ada, &[]).await;
    let after = refreshed(&party, &tokens.get("refresh_token")).await;
    let claims = after.id_claims(&provider.issuer).await;
    assert_eq!(claims["sub"], sub);
    assert!(claims.get("sid").is_none());
    assert_eq!(party.userinfo(&after.get("access_token")).await.status, 200);
    provider.stop().await;
}

/// Attack 41 (CVE-2023-22492): somebody who has been shut out refreshes.
#[actix_web::test]
async fn who_is_shut_out_refreshes_nothing_not_even_offline() {
    let provider = wish().await.start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let tokens = party.tokens(&ada, &OFFLINE).await;
    people::disable_user(provider.flows(), "ada")
        .await
        .unwrap()
        .unwrap();
    assert_refused(&party.refresh(&tokens.get("refresh_token")).await);
    provider.stop().await;
}

/// Attack 16 (CVE-2024-52287): more scope than was granted.
#[actix_web::test]
async fn the_scope_may_narrow_for_one_token_and_never_widens() {
    let provider = wish().await.start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let tokens = party.tokens(&ada, &[("scope", "openid email")]).await;
    let ask = async |token: &str, scope: &str| {
        party
            .token(&[
                ("grant_type", "refresh_token"),
                ("refresh_token", token),
                ("scope", scope),
            ])
            .await
    };
    let token = tokens.get("refresh_token");
    assert_eq!(
        json_error(&ask(&token, "openid profile").await),
        "invalid_scope"
    );
    let narrowed = ask(&token, "openid").await;
    assert_eq!(narrowed.json()["scope"], "openid");
    let next = narrowed.json()["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(ask(&next, "").await.json()["scope"], "email openid");
    provider.stop().await;
}
