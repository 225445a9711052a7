//! The delivery engine: breakers, shares, leases, hints between nodes, each client's own settings, and what is
//! forgotten.

mod handed_over;
mod leases;
mod settings;
mod silent;

use chrono::TimeDelta;
use exeunt::flows::{end_session, redeem};
use exeunt::oidc::algorithm::SigningAlgorithm;
use exeunt::oidc::client::ClientMetadata;
use exeunt::oidc::duration::Lifetime;
use exeunt::oidc::logout::breaker::Breaker;
use exeunt::oidc::logout::{Cause, DeliveryState};
use exeunt::oidc::scope::Scope;
use exeunt::store::deliveries::{self, Delivery};
use exeunt::store::{breakers, clients, grants, participants, sessions};
use uuid::Uuid;

use crate::support::eventually;
use crate::support::parts::{session_with, sessions_with};
use crate::support::provider::Provider;
use crate::support::relying_party::{Ear, Reply};
use crate::support::scene::{Scene, by_server};

fn quickly_signed(_: &str, ear: &Ear) -> ClientMetadata {
    ClientMetadata {
        id_token_signed_response_alg: SigningAlgorithm::ES256.into(),
        ..by_server(ear)
    }
}

/// Ends sessions of one client that nobody signed in to; answers which.
async fn end(provider: &Provider, count: usize, client_id: &str) -> Vec<Uuid> {
    let ids = sessions_with(provider.flows(), count, &[client_id]).await;
    for id in &ids {
        end_session::end_session(provider.flows(), *id, Cause::Administrator)
            .await
            .unwrap();
    }
    ids
}

async fn rows(provider: &Provider, state: DeliveryState) -> Vec<Delivery> {
    let db = provider.flows().database.read();
    deliveries::list(db, &[state], None, 100_000).await.unwrap()
}

async fn breaker(provider: &Provider, client_id: &str) -> Option<Breaker> {
    let known = breakers::all(provider.flows().database.read()).await;
    known.unwrap().get(client_id).copied()
}

async fn wait_for_open(provider: &Provider, client_id: &str) -> Breaker {
    let open = eventually(async || {
        breaker(provider, client_id)
            .await
            .filter(|breaker| breaker.open_until.is_some())
    });
    open.await.expect("the breaker opens")
}

/// What is over is forgotten after `logout.keep_receipts`, and nothing that is not.
#[actix_web::test]
async fn what_is_over_is_forgotten_in_time_and_nothing_that_is_open_or_lives() {
    let describe = |name: &str, ear: &Ear| ClientMetadata {
        logout_give_up_after: (name == "deaf").then_some(Lifetime(TimeDelta::days(30))),
        ..quickly_signed(name, ear)
    };
    let scene = Scene::with(&["ledger", "deaf"], describe, |wish| {
        wish.manual_clock()
            .configure(|config| config.logout.keep_receipts = TimeDelta::days(10))
    })
    .await;
    let (provider, flows) = (&scene.provider, scene.provider.flows());
    let db = flows.database.read();
    let program = clients::find(db, "ledger").await.unwrap().unwrap().client;
    let scope = || Scope::parse("ledger:read").unwrap();
    redeem::client_credentials(flows, &program, scope(), None)
        .await
        .unwrap()
        .unwrap();
    let standing = grants::find_of_client(db, "ledger", "ledger:read", &[])
        .await
        .unwrap()
        .unwrap();
    scene.applications[1].ear.answer(Reply::Status(500));
    let over = end(provider, 600, "ledger").await;
    let open = end(provider, 1, "deaf").await[0];
    let living = session_with(flows, &["ledger"]).await;
    let done = eventually(async || {
        (rows(provider, DeliveryState::Confirmed).await.len() == 600).then_some(())
    });
    assert!(done.await.is_some());

    provider.advance(TimeDelta::days(9));
    let still = sessions::find(db, over[0]).await.unwrap();
    assert!(still.is_some(), "kept for as long as the setting says");
    let forgotten = eventually(async || {
        provider.advance(TimeDelta::hours(6));
        for id in &over {
            if sessions::find(db, *id).await.unwrap().is_some() {
                return None;
            }
        }
        rows(provider, DeliveryState::Confirmed)
            .await
            .is_empty()
            .then_some(())
    });
    assert!(forgotten.await.is_some());
    for id in [open, living] {
        assert!(sessions::find(db, id).await.unwrap().is_some());
        assert_eq!(participants::list(db, &[id]).await.unwrap().len(), 1);
    }
    assert_eq!(deliveries::of_session(db, open).await.unwrap().len(), 1);
    // A program's own grant is for as long as the program is known.
    let still = grants::find(db, standing.id).await.unwrap();
    assert!(still.is_some_and(|grant| grant.revoked_at.is_none()));
    scene.provider.stop().await;
}
