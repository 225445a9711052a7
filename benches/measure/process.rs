//! What the system says of a process.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The name of the threads that SQLite runs in, cut as Linux cuts it.
const DATABASE_THREAD: &str = "sqlx-sqlite-wor";

/// A server in a process of its own, which ends with this value.
pub struct Server {
    child: Child,
    /// What it said once it was ready.
    pub greeting: serde_json::Value,
}

/// Processor time.
#[derive(Clone, Copy)]
pub struct Spent {
    /// Seconds of all threads.
    pub all: f64,
    /// Seconds of those that SQLite runs in.
    pub database: f64,
}

impl Server {
    /// Starts this program again in another role.
    pub fn start(role: &str, folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(role)
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let said = BufReader::new(child.stdout.take().unwrap()).read_line(&mut line);
        said.unwrap();
        Self {
            child,
            greeting: serde_json::from_str(&line).unwrap(),
        }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        u16::try_from(self.greeting["port"].as_u64().unwrap()).unwrap()
    }

    /// The processor time it has had so far.
    pub fn spent(&self) -> Spent {
        spent(self.child.id())
    }
}

/// The processor time that a process has had so far.
pub fn spent(process: u32) -> Spent {
    let mut spent = Spent {
        all: 0.0,
        database: 0.0,
    };
    for task in std::fs::read_dir(format!("/proc/{process}/task")).unwrap() {
        let task = task.unwrap().path();
        let name = std::fs::read_to_string(task.join("comm"));
        // A thread may end while we look.
        let (Ok(name), Some(seconds)) = (name, seconds(&task.join("schedstat"))) else {
            continue;
        };
        spent.all += seconds;
        if name.trim_end() == DATABASE_THREAD {
            spent.database += seconds;
        }
    }
    spent
}

/// The processor time that this thread has had so far, in seconds.
pub fn spent_by_this_thread() -> f64 {
    seconds(Path::new("/proc/thread-self/schedstat")).unwrap()
}

/// The first number of the file: nanoseconds on a processor, with none of the waiting for one.
fn seconds(schedstat: &Path) -> Option<f64> {
    let text = std::fs::read_to_string(schedstat).ok()?;
    let nanoseconds: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

impl std::ops::Sub for Spent {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            all: self.all - before.all,
            database: self.database - before.database,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It stops when it can read no more.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Tells the process that started us that we are ready, and waits until it needs us no more.
pub fn serve_until_unneeded(greeting: &serde_json::Value) {
    println!("{greeting}");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
