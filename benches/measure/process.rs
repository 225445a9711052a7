//! What the system says of a process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::sync::mpsc;

/// The name of the threads that SQLite runs in, cut as Linux cuts it.
const DATABASE_THREAD: &str = "sqlx-sqlite-wor";

/// A server in a process of its own, which ends with this value.
pub struct Server {
    child: Child,
    said: BufReader<ChildStdout>,
    /// What it said once it was ready.
    pub greeting: Value,
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
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let greeting = next(&mut said);
        Self {
            child,
            said,
            greeting,
        }
    }

    /// Has it do something, and waits until it has.
    pub fn ask(&mut self, request: &Value) -> Value {
        writeln!(self.child.stdin.as_mut().unwrap(), "{request}").unwrap();
        next(&mut self.said)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        u16::try_from(self.greeting["port"].as_u64().unwrap()).unwrap()
    }

    /// The processor time it has had so far.
    pub fn spent(&self) -> Spent {
        spent(self.child.id())
    }

    /// The most memory that it had at once, in MiB.
    pub fn peak_mebibytes(&self) -> f64 {
        mebibytes(self.child.id(), "VmHWM:")
    }
}

fn next(said: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

/// What Linux says of a process's memory, in MiB.
pub fn mebibytes(process: u32, what: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
    kibibytes.parse::<f64>().unwrap() / 1024.0
}

/// The processor time of a process's children, in seconds: PostgreSQL has one for each connection.
pub fn spent_by_children(parent: u32) -> f64 {
    let mut seconds = 0.0;
    for process in std::fs::read_dir("/proc").unwrap() {
        let name = process.unwrap().file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process may end while we look.
        if parent_of(process) == Some(parent)
            && Path::new(&format!("/proc/{process}/task")).exists()
        {
            seconds += spent(process).all;
        }
    }
    seconds
}

/// The process that started this one.
pub fn parent_of(process: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok()
}

/// Microseconds since 1970, the same in every process of this machine.
#[expect(
    clippy::disallowed_methods,
    reason = "two processes compare their moments"
)]
pub fn micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_micros()).unwrap()
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
pub fn serve_until_unneeded(greeting: &Value) {
    println!("{greeting}");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// As [`serve_until_unneeded`], and does what the process that started us asks for.
pub async fn obey(greeting: &Value, act: impl AsyncFn(Value) -> Value) {
    println!("{greeting}");
    let (sender, mut requests) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let request = serde_json::from_str(&line.unwrap()).unwrap();
            if sender.send(request).is_err() {
                break;
            }
        }
    });
    while let Some(request) = requests.recv().await {
        println!("{}", act(request).await);
    }
}
