//! The program as people run it: how soon it answers, and what it takes when nobody asks anything.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::process::{mebibytes, spent};
use crate::report::{Goal, Row, median};

const ROUNDS: usize = 11;
/// How long it is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(30);

/// Start and idle memory.
pub fn measure() -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let port = configure(folder.path());
    // The first start makes the database and the keys.
    stop(start(folder.path(), port).0);

    let mut starts = Vec::new();
    let mut busy = Vec::new();
    let mut idle = Vec::new();
    for round in 0..ROUNDS {
        let (program, took) = start(folder.path(), port);
        starts.push(took.as_secs_f64() * 1000.0);
        busy.push(spent(program.id()).all * 1000.0);
        if round % 4 == 0 {
            std::thread::sleep(IDLE);
            idle.push(mebibytes(program.id(), "VmRSS:"));
        }
        stop(program);
    }
    vec![
        Row::alone(
            "start, to the first answer of /readyz",
            median(starts.into_iter()),
            "ms",
        )
        .goal(Goal::LessThan(100.0)),
        Row::alone(
            "start, processor time of all threads",
            median(busy.into_iter()),
            "ms",
        ),
        Row::alone("idle memory", median(idle.into_iter()), "MiB").goal(Goal::LessThan(25.0)),
    ]
}

fn configure(folder: &Path) -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    let text = format!(
        r#"
issuer = "http://localhost:{port}"

[[clients]]
client_id = "ledger"
client_secret = "a-secret-of-more-than-24-characters"
redirect_uris = ["https://ledger.example/callback"]
backchannel_logout_uri = "https://ledger.example/backchannel"

[[users]]
username = "ada"
password = "the analytical engine"
"#
    );
    std::fs::write(folder.join("exeunt.toml"), text).unwrap();
    port
}

/// Starts it and waits until it can do its work.
fn start(folder: &Path, port: u16) -> (Child, Duration) {
    let began = Instant::now();
    let mut program = Command::new(env!("CARGO_BIN_EXE_exeunt"))
        .args(["serve", "--config"])
        .arg(folder.join("exeunt.toml"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !is_ready(port) {
        assert_eq!(program.try_wait().unwrap(), None, "exeunt serve has ended");
        assert!(began.elapsed() < PATIENCE, "exeunt serve does not answer");
        std::thread::sleep(Duration::from_millis(1));
    }
    (program, began.elapsed())
}

fn is_ready(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let request = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

/// Asks it to stop, as a service manager does.
fn stop(mut program: Child) {
    let asked = Command::new("sh")
        .args(["-c", &format!("kill -TERM {}", program.id())])
        .status();
    assert!(asked.unwrap().success());
    program.wait().unwrap();
}
