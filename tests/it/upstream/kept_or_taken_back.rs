//! A refresh token that the other house gave is kept beside a session or taken back there, and never both: whoever is slow,
//! and whoever dies.

use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;

use chrono::Utc;
use exeunt::clock::{Clock, ManualClock, Timestamp};
use exeunt::config::Config;
use exeunt::flows::upstream::refresh_tokens::PATIENCE;
use exeunt::server::{self, Seams};
use exeunt::store::upstream_tokens::{self, UpstreamToken};
use exeunt::store::{self, Database};
use futures_util::future::join_all;
use uuid::Uuid;

use super::not_lost::{ada, assert_forgotten, assert_revoked, back, houses, known, wait_for};
use super::stub::Stub;
use crate::support::eventually;
use crate::support::ledger::{is_signed_in, open};
use crate::support::process::{Process, free_port, program};
use crate::support::provider::{SECRET, database, provider};
use crate::support::visitor::{Visitor, http_client};

/// Nothing hangs on it.
#[actix_web::test]
async fn a_sign_in_that_takes_longer_than_its_token_is_kept_for_goes_on_without() {
    let (stub, ours) = houses(|wish| wish.manual_clock()).await;
    let visitor = Visitor::default();
    let location = back(&ours, &stub, &visitor, &ada()).await;
    stub.hold("/userinfo");
    let (answer, ()) = tokio::join!(ours.come_back(&visitor, &location), async {
        wait_for(&stub, "/userinfo", 1).await;
        assert_eq!(known(&ours.provider, "due_at IS NOT NULL").await, 1);
        ours.provider.advance(PATIENCE);
        assert_revoked(&stub, 1).await;
        stub.release("/userinfo");
    });
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    assert!(is_signed_in(&ours.party, &visitor).await);
    assert_forgotten(&ours.provider).await;
    ours.provider.stop().await;
}

/// On one clock, while one node or the other looks.
#[actix_web::test]
async fn of_sign_ins_whose_patience_ends_as_they_do_each_token_is_kept_or_taken_back() {
    let (stub, ours) = houses(|wish| wish.manual_clock()).await;
    let other = ours.provider.another_node().await;
    let people: Vec<Visitor> = (0..6).map(|_| Visitor::default()).collect();
    let mut locations = Vec::new();
    for visitor in &people {
        locations.push(back(&ours, &stub, visitor, &ada()).await);
    }
    stub.hold("/userinfo");
    let coming = people.iter().zip(&locations);
    let coming = coming.map(|(visitor, location)| ours.come_back(visitor, location));
    let (answers, ()) = tokio::join!(join_all(coming), async {
        wait_for(&stub, "/userinfo", people.len()).await;
        stub.release("/userinfo");
        ours.provider.advance(PATIENCE);
    });
    for answer in &answers {
        assert!(answer.parameter("code").is_some(), "{answer:?}");
    }
    let settled = eventually(async || {
        let waiting = known(&ours.provider, "due_at IS NOT NULL").await;
        (waiting == 0).then_some(())
    });
    assert!(settled.await.is_some(), "some are neither");
    let kept = known(&ours.provider, "TRUE").await;
    assert_revoked(&stub, people.len() - usize::try_from(kept).unwrap()).await;
    other.stop().await;
    ours.provider.stop().await;
}

