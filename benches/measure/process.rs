//! What the system says of a process.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Ticks a second in `/proc/*/stat`; Linux promises this number whatever its own clock does.
const TICKS: f64 = 100.0;

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
        let tasks = PathBuf::from(format!("/proc/{}/task", self.child.id()));
        let mut spent = Spent {
            all: 0.0,
            database: 0.0,
        };
        for task in std::fs::read_dir(tasks).unwrap() {
            // A thread may end while we look.
            let Ok(stat) = std::fs::read_to_string(task.unwrap().path().join("stat")) else {
                continue;
            };
            let (name, seconds) = read_stat(&stat);
            spent.all += seconds;
            if name == DATABASE_THREAD {
                spent.database += seconds;
            }
        }
        spent
    }
}

/// Name and processor seconds: the second field, in parentheses, and the 14th and 15th (proc_pid_stat(5)).
fn read_stat(stat: &str) -> (&str, f64) {
    let (start, fields) = stat.rsplit_once(')').unwrap();
    let name = start.split_once('(').unwrap().1;
    let ticks: u32 = fields
        .split_ascii_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u32>().unwrap())
        .sum();
    (name, f64::from(ticks) / TICKS)
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
