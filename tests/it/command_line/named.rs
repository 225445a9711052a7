//! Which configuration a command acts on, and what it does where there is none.

use std::net::TcpListener;

use super::{Answer, Stage};
use crate::support::process::program;

#[test]
fn where_nothing_is_named_and_no_provider_lives_a_question_begins_none() {
    let folder = tempfile::tempdir().unwrap();
    let run = |line: &str, url: &str| -> Answer {
        let mut command = program(folder.path());
        command.args(line.split(' '));
        command.env("EXEUNT__DATABASE__URL", url);
        command.output().unwrap().into()
    };
    for line in [
        "client list",
        "service list",
        "upstream list",
        "user add ada --no-password",
        "session end --all",
        "delivery list --open",
        "keys rotate",
        "restored --yes",
    ] {
        let answer = run(line, "sqlite://of-nobody.db");
        assert_eq!(answer.code, Some(1), "{line}: {answer:?}");
        for words in ["of-nobody.db", "--config", "`exeunt serve`"] {
            assert!(answer.err.contains(words), "{line}: {answer:?}");
        }
        let made = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(made, 0, "{line}");
    }
    for line in ["migrate", "client list", "restored --yes"] {
        let answer = run(line, "sqlite://exeunt.db");
        assert_eq!(answer.code, Some(0), "{line}: {answer:?}");
    }
}

#[test]
fn the_environment_names_the_file_where_the_command_line_does_not() {
    let stage = Stage::new("");
    let here = stage.folder.path();
    std::fs::write(here.join("other.toml"), "issuer = \"http://localhost:1\"\n").unwrap();
    let check = |named: &str, more: &str| -> Answer {
        let mut command = program(here);
        command.env("EXEUNT_CONFIG", named);
        command.args(["config", "check"]);
        command.args(more.split_whitespace());
        command.output().unwrap().into()
    };
    let ours = format!("issuer    {}\n", stage.issuer());
    for (named, more, said) in [
        ("exeunt.toml", "", ours.as_str()),
        ("exeunt.toml", "--config other.toml", "http://localhost:1\n"),
        ("", "", "The configuration without a file is sound."),
    ] {
        let answer = check(named, more);
        assert_eq!(answer.code, Some(0), "{answer:?}");
        assert!(answer.out.contains(said), "{said}: {answer:?}");
    }
    let gone = check("gone.toml", "");
    assert_eq!(gone.code, Some(2), "{gone:?}");
    assert!(gone.err.contains("gone.toml"), "{gone:?}");

    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = program(elsewhere.path());
    command.env("EXEUNT_CONFIG", here.join("exeunt.toml"));
    command.env("EXEUNT__DATABASE__URL", stage.database.as_str());
    let answer: Answer = command.args(["user", "list"]).output().unwrap().into();
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(here.join("exeunt.key").exists());
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn the_demo_is_nobody_whom_the_environment_names() {
    let folder = tempfile::tempdir().unwrap();
    let busy = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = busy.local_addr().unwrap().port().to_string();
    let mut command = program(folder.path());
    command.env("EXEUNT_CONFIG", "gone.toml");
    command.args(["demo", "--rehearse", "--ledger-port", &port]);
    let answer: Answer = command.output().unwrap().into();
    assert_eq!(answer.code, Some(1), "{answer:?}");
    assert!(answer.err.contains("--ledger-port"), "{answer:?}");
}
