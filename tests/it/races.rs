//! What happens at the same time: sign-outs against everything that a session gives, and workers among themselves.

use std::collections::HashMap;

use chrono::TimeDelta;
use exeunt::flows::end_session;
use exeunt::oidc::logout::{Cause, DeliveryState};
use exeunt::store;
use exeunt::store::deliveries::queue::{self, Lease, Settled, Share};
use exeunt::store::deliveries::{self, Delivery};
use exeunt::store::orders::OrderScope;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::Notify;

use crate::support::eventually;
use crate::support::parts::notice;
use crate::support::provider::provider;
use crate::support::relying_party::Tokens;
use crate::support::scene::Scene;
use crate::support::visitor::Visitor;

/// P2: nobody joins a session after its participants were counted. Attack 61.
#[actix_web::test]
async fn p2_of_fifty_redemptions_against_a_sign_out_each_fails_or_its_application_is_told() {
    let names = ["a", "b", "c", "d", "e"];
    let scene = Scene::of(&names).await;
    let issuer = &scene.provider.issuer;
    let (mut given, mut refused) = (0, 0);
    // The sign-out begins with the first, in between, and with the last.
    for place in [0, 12, 25, 49] {
        let ada = Visitor::default();
        let first = scene.applications[0].tokens(&ada, &[]).await;
        let mut codes = Vec::new();
        for number in 0..50 {
            let application = &scene.applications[number % names.len()];
            let answer = application.sign_in(&ada, &[]).await;
            codes.push((application, answer.parameter("code").unwrap()));
        }
        let hint = first.get("id_token");
        let sign_out = scene.applications[0].end_session_url(&[("id_token_hint", &hint)]);
        let now = Notify::new();
        let redemptions = codes
            .iter()
            .enumerate()
            .map(async |(number, (application, code))| {
                if number == place {
                    now.notify_one();
                }
                application.redeem(code, &[]).await
            });
        let redemptions = stream::iter(redemptions).buffered(10).collect::<Vec<_>>();
        let leave = async {
            now.notified().await;
            ada.get(&sign_out).await
        };
        let (answers, left) = tokio::join!(redemptions, leave);
        assert_eq!(left.status, 303);
        assert!(!scene.is_signed_in(&ada).await);
        for ((application, _), answer) in codes.iter().zip(answers) {
            if answer.status != 200 {
                assert_eq!(answer.json()["error"], "invalid_grant", "{}", answer.body);
                refused += 1;
                continue;
            }
            given += 1;
            let tokens = Tokens { all: answer.json() };
            application.told_of(&tokens.sid(issuer).await, issuer).await;
            let answer = application.userinfo(&tokens.get("access_token")).await;
            assert_eq!(answer.status, 401);
        }
    }
    assert!(given > 0 && refused > 0, "{given} given, {refused} refused");
    scene.provider.stop().await;
}

#[actix_web::test]
async fn a_session_that_several_causes_end_at_once_ends_once() {
    let scene = Scene::of(&["ledger", "atlas"]).await;
    let issuer = &scene.provider.issuer;
    let flows = scene.provider.flows();
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let sid = tokens[0].sid(issuer).await;
    let session_id = scene.session_id(&sid).await;
    let causes = [
        Cause::Logout,
        Cause::Administrator,
        Cause::Expired,
        Cause::PasswordChanged,
    ];
    let ends = join_all(causes.map(|cause| end_session::end_session(flows, session_id, cause)));
    let alone = end_session::end_participation(flows, session_id, "atlas", Cause::OneApplication);
    let (ends, alone) = tokio::join!(ends, alone);
    alone.unwrap();
    let ended = ends.into_iter().filter(|ended| *ended.as_ref().unwrap());
    assert_eq!(ended.count(), 1);
    for (application, tokens) in scene.applications.iter().zip(&tokens) {
        let sid = tokens.sid(issuer).await;
        scene.wait_for_state(&sid, DeliveryState::Confirmed).await;
        assert_eq!(application.ear.notices().len(), 1);
    }
    assert_eq!(scene.deliveries(&sid).await.len(), 2);
    scene.provider.stop().await;
}

