//! The program itself, as people and scripts use it: arguments in; output, exit codes and the database out.

mod clients;
mod demo;
mod following;
mod healthcheck;
mod named;
mod notices;
mod people;
mod registration;
mod restored;
mod services;
mod sessions;
mod test_logout;
mod upstreams;

use std::io::{PipeWriter, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

use exeunt::config::DatabaseUrl;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::eventually;
use crate::support::process::{Process, free_port, program};
use crate::support::provider::{PASSWORD, SECRET, database};

/// A folder with a configuration, in which the program runs, and a database.
struct Stage {
    folder: TempDir,
    port: u16,
    database: DatabaseUrl,
}

/// What a command that has ended answered.
#[derive(Debug)]
struct Answer {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Answer {
    fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        serde_json::from_str(&self.out).unwrap()
    }
}

impl Stage {
    /// Declares ada, and what `more` says.
    fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stage = Self {
            port: free_port(),
            database: fresh_database(&folder),
            folder,
        };
        stage.declare(&format!(
            "[[users]]\nusername = \"ada\"\npassword = \"{PASSWORD}\"\n{more}"
        ));
        stage
    }

    /// Writes the configuration anew.
    fn declare(&self, tables: &str) {
        let text = format!(
            "issuer = \"{}\"\n[outbound]\nallow_private_networks = [\"127.0.0.0/8\"]\n{tables}",
            self.issuer()
        );
        std::fs::write(self.folder.path().join("exeunt.toml"), text).unwrap();
    }

    fn issuer(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = program(self.folder.path());
        command.env("EXEUNT__DATABASE__URL", self.database.as_str());
        command.args(["--config", "exeunt.toml"]);
        command.args(line.split_whitespace());
        command
    }

    fn run(&self, line: &str) -> Answer {
        self.command(line).output().unwrap().into()
    }

    /// Runs where nobody reads what it prints.
    fn run_unread(&self, line: &str) -> Answer {
        let mut command = self.command(line);
        command.stdout(closed_pipe()).output().unwrap().into()
    }

    /// Runs with this text on standard input.
    fn tell(&self, line: &str, input: &str) -> Answer {
        let mut child = self
            .command(line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap().into()
    }

    /// Starts the server and waits until it says that it is ready.
    async fn serve(&self) -> Process {
        let server = Process::spawn(&mut self.command("serve"));
        let ready = eventually(async || (self.run("healthcheck").code == Some(0)).then_some(()));
        ready.await.expect("the server is ready");
        server
    }

    /// Everything that the file's declarations are kept as.
    fn declared(&self) -> (Value, Value, Value) {
        let list = |line| self.run(line).json();
        (
            list("client list --json"),
            list("user list --json"),
            list("keys list --json"),
        )
    }
}

/// A pipe from which nobody reads any more.
fn closed_pipe() -> PipeWriter {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer
}

/// As [`database`], for callers that can't wait, whether they are in a runtime or not.
fn fresh_database(folder: &TempDir) -> DatabaseUrl {
    let make = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(database(folder))
    };
    std::thread::scope(|scope| scope.spawn(make).join().unwrap())
}

fn client(client_id: &str, base: &str) -> String {
    format!(
        "[[clients]]\nclient_id = \"{client_id}\"\nclient_secret = \"{SECRET}\"\nskip_consent = true\n\
         redirect_uris = [\"{base}/callback\"]\nbackchannel_logout_uri = \"{base}/backchannel\"\n"
    )
}

#[test]
fn what_is_not_a_command_is_refused_with_two_and_help_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let code = |line: &str| {
        let args = line.split_whitespace();
        program(folder.path())
            .args(args)
            .output()
            .unwrap()
            .status
            .code()
    };
    assert_eq!(code("--help"), Some(0));
    assert_eq!(code("--version"), Some(0));
    assert_eq!(code(""), Some(2));
    assert_eq!(code("session end"), Some(2));
    assert_eq!(code("user add ada --password secret"), Some(2));
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest_known_one() {
    let stage = Stage::new("[logout]\ngrase = \"1s\"\n");
    for line in ["config check", "serve", "client list"] {
        let answer = stage.run(line);
        assert_eq!(answer.code, Some(2), "{answer:?}");
        assert!(answer.err.contains("exeunt.toml:8:1"), "{answer:?}");
        assert!(answer.err.contains("grace"), "{answer:?}");
    }
    assert!(!stage.folder.path().join("exeunt.db").exists());
}

#[test]
fn migrate_makes_the_database_and_nothing_else_and_may_be_repeated() {
    let stage = Stage::new("");
    assert_eq!(stage.run("config check").code, Some(0));
    assert!(stage.run("migrate").out.contains("is up to date now"));
    assert!(stage.run("migrate").out.contains("was up to date already"));
    assert!(!stage.folder.path().join("exeunt.key").exists());
}

/// Attack 95: secrets that others on the machine may read.
#[tokio::test]
async fn the_database_and_the_key_are_readable_by_their_owner_alone() {
    let stage = Stage::new("");
    let is_a_file = !stage.database.is_postgres();
    let modes = |names: &[&str]| {
        let modes = names.iter().map(|name| {
            let path = stage.folder.path().join(name);
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            format!("{name} {:o}", mode & 0o777)
        });
        modes.collect::<Vec<_>>()
    };
    assert_eq!(stage.run("migrate").code, Some(0));
    if is_a_file {
        assert_eq!(modes(&["exeunt.db"]), ["exeunt.db 600"]);
    }
    let server = stage.serve().await;
    assert_eq!(modes(&["exeunt.key"]), ["exeunt.key 600"]);
    if is_a_file {
        assert_eq!(
            modes(&["exeunt.db", "exeunt.db-wal", "exeunt.db-shm"]),
            ["exeunt.db 600", "exeunt.db-wal 600", "exeunt.db-shm 600"]
        );
    }
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn before_anything_is_known_lists_say_so_in_words_and_in_json() {
    let stage = Stage::new("");
    for (line, words) in [
        ("client list", "No application is known yet"),
        ("service list", "No service is known yet"),
        ("user list", "Nobody is known yet"),
        ("session list", "Nobody is signed in"),
        ("delivery list", "There is no such notice"),
        ("keys list", "There are no keys yet"),
    ] {
        assert!(stage.run(line).out.starts_with(words), "{line}");
        assert_eq!(
            stage.run(&format!("{line} --json")).json(),
            Value::Array(vec![])
        );
    }
    assert_eq!(stage.run("healthcheck").code, Some(1));
}

/// The keys that sign, one of each algorithm.
fn signing(stage: &Stage) -> Vec<String> {
    let keys = stage.run("keys list --json").json();
    let keys = keys.as_array().unwrap().iter();
    keys.filter(|key| key["state"] == "signs")
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_reader_that_has_read_enough_is_no_failure_and_leaves_nothing_undone() {
    let stage = Stage::new("");
    assert_eq!(stage.run_unread("client list").code, Some(0));
    drop(stage.serve().await.stop());
    let mut known = signing(&stage);
    assert_eq!(known.len(), 2);
    for line in ["keys rotate --now", "restored --yes"] {
        let answer = stage.run_unread(line);
        assert_eq!(answer.code, Some(0), "{answer:?}");
        let keys = signing(&stage);
        assert_eq!(keys.len(), 2, "{line}");
        assert!(keys.iter().all(|kid| !known.contains(kid)), "{line}");
        known.extend(keys);
    }
    let failing = stage.run_unread("client show nobody");
    assert_eq!(failing.code, Some(1), "{failing:?}");
}
