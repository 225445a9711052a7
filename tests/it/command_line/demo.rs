//! `exeunt demo` with a configuration: how things go is the file's, who one is the demo's own.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use exeunt::config::DatabaseUrl;

use super::{Answer, Stage, client, closed_pipe};
use crate::support::eventually;
use crate::support::process::{Process, free_port};
use crate::support::visitor::Visitor;

/// The file declares another issuer, a database, a client and a person, and settings of its own.
fn stage() -> Stage {
    let stage = Stage {
        database: DatabaseUrl::parse("sqlite://theirs.db").unwrap(),
        ..Stage::new("")
    };
    stage.declare(&format!(
        "[database]\nurl = \"sqlite://theirs.db\"\n[session]\nabsolute = \"1h\"\n\
         [[users]]\nusername = \"grace\"\npassword = \"a nanosecond of wire\"\n{}",
        client("theirs", "https://theirs.example")
    ));
    stage
}

/// `demo` at ports that are free when we look.
fn demo(stage: &Stage, line: &str) -> (Command, String) {
    demo_beside(stage, free_port(), line)
}

/// The same, with the other house at this port.
fn demo_beside(stage: &Stage, house: u16, line: &str) -> (Command, String) {
    let port = free_port();
    let mut command = stage.command("demo");
    command.arg("--port").arg(port.to_string());
    command.arg("--house-port").arg(house.to_string());
    for application in ["ledger", "atlas", "gallery", "almanac"] {
        command.arg(format!("--{application}-port"));
        command.arg(free_port().to_string());
    }
    command.args(line.split_whitespace());
    (command, format!("http://localhost:{port}"))
}

#[tokio::test]
async fn the_demo_runs_on_the_settings_of_a_file_with_an_issuer_and_people_of_its_own() {
    let stage = stage();
    let (mut command, issuer) = demo(&stage, "");
    // That nobody reads its announcement ends nothing.
    let server = Process::spawn(command.stdout(closed_pipe()));
    let visitor = Visitor::default();
    let url = format!("{issuer}/account/sign-in");
    let page = eventually(async || visitor.try_get(&url).await)
        .await
        .expect("it starts");
    let discovery = format!("{issuer}/.well-known/openid-configuration");
    assert_eq!(visitor.get(&discovery).await.json()["issuer"], issuer);
    let sign_in = async |username, password| {
        let fields = [("username", username), ("password", password)];
        visitor.submit(&page, &page.form(), &fields).await
    };
    let theirs = sign_in("grace", "a nanosecond of wire").await;
    assert_eq!(theirs.status, 200, "{theirs:?}");
    let ours = sign_in("ada", "analytical engine").await;
    assert_eq!(ours.status, 303, "{ours:?}");
    let cookie = ours.header("set-cookie");
    assert!(cookie.contains("Max-Age=3600"), "{cookie}");
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!stage.folder.path().join("theirs.db").exists());
    assert!(!stage.folder.path().join("exeunt.key").exists());
}

#[test]
fn the_rehearsal_takes_a_configuration_too_and_everyone_is_told() {
    let stage = stage();
    let (mut command, _) = demo(&stage, "--rehearse");
    let answer: Answer = command.output().unwrap().into();
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(answer.out.contains("through the other house"));
    assert!(answer.out.contains("Every application was told"));
}

#[test]
fn the_rehearsal_is_played_to_its_end_though_nobody_reads_of_it() {
    let stage = stage();
    stage.declare("[logout]\nretry_first = \"5s\"\n");
    let (mut command, _) = demo(&stage, "--rehearse");
    let began = Instant::now();
    let answer: Answer = command.stdout(closed_pipe()).output().unwrap().into();
    assert_eq!(answer.code, Some(0), "{answer:?}");
    // No sooner is the application told that was down.
    assert!(began.elapsed() >= Duration::from_secs(5));
}

#[test]
fn a_busy_port_of_the_other_house_is_named_with_the_option_that_changes_it() {
    let stage = stage();
    let busy = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = busy.local_addr().unwrap().port();
    let (mut command, _) = demo_beside(&stage, port, "--rehearse");
    let answer: Answer = command.output().unwrap().into();
    assert_eq!(answer.code, Some(1), "{answer:?}");
    let option = "--house-port chooses another port";
    for said in [port.to_string().as_str(), option] {
        assert!(answer.err.contains(said), "{answer:?}");
    }
}

#[test]
fn a_configuration_that_is_wrong_or_would_be_read_by_nobody_is_refused() {
    let stage = stage();
    let alone = stage.run("demo --issuer http://localhost:8080");
    assert_eq!(alone.code, Some(2), "{alone:?}");
    assert!(alone.err.contains("leave --config away"), "{alone:?}");
    stage.declare("[logout]\ngrase = \"1s\"\n");
    let wrong = stage.run("demo --rehearse");
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(wrong.err.contains("grace"), "{wrong:?}");
    assert!(alone.out.is_empty() && wrong.out.is_empty());
}