/// Between two processes.
#[actix_web::test]
async fn a_token_that_is_kept_and_taken_back_at_once_is_one_of_the_two() {
    let (one, _folder) = provider().await.open().await;
    let url = one.config.database.as_str();
    let other = Database::open(url, 4).await.unwrap();
    let due_at = one.clock.now();
    let row = |_| UpstreamToken {
        id: one.random.identifier(),
        session_id: Uuid::nil(),
        issuer: "https://house.example".to_owned(),
        sealed_token: String::new(),
        due_at: Some(due_at),
        give_up_at: None,
        attempts: 0,
    };
    let rows: Vec<UpstreamToken> = (0..100).map(row).collect();
    let tx = one.database.begin().await.unwrap();
    for row in &rows {
        upstream_tokens::insert(&tx, row).await.unwrap();
    }
    store::commit(tx).await.unwrap();
    for turn in rows.chunks(4) {
        let kept = turn.iter().map(async |row| {
            let tx = one.database.begin().await.unwrap();
            let kept = upstream_tokens::keep(&tx, row.id, due_at, row.id).await;
            store::commit(tx).await.unwrap();
            kept.unwrap()
        });
        let claimed = turn.iter().map(async |row| {
            let tx = other.begin().await.unwrap();
            let claimed = upstream_tokens::put_off(&tx, row, 1, due_at).await;
            store::commit(tx).await.unwrap();
            claimed.unwrap()
        });
        let (kept, claimed) = tokio::join!(join_all(kept), join_all(claimed));
        for (kept, claimed) in kept.into_iter().zip(claimed) {
            assert_ne!(kept, claimed);
        }
    }
    other.close().await;
    one.database.clone().close().await;
}

/// Somebody comes through the stub to this process, which is killed while they are on the way.
async fn kill_on_the_way(stub: &Stub, issuer: &str, mut command: Command) {
    let server = Process::spawn(&mut command);
    let ready = eventually(async || {
        let answer = http_client().get(format!("{issuer}/readyz")).send().await;
        answer.ok().filter(|answer| answer.status() == 200)
    });
    ready.await.expect("the server is ready");
    let visitor = Visitor::default();
    let sent = open(&visitor, &format!("{issuer}/account")).await;
    let location = sent.location().unwrap();
    let back = stub.answer(&location, &ada(), now().timestamp());
    stub.hold("/userinfo");
    tokio::join!(
        async {
            let answer = visitor.try_get(&back).await;
            assert!(answer.is_none(), "{answer:?}");
        },
        async {
            wait_for(stub, "/userinfo", 1).await;
            // SIGKILL.
            drop(server);
        }
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "the process that is killed knows no other time"
)]
fn now() -> Timestamp {
    Utc::now()
}

#[actix_web::test]
async fn a_token_of_a_process_that_is_killed_on_the_way_is_taken_back_by_the_next() {
    let stub = Stub::open();
    stub.behave(|manner| manner.gives_refresh_tokens = true);
    let folder = tempfile::tempdir().unwrap();
    let (port, database) = (free_port(), database(&folder).await);
    let issuer = format!("http://localhost:{port}");
    let text = format!(
        r#"
        issuer = "{issuer}"
        [database]
        url = "{}"
        [secrets]
        master_key_file = "exeunt.key"
        [outbound]
        allow_private_networks = ["127.0.0.0/8"]
        [[upstreams]]
        id = "house"
        issuer = "{}"
        client_id = "exeunt"
        client_secret = "{SECRET}"
        scope = "openid profile offline_access"
        first_sign_in = "open"
        "#,
        database.as_str(),
        stub.base,
    );
    let path = folder.path().join("exeunt.toml");
    std::fs::write(&path, text).unwrap();
    let mut command = program(folder.path());
    command.args(["--config", "exeunt.toml", "serve"]);
    kill_on_the_way(&stub, &issuer, command).await;

    let config = Config::load(Some(&path), std::iter::empty()).unwrap();
    let clock = Arc::new(ManualClock::at(now()));
    let seams = Seams {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        ..Seams::default()
    };
    let listener = TcpListener::bind(config.listen).unwrap();
    let next = server::start_on(listener, config, seams).await.unwrap();
    let db = next.provider().database.read();
    let end = now() + PATIENCE;
    let waiting = upstream_tokens::due(db, end, 2).await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(stub.revoked(), [""; 0]);
    clock.advance(PATIENCE);
    assert_revoked(&stub, 1).await;
    next.stop().await;
}
