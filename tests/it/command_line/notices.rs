//! `exeunt delivery ...` and what `exeunt session end` shows of the applications' answers.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;

use super::{Stage, client};
use crate::support::eventually;
use crate::support::relying_party::{Ear, RelyingParty, Reply};
use crate::support::visitor::Visitor;

/// P7: what is printed is what is known.
#[actix_web::test]
async fn p7_ending_sessions_shows_what_the_applications_answered_and_what_is_left() {
    let (ledger, atlas, harbour) = (Ear::open().await, Ear::open().await, Ear::open().await);
    let ears = [
        ("ledger", &ledger),
        ("atlas", &atlas),
        ("harbour", &harbour),
    ];
    let declared: String = ears
        .iter()
        .map(|(name, ear)| client(name, &ear.base))
        .collect();
    let stage = Stage::new(&declared);
    let server = stage.serve().await;
    atlas.answer(Reply::Status(400));
    harbour.answer(Reply::Status(503));
    let sign_in = async || {
        let ada = Visitor::default();
        for (name, ear) in ears {
            RelyingParty::at(&stage.issuer(), name, &ear.base)
                .tokens(&ada, &[])
                .await;
        }
    };
    sign_in().await;
    let answer = stage.run("session end --user ada");
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(
        answer
            .out
            .starts_with("Ended 1 session; 3 applications are to be told."),
        "{answer:?}"
    );
    assert!(
        answer.out.contains("1 confirmed, 1 refused, 1 retrying."),
        "{answer:?}"
    );
    assert!(
        answer.out.contains("Nothing has moved for a while."),
        "{answer:?}"
    );

    harbour.answer(Reply::Status(200));
    atlas.answer(Reply::Status(200));
    sign_in().await;
    let told = stage.run("session end --all --json").json();
    assert_eq!(told["sessions"], 1);
    assert_eq!(told["settled"], true, "{told}");
    assert_eq!(told["deliveries"]["confirmed"], 3, "{told}");
    assert!(told["order_id"].is_string());

    sign_in().await;
    let id = stage.run("session list --json").json()[0]["id"].clone();
    let answer = stage.run(&format!(
        "session end --session {} --no-wait",
        id.as_str().unwrap()
    ));
    assert!(
        answer.out.starts_with("Ended 1 session; 3 applications"),
        "{answer:?}"
    );
    assert_eq!(answer.out.lines().count(), 1, "{answer:?}");
    drop(server.stop());
}

/// P7: nobody claims that applications were told when nobody was there to tell them.
#[actix_web::test]
async fn p7_without_a_server_it_is_said_who_will_tell() {
    let ear = Ear::open().await;
    let stage = Stage::new(&client("ledger", &ear.base));
    let server = stage.serve().await;
    RelyingParty::at(&stage.issuer(), "ledger", &ear.base)
        .tokens(&Visitor::default(), &[])
        .await;
    drop(server.stop());
    let answer = stage.run("session end --all");
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(answer.out.contains("0 confirmed"), "{answer:?}");
    assert!(
        answer
            .out
            .contains("without one the next `exeunt serve` does"),
        "{answer:?}"
    );
    assert!(ear.notices().is_empty());
    let server = stage.serve().await;
    ear.wait_for(1).await;
    drop(server.stop());
}

#[actix_web::test]
async fn notices_are_found_by_person_cause_and_age_abandoned_and_taken_up_again() {
    let ear = Ear::open().await;
    ear.answer(Reply::Status(404));
    let stage = Stage::new(&client("ledger", &ear.base));
    let server = stage.serve().await;
    RelyingParty::at(&stage.issuer(), "ledger", &ear.base)
        .tokens(&Visitor::default(), &[])
        .await;
    stage.run("session end --all");
    let count = |line: &str| stage.run(line).json().as_array().unwrap().len();
    for (line, found) in [
        ("delivery list --user ada --json", 1),
        ("delivery list --cause administrator --json", 1),
        ("delivery list --cause expired --json", 0),
        ("delivery list --newer-than 1h --json", 1),
        ("delivery list --older-than 1h --json", 0),
        ("delivery list --state failed --json", 1),
        ("delivery list --open --json", 1),
    ] {
        assert_eq!(count(line), found, "{line}");
    }
    assert_eq!(stage.run("delivery list --user nobody").code, Some(1));

    let refused = stage.run("delivery abandon --client ledger");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert_eq!(count("delivery list --state abandoned --json"), 0);
    let answer = stage.run("delivery abandon --client ledger --yes");
    assert!(
        answer.out.starts_with("1 notice is abandoned"),
        "{answer:?}"
    );
    let all = stage.run("delivery list --json").json();
    assert_eq!(all[0]["state"], "abandoned");
    assert_eq!(all[0]["due_at"], Value::Null);
    assert_eq!(count("delivery list --open --json"), 0);
    let nothing = stage.run("delivery retry --dead");
    assert!(nothing.out.starts_with("There is nothing"), "{nothing:?}");

    ear.answer(Reply::Status(200));
    let id = all[0]["id"].as_str().unwrap();
    let answer = stage.run(&format!("delivery retry {id}"));
    assert!(answer.out.starts_with("1 notice is due now."), "{answer:?}");
    let confirmed =
        eventually(async || (count("delivery list --state confirmed --json") == 1).then_some(()));
    assert!(confirmed.await.is_some());
    let late = stage.run(&format!("delivery abandon {id} --yes"));
    assert_eq!(late.code, Some(1), "{late:?}");
    drop(server.stop());
}

#[actix_web::test]
async fn following_prints_each_change_on_a_line_of_its_own() {
    let ear = Ear::open().await;
    ear.answer(Reply::Status(503));
    let stage = Stage::new(&client("ledger", &ear.base));
    let server = stage.serve().await;
    RelyingParty::at(&stage.issuer(), "ledger", &ear.base)
        .tokens(&Visitor::default(), &[])
        .await;
    let mut follower = stage
        .command("delivery list --follow --json")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    stage.run("session end --all --no-wait");
    ear.wait_for(1).await;
    ear.answer(Reply::Status(200));
    let states = tokio::task::spawn_blocking(move || {
        let mut states = Vec::new();
        for line in lines {
            let notice: Value = serde_json::from_str(&line.unwrap()).unwrap();
            states.push(notice["state"].as_str().unwrap().to_owned());
            if notice["state"] == "confirmed" {
                break;
            }
        }
        states
    });
    let states = states.await.unwrap();
    assert_eq!(
        states.last().map(String::as_str),
        Some("confirmed"),
        "{states:?}"
    );
    assert!(
        states
            .iter()
            .all(|state| ["pending", "retrying", "confirmed"].contains(&&**state))
    );
    follower.kill().unwrap();
    follower.wait().unwrap();
    drop(server.stop());
}
