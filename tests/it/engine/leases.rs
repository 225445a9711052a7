//! Who holds a notice, and until when.

use std::sync::Arc;

use chrono::TimeDelta;
use exeunt::flows::end_session;
use exeunt::oidc::logout::{Cause, DeliveryState};
use exeunt::server::{self, Seams};
use exeunt::store::deliveries::queue::{self, Lease, Share};
use exeunt::store::deliveries::{self, Delivery};
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
