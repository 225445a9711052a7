//! `exeunt demo` with a configuration: how things go is the file's, who one is the demo's own.

use std::process::{Command, Stdio};

use super::{Answer, Stage, client};
use crate::support::eventually;
use crate::support::process::{Process, free_port};
use crate::support::visitor::Visitor;

/// The file declares another issuer, a database, a client and a person, and settings of its own.
fn stage() -> Stage {
    let stage = Stage::new("");
    stage.declare(&format!(
        "[database]\nurl = \"sqlite://theirs.db\"\n[session]\nabsolute = \"1h\"\n\
         [[users]]\nusername = \"grace\"\npassword = \"a nanosecond of wire\"\n{}",
        client("theirs", "https://theirs.example")
    ));
    stage
}

/// `demo` at ports that are free when we look.
fn demo(stage: &Stage, line: &str) -> (Command, String) {
    let ports = [(); 5].map(|()| free_port().to_string());
    let mut command = stage.command("demo");
    let options = ["--port", "--ledger-port", "--atlas-port", "--gallery-port"];
    for (option, port) in options.iter().chain(&["--almanac-port"]).zip(&ports) {
        command.args([option, port.as_str()]);
    }
    command.args(line.split_whitespace());
    (command, format!("http://localhost:{}", ports[0]))
}

#[tokio::test]
async fn the_demo_runs_on_the_settings_of_a_file_with_an_issuer_and_people_of_its_own() {
    let stage = stage();
    let (mut command, issuer) = demo(&stage, "");
    let server = Process::spawn(command.stdout(Stdio::null()));
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
    assert!(answer.out.contains("Every application was told"));
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
