//! The program itself, one process or two behind one door, that can be killed or cut off from its database.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use exeunt::config::{Config, DatabaseUrl};
use exeunt::server::{self, Seams};
use tempfile::TempDir;
use tokio::io::{AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::support::elsewhere::Elsewhere;
use crate::support::eventually;
use crate::support::fixtures::Side;
use crate::support::process::free_port;
use crate::support::provider::{SECRET, database};
use crate::support::visitor::http_client;

/// Nobody in particular.
const ANYONE: usize = usize::MAX;

/// After this long a session ends, whatever else did not end it.
pub const ABSOLUTE: Duration = Duration::from_secs(20);
/// What a process that idles sessions out thinks too long.
const IDLE: &str = "10s";

/// The nodes, their database, and the door in front of them.
pub struct House {
    /// The issuer's URL: the door's.
    pub issuer: String,
    /// Another provider, which tells of sign-outs there.
    pub elsewhere: Elsewhere,
    database: DatabaseUrl,
    folder: TempDir,
    nodes: Vec<Node>,
    door: Arc<Door>,
}

struct Node {
    port: u16,
    process: Option<Process>,
}

/// A running program. Dropping it kills it.
pub struct Process(Child);

impl Process {
    /// SIGKILL: nothing is finished, nothing is cleaned up.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whom a connection reaches, as at a load balancer: one after the other, and past one that is dead.
struct Door {
    ports: Vec<u16>,
    wanted: AtomicUsize,
    turn: AtomicUsize,
}

impl House {
    /// As many nodes as the database allows: two on PostgreSQL.
    pub async fn build() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = database(&folder).await;
        let is_postgres = database.is_postgres();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let nodes: Vec<Node> = (0..if is_postgres { 2 } else { 1 })
            .map(|_| Node {
                port: free_port(),
                process: None,
            })
            .collect();
        let door = Arc::new(Door {
            ports: nodes.iter().map(|node| node.port).collect(),
            wanted: AtomicUsize::new(ANYONE),
            turn: AtomicUsize::new(0),
        });
        tokio::spawn(open(listener, Arc::clone(&door)));
        let house = Self {
            issuer,
            elsewhere: Elsewhere::open().await,
            database,
            folder,
            nodes,
            door,
        };
        house.configure();
        house
    }

    fn configure(&self) {
        let text = format!(
            r#"
            issuer = "{}"
            [database]
            url = "{}"
            [secrets]
            master_key_file = "exeunt.key"
            [outbound]
            allow_private_networks = ["127.0.0.0/8"]
            [session]
            absolute = "{}s"
            [tokens]
            refresh_grace = "0s"
            revocation_ends_participation = true
            [logout]
            retry_first = "50ms"
            retry_max = "500ms"
            [[upstreams]]
            id = "{}"
            issuer = "{}"
            client_id = "exeunt"
            client_secret = "{SECRET}"
            "#,
            self.issuer,
            self.database.as_str(),
            ABSOLUTE.as_secs(),
            self.elsewhere.id,
            self.elsewhere.issuer(),
        );
        std::fs::write(self.config(), text).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("exeunt.toml")
    }

    /// What acts on the database without a process, to prepare things with.
    pub async fn provider(&self) -> exeunt::flows::Provider {
        let config = Config::load(Some(&self.config()), std::iter::empty()).unwrap();
        server::open(config, Seams::default()).await.unwrap()
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Starts a node and waits until it is ready. `idling`: it ends sessions that nobody used for a while.
    pub async fn start(&mut self, number: usize, idling: bool) {
        let config = self.config();
        let node = &mut self.nodes[number];
        let mut command = Command::new(env!("CARGO_BIN_EXE_exeunt"));
        command
            .args(["serve", "--config"])
            .arg(config)
            .env("EXEUNT__LISTEN", format!("127.0.0.1:{}", node.port))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if idling {
            command.env("EXEUNT__SESSION__IDLE", IDLE);
        }
        let process = node.process.insert(Process(command.spawn().unwrap()));
        let ready = eventually(async || {
            let gone = process.0.try_wait().unwrap();
            assert_eq!(gone, None, "exeunt serve does not start");
            let url = format!("http://127.0.0.1:{}/readyz", node.port);
            let answer = http_client().get(url).send().await;
            answer.ok().filter(|answer| answer.status() == 200)
        });
        assert!(ready.await.is_some(), "exeunt serve does not become ready");
    }

    /// The process of a node, to be killed.
    pub fn take(&mut self, number: usize) -> Process {
        self.nodes[number].process.take().unwrap()
    }

    /// From now on everyone who comes is let in to this node, as long as it lives.
    pub fn lead_to(&self, number: usize) {
        self.door.wanted.store(number, Ordering::Relaxed);
    }

    /// From now on people are let in to one node after the other.
    pub fn lead_anywhere(&self) {
        self.door.wanted.store(ANYONE, Ordering::Relaxed);
    }

    /// Cuts every connection to the database, whatever goes on in it.
    pub async fn cut_off(&self) {
        let mut side = Side::open(self.database.as_str()).await;
        side.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
    }

    /// What is kept outside the database knows that it lived longer than it remembers itself: as if a copy had been put
    /// back.
    pub fn remembers_more(&self) {
        let config = Config::load(Some(&self.config()), std::iter::empty()).unwrap();
        let marker = config.marker_file();
        let kept: i64 = std::fs::read_to_string(&marker)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        // What it remembers itself may be a little ahead of what was kept: the processes were killed.
        std::fs::write(&marker, format!("{}\n", kept + 60_000)).unwrap();
    }

    /// Everybody who is here came from the other provider, where they have the same names.
    pub async fn came_from_elsewhere(&self, side: &mut Side) {
        let issuer = self.elsewhere.issuer();
        side.execute(&format!(
            "INSERT INTO session_upstreams (session_id, issuer, subject, sealed_id_token) \
             SELECT sessions.id, '{issuer}', users.username, '' FROM sessions JOIN users ON users.id = sessions.user_id \
             WHERE NOT EXISTS (SELECT 1 FROM session_upstreams WHERE session_id = sessions.id)"
        ))
        .await;
    }

    /// A connection past the provider.
    pub async fn side(&self) -> Side {
        Side::open(self.database.as_str()).await
    }

    /// Runs the program with these arguments; what it printed, if it went well. It is killed when `patience` is over.
    pub async fn command(
        &self,
        arguments: &[&str],
        input: &str,
        patience: Duration,
    ) -> Option<String> {
        let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_exeunt"))
            .args(arguments)
            .arg("--config")
            .arg(self.config())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // One that is dead already reads nothing.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let output = tokio::time::timeout(patience, child.wait_with_output()).await;
        let output = output.ok()?.unwrap();
        let went_well = output.status.success();
        went_well.then(|| String::from_utf8(output.stdout).unwrap())
    }
}

async fn open(listener: TcpListener, door: Arc<Door>) {
    while let Ok((mut stranger, _)) = listener.accept().await {
        let door = Arc::clone(&door);
        tokio::spawn(async move {
            if let Some(mut node) = door.find().await {
                // Whoever dies in between, the other one sees it.
                let _ = copy_bidirectional(&mut stranger, &mut node).await;
            }
        });
    }
}

impl Door {
    async fn find(&self) -> Option<TcpStream> {
        let first = match self.wanted.load(Ordering::Relaxed) {
            ANYONE => self.turn.fetch_add(1, Ordering::Relaxed),
            wanted => wanted,
        };
        for number in first..first + self.ports.len() {
            let port = self.ports[number % self.ports.len()];
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)).await {
                return Some(stream);
            }
        }
        None
    }
}
