//! The delivery engine: breakers, shares, leases, hints between nodes, each client's own settings, and what is
//! forgotten.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use exeunt::flows::{deliver_logouts, end_session, redeem};
use exeunt::oidc::algorithm::SigningAlgorithm;
use exeunt::oidc::client::{ClientMetadata, LogoutTokenSubject};
use exeunt::oidc::duration::Lifetime;
use exeunt::oidc::logout::breaker::{Breaker, PATIENCE};
use exeunt::oidc::logout::{Cause, DeliveryState};
use exeunt::oidc::scope::Scope;
use exeunt::server::{self, Seams};
use exeunt::store::deliveries::queue::{self, Lease, Share};
use exeunt::store::deliveries::{self, Delivery};
use exeunt::store::orders::OrderScope;
use exeunt::store::{
    self, Database, breakers, clients, delivery_attempts, grants, participants, sessions,
};
use uuid::Uuid;

use crate::support::eventually;
use crate::support::parts::{session_with, sessions_with};
use crate::support::provider::{Provider, database};
use crate::support::relying_party::{Ear, Reply};
use crate::support::scene::{Scene, by_server};
use crate::support::visitor::Visitor;

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
    let now = provider.clock.now();
    let template = Delivery {
        id: Uuid::nil(),
        session_id: provider.random.identifier(),
        sid: provider.random.identifier(),
        client_id: "ledger".to_owned(),
        user_id: provider.random.identifier(),
        channel: exeunt::oidc::logout::Channel::Back,
        state: DeliveryState::Pending,
        cause: Cause::Logout,
        order_id: None,
        attempts: 0,
        created_at: now,
        due_at: Some(now),
        give_up_at: now + TimeDelta::days(1),
        believes_until: now,
        finished_at: None,
        last_status: None,
        last_problem: None,
    };
    let rows: Vec<Delivery> = (0..60)
        .map(|_| Delivery {
            id: provider.random.row_id(now),
            ..template.clone()
        })
        .collect();
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

/// Attack 57: a token that names the person alone ends no session that goes on.
#[actix_web::test]
async fn each_client_is_told_of_whom_it_wants_to_be_told_of() {
    let describe = |name: &str, ear: &Ear| ClientMetadata {
        logout_token_subject: match name {
            "sid" => LogoutTokenSubject::Sid,
            "sub" => LogoutTokenSubject::Sub,
            _ => LogoutTokenSubject::SubAndSid,
        },
        ..by_server(ear)
    };
    let scene = Scene::with(&["both", "sid", "sub"], describe, |wish| wish).await;
    let issuer = &scene.provider.issuer;
    let (here, there) = (Visitor::default(), Visitor::default());
    let first = scene.sign_in_everywhere(&here).await;
    let second = scene.sign_in_everywhere(&there).await;
    for (number, tokens) in [(1, &first), (2, &second)] {
        let session_id = scene.session_id(&tokens[0].sid(issuer).await).await;
        end_session::end_session(scene.provider.flows(), session_id, Cause::Administrator)
            .await
            .unwrap();
        for (application, tokens) in scene.applications.iter().zip(tokens) {
            let told = application.told(number, issuer).await;
            let claims = &told[number - 1];
            let names = (claims.get("sub").is_some(), claims.get("sid").is_some());
            let expected = match (application.client_id.as_str(), number) {
                ("sid", _) => (false, true),
                // Once no session of theirs goes on there.
                ("sub", 2) => (true, false),
                _ => (true, true),
            };
            assert_eq!(names, expected, "{} {number}", application.client_id);
            if names.1 {
                assert_eq!(claims["sid"], *tokens.sid(issuer).await);
            }
        }
    }
    scene.provider.stop().await;
}

#[actix_web::test]
async fn each_client_has_its_own_time_until_its_notices_are_given_up() {
    let describe = |name: &str, ear: &Ear| ClientMetadata {
        logout_give_up_after: (name == "short").then_some(Lifetime(TimeDelta::minutes(3))),
        ..quickly_signed(name, ear)
    };
    let scene = Scene::with(&["short", "usual"], describe, |wish| wish).await;
    let session_id = session_with(scene.provider.flows(), &["short", "usual"]).await;
    end_session::end_session(scene.provider.flows(), session_id, Cause::Administrator)
        .await
        .unwrap();
    let db = scene.provider.flows().database.read();
    for row in deliveries::of_session(db, session_id).await.unwrap() {
        let given_up_after = match row.client_id.as_str() {
            "short" => TimeDelta::minutes(3),
            _ => TimeDelta::hours(24),
        };
        assert_eq!(row.give_up_at - row.created_at, given_up_after);
    }
    scene.provider.stop().await;
}

/// Attack 55: a private network is for those applications that live in it.
#[actix_web::test]
async fn a_named_private_network_is_reached_for_those_who_name_it_alone() {
    let describe = |name: &str, ear: &Ear| ClientMetadata {
        private_networks: match name {
            "inside" => vec!["cellar".to_owned()],
            _ => Vec::new(),
        },
        ..quickly_signed(name, ear)
    };
    let scene = Scene::with(&["inside", "outside"], describe, |wish| {
        wish.configure(|config| {
            let networks = std::mem::take(&mut config.outbound.allow_private_networks);
            config
                .outbound
                .private_networks
                .insert("cellar".to_owned(), networks);
        })
    })
    .await;
    let session_id = session_with(scene.provider.flows(), &["inside", "outside"]).await;
    end_session::end_session(scene.provider.flows(), session_id, Cause::Administrator)
        .await
        .unwrap();
    let db = scene.provider.flows().database.read();
    let tried = eventually(async || {
        let known = deliveries::of_session(db, session_id).await.unwrap();
        known.iter().all(|row| row.attempts > 0).then_some(known)
    });
    for row in tried.await.expect("both were tried") {
        let expected = match row.client_id.as_str() {
            "inside" => DeliveryState::Confirmed,
            _ => DeliveryState::Retrying,
        };
        assert_eq!(row.state, expected, "{row:?}");
    }
    assert!(scene.applications[1].ear.notices().is_empty());
    scene.provider.stop().await;
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
    redeem::client_credentials(flows, &program, scope())
        .await
        .unwrap();
    let standing = grants::find_of_client(db, "ledger", "ledger:read")
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
