//! The program in a process of its own.

use std::io::Read as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use exeunt::random::{OsRandom, Random};

/// The program, to be run in `folder`.
pub fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exeunt"));
    command.current_dir(folder).stdin(Stdio::null());
    command.env_remove("RUST_LOG").env_remove("EXEUNT_CONFIG");
    command
}

/// A port that is free when we look; the program takes it a moment later. None of those that the system gives to whoever
/// asks for any: another test would have it by then.
pub fn free_port() -> u16 {
    let random: &dyn Random = &OsRandom;
    loop {
        let [high, low, ..] = random.identifier().into_bytes();
        let port = 10_000 + u16::from_be_bytes([high, low]) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A program that runs, and is ended, one way or the other, with the test.
pub struct Process {
    child: Child,
    /// Reads what it logs at once: one whose log nobody reads stops when the pipe is full.
    log: Option<JoinHandle<String>>,
}

impl Process {
    /// Runs it.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            stderr.read_to_string(&mut log).unwrap();
            log
        });
        Self {
            child,
            log: Some(log),
        }
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// What one that has ended logged.
    pub fn last_words(mut self) -> String {
        self.log.take().unwrap().join().unwrap()
    }

    /// Asks it to stop; answers its exit code and what it logged.
    pub fn stop(mut self) -> (Option<i32>, String) {
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        assert!(asked.unwrap().success());
        let log = self.log.take().unwrap().join().unwrap();
        (self.child.wait().unwrap().code(), log)
    }

    /// How much memory it has, and the most that it ever had, in KiB.
    pub fn memory(&self) -> (u64, u64) {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let of = |name: &str| {
            let mut lines = status.lines();
            let line = lines.find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        (of("VmRSS:"), of("VmHWM:"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has stopped already when the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
