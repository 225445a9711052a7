//! The program itself, as people and scripts use it: arguments in; output, exit codes and the database out.

mod demo;
mod notices;
mod registration;
mod restored;
mod test_logout;

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::eventually;
use crate::support::provider::{PASSWORD, SECRET};
use crate::support::relying_party::{Ear, RelyingParty, Reply};
use crate::support::visitor::Visitor;

/// A folder with a configuration, in which the program runs.
struct Stage {
    folder: TempDir,
    port: u16,
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
        // Free when we look; the program takes it a moment later.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stage = Self {
            folder: tempfile::tempdir().unwrap(),
            port: listener.local_addr().unwrap().port(),
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
        command.args(["--config", "exeunt.toml"]);
        command.args(line.split_whitespace());
        command
    }

    fn run(&self, line: &str) -> Answer {
        self.command(line).output().unwrap().into()
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
    async fn serve(&self) -> Server {
        let child = self
            .command("serve")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let server = Server(child);
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

fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exeunt"));
    command.current_dir(folder).stdin(Stdio::null());
    command.env_remove("RUST_LOG");
    command
}

/// A server that is ended, one way or the other, with the test.
struct Server(Child);

impl Server {
    /// Asks it to stop; answers its exit code and what it logged.
    fn stop(mut self) -> (Option<i32>, String) {
        let asked = Command::new("kill").arg(self.0.id().to_string()).status();
        assert!(asked.unwrap().success());
        let mut log = String::new();
        let mut stderr = self.0.stderr.take().unwrap();
        std::io::Read::read_to_string(&mut stderr, &mut log).unwrap();
        (self.0.wait().unwrap().code(), log)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has stopped already when the test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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
    let modes = |names: &[&str]| {
        let modes = names.iter().map(|name| {
            let path = stage.folder.path().join(name);
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            format!("{name} {:o}", mode & 0o777)
        });
        modes.collect::<Vec<_>>()
    };
    assert_eq!(stage.run("migrate").code, Some(0));
    assert_eq!(modes(&["exeunt.db"]), ["exeunt.db 600"]);
    let server = stage.serve().await;
    assert_eq!(
        modes(&["exeunt.db", "exeunt.db-wal", "exeunt.db-shm", "exeunt.key"]),
        [
            "exeunt.db 600",
            "exeunt.db-wal 600",
            "exeunt.db-shm 600",
            "exeunt.key 600"
        ]
    );
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn before_anything_is_known_lists_say_so_in_words_and_in_json() {
    let stage = Stage::new("");
    for (line, words) in [
        ("client list", "No application is known yet"),
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

#[test]
fn a_client_is_added_with_a_secret_that_is_shown_once_and_removed() {
    let stage = Stage::new("");
    let line = "client add wiki --redirect-uri https://wiki.example/callback";
    let added = stage.run(&format!("{line} --json")).json();
    let secret = added["client_secret"].as_str().unwrap();
    assert_eq!(secret.len(), 43);
    let again = stage.run(line);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("already"), "{again:?}");

    let shown = stage.run("client show wiki --json").json();
    assert_eq!(
        shown["metadata"]["redirect_uris"][0],
        "https://wiki.example/callback"
    );
    assert_eq!(shown["declared"], false);
    for line in [
        "client show wiki",
        "client show wiki --json",
        "client list --json",
    ] {
        assert!(!stage.run(line).out.contains(secret), "{line}");
    }
    assert_eq!(stage.run("client remove wiki").code, Some(0));
    assert!(stage.run("client show wiki --json").json()["disabled_at"].is_string());
    assert_eq!(stage.run("client remove wiki").code, Some(1));
}

#[test]
fn a_client_is_disabled_enabled_removed_and_registered_again() {
    let stage = Stage::new("");
    let add = "client add wiki --redirect-uri https://wiki.example/callback";
    let disabled_at = || stage.run("client show wiki --json").json()["disabled_at"].clone();
    assert_eq!(stage.run("client disable wiki").code, Some(1), "unknown");
    assert_eq!(stage.run(add).code, Some(0));
    assert_eq!(stage.run("client disable wiki").code, Some(0));
    assert!(disabled_at().is_string());
    assert_eq!(stage.run(add).code, Some(1), "it is there, though disabled");
    assert_eq!(stage.run("client enable wiki").code, Some(0));
    assert!(disabled_at().is_null());
    assert_eq!(stage.run("client remove wiki").code, Some(0));
    assert!(stage.run("client show wiki").out.contains("removed at"));
    assert_eq!(
        stage.run("client list --json").json(),
        serde_json::json!([])
    );
    assert_eq!(stage.run("client enable wiki").code, Some(1), "for good");
    assert_eq!(stage.run(add).code, Some(0));
    assert!(disabled_at().is_null());
}

#[test]
fn a_person_is_disabled_enabled_and_forgotten_only_when_it_is_meant() {
    let stage = Stage::new("");
    let add = || stage.run("user add bob --no-password");
    assert_eq!(add().code, Some(0));
    let first = stage.run("user list --json").json()[0]["sub"].clone();
    assert_eq!(stage.run("user disable bob").code, Some(0));
    assert_eq!(stage.run("user enable bob").code, Some(0));
    assert!(stage.run("user list --json").json()[0]["disabled_at"].is_null());
    let unasked = stage.run("user delete bob");
    assert_eq!(unasked.code, Some(1), "nobody is there to ask");
    assert!(unasked.err.contains("--yes"), "{unasked:?}");
    assert_eq!(stage.run("user delete bob --yes").code, Some(0));
    assert_eq!(stage.run("user list --json").json(), serde_json::json!([]));
    for line in [
        "user delete bob --yes",
        "user enable bob",
        "user disable bob",
    ] {
        assert_eq!(stage.run(line).code, Some(1), "{line}");
    }
    assert_eq!(add().code, Some(0));
    assert_ne!(stage.run("user list --json").json()[0]["sub"], first);
}

#[test]
fn a_public_client_gets_no_secret() {
    let stage = Stage::new("");
    let line = "client add phone --public --native --redirect-uri org.example.phone:/cb --json";
    assert_eq!(
        stage.run(line).json(),
        serde_json::json!({"client_id": "phone"})
    );
}

#[test]
fn every_mistake_in_a_clients_metadata_is_told_at_once() {
    let stage = Stage::new("");
    let metadata = r#"{"redirect_uris": ["http://wiki.example/"], "scope": "profile"}"#;
    std::fs::write(stage.folder.path().join("wiki.json"), metadata).unwrap();
    let answer = stage.run("client add wiki --metadata wiki.json");
    assert_eq!(answer.code, Some(1));
    assert!(
        answer.err.contains("redirect_uris: ") && answer.err.contains("scope: "),
        "{answer:?}"
    );
}

#[test]
fn a_client_whose_sector_says_nothing_of_it_is_not_added() {
    let stage = Stage::new("");
    let metadata = r#"{"redirect_uris": ["https://wiki.example/"], "subject_type": "pairwise",
        "sector_identifier_uri": "https://localhost:9/sector.json"}"#;
    std::fs::write(stage.folder.path().join("wiki.json"), metadata).unwrap();
    let answer = stage.run("client add wiki --metadata wiki.json");
    assert_eq!(answer.code, Some(1), "{answer:?}");
    assert!(
        answer
            .err
            .contains("sector_identifier_uri: the document there could not be fetched"),
        "{answer:?}"
    );
    assert_eq!(
        stage.run("client list --json").json(),
        serde_json::json!([])
    );
    let without = r#"{"redirect_uris": ["https://wiki.example/"], "subject_type": "pairwise"}"#;
    std::fs::write(stage.folder.path().join("wiki.json"), without).unwrap();
    stage
        .run("client add wiki --metadata wiki.json --json")
        .json();
    let shown = stage.run("client show wiki --json").json();
    assert_eq!(shown["metadata"]["subject_type"], "pairwise");
}

#[test]
fn declared_clients_are_not_changed_here_and_it_is_said_where_they_live() {
    let stage = Stage::new(&client("ledger", "https://ledger.example"));
    for line in [
        "client add ledger --redirect-uri https://ledger.example/",
        "client add Ledger --redirect-uri https://ledger.example/",
        "client remove ledger",
    ] {
        let answer = stage.run(line);
        assert_eq!(answer.code, Some(1), "{line}");
        assert!(answer.err.contains("exeunt.toml:7:1"), "{answer:?}");
    }
}

#[test]
fn a_person_is_added_with_a_password_from_standard_input() {
    let stage = Stage::new("");
    let added = stage.tell(
        "user add Grace --email grace@example.org",
        "a long password\n",
    );
    assert_eq!(added.code, Some(0), "{added:?}");
    let people = stage.run("user list --json").json();
    assert_eq!(people[0]["username"], "grace");
    assert_eq!(people[0]["claims"]["email_verified"], false);
    assert!(people[0]["created_at"].as_str().unwrap().ends_with('Z'));
    for (line, input) in [
        ("user add grace", "a long password\n"),
        ("user add bob", ""),
        ("user add bob", "short\n"),
        ("user set-password nobody", "a long password\n"),
        ("user disable nobody", ""),
        ("user add ada", "a long password\n"),
    ] {
        let answer = stage.tell(line, input);
        assert_eq!(answer.code, Some(1), "{line}: {answer:?}");
        assert!(!answer.err.is_empty() && answer.out.is_empty());
    }
    assert_eq!(stage.run("user add eve --no-password").code, Some(0));
}

#[tokio::test]
async fn applying_the_file_twice_changes_nothing_and_never_undoes() {
    let stage = Stage::new(&client("ledger", "https://ledger.example"));
    let server = stage.serve().await;
    let before = stage.declared();
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains(&format!("127.0.0.1:{}", stage.port)), "{log}");

    drop(stage.serve().await.stop());
    assert_eq!(stage.declared(), before);

    // What was changed since stays; who has left the file is shut out.
    assert_eq!(
        stage
            .tell("user set-password ada", "another password\n")
            .code,
        Some(0)
    );
    assert_eq!(stage.run("user disable ada").code, Some(0));
    stage.declare(&format!(
        "[[users]]\nusername = \"ada\"\npassword = \"{PASSWORD}\"\n"
    ));
    let people = stage.run("user list --json").json();
    drop(stage.serve().await.stop());
    assert_eq!(stage.run("user list --json").json(), people);
    assert!(people[0]["disabled_at"].is_string());
    assert!(stage.run("client show ledger --json").json()["disabled_at"].is_string());
}

#[tokio::test]
async fn a_password_set_here_is_not_undone_by_the_file() {
    let stage = Stage::new(&client("ledger", "https://ledger.example"));
    drop(stage.serve().await.stop());
    assert_eq!(
        stage
            .tell("user set-password ada", "another password\n")
            .code,
        Some(0)
    );
    let server = stage.serve().await;
    let party = RelyingParty::at(&stage.issuer(), "ledger", "https://ledger.example");
    let refused = party.sign_in(&Visitor::default(), &[]).await;
    assert_eq!(refused.page(), "page-sign-in", "the declared password");
    let ada = Visitor::default();
    let page = ada.get(&party.authorize_url(&[])).await;
    let page = ada.follow(page, &stage.issuer()).await;
    let fields = [("username", "ada"), ("password", "another password")];
    let answer = ada.submit(&page, &page.form(), &fields).await;
    let answer = ada.follow(answer, &stage.issuer()).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    drop(server.stop());
}

/// P2: a session that an administrator ends is announced, and what was refused is visible and can be tried again.
#[actix_web::test]
async fn sessions_are_listed_and_ended_and_their_notices_listed_shown_and_retried() {
    let ear = Ear::open().await;
    ear.answer(Reply::Status(400));
    let stage = Stage::new(&client("ledger", &ear.base));
    let server = stage.serve().await;
    let party = RelyingParty::at(&stage.issuer(), "ledger", &ear.base);
    party.tokens(&Visitor::default(), &[]).await;

    let sessions = stage.run("session list --user ada --json").json();
    assert_eq!(sessions[0]["username"], "ada");
    assert_eq!(sessions[0]["applications"], serde_json::json!(["ledger"]));
    let id = sessions[0]["id"].as_str().unwrap();
    assert!(stage.run("session list").out.contains(id));
    let ended = stage.run(&format!("session end {id}"));
    assert!(
        ended
            .out
            .starts_with("Ended 1 session; 1 application is to be told."),
        "{ended:?}"
    );
    let again = stage.run(&format!("session end {id}"));
    assert!(again.out.contains("over already"), "{again:?}");
    assert_eq!(
        stage.run("session list --json").json(),
        Value::Array(vec![])
    );
    let ended = stage.run("session list --ended --json").json();
    assert_eq!(ended[0]["end_cause"], "administrator");

    let first = |line: &'static str| {
        let stage = &stage;
        eventually(async move || Some(stage.run(line).json()[0].clone()).filter(Value::is_object))
    };
    let refused = first("delivery list --client ledger --state refused --json")
        .await
        .unwrap();
    assert_eq!(refused["last_status"], 400);
    let notice = refused["id"].as_str().unwrap();
    assert!(stage.run("delivery list --open").out.contains(notice));
    let shown = stage.run(&format!("delivery show {notice} --json")).json();
    assert_eq!(shown["tries"][0]["outcome"], "refused");
    assert!(
        stage
            .run(&format!("delivery show {notice}"))
            .out
            .contains("400")
    );

    ear.answer(Reply::Status(200));
    let retried = stage.run("delivery retry --client ledger");
    assert!(
        retried.out.starts_with("1 notice is due now."),
        "{retried:?}"
    );
    let confirmed = first("delivery list --state confirmed --json")
        .await
        .unwrap();
    assert_eq!(confirmed["attempts"], 2);
    assert_eq!(stage.run(&format!("delivery retry {notice}")).code, Some(1));
    drop(server.stop());
}

#[actix_web::test]
async fn everyones_sessions_are_ended_by_one_order() {
    let ear = Ear::open().await;
    let stage = Stage::new(&client("ledger", &ear.base));
    let server = stage.serve().await;
    let party = RelyingParty::at(&stage.issuer(), "ledger", &ear.base);
    for line in [
        "session end --client ledger",
        "session end --user ada",
        "session end --all",
    ] {
        let before = ear.notices().len();
        party.tokens(&Visitor::default(), &[]).await;
        let ended = stage.run(line);
        assert!(ended.out.starts_with("Ended "), "{ended:?}");
        ear.wait_for(before + 1).await;
    }
    assert_eq!(stage.run("session end --user nobody").code, Some(1));
    drop(server.stop());
}

#[tokio::test]
async fn a_running_server_notices_a_rotation_and_a_retirement() {
    let stage = Stage::new("");
    let server = stage.serve().await;
    let keys = stage.run("keys list --json").json();
    assert_eq!(keys[0]["state"], "signs");
    let rs256 = keys
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["algorithm"] == "RS256");
    let old = rs256.unwrap()["kid"].as_str().unwrap().to_owned();
    let last = stage.run(&format!("keys retire {old}"));
    assert_eq!(last.code, Some(1));
    assert!(last.err.contains("rotate first"), "{last:?}");

    assert!(stage.run("keys rotate").out.contains("signs from"));
    assert!(stage.run("keys list").out.contains("published, signs from"));
    assert_eq!(
        stage.run("keys rotate --algorithm RS256 --now").code,
        Some(0)
    );
    let visitor = Visitor::default();
    let jwks = format!("{}/jwks", stage.issuer());
    let gone = eventually(async || (!visitor.get(&jwks).await.body.contains(&old)).then_some(()));
    gone.await.expect("the compromised key leaves the JWKS");
    assert!(stage.run("keys list").out.contains("retired at"));
    assert_eq!(stage.run("keys retire unknown").code, Some(1));
    drop(server.stop());
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    let stage = Stage::new("");
    let mut child = stage
        .command("client list")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
