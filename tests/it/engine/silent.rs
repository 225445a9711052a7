//! Applications that do not answer are left alone, and those that do lose nothing by them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use exeunt::flows::{deliver_logouts, end_session};
use exeunt::oidc::logout::breaker::PATIENCE;
use exeunt::oidc::logout::{Cause, DeliveryState};
use exeunt::server::{self, Seams};
use exeunt::store::deliveries::queue::{self, Lease, Share};
use exeunt::store::orders::OrderScope;
use uuid::Uuid;

use super::{breaker, end, quickly_signed, rows, wait_for_open};
use crate::support::eventually;
use crate::support::parts::sessions_with;
use crate::support::relying_party::Reply;
use crate::support::scene::Scene;

/// P4, P7: one that does not answer is left alone, and what is shown of its next try is true.
#[actix_web::test]
async fn p4_an_application_that_keeps_failing_is_asked_by_one_probe_at_a_time() {
    let scene = Scene::with(&["ledger"], quickly_signed, |wish| wish.manual_clock()).await;
    let (provider, ear) = (&scene.provider, &scene.applications[0].ear);
    ear.answer(Reply::Status(503));
    end(provider, 40, "ledger").await;
    let open = wait_for_open(provider, "ledger").await;
    assert_eq!(open.failures, PATIENCE);
    let asked = eventually(async || {
        let recorded = rows(provider, DeliveryState::Retrying).await.len();
        (recorded == ear.notices().len()).then_some(recorded)
    });
    let asked = asked.await.expect("every attempt is recorded");
    // Nobody's row was rewritten for it, yet none is shown as due before the breaker lets one pass.
    for row in rows(provider, DeliveryState::Pending).await {
        assert!(row.due_at >= open.open_until, "{row:?}");
    }
    // A second node knows of it.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = provider.config.clone();
    config.listen = listener.local_addr().unwrap();
    let seams = Seams {
        clock: Arc::clone(&provider.flows().clock),
        ..Seams::default()
    };
    let other = server::start_on(listener, config, seams).await.unwrap();
    provider.advance(TimeDelta::seconds(3));
    ear.wait_for(asked + 1).await;
    let reopened = eventually(async || {
        breaker(provider, "ledger")
            .await
            .filter(|breaker| breaker.failures > open.failures)
    });
    assert!(reopened.await.is_some(), "the probe is recorded");
    other.stop().await;
    assert_eq!(ear.notices().len(), asked + 1, "one probe, of two nodes");

    ear.answer(Reply::Status(200));
    provider.advance(TimeDelta::minutes(2));
    let all = eventually(async || {
        (rows(provider, DeliveryState::Confirmed).await.len() == 40).then_some(())
    });
    assert!(all.await.is_some(), "all go out at once when it answers");
    assert_eq!(breaker(provider, "ledger").await, None);
    scene.provider.stop().await;
}

/// P4: what was claimed for one that answered fast is not held, and not sent, once it does not.
#[actix_web::test]
async fn p4_nothing_is_held_for_an_application_that_stops_answering() {
    let scene = Scene::with(&["ledger"], quickly_signed, |wish| wish.manual_clock()).await;
    let (provider, ear) = (&scene.provider, &scene.applications[0].ear);
    sessions_with(provider.flows(), 600, &["ledger"]).await;
    end_session::end_many(provider.flows(), OrderScope::All, Cause::Administrator)
        .await
        .unwrap();
    ear.wait_for(150).await;
    ear.answer(Reply::Status(503));
    wait_for_open(provider, "ledger").await;
    let now = provider.flows().clock.now();
    let lease = Lease {
        id: provider.flows().random.row_id(now),
        until: now + TimeDelta::seconds(30),
    };
    let share = Share {
        client_id: "ledger".to_owned(),
        limit: 1_000,
    };
    let all_free = eventually(async || {
        let pending = rows(provider, DeliveryState::Pending).await.len();
        let confirmed = rows(provider, DeliveryState::Confirmed).await.len();
        let retrying = rows(provider, DeliveryState::Retrying).await.len();
        if pending + confirmed + retrying < 600 {
            return None;
        }
        // Taken and, the transaction being left, not kept.
        let tx = provider.flows().database.begin().await.unwrap();
        let free = queue::claim(&tx, std::slice::from_ref(&share), lease, now).await;
        (free.unwrap().len() == pending).then_some(retrying)
    });
    let failed = all_free.await.expect("nothing is held");
    // What was under way when it began to fail, and no queue beside it.
    assert!(failed < 120, "{failed}");
    scene.provider.stop().await;
}

