//! Applications that answer in every way that does harm: what is recorded of each, what it may cost in time and
//! memory, and that ninety-nine healthy ones beside it are told as soon as without it.

mod matrix;
mod memory;

use std::io::{self, Read as _, Write as _};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use exeunt::flows::end_session;
use exeunt::oidc::algorithm::SigningAlgorithm;
use exeunt::oidc::client::ClientMetadata;
use exeunt::oidc::logout::{Cause, DeliveryState};
use exeunt::outbound::Resolver;
use exeunt::store::deliveries::{self, Delivery};
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use crate::support::eventually;
use crate::support::parts::session_with;
use crate::support::provider::{Provider, metadata, provider};
use crate::support::secure_site::certified;

/// How a server treats a connection, each time a request has come in. False: it is done with it.
type Behaviour = for<'a> fn(&'a mut TcpStream, &'a Counts) -> BoxFuture<'a, bool>;

/// What a server has seen.
#[derive(Default)]
struct Counts {
    requests: AtomicUsize,
    /// Bytes that it got rid of.
    sent: AtomicU64,
}

/// A server of its own on this machine.
struct Server {
    port: u16,
    counts: Arc<Counts>,
}

impl Server {
    async fn open(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let counts = Arc::new(Counts::default());
        let seen = Arc::clone(&counts);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    while request(&mut stream).await {
                        seen.requests.fetch_add(1, Ordering::SeqCst);
                        if !behaviour(&mut stream, &seen).await {
                            break;
                        }
                    }
                });
            }
        });
        Self { port, counts }
    }

    fn requests(&self) -> usize {
        self.counts.requests.load(Ordering::SeqCst)
    }
}

/// Reads one request to its end; false when there is none.
async fn request(stream: &mut TcpStream) -> bool {
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return false,
            Ok(read) => text.extend_from_slice(&buffer[..read]),
        }
        let whole = String::from_utf8_lossy(&text).to_lowercase();
        if let Some((head, body)) = whole.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return true;
            }
        }
    }
}

async fn send(stream: &mut TcpStream, counts: &Counts, text: &[u8]) -> bool {
    let sent = stream.write_all(text).await.is_ok();
    counts.sent.fetch_add(text.len() as u64, Ordering::SeqCst);
    sent
}

/// Sends `head`, and then `piece` without end, pausing for so many milliseconds each time.
async fn pour(
    stream: &mut TcpStream,
    counts: &Counts,
    (head, piece): (&str, &[u8]),
    pause: u64,
) -> bool {
    if !send(stream, counts, head.as_bytes()).await {
        return false;
    }
    let mut ticks = tokio::time::interval(Duration::from_millis(pause.max(1)));
    while send(stream, counts, piece).await {
        if pause > 0 {
            ticks.tick().await;
        }
    }
    false
}

fn said<'a>(
    stream: &'a mut TcpStream,
    counts: &'a Counts,
    line: &'static str,
) -> BoxFuture<'a, bool> {
    Box::pin(async move {
        let answer = format!("HTTP/1.1 {line}\r\ncontent-length: 2\r\n\r\nok");
        send(stream, counts, answer.as_bytes()).await
    })
}

fn slow_body<'a>(stream: &'a mut TcpStream, counts: &'a Counts) -> BoxFuture<'a, bool> {
    Box::pin(pour(stream, counts, ("HTTP/1.1 200 OK\r\n\r\n", b"x"), 20))
}

fn endless_header<'a>(stream: &'a mut TcpStream, counts: &'a Counts) -> BoxFuture<'a, bool> {
    let answer: (&str, &[u8]) = ("HTTP/1.1 200 OK\r\nx: ", &[b'x'; 8192]);
    Box::pin(pour(stream, counts, answer, 0))
}

fn endless_body<'a>(stream: &'a mut TcpStream, counts: &'a Counts) -> BoxFuture<'a, bool> {
    let answer: (&str, &[u8]) = ("HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 8192]);
    Box::pin(pour(stream, counts, answer, 0))
}

fn bomb<'a>(stream: &'a mut TcpStream, counts: &'a Counts) -> BoxFuture<'a, bool> {
    let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n\x1f\x0b";
    let answer: (&str, &[u8]) = (head, &[0; 8192]);
    Box::pin(pour(stream, counts, answer, 0))
}

/// A resolver in which one name leads nowhere, one leads somewhere else each time, and all others lead here.
#[derive(Default)]
struct Names {
    rebound: AtomicUsize,
}

impl Resolver for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let address = match name {
                "nowhere.example" => return Err(io::Error::other("no such name")),
                "rebinds.example" if self.rebound.fetch_add(1, Ordering::SeqCst) > 0 => {
                    "169.254.169.254"
                }
                _ => "127.0.0.1",
            };
            Ok(vec![address.parse().unwrap()])
        })
    }
}

/// A TLS server with a certificate for `app.example`, which is in PEM: its port.
fn tls_server() -> (u16, String) {
    let (config, certificate) = certified("app.example");
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = rustls::StreamOwned::new(connection, stream.unwrap());
            if tls.read(&mut [0; 4096]).is_ok() {
                let _ = tls.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
            }
        }
    });
    (port, certificate)
}

fn heard_at(uri: String) -> ClientMetadata {
    ClientMetadata {
        backchannel_logout_uri: Some(uri),
        id_token_signed_response_alg: SigningAlgorithm::ES256.into(),
        ..metadata("https://app.example")
    }
}

/// Attack 55: a name that leads here at first and inside afterwards.
#[actix_web::test]
async fn a_name_that_rebinds_is_told_where_it_was_checked_and_refused_where_it_leads_then() {
    let server = Server::open(|stream, counts| {
        Box::pin(async move {
            let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            send(stream, counts, answer).await;
            false
        })
    })
    .await;
    let uri = format!("http://rebinds.example:{}/out", server.port);
    let wish = provider().await.client("ledger", heard_at(uri));
    let resolver: Arc<dyn Resolver> = Arc::new(Names::default());
    let provider = wish.seams(|seams| seams.resolver = resolver).start().await;
    for (state, problem) in [
        (DeliveryState::Confirmed, None),
        (DeliveryState::Retrying, Some("link-local")),
    ] {
        let flows = provider.flows();
        let session_id = session_with(flows, &["ledger"]).await;
        end_session::end_session(flows, session_id, Cause::Administrator)
            .await
            .unwrap();
        let row = tried(&provider, session_id, "ledger").await;
        assert_eq!(row.state, state);
        let said = row.last_problem.unwrap_or_default();
        assert!(said.contains(problem.unwrap_or_default()), "{said}");
        assert_eq!(server.requests(), 1);
    }
    provider.stop().await;
}

/// What was recorded of one client's part in a session, once it has been tried.
async fn tried(provider: &Provider, session_id: Uuid, client_id: &str) -> Delivery {
    let db = provider.flows().database.read();
    let row = eventually(async || {
        let known = deliveries::of_session(db, session_id).await.unwrap();
        known
            .into_iter()
            .find(|row| row.client_id == client_id && row.attempts > 0)
    });
    row.await
        .unwrap_or_else(|| panic!("{client_id} was never tried"))
}
