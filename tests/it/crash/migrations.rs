//! A step of a migration is done wholly or not at all, whatever ends it in its middle and whoever else is at it.

use std::process::{Child, Stdio};

use exeunt::store::{Database, commit};
use exeunt_migrations::{Migrator, MigratorTrait as _};

use crate::support::fixtures::Side;
use crate::support::process::program;
use crate::support::provider::database;

/// How many steps are done; what makes the next one fail in its middle; what takes that out of the way.
const OBSTACLES: [(u32, &str, &str); 5] = [
    // The last table of the first step.
    (0, "CREATE TABLE changes (name TEXT)", "DROP TABLE changes"),
    // After columns were added, which can't be added twice.
    (1, "CREATE TABLE marks (name TEXT)", "DROP TABLE marks"),
    // After everything else: there can be no second note of a step that was done.
    (
        1,
        "CREATE UNIQUE INDEX obstacle ON seaql_migrations ((applied_at > 0))",
        "DROP INDEX obstacle",
    ),
    // After an index was dropped, which can't be dropped twice.
    (
        3,
        "CREATE INDEX sessions_by_user_id_and_ended_at_and_id ON users (id)",
        "DROP INDEX sessions_by_user_id_and_ended_at_and_id",
    ),
    // After three tables were made.
    (
        15,
        "CREATE TABLE upstream_requests (state_hash TEXT)",
        "DROP TABLE upstream_requests",
    ),
];

/// How many processes start at once, and how often: who is in whose way is for chance to say.
const PROCESSES: usize = 4;
const ROUNDS: usize = 4;

/// A crash in the middle is the same to the database as a failure: what was not committed is not there. Half a step would
/// be in the way of every start after it.
#[tokio::test]
async fn a_step_that_fails_in_its_middle_leaves_the_database_as_it_was() {
    for (done, obstacle, way_out) in OBSTACLES {
        let folder = tempfile::tempdir().unwrap();
        let url = database(&folder).await;
        // Its only connection is enough.
        let database = Database::open(url.as_str(), 1).await.unwrap();
        let earlier = database.begin().await.unwrap();
        Migrator::up(&earlier, Some(done)).await.unwrap();
        commit(earlier).await.unwrap();
        let mut side = Side::open(url.as_str()).await;
        side.execute(obstacle).await;

        let before = schema(&mut side).await;
        assert!(database.migrate().await.is_err(), "{obstacle}");
        assert_eq!(schema(&mut side).await, before, "{obstacle}");
        assert!(!database.is_current().await.unwrap(), "{obstacle}");

        side.execute(way_out).await;
        database.migrate().await.unwrap();
        assert!(database.is_current().await.unwrap(), "{obstacle}");
        database.close().await;
    }
}

#[tokio::test]
async fn processes_that_migrate_a_new_database_at_once_take_turns() {
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        let url = database(&folder).await;
        let config = "issuer = \"http://localhost:8080\"\n";
        std::fs::write(folder.path().join("exeunt.toml"), config).unwrap();
        let migrate = || {
            program(folder.path())
                .env("EXEUNT__DATABASE__URL", url.as_str())
                .args(["--config", "exeunt.toml", "migrate"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        };
        let processes = [(); PROCESSES].map(|()| migrate());
        for process in processes {
            assert_up_to_date(process, "");
        }
        assert_up_to_date(migrate(), "was up to date already");
    }
}

/// Waits for a process that migrates, which must go well and say this.
fn assert_up_to_date(process: Child, words: &str) {
    let output = process.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(words), "{said}");
}

/// Every table, column and index, and which steps are noted as done.
async fn schema(side: &mut Side) -> Vec<String> {
    let found: Result<Vec<String>, sqlx::Error> = match side {
        Side::Sqlite(connection) => {
            sqlx::query_scalar(
                "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master \
                 UNION ALL SELECT version FROM seaql_migrations",
            )
            .fetch_all(connection)
            .await
        }
        Side::Postgres(connection) => sqlx::query_scalar(
            "SELECT table_name::text || '.' || column_name::text FROM information_schema.columns \
                 WHERE table_schema = current_schema() \
                 UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() \
                 UNION ALL SELECT version::text FROM seaql_migrations",
        )
        .fetch_all(connection)
        .await,
    };
    let mut found = found.unwrap();
    assert!(!found.is_empty());
    found.sort();
    found
}
