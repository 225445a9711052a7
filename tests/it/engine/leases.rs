//! Who holds a notice, and until when.

use std::sync::Arc;

use chrono::TimeDelta;
use exeunt::flows::end_session;
use exeunt::oidc::logout::{Cause, DeliveryState};
use exeunt::server::{self, Seams};
use exeunt::store::deliveries::queue::{self, Lease, Settled, Share};
use exeunt::store::deliveries::{self, Delivery};
use exeunt::store::delivery_attempts::Attempt;
use exeunt::store::orders::OrderScope;
use exeunt::store::{self, Database, delivery_attempts};
use uuid::Uuid;

use super::{end, quickly_signed};
use crate::support::eventually;
use crate::support::parts::{notice, session_with, sessions_with};
use crate::support::provider::database;
use crate::support::relying_party::Reply;
use crate::support::scene::Scene;

/// P2: two nodes that claim at the same moment take different rows.
#[actix_web::test]
async fn claims_at_the_same_time_share_the_rows() {
    let (provider, _folder) = crate::support::provider::provider()
        .await
        .client(
            "ledger",
            crate::support::provider::metadata("https://ledger.example"),
        )
        .open()
        .await;
    exeunt::flows::declare::apply(&provider).await.unwrap();
    let rows: Vec<Delivery> = (0..60).map(|_| notice(&provider, "ledger")).collect();
    let now = provider.clock.now();
    let tx = provider.database.begin().await.unwrap();
    deliveries::insert(&tx, &rows, None).await.unwrap();
    store::commit(tx).await.unwrap();
    let due = queue::due_clients(provider.database.read(), now).await;
    assert_eq!(due.unwrap(), ["ledger"]);
    let claim = async || {
        let lease = Lease {
            id: provider.random.row_id(now),
            until: now + TimeDelta::seconds(30),
        };
        let share = Share {
            client_id: "ledger".to_owned(),
            limit: 15,
        };
        let tx = provider.database.begin().await.unwrap();
        let claimed = queue::claim(&tx, &[share], lease, now).await.unwrap();
        store::commit(tx).await.unwrap();
        (lease.id, claimed)
    };
    let claims = futures_util::future::join_all((0..4).map(|_| claim())).await;
    let mut all: Vec<Uuid> = claims
        .iter()
        .flat_map(|(_, rows)| rows.iter().map(|row| row.id))
        .collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 60, "no row twice, none left");
    assert_eq!(
        queue::due_clients(provider.database.read(), now)
            .await
            .unwrap(),
        Vec::<String>::new()
    );

    // One gives its rows back: they are free, and nobody else's are.
    let (lease, given_back) = &claims[0];
    let held: Vec<(Uuid, Uuid)> = rows.iter().map(|row| (row.id, *lease)).collect();
    let tx = provider.database.begin().await.unwrap();
    queue::release(&tx, &held).await.unwrap();
    store::commit(tx).await.unwrap();
    let (_, again) = claim().await;
    let ids = |rows: &[Delivery]| {
        let mut ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids(&again), ids(given_back));
    provider.database.close().await;
}

/// P7: an attempt whose lease was lost is on record, and changes nothing else.
#[actix_web::test]
async fn p7_an_attempt_that_lost_its_lease_is_on_record_and_changes_nothing_else() {
    let scene = Scene::with(&["ledger"], quickly_signed, |wish| wish).await;
    let (provider, ear) = (&scene.provider, &scene.applications[0].ear);
    ear.answer_next(&[Reply::Hang]);
    let session_id = end(provider, 1, "ledger").await[0];
    ear.wait_for(1).await;
    let db = provider.flows().database.read();
    let row = deliveries::of_session(db, session_id).await.unwrap();
    // Another node has it: its lease is not ours any more.
    scene
        .sql("UPDATE logout_deliveries SET lease = NULL, lease_until = 99999999999999")
        .await;
    let attempts = eventually(async || {
        let known = delivery_attempts::list(db, row[0].id).await.unwrap();
        (!known.is_empty()).then_some(known)
    });
    let attempts = attempts.await.expect("the attempt is on record");
    assert_eq!(attempts[0].problem.as_deref(), Some("no answer in time"));
    assert_eq!(deliveries::of_session(db, session_id).await.unwrap(), row);
    scene.provider.stop().await;
}

/// P7: what an application has confirmed is confirmed, whoever is about to tell it again; no other late answer counts.
#[actix_web::test]
async fn p7_a_confirmation_counts_whoever_holds_the_notice() {
    let metadata = crate::support::provider::metadata("https://ledger.example");
    let wish = crate::support::provider::provider().await;
    let (provider, _folder) = wish.client("ledger", metadata).open().await;
    exeunt::flows::declare::apply(&provider).await.unwrap();
    let now = provider.clock.now();
    let as_it_was = [
        (DeliveryState::Pending, DeliveryState::Confirmed),
        (DeliveryState::Refused, DeliveryState::Confirmed),
        (DeliveryState::Abandoned, DeliveryState::Abandoned),
    ];
    let rows = as_it_was.map(|(state, _)| Delivery {
        state,
        ..notice(&provider, "ledger")
    });
    let late = notice(&provider, "ledger");
    let tx = provider.database.begin().await.unwrap();
    let all = [&rows[..], std::slice::from_ref(&late)].concat();
    deliveries::insert(&tx, &all, None).await.unwrap();
    store::commit(tx).await.unwrap();
    let answered = |row: &Delivery, state| Delivery {
        state,
        due_at: None,
        ..row.clone()
    };
    let mut settled = rows
        .each_ref()
        .map(|row| answered(row, DeliveryState::Confirmed))
        .to_vec();
    settled.push(answered(&late, DeliveryState::Failed));
    let lease = provider.random.row_id(now);
    let settled: Vec<Settled<'_>> = settled
        .iter()
        .map(|delivery| Settled { delivery, lease })
        .collect();
    let tx = provider.database.begin().await.unwrap();
    let mut ours = queue::acknowledge(&tx, &settled).await.unwrap();
    store::commit(tx).await.unwrap();
    ours.sort_unstable();
    let mut wanted = [rows[0].id, rows[1].id];
    wanted.sort_unstable();
    assert_eq!(ours, wanted);
    let db = provider.database.read();
    for (row, (_, state)) in rows.iter().zip(as_it_was) {
        let known = deliveries::find(db, row.id).await.unwrap().unwrap();
        assert_eq!(known.state, state);
    }
    assert_eq!(deliveries::find(db, late.id).await.unwrap(), Some(late));
}

