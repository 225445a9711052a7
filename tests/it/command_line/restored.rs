//! `exeunt restored`: a database that was put back from a copy brings nothing back to life.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use super::{Answer, Stage, client};
use crate::support::relying_party::{Ear, RelyingParty};
use crate::support::visitor::Visitor;
use crate::support::{environment, eventually};

const OFFLINE: [(&str, &str); 2] = [("scope", "openid offline_access"), ("prompt", "consent")];

/// A database of whichever kind, and a copy of it. Nobody may be connected while it is made or put back.
struct Kept {
    url: String,
}

impl Kept {
    fn file(&self) -> Option<&str> {
        self.url.strip_prefix("sqlite://")
    }

    async fn copy(&self) {
        match self.file() {
            Some(path) => {
                std::fs::copy(path, format!("{path}.copy")).unwrap();
            }
            None => self.make("{}_copy", "{}").await,
        }
    }

    async fn put_back(&self) {
        match self.file() {
            Some(path) => {
                std::fs::copy(format!("{path}.copy"), path).unwrap();
                for beside in ["-wal", "-shm"] {
                    // Closing took them away already.
                    let _ = std::fs::remove_file(format!("{path}{beside}"));
                }
            }
            None => self.make("{}", "{}_copy").await,
        }
    }

    /// Makes one PostgreSQL database from another; `{}` stands for our name.
    async fn make(&self, target: &str, source: &str) {
        let server = environment("EXEUNT_TEST_POSTGRES").unwrap();
        let (_, name) = self.url.rsplit_once('/').unwrap();
        let (target, source) = (target.replace("{}", name), source.replace("{}", name));
        let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
        for statement in [
            format!("DROP DATABASE IF EXISTS {target} WITH (FORCE)"),
            format!("CREATE DATABASE {target} TEMPLATE {source}"),
        ] {
            connection.execute(AssertSqlSafe(statement)).await.unwrap();
        }
    }
}

fn stage(ear: &Ear) -> (Stage, Kept) {
    let stage = Stage::new(&format!(
        "{}grant_types = [\"authorization_code\", \"refresh_token\"]\n",
        client("ledger", &ear.base),
    ));
    let kept = Kept {
        url: stage.database.as_str().to_owned(),
    };
    (stage, kept)
}

fn assert_refused(answer: &Answer) {
    assert_eq!(answer.code, Some(1), "{answer:?}");
    assert!(answer.err.contains("`exeunt restored`"), "{answer:?}");
}

/// P3 and attack 49: what was revoked after a backup was made stays dead when the backup is put back.
#[actix_web::test]
async fn p3_what_was_revoked_stays_dead_when_a_copy_from_before_is_put_back() {
    let ear = Ear::open().await;
    let (stage, kept) = stage(&ear);
    let party = RelyingParty::at(&stage.issuer(), "ledger", &ear.base);

    let server = stage.serve().await;
    let (ada, offline) = (Visitor::default(), Visitor::default());
    let bound = party.tokens(&ada, &[]).await;
    let standing = party.tokens(&offline, &OFFLINE).await;
    drop(server.stop());
    kept.copy().await;

    let server = stage.serve().await;
    assert_eq!(stage.run("session end --user ada").code, Some(0));
    assert_eq!(
        stage
            .tell("user set-password ada", "another password\n")
            .code,
        Some(0)
    );
    let before = ear.wait_for(2).await.len();
    drop(server.stop());
    kept.put_back().await;

    for line in ["serve", "session list", "session end --all", "keys rotate"] {
        assert_refused(&stage.run(line));
    }
    let unasked = stage.run("restored");
    assert_eq!(unasked.code, Some(1), "{unasked:?}");
    assert!(unasked.err.contains("--yes"), "{unasked:?}");
    assert_refused(&stage.run("serve"));
    for _repeated in 0..2 {
        let done = stage.run("restored --yes");
        assert_eq!(done.code, Some(0), "{done:?}");
        assert!(done.out.contains("Done: 2 sessions are over"), "{done:?}");
    }

    let server = stage.serve().await;
    for tokens in [&bound, &standing] {
        let answer = party.refresh(&tokens.get("refresh_token")).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        let answer = party.userinfo(&tokens.get("access_token")).await;
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    for visitor in [&ada, &offline] {
        let page = visitor.get(&party.authorize_url(&[])).await;
        let page = visitor.follow(page, &stage.issuer()).await;
        assert_eq!(page.page(), "page-sign-in", "the session is over");
    }
    // Told again: the copy can't know that they were told.
    ear.wait_for(before + 2).await;
    let ended = stage.run("session list --ended --json").json();
    assert_eq!(ended[0]["end_cause"], "restored");
    let again = party.tokens(&Visitor::default(), &[]).await;
    assert_eq!(party.userinfo(&again.get("access_token")).await.status, 200);
    drop(server.stop());
}

#[actix_web::test]
async fn a_database_that_only_stood_still_is_no_restored_one_and_neither_is_a_new_one() {
    let ear = Ear::open().await;
    let (stage, kept) = stage(&ear);
    drop(stage.serve().await.stop());
    kept.copy().await;
    kept.put_back().await;
    assert_eq!(stage.run("session list").code, Some(0));
    // From here on the copy is an older one: even a command alone is more than it knows of.
    kept.put_back().await;
    assert_refused(&stage.run("session list"));
    if let Some(path) = kept.file() {
        std::fs::remove_file(path).unwrap();
        drop(stage.serve().await.stop());
        assert_eq!(stage.run("session list").code, Some(0));
    }
}

/// P3: where it is put back under a server that runs.
#[actix_web::test]
async fn p3_a_server_whose_database_is_put_back_underneath_serves_no_more() {
    let ear = Ear::open().await;
    let (stage, kept) = stage(&ear);
    let mut server = stage.serve().await;
    // As after a step back: the marker remembers more than the database does.
    let marker = match kept.file() {
        Some(path) => std::path::PathBuf::from(format!("{path}.mark")),
        None => stage.folder.path().join("exeunt.key.mark"),
    };
    let remembered: i64 = std::fs::read_to_string(&marker)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    std::fs::write(&marker, format!("{}\n", remembered + 86_400_000)).unwrap();
    let code = eventually(async || server.ended().map(|status| status.code()));
    assert_eq!(code.await, Some(Some(1)));
    let refused = stage.run("session list");
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("exeunt restored"), "{refused:?}");
}
