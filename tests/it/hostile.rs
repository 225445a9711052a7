//! Applications that answer in every way that does harm: what is recorded of each, what it may cost in time and
//! memory, and that ninety-nine healthy ones beside it are told as soon as without it.

use std::io::{self, Read as _, Write as _};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use exeunt::flows::end_session;
use exeunt::oidc::algorithm::SigningAlgorithm;
use exeunt::oidc::client::ClientMetadata;
use exeunt::oidc::logout::{Cause, DeliveryState};
use exeunt::outbound::Resolver;
use exeunt::store::deliveries::{self, Delivery};
use exeunt::store::delivery_attempts;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use crate::support::eventually;
use crate::support::parts::session_with;
use crate::support::provider::{Provider, metadata, provider};

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
    let own = rcgen::generate_simple_self_signed(["app.example".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())
        .unwrap();
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
    (port, own.cert.pem())
}

fn heard_at(uri: String) -> ClientMetadata {
    ClientMetadata {
        backchannel_logout_uri: Some(uri),
        id_token_signed_response_alg: SigningAlgorithm::ES256.into(),
        ..metadata("https://app.example")
    }
}

/// One hostile application, and what is to be recorded.
struct Case {
    name: &'static str,
    uri: String,
    server: Option<Server>,
    state: DeliveryState,
    status: Option<i32>,
    problem: Option<&'static str>,
}

async fn answers(
    name: &'static str,
    behaviour: Behaviour,
    state: DeliveryState,
    status: impl Into<Option<i32>>,
    problem: impl Into<Option<&'static str>>,
) -> Case {
    let server = Server::open(behaviour).await;
    Case {
        name,
        uri: format!("http://127.0.0.1:{}/out", server.port),
        server: Some(server),
        state,
        status: status.into(),
        problem: problem.into(),
    }
}

fn unreachable(name: &'static str, uri: String, problem: &'static str) -> Case {
    Case {
        name,
        uri,
        server: None,
        state: DeliveryState::Retrying,
        status: None,
        problem: Some(problem),
    }
}