/// Two nodes share the work: a row that one has claimed the other leaves alone.
#[actix_web::test]
async fn two_nodes_deliver_each_notice_once() {
    let scene = Scene::of(&["ledger", "atlas"]).await;
    let issuer = &scene.provider.issuer;
    let other = scene.provider.another_node().await;
    let mut sids = Vec::new();
    for _ in 0..15 {
        for tokens in scene.sign_in_everywhere(&Visitor::default()).await {
            sids.push(tokens.sid(issuer).await);
        }
    }
    let ordered = end_session::end_many(
        scene.provider.flows(),
        OrderScope::All,
        Cause::Administrator,
    );
    ordered.await.unwrap();
    for sid in &sids {
        let row = eventually(async || {
            let row = scene.deliveries(sid).await;
            row.into_iter()
                .find(|row| row.sid.to_string() == *sid && row.state == DeliveryState::Confirmed)
        });
        assert!(row.await.is_some(), "{sid} was never confirmed");
    }
    let mut heard: HashMap<String, usize> = HashMap::new();
    for application in &scene.applications {
        for claims in application.told(15, issuer).await {
            *heard
                .entry(claims["sid"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
    }
    assert_eq!(heard.len(), sids.len());
    assert!(heard.values().all(|count| *count == 1), "{heard:?}");
    other.stop().await;
    scene.provider.stop().await;
}

/// P2, P7: a worker that was away too long changes nothing when it comes back.
#[actix_web::test]
async fn p7_a_late_acknowledgement_of_a_lost_lease_changes_nothing() {
    let (provider, _folder) = provider().await.open().await;
    let row = notice(&provider, "ledger");
    let now = row.created_at;
    let lease_for = TimeDelta::seconds(30);
    let tx = provider.database.begin().await.unwrap();
    deliveries::insert(&tx, std::slice::from_ref(&row), None)
        .await
        .unwrap();
    store::commit(tx).await.unwrap();

    let claim = async |now| {
        let lease = Lease {
            id: provider.random.row_id(now),
            until: now + lease_for,
        };
        let share = Share {
            client_id: "ledger".to_owned(),
            limit: 8,
        };
        let tx = provider.database.begin().await.unwrap();
        let claimed = queue::claim(&tx, &[share], lease, now).await;
        store::commit(tx).await.unwrap();
        (lease.id, claimed.unwrap())
    };
    let acknowledge = async |delivery: &Delivery, lease| {
        let tx = provider.database.begin().await.unwrap();
        let settled = Settled { delivery, lease };
        let ours = queue::acknowledge(&tx, &[settled]).await.unwrap();
        store::commit(tx).await.unwrap();
        ours == [delivery.id]
    };
    let stored = async || {
        let found = deliveries::find(provider.database.read(), row.id).await;
        found.unwrap().unwrap()
    };

    let (lost, claimed) = claim(now).await;
    assert_eq!(claimed, std::slice::from_ref(&row));
    let (_, claimed) = claim(now + lease_for - TimeDelta::milliseconds(1)).await;
    assert_eq!(claimed, [], "the lease is held");
    let later = now + lease_for;
    let (held, claimed) = claim(later).await;
    assert_eq!(claimed, std::slice::from_ref(&row), "the lease ran out");

    let refused = Delivery {
        state: DeliveryState::Refused,
        due_at: None,
        finished_at: Some(later),
        ..row.clone()
    };
    assert!(!acknowledge(&refused, lost).await);
    assert_eq!(stored().await, row, "late: nothing changes");
    let confirmed = Delivery {
        state: DeliveryState::Confirmed,
        attempts: 1,
        ..refused.clone()
    };
    assert!(acknowledge(&confirmed, held).await);
    assert_eq!(stored().await, confirmed);
    assert!(!acknowledge(&refused, lost).await);
    assert!(!acknowledge(&refused, held).await, "a lease is good once");
    assert_eq!(stored().await, confirmed);
    let (_, claimed) = claim(later + TimeDelta::days(1)).await;
    assert_eq!(claimed, [], "what is confirmed is never due");
    provider.database.close().await;
}
