//! The log of what was taken back: its numbers appear in the order in which they are given, whoever commits when, and
//! nothing that was committed goes without one.

use std::sync::Arc;

use chrono::TimeDelta;
use exeunt::flows::{Provider, revocations as flow};
use exeunt::store::revocations::{self, Dead, Entry, Revocation, TokenName};
use exeunt::store::{self, Transaction};
use tokio_util::sync::CancellationToken;

use crate::support::eventually;
use crate::support::ledger::{ledger, ledger_with, with_refresh};
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::Visitor;

/// Writes that a token is taken back, in a transaction that is still to be committed.
async fn write(flows: &Provider, jti: &str) -> Transaction {
    let (tx, now) = (flows.database.begin().await.unwrap(), flows.clock.now());
    let entry = Revocation {
        id: flows.random.row_id(now),
        dead: Dead::Token {
            name: TokenName::Jti(jti.to_owned()),
            client_id: "ledger".to_owned(),
            audience: "https://api.example".to_owned(),
        },
        expires_at: now + TimeDelta::minutes(10),
    };
    revocations::insert(&tx, &[entry], now).await.unwrap();
    tx
}

async fn number(flows: &Provider) -> u64 {
    let tx = flows.database.begin().await.unwrap();
    let numbered = revocations::number(&tx, 1000).await.unwrap();
    store::commit(tx).await.unwrap();
    numbered
}

/// What a reader is told who has read up to `after`; and up to where it has read then.
async fn read(flows: &Provider, after: i64) -> (Vec<String>, i64) {
    let db = flows.database.read();
    let given = revocations::given(db).await.unwrap();
    let entries = revocations::list(db, after, given, 1000, flows.clock.now());
    (entries.await.unwrap().iter().map(name).collect(), given)
}

fn name(entry: &Entry) -> String {
    match &entry.dead {
        Dead::Token {
            name: TokenName::Jti(jti),
            ..
        } => jti.clone(),
        other => format!("{other:?}"),
    }
}

/// Had the numbers been drawn when the entries were written, the first would have the lower one and appear last: who had
/// read the second would never see it. (SQLite has one writer: there nobody commits in between.)
#[actix_web::test]
async fn a_transaction_that_starts_first_and_commits_last_is_not_missed() {
    let (flows, _folder) = ledger().await.open().await;
    let is_postgres = flows.config.database.is_postgres();
    let first = write(&flows, "first").await;
    if !is_postgres {
        store::commit(first).await.unwrap();
        assert_eq!(number(&flows).await, 1);
        assert_eq!(read(&flows, 0).await, (vec!["first".to_owned()], 1));
        return;
    }
    let second = write(&flows, "second").await;
    store::commit(second).await.unwrap();
    assert_eq!(number(&flows).await, 1);
    let (names, to) = read(&flows, 0).await;
    assert_eq!(names, ["second"]);
    store::commit(first).await.unwrap();
    assert_eq!(read(&flows, to).await.0, [""; 0], "it has no number yet");
    assert_eq!(number(&flows).await, 1);
    assert_eq!(read(&flows, to).await, (vec!["first".to_owned()], to + 1));
}

