//! A service in a process of its own, which lets in who `exeunt-guard` lets in. The process is this test program, run for
//! one test that is none.

use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use actix_web::{App, HttpServer, web};
use exeunt_guard::actix::Protect;
use exeunt_guard::{Guard, Staleness};

use super::process::free_port;
use super::visitor::http_client;
use super::{environment, eventually};

const TEST: &str = "support::guarded::the_process_of_a_service";
const PORT: &str = "EXEUNT_TEST_SERVICE_PORT";
const ISSUER: &str = "EXEUNT_TEST_SERVICE_ISSUER";
const IDENTIFIER: &str = "EXEUNT_TEST_SERVICE_IDENTIFIER";
const SECRET: &str = "EXEUNT_TEST_SERVICE_SECRET";
const REDIS: &str = "EXEUNT_TEST_SERVICE_REDIS";
const STALE_AFTER: &str = "EXEUNT_TEST_SERVICE_STALE_AFTER";
const CLOCK: &str = "EXEUNT_TEST_SERVICE_CLOCK";

/// How a service is to be.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Whose tokens it takes.
    pub issuer: String,
    /// Its identifier.
    pub identifier: String,
    /// Its secret, if it follows the feed.
    pub secret: Option<String>,
    /// The Redis, if it follows that.
    pub redis: Option<String>,
    /// After how many seconds it trusts its list no more; 30 if 0.
    pub stale_after: u64,
    /// By how many seconds its clock is ahead.
    pub clock: i64,
}

/// A service that runs. It is killed with the test.
pub struct Guarded {
    child: Child,
    address: String,
}

impl Wish {
    /// Starts it, and waits until it answers.
    pub async fn start(&self) -> Guarded {
        let port = free_port();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", TEST, "--include-ignored"])
            .env(PORT, port.to_string())
            .env(ISSUER, &self.issuer)
            .env(IDENTIFIER, &self.identifier)
            .env(SECRET, self.secret.as_deref().unwrap_or_default())
            .env(REDIS, self.redis.as_deref().unwrap_or_default())
            .env(STALE_AFTER, self.stale_after.to_string())
            .env(CLOCK, self.clock.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let guarded = Guarded {
            child: command.spawn().unwrap(),
            address: format!("http://127.0.0.1:{port}/"),
        };
        let answers = eventually(async || http_client().get(&guarded.address).send().await.ok());
        assert!(answers.await.is_some(), "the service does not start");
        guarded
    }
}

impl Guarded {
    /// What it answers to who comes with this token.
    pub async fn says(&self, token: &str) -> u16 {
        let request = http_client().get(&self.address).bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    }

    /// Waits until it answers so to who comes with this token.
    pub async fn comes_to_say(&self, status: u16, token: &str) {
        let said = eventually(async || (self.says(token).await == status).then_some(()));
        let now = self.says(token).await;
        assert!(said.await.is_some(), "it says {now}, and never {status}");
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

static AHEAD: OnceLock<i64> = OnceLock::new();

#[expect(
    clippy::disallowed_methods,
    reason = "the service's own clock, in its own process"
)]
fn clock() -> i64 {
    chrono::Utc::now().timestamp() + AHEAD.get().copied().unwrap_or_default()
}

#[actix_web::test]
#[ignore = "the process of a service, which other tests start"]
async fn the_process_of_a_service() {
    let Some(port) = environment(PORT) else {
        return;
    };
    let said = |name| environment(name).unwrap_or_default();
    AHEAD.set(said(CLOCK).parse().unwrap()).unwrap();
    let stale_after = match said(STALE_AFTER).parse().unwrap() {
        0 => 30,
        seconds => seconds,
    };
    let mut builder = Guard::builder(said(ISSUER), said(IDENTIFIER))
        .clock(clock)
        .leeway(60)
        .staleness(Staleness::RefuseBeyond(Duration::from_secs(stale_after)))
        .wait_for_list(Duration::ZERO);
    if let Some(secret) = environment(SECRET) {
        builder = builder.service_secret(secret);
    }
    if let Some(url) = environment(REDIS) {
        builder = builder.redis(url);
    }
    let guard = builder.connect().await.unwrap();
    let app = move || {
        App::new()
            .wrap(Protect::new(guard.clone()))
            .route("/", web::get().to(async || "let in"))
    };
    let address = ("127.0.0.1", port.parse().unwrap());
    let server = HttpServer::new(app).workers(1).bind(address).unwrap();
    server.run().await.unwrap();
}
