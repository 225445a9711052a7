//! Deliveries: what they cost and how soon they come, on each database, beside a program that signs and posts alone.

pub mod applications;
mod backlog;
mod burst;
pub mod floor;
pub mod house;
mod storm;
mod upstream;

use std::path::Path;

use exeunt::random::{OsRandom, Random};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;

use self::applications::APPLICATIONS;
use self::floor::FLOOR;
use self::house::HOUSE;
use crate::fixtures::Side;
use crate::process::{Server, parent_of};
use crate::report::Row;

/// How many applications there are, each an origin of its own.
const MANY: usize = 100;
/// How many somebody has signed in to on a usual day.
const FEW: usize = 3;

/// What the processes of one measurement know of each other.
#[derive(Clone, Serialize, Deserialize)]
pub struct Spec {
    /// The URL of the database.
    pub database: String,
    /// How many applications there are to be.
    pub applications: usize,
    /// Where they listen, once they do.
    pub ports: Vec<u16>,
}

impl Spec {
    /// What is written in the folder.
    pub fn read(folder: &Path) -> Self {
        let text = std::fs::read_to_string(folder.join("spec.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn write(&self, folder: &Path) {
        let text = serde_json::to_string(self).unwrap();
        std::fs::write(folder.join("spec.json"), text).unwrap();
    }

    /// Where an application hears of sign-outs.
    pub fn uri(&self, number: usize) -> String {
        format!("http://127.0.0.1:{}/backchannel", self.ports[number])
    }
}

/// The name of an application in the protocol.
pub fn client_id(number: usize) -> String {
    format!("application-{number}")
}

/// The provider, the applications, and what the provider is measured against; a process each.
struct Stage {
    house: Server,
    applications: Server,
    floor: Server,
    side: Side,
    spec: Spec,
    /// The process that PostgreSQL's others come from.
    postmaster: Option<u32>,
    _folder: TempDir,
}

impl Stage {
    /// A fresh database and `count` applications.
    async fn set(is_postgres: bool, count: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (database, postmaster) = if is_postgres {
            let (database, postmaster) = database_of_its_own().await;
            (database, Some(postmaster))
        } else {
            let path = folder.path().join("exeunt.db");
            (format!("sqlite://{}", path.display()), None)
        };
        let mut spec = Spec {
            database,
            applications: count,
            ports: Vec::new(),
        };
        spec.write(folder.path());
        let applications = Server::start(APPLICATIONS, folder.path());
        let ports = applications.greeting["ports"].clone();
        spec.ports = serde_json::from_value(ports).unwrap();
        spec.write(folder.path());
        let house = Server::start(HOUSE, folder.path());
        let floor = Server::start(FLOOR, folder.path());
        Self {
            house,
            applications,
            floor,
            side: Side::open(&spec.database).await,
            spec,
            postmaster,
            _folder: folder,
        }
    }

    /// Forgets what the applications counted.
    fn reset(&mut self) {
        self.applications.ask(&json!({ "do": "reset" }));
    }

    /// Waits until so many notices came in; answers when the first and the last did, in microseconds.
    fn wait_for(&mut self, count: usize) -> (u64, u64) {
        loop {
            let tally = self.applications.ask(&json!({ "do": "tally" }));
            let number = |name: &str| tally[name].as_u64().unwrap();
            if number("count") >= count as u64 {
                return (number("first"), number("last"));
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }

    /// Waits until no notice is on its way and every answer is recorded.
    fn drain(&mut self) {
        self.house.ask(&json!({ "do": "drain" }));
    }
}

/// Everything about deliveries, or the storm alone, on SQLite, and on PostgreSQL where `EXEUNT_TEST_POSTGRES` names a server.
pub async fn measure(only_storm: bool) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, is_postgres) in [("SQLite", false), ("PostgreSQL", true)] {
        if is_postgres && postgres().is_none() {
            eprintln!("no PostgreSQL: scripts/bench starts one");
            continue;
        }
        if !only_storm {
            let mut stage = Stage::set(is_postgres, MANY).await;
            eprintln!("{name}: a backlog ...");
            rows.extend(backlog::measure(name, &mut stage).await);
            eprintln!("{name}: bursts ...");
            rows.extend(burst::measure(name, &mut stage).await);
            eprintln!("{name}: an upstream's logout tokens ...");
            drop(stage);
            for count in [FEW, MANY] {
                let mut stage = Stage::set(is_postgres, MANY).await;
                rows.push(upstream::measure(name, &mut stage, count).await);
            }
        }
        eprintln!("{name}: a storm ...");
        rows.extend(storm::measure(name, is_postgres).await);
    }
    rows
}

#[expect(
    clippy::disallowed_methods,
    reason = "the environment says what the machine offers"
)]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The server that `EXEUNT_TEST_POSTGRES` names.
pub fn postgres() -> Option<String> {
    environment("EXEUNT_TEST_POSTGRES")
}

/// A fresh database there: its URL, and the process that PostgreSQL's others come from.
pub async fn database_of_its_own() -> (String, u32) {
    let server = postgres().unwrap();
    let random: &dyn Random = &OsRandom;
    let name = format!("bench_{}", random.identifier().simple());
    let mut connection = PgConnection::connect(&server).await.unwrap();
    let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
    connection.execute(create).await.unwrap();
    let own: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    let postmaster = parent_of(u32::try_from(own).unwrap()).unwrap();
    (format!("{base}/{name}"), postmaster)
}
