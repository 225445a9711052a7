//! `exeunt restored`, killed at any moment: of an older copy that was put back nothing is served until all of it is done,
//! and it is done wholly or not at all.

use std::time::Duration;

use super::{Run, wait};
use crate::support::relying_party::published_keys;

/// How often the command is killed before it is let go on to its end.
const HASTY: usize = 4;

/// P3, P2: killed in the middle it has done nothing or all, and at last every application is told of every session.
#[actix_web::test]
async fn p3_restored_that_is_killed_in_the_middle_has_done_nothing_or_all() {
    let rounds = 3;
    let mut run = Run::begin(rounds).await;
    let mut wholly = 0;
    for round in 0..rounds {
        let guests = run.welcome(round, 0).await;
        for guest in &guests {
            run.evidence.expect(guest);
        }
        for node in 0..run.house.nodes() {
            run.house.take(node).kill();
        }
        run.house.remembers_more();
        let before = run.orders().await;
        let mut tries = 0;
        loop {
            let patience = match tries < HASTY {
                true => run.fate.within(Duration::from_millis(1500)),
                false => Duration::from_secs(60),
            };
            let line = ["restored", "--yes"];
            let told = run.house.command(&line, "", patience).await.is_some();
            tries += 1;
            let (orders, good) = (run.orders().await, run.good_grants().await);
            let served = run
                .house
                .command(&["session", "list"], "", Duration::from_secs(60));
            let served = served.await.is_some();
            let done = orders > before;
            assert_eq!(served, done, "served when all is done, and not before");
            assert_eq!(good == 0, done, "{good} grants");
            assert!(done || !told, "who is told that it is done can rely on it");
            if done {
                wholly += usize::from(!told);
                break;
            }
            assert!(tries <= HASTY, "it never gets done");
        }
        for node in 0..run.house.nodes() {
            run.house.start(node, false).await;
        }
        run.evidence
            .believe(published_keys(&run.house.issuer).await);
        for guest in &guests {
            guest.assert_gone(&run.house).await;
        }
        for _ in 0..120 {
            run.evidence.read(&run.ears);
            if run.evidence.missing().is_empty() {
                break;
            }
            wait(Duration::from_millis(500)).await;
        }
        assert_eq!(
            run.evidence.missing(),
            Vec::<&String>::new(),
            "never told of"
        );
        assert!(run.causes().await.contains("restored"));
    }
    eprintln!("{wholly} of {rounds} times it was done and nobody was told so");
}

impl Run {
    /// How many orders to end everything because of a restore there are.
    async fn orders(&self) -> u64 {
        let count = "UPDATE logout_orders SET cause = cause WHERE cause = 'restored'";
        self.house.side().await.execute(count).await
    }

    /// How many grants nobody has taken back.
    async fn good_grants(&self) -> u64 {
        let count = "UPDATE grants SET scope = scope WHERE revoked_at IS NULL";
        self.house.side().await.execute(count).await
    }
}