/// P4: a breaker is not forgotten by a restart, and an administrator can ask for the probe.
#[actix_web::test]
async fn a_breaker_survives_a_restart_and_a_retry_sends_the_probe_at_once() {
    let names = ["ledger"];
    let mut scene = Scene::with(&names, quickly_signed, |wish| wish.manual_clock()).await;
    scene.applications[0].ear.answer(Reply::Status(500));
    end(&scene.provider, 12, "ledger").await;
    let open = wait_for_open(&scene.provider, "ledger").await;
    scene.provider = scene.provider.restart(|_| {}).await;
    let (provider, ear) = (&scene.provider, &scene.applications[0].ear);
    assert_eq!(breaker(provider, "ledger").await, Some(open));
    ear.answer(Reply::Status(200));
    let waiting = rows(provider, DeliveryState::Pending).await;
    let ids: Vec<Uuid> = waiting.iter().map(|row| row.id).collect();
    assert!(!ids.is_empty());
    let due = deliver_logouts::retry(provider.flows(), &ids)
        .await
        .unwrap();
    assert_eq!(due, ids.len());
    let told = eventually(async || {
        let confirmed = rows(provider, DeliveryState::Confirmed).await;
        (confirmed.len() >= ids.len()).then_some(())
    });
    assert!(told.await.is_some());
    scene.provider.stop().await;
}

/// P2: what nobody tries any more is dead and visible too, not waiting for ever.
#[actix_web::test]
async fn p2_what_waits_behind_an_open_breaker_is_dead_when_its_time_is_over() {
    let scene = Scene::with(&["ledger"], quickly_signed, |wish| {
        wish.manual_clock().configure(|config| {
            config.logout.give_up_after = TimeDelta::minutes(20);
        })
    })
    .await;
    let provider = &scene.provider;
    scene.applications[0].ear.answer(Reply::Status(500));
    end(provider, 30, "ledger").await;
    wait_for_open(provider, "ledger").await;
    let dead = eventually(async || {
        provider.advance(TimeDelta::seconds(40));
        (rows(provider, DeliveryState::Dead).await.len() == 30).then_some(())
    });
    assert!(dead.await.is_some());
    assert!(scene.applications[0].ear.notices().len() < 100);
    scene.provider.stop().await;
}

/// P4: many notices for an application that answers go out many at once, and delay nobody else's.
#[actix_web::test]
async fn p4_a_long_queue_goes_out_fast_and_lets_others_pass() {
    let scene = Scene::with(&["ledger", "atlas"], quickly_signed, |wish| wish).await;
    let provider = &scene.provider;
    sessions_with(provider.flows(), 1_500, &["ledger"]).await;
    let began = Instant::now();
    let scope = OrderScope::Client("ledger".to_owned());
    end_session::end_many(provider.flows(), scope, Cause::Administrator)
        .await
        .unwrap();
    scene.applications[0].ear.wait_for(200).await;
    let there = Instant::now();
    end(provider, 1, "atlas").await;
    scene.applications[1].ear.wait_for(1).await;
    let waited = there.elapsed();
    assert!(waited < Duration::from_secs(2), "{waited:?}");
    let all = eventually(async || {
        (rows(provider, DeliveryState::Confirmed).await.len() == 1_501).then_some(())
    });
    assert!(all.await.is_some(), "{:?}", began.elapsed());
    assert_eq!(scene.applications[0].ear.notices().len(), 1_500);
    scene.provider.stop().await;
}
