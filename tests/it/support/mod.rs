//! What the tests stand on; nothing here asserts anything about Exeunt itself.

pub mod admin;
pub mod browser;
pub mod client_key;
pub mod demo;
pub mod elsewhere;
pub mod exchange;
pub mod fixtures;
pub mod guarded;
pub mod https;
pub mod ledger;
pub mod parts;
pub mod people;
pub mod process;
pub mod provider;
pub mod publisher;
pub mod redis;
pub mod registrar;
pub mod relying_party;
pub mod scene;
pub mod secure_site;
pub mod server;
pub mod service;
pub mod services;
pub mod site;
pub mod stage;
pub mod tour;
pub mod visitor;

use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a test waits for something that should happen at once on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The value of an environment variable that `scripts/test` sets.
#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment what the machine offers"
)]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Asks again and again until `question` has an answer, or [`PATIENCE`] is over: then `None`.
#[expect(
    clippy::disallowed_methods,
    reason = "what is waited for happens in another process, under no clock of ours"
)]
pub async fn eventually<T>(mut question: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let asking = async {
        loop {
            if let Some(answer) = question().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.ok()
}

/// The folder that holds the workspace's `Cargo.toml`.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` (relative to the repository) whose name ends in `extension`, sorted; none if the folder
/// does not exist.
pub fn files_below(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut folders = vec![repository().join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// A path as people write it: relative to the repository, with forward slashes.
pub fn name_of(path: &Path) -> String {
    let path = path.strip_prefix(repository()).unwrap_or(path);
    path.to_string_lossy().replace('\\', "/")
}