/// Two nodes that were answered about the same notice record it at the same time: neither waits for the other's end.
#[actix_web::test]
async fn nodes_that_record_answers_to_one_notice_do_not_lock_each_other_out() {
    let metadata = crate::support::provider::metadata("https://ledger.example");
    let wish = crate::support::provider::provider().await;
    let (provider, _folder) = wish.client("ledger", metadata).open().await;
    // SQLite has one writer.
    if !provider.config.database.is_postgres() {
        return;
    }
    exeunt::flows::declare::apply(&provider).await.unwrap();
    let now = provider.clock.now();
    let row = notice(&provider, "ledger");
    let tx = provider.database.begin().await.unwrap();
    let rows = std::slice::from_ref(&row);
    deliveries::insert(&tx, rows, None).await.unwrap();
    store::commit(tx).await.unwrap();
    let confirmed = Delivery {
        state: DeliveryState::Confirmed,
        due_at: None,
        ..row.clone()
    };
    let record = async |tx: &store::Transaction| {
        let attempt = Attempt {
            jti: provider.random.identifier(),
            delivery_id: row.id,
            at: now,
            outcome: "confirmed".to_owned(),
            status: Some(200),
            latency: 1,
            problem: None,
        };
        delivery_attempts::insert(tx, &[attempt]).await.unwrap();
    };
    let (one, other) = tokio::join!(provider.database.begin(), provider.database.begin());
    let (one, other) = (one.unwrap(), other.unwrap());
    record(&one).await;
    record(&other).await;
    let finish = async |tx: store::Transaction| {
        let settled = Settled {
            delivery: &confirmed,
            lease: provider.random.row_id(now),
        };
        let ours = queue::acknowledge(&tx, &[settled]).await.unwrap();
        store::commit(tx).await.unwrap();
        ours.len()
    };
    let (one, other) = tokio::join!(finish(one), finish(other));
    assert_eq!(one + other, 1, "one of them settles it");
}

/// P2: a server that stops gives back what it has claimed and not tried, so that the next one need not wait.
#[actix_web::test]
async fn a_server_that_stops_finishes_what_is_under_way_and_holds_nothing() {
    // The database outlives the server.
    let folder = tempfile::tempdir().unwrap();
    let url = database(&folder).await;
    let scene = Scene::with(&["ledger"], quickly_signed, |wish| {
        wish.configure(|config| config.database = url.clone())
    })
    .await;
    sessions_with(scene.provider.flows(), 800, &["ledger"]).await;
    end_session::end_many(
        scene.provider.flows(),
        OrderScope::All,
        Cause::Administrator,
    )
    .await
    .unwrap();
    scene.applications[0].ear.wait_for(150).await;
    let (clock, random) = {
        let flows = scene.provider.flows();
        (Arc::clone(&flows.clock), Arc::clone(&flows.random))
    };
    scene.provider.stop().await;
    // What the application confirmed is on record, what it did not is free.
    let database = Database::open(url.as_str(), 2).await.unwrap();
    let share = Share {
        client_id: "ledger".to_owned(),
        limit: 1_000,
    };
    let now = clock.now();
    let lease = Lease {
        id: random.row_id(now),
        until: now,
    };
    let told = scene.applications[0].ear.notices().len();
    let confirmed = deliveries::list(database.read(), &[DeliveryState::Confirmed], None, 1_000);
    assert_eq!(confirmed.await.unwrap().len(), told);
    let written = deliveries::list(database.read(), &DeliveryState::ALL, None, 1_000);
    let written = written.await.unwrap().len();
    let tx = database.begin().await.unwrap();
    let free = queue::claim(&tx, &[share], lease, now).await.unwrap();
    store::commit(tx).await.unwrap();
    assert_eq!(free.len(), written - told);
    database.close().await;
}

/// A clock that stands still looks for nothing: only a hint can tell of the other process's work.
#[actix_web::test]
async fn on_postgresql_a_node_hears_at_once_of_what_another_process_left() {
    let scene = Scene::with(&["ledger"], quickly_signed, |wish| wish.manual_clock()).await;
    if scene.provider.config.database.is_postgres() {
        let seams = Seams {
            clock: Arc::clone(&scene.provider.flows().clock),
            ..Seams::default()
        };
        let other = server::open(scene.provider.config.clone(), seams).await;
        let other = other.unwrap();
        let session_id = session_with(scene.provider.flows(), &["ledger"]).await;
        end_session::end_session(&other, session_id, Cause::Administrator)
            .await
            .unwrap();
        scene.applications[0].ear.wait_for(1).await;
        other.database.close().await;
    }
    scene.provider.stop().await;
}