async fn cases(tls_port: u16) -> Vec<Case> {
    use DeliveryState::{Confirmed, Failed, Refused, Retrying};
    const LATE: &str = "no answer in time";
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed_port = closed.local_addr().unwrap().port();
    drop(closed);
    vec![
        answers("200", |s, c| said(s, c, "200 OK"), Confirmed, 200, None).await,
        answers(
            "204",
            |s, c| Box::pin(send(s, c, b"HTTP/1.1 204 No Content\r\n\r\n")),
            Confirmed,
            204,
            None,
        )
        .await,
        answers(
            "400",
            |s, c| said(s, c, "400 Bad Request"),
            Refused,
            400,
            None,
        )
        .await,
        answers("404", |s, c| said(s, c, "404 Not Found"), Failed, 404, None).await,
        answers(
            "429",
            |s, c| said(s, c, "429 Slow Down\r\nretry-after: 120"),
            Retrying,
            429,
            None,
        )
        .await,
        answers("500", |s, c| said(s, c, "500 Oh"), Retrying, 500, None).await,
        answers(
            "hang",
            |_, _| Box::pin(std::future::pending()),
            Retrying,
            None,
            LATE,
        )
        .await,
        answers(
            "slow-header",
            |s, c| Box::pin(pour(s, c, ("HTTP/1.1 200 OK\r\nx: ", b"x"), 20)),
            Retrying,
            None,
            LATE,
        )
        .await,
        answers(
            "slow-body",
            |s, c| Box::pin(pour(s, c, ("HTTP/1.1 200 OK\r\n\r\n", b"x"), 20)),
            Confirmed,
            200,
            None,
        )
        .await,
        answers(
            "endless-header",
            |s, c| Box::pin(pour(s, c, ("HTTP/1.1 200 OK\r\nx: ", &[b'x'; 8192]), 0)),
            Retrying,
            None,
            "no usable answer",
        )
        .await,
        answers(
            "endless-body",
            |s, c| Box::pin(pour(s, c, ("HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 8192]), 0)),
            Confirmed,
            200,
            None,
        )
        .await,
        answers(
            "bomb",
            |s, c| {
                let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n\x1f\x0b";
                Box::pin(pour(s, c, (head, &[0; 8192]), 0))
            },
            Confirmed,
            200,
            None,
        )
        .await,
        answers(
            "redirect-to-itself",
            |s, c| said(s, c, "307 Again\r\nlocation: /out"),
            Failed,
            307,
            None,
        )
        .await,
        answers(
            "redirect-inside",
            |s, c| said(s, c, "308 There\r\nlocation: http://10.0.0.1/out"),
            Failed,
            308,
            None,
        )
        .await,
        unreachable(
            "tls-wrong-name",
            format!("https://other.example:{tls_port}/out"),
            "no trusted TLS connection",
        ),
        unreachable(
            "refused",
            format!("http://127.0.0.1:{closed_port}/out"),
            "no connection",
        ),
        unreachable(
            "nowhere",
            "https://nowhere.example/out".to_owned(),
            "no connection",
        ),
    ]
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

/// P4. Attacks 55 and 58: every answer that does harm, with ninety-nine healthy applications beside it.
#[actix_web::test]
async fn p4_each_hostile_answer_is_recorded_bounded_and_nobody_elses_delay() {
    const HEALTHY: usize = 99;
    let (tls_port, certificate) = tls_server();
    let cases = cases(tls_port).await;
    let healthy = Server::open(|s, c| said(s, c, "200 OK")).await;
    let mut wish = provider().await.configure(|config| {
        let file = config.master_key_file.with_file_name("ca.pem");
        std::fs::write(&file, certificate).unwrap();
        config.outbound.extra_ca_file = Some(file);
        config.logout.retry_first = TimeDelta::minutes(5);
    });
    let mut names: Vec<String> = Vec::new();
    for number in 0..HEALTHY {
        // Each is an origin of its own; they share a port to answer at.
        let uri = format!("http://healthy-{number}.example:{}/out", healthy.port);
        names.push(format!("healthy-{number}"));
        wish = wish.client(names.last().unwrap(), heard_at(uri));
    }
    for case in &cases {
        wish = wish.client(case.name, heard_at(case.uri.clone()));
    }
    let resolver: Arc<dyn Resolver> = Arc::new(Names::default());
    let provider = wish.seams(|seams| seams.resolver = resolver).start().await;
    let flows = provider.flows();
    // Once without any, so that connections and keys are there as they are for the others.
    let mut told = 0;
    let mut usual = Duration::ZERO;
    let warm_up = None;
    for case in std::iter::once(warm_up).chain(cases.iter().map(Some)) {
        let all: Vec<&str> = names
            .iter()
            .map(String::as_str)
            .chain(case.map(|case| case.name))
            .collect();
        let session_id = session_with(flows, &all).await;
        let began = Instant::now();
        end_session::end_session(flows, session_id, Cause::Administrator)
            .await
            .unwrap();
        told += HEALTHY;
        let all_told = eventually(async || (healthy.requests() >= told).then_some(())).await;
        let waited = began.elapsed();
        let name = case.map_or("nobody", |case| case.name);
        assert!(all_told.is_some(), "{name}: {}", healthy.requests());
        let Some(case) = case else {
            usual = waited;
            continue;
        };
        // The rest is for a busy machine. The hostile ones take up to 5 s.
        assert!(
            waited < usual + Duration::from_secs(2),
            "{name}: {waited:?}"
        );

        let row = tried(&provider, session_id, name).await;
        assert_eq!(
            (row.state, row.last_status, row.last_problem.as_deref()),
            (case.state, case.status, case.problem),
            "{name}"
        );
        let attempts = delivery_attempts::list(flows.database.read(), row.id).await;
        let attempts = attempts.unwrap();
        assert_eq!(attempts.len(), 1, "{name}");
        assert!(attempts[0].latency < 6_000, "{name}: {attempts:?}");
        if name == "429" {
            let next = row.due_at.unwrap() - attempts[0].at;
            assert!(next >= TimeDelta::seconds(120), "{next}");
        }
        if let Some(server) = &case.server {
            assert_eq!(server.requests(), 1, "{name}");
            // The better part of it lies in the system's buffers.
            let sent = server.counts.sent.load(Ordering::SeqCst);
            assert!(sent < 16 << 20, "{name}: {sent} bytes were taken");
        }
    }
    provider.stop().await;
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
