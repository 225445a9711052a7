//! `exeunt delivery list --follow`: nothing that is wanted is missed, and nothing is told twice.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};

use chrono::TimeDelta;
use exeunt::clock::{Clock as _, SystemClock};
use exeunt::oidc::logout::{Cause, Channel, DeliveryState};
use exeunt::random::{OsRandom, Random};
use exeunt::store::deliveries::{self, Delivery};
use exeunt::store::{self, Database};
use serde_json::Value;

use super::{Stage, closed_pipe};
use crate::support::process::Process;
use crate::support::{PATIENCE, eventually};

/// The program that follows, and what it prints.
struct Follower {
    child: Child,
    lines: Receiver<Value>,
}

impl Follower {
    fn of(stage: &Stage, line: &str) -> Self {
        let mut child = stage
            .command(&format!("delivery list --follow --json {line}"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in out.lines() {
                // Nobody takes it any more when the test is over.
                let _ = sender.send(serde_json::from_str(&line.unwrap()).unwrap());
            }
        });
        Self { child, lines }
    }

    /// The next one that it tells, and its state.
    fn next(&self) -> (String, String) {
        let told = self.lines.recv_timeout(PATIENCE).expect("one is told");
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        (text("id"), text("state"))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A provider whom no server serves: nothing changes but what the test changes.
async fn stage(notices: &[Delivery]) -> Stage {
    let stage = Stage::new("");
    assert_eq!(stage.run("client list").code, Some(0));
    keep(&stage, notices).await;
    stage
}

async fn keep(stage: &Stage, notices: &[Delivery]) {
    let database = Database::open(stage.database.as_str(), 2).await.unwrap();
    let tx = database.begin().await.unwrap();
    deliveries::insert(&tx, notices, None).await.unwrap();
    store::commit(tx).await.unwrap();
    database.close().await;
}

/// A notice of a session that ended so long ago; nothing of it is still to come.
fn notice(state: DeliveryState, age: TimeDelta) -> Delivery {
    let random: &dyn Random = &OsRandom;
    let created_at = SystemClock.now() - age;
    Delivery {
        id: random.row_id(created_at),
        session_id: random.identifier(),
        sid: random.identifier(),
        client_id: "ledger".to_owned(),
        user_id: random.identifier(),
        channel: Channel::Back,
        state,
        cause: Cause::Logout,
        order_id: None,
        attempts: 1,
        created_at,
        due_at: None,
        give_up_at: created_at + TimeDelta::days(1),
        believes_until: created_at,
        finished_at: Some(created_at),
        last_status: None,
        last_problem: None,
    }
}

fn told(notice: &Delivery, state: &str) -> (String, String) {
    (notice.id.to_string(), state.to_owned())
}

#[tokio::test]
async fn one_behind_many_that_are_not_wanted_is_told_and_so_is_each_change_of_it() {
    let dead = notice(DeliveryState::Dead, TimeDelta::hours(2));
    let newer = |_| notice(DeliveryState::Confirmed, TimeDelta::minutes(1));
    let mut all: Vec<Delivery> = (0..101).map(newer).collect();
    all.push(dead.clone());
    let stage = stage(&all).await;
    let follower = Follower::of(&stage, "--open");
    assert_eq!(follower.next(), told(&dead, "dead"));
    for (line, state) in [
        ("delivery abandon --yes", "abandoned"),
        ("delivery retry", "retrying"),
    ] {
        assert_eq!(stage.run(&format!("{line} {}", dead.id)).code, Some(0));
        assert_eq!(follower.next(), told(&dead, state));
    }
}

#[tokio::test]
async fn all_that_come_at_once_are_told_each_once_however_few_are_shown_at_first() {
    let hours = |hours| notice(DeliveryState::Dead, TimeDelta::hours(hours));
    let known = [hours(4), hours(1)];
    let stage = stage(&known).await;
    let follower = Follower::of(&stage, "--state dead --limit 1");
    assert_eq!(follower.next(), told(&known[1], "dead"));
    let new = [hours(0), hours(0), hours(0)];
    keep(&stage, &new).await;
    let mut heard: Vec<_> = new.iter().map(|_| follower.next()).collect();
    heard.sort_unstable();
    let mut wanted: Vec<_> = new.iter().map(|one| told(one, "dead")).collect();
    wanted.sort_unstable();
    assert_eq!(heard, wanted);
    // One that died after others of its day comes among them.
    let late = hours(2);
    keep(&stage, std::slice::from_ref(&late)).await;
    assert_eq!(follower.next(), told(&late, "dead"));
}

#[tokio::test]
async fn one_that_becomes_as_old_as_is_asked_for_is_told_then() {
    let old = notice(DeliveryState::Dead, TimeDelta::hours(1));
    let stage = stage(std::slice::from_ref(&old)).await;
    let follower = Follower::of(&stage, "--older-than 3s");
    assert_eq!(follower.next(), told(&old, "dead"));
    let young = notice(DeliveryState::Dead, TimeDelta::zero());
    keep(&stage, std::slice::from_ref(&young)).await;
    assert_eq!(follower.next(), told(&young, "dead"));
    assert!(SystemClock.now() - young.created_at >= TimeDelta::seconds(3));
}

/// More than are read at each look: what was shown is followed, and what was there before is not taken for new.
#[tokio::test]
async fn behind_the_window_nothing_is_new_and_what_was_told_is_followed() {
    let minutes = |minutes| notice(DeliveryState::Dead, TimeDelta::minutes(minutes));
    let all: Vec<Delivery> = (0..520).map(|i| minutes(1_000 - i)).collect();
    let stage = stage(&all).await;
    let follower = Follower::of(&stage, "--state dead --limit 1");
    let newest = all.last().unwrap();
    assert_eq!(follower.next(), told(newest, "dead"));
    let new: Vec<Delivery> = (0..30).map(|i| minutes(30 - i)).collect();
    for one in &new {
        keep(&stage, std::slice::from_ref(one)).await;
        assert_eq!(follower.next(), told(one, "dead"));
    }
    // One that stands in the window no longer wakes nobody; the newest still do.
    let line = format!("delivery abandon --yes {}", new[29].id);
    assert_eq!(stage.run(&line).code, Some(0));
    assert_eq!(follower.next(), told(&new[29], "abandoned"));
}

#[tokio::test]
async fn it_ends_when_nobody_reads_any_more() {
    let stage = stage(&[notice(DeliveryState::Dead, TimeDelta::hours(1))]).await;
    let mut command = stage.command("delivery list --follow");
    let mut follower = Process::spawn(command.stdout(closed_pipe()));
    let code = eventually(async || follower.ended().map(|status| status.code()));
    assert_eq!(code.await, Some(Some(0)));
}
