//! Taking back: how soon a service in another process refuses a token, how many revocations a second it hears of, and what
//! asking about each token would cost instead. On each database.

mod flood;
mod heard;
mod introspection;
pub mod listener;
mod redis;
pub mod source;

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tempfile::TempDir;

use self::listener::LISTENER;
use self::redis::Redis;
use self::source::SOURCE;
use crate::fixtures::Side;
use crate::load::Connection;
use crate::logout::{database_of_its_own, postgres};
use crate::process::Server;
use crate::report::Row;
use crate::servers::CLIENT_ID;
use crate::tokens::code_flow_for;

/// The service, and its secret.
pub const SERVICE: &str = "https://api.example/";
pub const SERVICE_SECRET: &str = "a-service-secret-of-more-than-24-characters";

/// The ways in which a service can hear: see [`listener::serve`].
const WAYS: [&str; 2] = ["feed", REDIS];
pub const REDIS: &str = "Redis";

/// What the processes know of each other.
#[derive(Serialize, Deserialize)]
pub struct Spec {
    /// The URL of the provider's database.
    pub database: String,
    /// The issuer, once it runs.
    pub issuer: String,
    /// How the service hears: one of [`WAYS`].
    pub way: String,
    /// The URL of the Redis, where it hears over that.
    pub redis: Option<String>,
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
}

/// The provider and a service, a process each.
struct Stage {
    source: Server,
    listener: Server,
    side: Side,
    _redis: Option<Redis>,
    _folder: TempDir,
}

impl Stage {
    /// A fresh database, and a service that hears in this way. None: there is no Redis.
    async fn set(is_postgres: bool, way: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let redis = match way {
            REDIS => Some(Redis::start(folder.path())?),
            _ => None,
        };
        let database = if is_postgres {
            database_of_its_own().await.0
        } else {
            format!("sqlite://{}", folder.path().join("exeunt.db").display())
        };
        let mut spec = Spec {
            database,
            issuer: String::new(),
            way: way.to_owned(),
            redis: redis.as_ref().map(Redis::url),
        };
        spec.write(folder.path());
        let source = Server::start(SOURCE, folder.path());
        spec.issuer = format!("http://localhost:{}", source.port());
        spec.write(folder.path());
        Some(Self {
            source,
            listener: Server::start(LISTENER, folder.path()),
            side: Side::open(&spec.database).await,
            _redis: redis,
            _folder: folder,
        })
    }

    /// Somebody signs in; answers an access token for the service.
    async fn token(&mut self) -> String {
        let answer = self.source.ask(&json!({ "do": "sign in" }));
        let cookie = answer["cookie"].as_str().unwrap();
        let port = self.source.port();
        let mut connection = Connection::open(port).await;
        let resource = [("resource", SERVICE)];
        let tokens = code_flow_for(&mut connection, port, CLIENT_ID, cookie, &resource).await;
        tokens["access_token"].as_str().unwrap().to_owned()
    }
}

/// The rows.
pub async fn measure() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, is_postgres) in [("SQLite", false), ("PostgreSQL", true)] {
        if is_postgres && postgres().is_none() {
            eprintln!("no PostgreSQL: scripts/bench starts one");
            continue;
        }
        for way in WAYS {
            let Some(mut stage) = Stage::set(is_postgres, way).await else {
                eprintln!("no redis-server: please install it");
                continue;
            };
            eprintln!("{name}: from a commit to a refusal, over the {way} ...");
            rows.extend(heard::measure(name, way, &mut stage).await);
            eprintln!("{name}: revocations into the {way} ...");
            rows.extend(flood::measure(name, way, &mut stage).await);
        }
        let mut stage = Stage::set(is_postgres, WAYS[0]).await.unwrap();
        eprintln!("{name}: introspection ...");
        rows.extend(introspection::measure(name, &mut stage).await);
    }
    rows
}