/// Many write and many number at once; one reader sees each entry once, in the order of the numbers, without a gap.
#[actix_web::test]
async fn whoever_reads_on_while_many_write_sees_each_entry_once() {
    let (flows, _folder) = ledger().await.open().await;
    let flows = Arc::new(flows);
    let writers = (0..8).map(|writer| {
        let flows = Arc::clone(&flows);
        tokio::spawn(async move {
            for turn in 0..12 {
                let tx = write(&flows, &format!("{writer}-{turn}")).await;
                tokio::task::yield_now().await;
                store::commit(tx).await.unwrap();
                if turn % 3 == writer % 3 {
                    number(&flows).await;
                }
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let (mut seen, mut after) = (Vec::new(), 0);
    while seen.len() < 96 {
        let is_over = writers.iter().all(tokio::task::JoinHandle::is_finished);
        if is_over {
            number(&flows).await;
        }
        let (names, to) = read(&flows, after).await;
        assert_eq!(i64::try_from(names.len()).unwrap(), to - after, "no gap");
        seen.extend(names);
        after = to;
        assert!(!is_over || seen.len() == 96, "{} were seen", seen.len());
        tokio::task::yield_now().await;
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 96);
}

/// The process died after the commit and before the entry had its number: whoever comes next gives it one.
#[actix_web::test]
async fn what_was_committed_before_a_crash_gets_its_number_from_the_next_process() {
    let wish = ledger().await;
    let (config, folder) = {
        let mut config = None;
        let wish = wish.configure(|known| config = Some(known.clone()));
        let (flows, folder) = wish.open().await;
        store::commit(write(&flows, "left").await).await.unwrap();
        assert_eq!(read(&flows, 0).await, (Vec::new(), 0));
        flows.database.close().await;
        (config.unwrap(), folder)
    };
    let flows = exeunt::server::open(config, exeunt::server::Seams::default());
    let flows = Arc::new(flows.await.unwrap());
    let stop = CancellationToken::new();
    let worker = tokio::spawn(flow::run(Arc::clone(&flows), stop.clone()));
    let seen =
        eventually(async || Some(read(&flows, 0).await).filter(|(names, _)| !names.is_empty()));
    assert_eq!(seen.await.unwrap(), (vec!["left".to_owned()], 1));
    stop.cancel();
    worker.await.unwrap();
    drop(folder);
}

/// Numbers are never given twice, though all that had them is forgotten.
#[actix_web::test]
async fn numbers_go_on_after_everything_was_forgotten() {
    let (flows, _folder) = ledger().await.open().await;
    for jti in ["a", "b"] {
        store::commit(write(&flows, jti).await).await.unwrap();
    }
    number(&flows).await;
    let later = flows.clock.now() + TimeDelta::minutes(11);
    let tx = flows.database.begin().await.unwrap();
    assert!(!revocations::forget_some(&tx, 100, later).await.unwrap());
    store::commit(tx).await.unwrap();
    assert_eq!(read(&flows, 0).await, (Vec::new(), 2));
    let db = flows.database.read();
    assert_eq!(revocations::forgotten(db).await.unwrap(), 2);
    store::commit(write(&flows, "c").await).await.unwrap();
    number(&flows).await;
    assert_eq!(read(&flows, 2).await, (vec!["c".to_owned()], 3));
}

/// P3: tokens that were issued before the configuration became shorter are good for longer than it says, and what takes
/// them back lives as long as they do.
#[actix_web::test]
async fn p3_a_shorter_lifetime_after_a_restart_forgets_nothing_too_soon() {
    let wish = ledger_with(with_refresh).await.manual_clock();
    let long = wish.configure(|config| config.tokens.access = TimeDelta::hours(2));
    let running = long.start().await;
    let (party, ada) = (RelyingParty::of(&running, "ledger"), Visitor::default());
    let offline = [("scope", "openid offline_access"), ("prompt", "consent")];
    let tokens = party.tokens(&ada, &offline).await;
    let running = running
        .restart(|config| config.tokens.access = TimeDelta::minutes(1))
        .await;
    let answer = party.revoke(&tokens.get("refresh_token"), &[]).await;
    assert_eq!(answer.status, 200);
    let flows = running.flows();
    let entries = eventually(async || {
        let (db, now) = (flows.database.read(), flows.clock.now());
        let given = revocations::given(db).await.unwrap();
        let entries = revocations::list(db, 0, given, 10, now).await.unwrap();
        entries.into_iter().next()
    });
    let entry = entries.await.unwrap();
    assert!(matches!(entry.dead, Dead::Grant { .. }), "{entry:?}");
    assert!(entry.expires_at >= flows.clock.now() + TimeDelta::hours(2));
    running.stop().await;
}
