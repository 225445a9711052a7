//! Notices that are held by this server's dispatcher from the first: none is sent by who holds it no more, and none
//! waits for its lease because somebody hung up.

use std::cell::OnceCell;
use std::pin::pin;
use std::task::Poll;

use chrono::TimeDelta;
use exeunt::flows::{deliver_logouts, end_session};
use exeunt::oidc::client::ClientMetadata;
use exeunt::oidc::logout::{Cause, DeliveryState};
use exeunt::store::{deliveries, delivery_attempts, sessions};

use super::{quickly_signed, rows};
use crate::support::eventually;
use crate::support::parts::session_with;
use crate::support::relying_party::{Ear, Reply};
use crate::support::scene::Scene;

/// Goes on with a future until it has been woken so often, and drops it then, as a server does when its client hangs up.
async fn woken_at_most<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut woken = 0;
    std::future::poll_fn(|context| {
        if woken == times {
            return Poll::Ready(None);
        }
        woken += 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// P2: who asks for another try is not put off by what comes of the one that is under way. The clock stands still: what was
/// put off would never be due.
#[actix_web::test]
async fn p2_a_retry_is_not_put_off_by_an_attempt_that_hangs() {
    let scene = Scene::with(&["ledger"], quickly_signed, |wish| wish.manual_clock()).await;
    let (flows, ear) = (scene.provider.flows(), &scene.applications[0].ear);
    ear.answer_next(&[Reply::Hang]);
    let session_id = session_with(flows, &["ledger"]).await;
    let ending = end_session::end_session(flows, session_id, Cause::Administrator);
    ending.await.unwrap();
    ear.wait_for(1).await;
    let known = deliveries::of_session(flows.database.read(), session_id).await;
    let due = deliver_logouts::retry(flows, &[known.unwrap()[0].id]).await;
    assert_eq!(due.unwrap(), 1);
    let confirmed = eventually(async || {
        flows.work.notify_one();
        rows(&scene.provider, DeliveryState::Confirmed).await.pop()
    });
    let confirmed = confirmed.await.expect("it is tried again");
    let tries = delivery_attempts::list(flows.database.read(), confirmed.id).await;
    assert_eq!(tries.unwrap().len(), 2);
    scene.provider.stop().await;
}

/// P2: the clock stands still, so that no lease ever ends: what is not handed over would never be sent.
#[actix_web::test]
async fn p2_whenever_a_person_hangs_up_what_has_ended_is_told_without_waiting_for_a_lease() {
    let scene = Scene::with(&["ledger"], quickly_signed, |wish| wish.manual_clock()).await;
    let flows = scene.provider.flows();
    let db = flows.database.read();
    let (mut left, mut ended) = (Vec::new(), Vec::new());
    // How often it wakes depends on how busy the machine is: until one was left after its commit.
    for _ in 0..50 {
        for times in 1.. {
            let id = session_with(flows, &["ledger"]).await;
            let end = end_session::end_session(flows, id, Cause::OneSession);
            if let Some(ended) = woken_at_most(times, end).await {
                assert!(ended.unwrap());
                break;
            }
            left.push(id);
        }
        ended.clear();
        for id in &left {
            let session = sessions::find(db, *id).await.unwrap().unwrap();
            ended.extend(session.ended_at.map(|_| *id));
        }
        if !ended.is_empty() {
            break;
        }
    }
    assert!(!ended.is_empty(), "{} were left", left.len());
    let told = eventually(async || {
        for id in &ended {
            let rows = deliveries::of_session(db, *id).await.unwrap();
            if rows[0].state != DeliveryState::Confirmed {
                return None;
            }
        }
        Some(())
    });
    assert!(told.await.is_some(), "of {} not all were told", ended.len());
    scene.provider.stop().await;
}

/// P2: by then another node may have it, and have sent it.
#[actix_web::test]
async fn a_notice_that_waited_beyond_its_lease_is_not_sent_by_who_held_it() {
    // Two applications behind one address, of which one waits for the other.
    let uri = OnceCell::new();
    let describe = |name: &str, ear: &Ear| ClientMetadata {
        backchannel_logout_uri: uri
            .get_or_init(|| ear.backchannel_logout_uri())
            .clone()
            .into(),
        ..quickly_signed(name, ear)
    };
    let names = ["ledger", "atlas"];
    let scene = Scene::with(&names, describe, |wish| wish.manual_clock()).await;
    let (provider, ear) = (&scene.provider, &scene.applications[0].ear);
    let db = provider.flows().database.read();
    ear.answer_next(&[Reply::Held]);
    let id = session_with(provider.flows(), &names).await;
    end_session::end_session(provider.flows(), id, Cause::OneSession)
        .await
        .unwrap();
    ear.wait_for(1).await;
    // The one that waits, and the one under way, are another node's, which takes its time.
    let other = "UPDATE logout_deliveries SET lease = NULL, lease_until = 99999999999999";
    scene.sql(other).await;
    provider.advance(TimeDelta::seconds(31));
    ear.release();
    let attempts = async || {
        let mut counts = Vec::new();
        for row in deliveries::of_session(db, id).await.unwrap() {
            counts.push(delivery_attempts::list(db, row.id).await.unwrap().len());
        }
        counts.sort_unstable();
        counts
    };
    let first = eventually(async || (attempts().await.last() == Some(&1)).then_some(()));
    assert!(first.await.is_some(), "the first is on record");

    // What it confirmed is confirmed, whoever has it. The other node gives both back.
    scene
        .sql("UPDATE logout_deliveries SET lease_until = NULL")
        .await;
    let both = eventually(async || {
        provider.flows().work.notify_one();
        (rows(provider, DeliveryState::Confirmed).await.len() == 2).then_some(())
    });
    assert!(both.await.is_some());
    assert_eq!(attempts().await, [1, 1]);
    assert_eq!(ear.notices().len(), 2);
    scene.provider.stop().await;
}
