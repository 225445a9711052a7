//! A Redis of a test's own: at a port of its own, in a folder of its own, with a password.

use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::eventually;
use super::process::free_port;

const PASSWORD: &str = "sesame";

/// A server, which may be killed and come back.
pub struct Redis {
    process: Option<Child>,
    port: u16,
    folder: TempDir,
    keeps: bool,
}

impl Redis {
    /// One that forgets everything when it is killed.
    pub async fn forgetful() -> Self {
        Self::start(false).await
    }

    /// One that has written down what it answered for.
    pub async fn durable() -> Self {
        Self::start(true).await
    }

    async fn start(keeps: bool) -> Self {
        let mut redis = Self {
            process: None,
            port: free_port(),
            folder: tempfile::tempdir().unwrap(),
            keeps,
        };
        redis.comes_back().await;
        redis
    }

    /// Its address, with the password.
    pub fn url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}/0", self.port)
    }

    /// A connection past the provider.
    pub async fn connection(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    /// SIGKILL: nothing is finished.
    pub fn is_killed(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// It starts again, with what it has written down.
    pub async fn comes_back(&mut self) {
        let keeps = if self.keeps { "yes" } else { "no" };
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--requirepass", PASSWORD])
            .args(["--port", &self.port.to_string(), "--save", ""])
            .args(["--appendonly", keeps, "--appendfsync", "always", "--dir"])
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        self.process = Some(process.expect("redis-server is installed"));
        let client = redis::Client::open(self.url()).unwrap();
        let answers = eventually(async || {
            let mut connection = client.get_multiplexed_async_connection().await.ok()?;
            let ping = redis::cmd("PING");
            ping.query_async::<String>(&mut connection).await.ok()
        });
        assert!(answers.await.is_some(), "redis-server does not answer");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
