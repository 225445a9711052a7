//! The client against servers and resolvers that mean harm.

use std::io::{self, Read as _, Write as _};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::clock::Timestamp;

/// Enough for any server that means to answer, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A resolver that answers every name with the next of its addresses, and the last one ever after.
struct Lying {
    answers: Vec<IpAddr>,
    asked: AtomicUsize,
}

impl Lying {
    fn with(answers: &[&str]) -> Arc<Self> {
        let answers = answers.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self {
            answers,
            asked: AtomicUsize::new(0),
        })
    }
}

impl Resolver for Lying {
    fn resolve<'a>(&'a self, _name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let turn = self
            .asked
            .fetch_add(1, Ordering::Relaxed)
            .min(self.answers.len() - 1);
        Box::pin(async move { Ok(vec![self.answers[turn]]) })
    }
}

/// A resolver that answers every name with all of its addresses.
struct All(Vec<IpAddr>);

impl Resolver for All {
    fn resolve<'a>(&'a self, _name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move { Ok(self.0.clone()) })
    }
}

fn outbound(networks: &[&str], resolver: Arc<dyn Resolver>) -> Outbound {
    let networks = networks.iter().map(|text| text.parse().unwrap()).collect();
    let limits = Limits {
        connect: PATIENCE,
        total: PATIENCE,
    };
    Outbound::new(Guard::new(networks), &resolver, None, limits).unwrap()
}

/// A client for servers of this machine.
fn local() -> Outbound {
    outbound(&["127.0.0.0/8"], Lying::with(&["127.0.0.1"]))
}

/// How a server treats one connection, once it has read the request's first bytes.
type Behaviour = fn(TcpStream) -> BoxFuture<'static, ()>;

/// A server on this machine: its port, and how many connections it has had.
async fn server(behaviour: Behaviour) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                behaviour(stream).await;
            });
        }
    });
    (port, connections)
}

async fn post(client: &Outbound, port: u16) -> Result<Answer, OutboundError> {
    let url = format!("http://127.0.0.1:{port}/logout");
    client
        .post_form(&url, &[("logout_token", "t&=")], PATIENCE)
        .await
}

async fn get(client: &Outbound, port: u16, longest: usize) -> Result<Answer, OutboundError> {
    let url = format!("http://127.0.0.1:{port}/jwks");
    client.get(&url, "application/json", longest).await
}

async fn write(stream: &mut TcpStream, text: &str) {
    let _ = stream.write_all(text.as_bytes()).await;
}

fn endless(mut stream: TcpStream) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        write(&mut stream, "HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'x'; 8192]).await.is_ok() {}
    })
}

fn dripping(mut stream: TcpStream) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        write(&mut stream, "HTTP/1.1 200 OK\r\nx-drip: ").await;
        while stream.write_all(b"x").await.is_ok() {
            ticks.tick().await;
        }
    })
}

fn silent(stream: TcpStream) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
}

fn redirecting(mut stream: TcpStream) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let to = stream.local_addr().unwrap();
        let answer =
            format!("HTTP/1.1 302 Found\r\nlocation: http://{to}/\r\ncontent-length: 0\r\n\r\n");
        write(&mut stream, &answer).await;
    })
}

fn busy(mut stream: TcpStream) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let head = "HTTP/1.1 503 Busy\r\nretry-after: 120\r\ncontent-type: application/json\r\n";
        write(&mut stream, &format!("{head}content-length: 2\r\n\r\n{{}}")).await;
    })
}

fn compressed(mut stream: TcpStream) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n";
        write(&mut stream, &format!("{head}bomb")).await;
    })
}

fn babbling(mut stream: TcpStream) -> BoxFuture<'static, ()> {
    Box::pin(async move { write(&mut stream, "220 mail.secret ESMTP\r\n").await })
}

/// Answers 204 to every request of a connection.
fn faithful(mut stream: TcpStream) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        loop {
            write(&mut stream, "HTTP/1.1 204 No Content\r\n\r\n").await;
            if !matches!(stream.read(&mut [0; 4096]).await, Ok(1..)) {
                break;
            }
        }
    })
}

/// Answers with the request that came in, where it is short enough to come in one piece.
async fn echo_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let length = stream.read(&mut request).await.unwrap();
        let text = String::from_utf8_lossy(&request[..length]);
        write(
            &mut stream,
            &format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{text}"),
        )
        .await;
    });
    port
}

#[tokio::test]
async fn a_request_says_who_asks_and_for_what_and_takes_no_compression() {
    let port = echo_server().await;
    let answer = get(&local(), port, 4096).await.unwrap();
    let request = String::from_utf8(answer.body).unwrap().to_lowercase();
    assert!(request.starts_with("get /jwks http/1.1"));
    assert!(request.contains(&format!("user-agent: exeunt/{}", env!("CARGO_PKG_VERSION"))));
    assert!(request.contains("accept: application/json"));
    assert!(!request.contains("accept-encoding"));
}

#[tokio::test]
async fn connections_are_kept_for_the_next_request() {
    let (port, connections) = server(faithful).await;
    let client = local();
    for _ in 0..3 {
        assert_eq!(post(&client, port).await.unwrap().status, 204);
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

/// Answers 200 with a page to every request of a connection.
fn talkative(mut stream: TcpStream) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let page = "x".repeat(2_000);
        loop {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", page.len());
            write(&mut stream, &head).await;
            write(&mut stream, &page).await;
            if !matches!(stream.read(&mut [0; 4096]).await, Ok(1..)) {
                break;
            }
        }
    })
}

#[tokio::test]
async fn a_small_body_that_nobody_wants_does_not_cost_the_connection() {
    let (port, connections) = server(talkative).await;
    let client = local();
    for _ in 0..3 {
        let answer = post(&client, port).await.unwrap();
        assert_eq!((answer.status, answer.body), (200, Vec::new()));
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

/// Attack 58: a header without end is given up at a few hundred kilobytes.
#[tokio::test]
async fn an_endless_header_is_no_answer() {
    let (port, _) = server(|mut stream| {
        Box::pin(async move {
            write(&mut stream, "HTTP/1.1 200 OK\r\nx: ").await;
            while stream.write_all(&[b'x'; 8192]).await.is_ok() {}
        })
    })
    .await;
    assert_eq!(post(&local(), port).await, Err(OutboundError::Other));
}

/// Attack 55: a private network that has a name is open to those alone who may say it.
#[tokio::test]
async fn a_named_network_is_open_to_those_who_name_it() {
    let (port, connections) = server(faithful).await;
    let networks = [("cellar".to_owned(), vec!["127.0.0.0/8".parse().unwrap()])];
    let guard = Guard::default().naming(networks.into());
    let resolver: Arc<dyn Resolver> = Lying::with(&["127.0.0.1"]);
    let client = Outbound::new(guard, &resolver, None, Limits::default()).unwrap();
    let names = ["cellar".to_owned()];
    let within = client.within(&names).unwrap();
    assert_eq!(post(&within, port).await.unwrap().status, 204);
    assert_eq!(
        post(&client.within(&names).unwrap(), port)
            .await
            .unwrap()
            .status,
        204
    );
    // Nor is the connection that is open by now of use to anyone else.
    for other in [client.within(&[]), client.within(&["attic".to_owned()])] {
        let refused = post(&other.unwrap(), port).await;
        assert!(matches!(refused, Err(OutboundError::Refused(_))));
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_answer_tells_its_status_its_type_and_when_to_come_back() {
    let (port, _) = server(busy).await;
    let answer = get(&local(), port, 2).await.unwrap();
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.retry_after,
        Some(RetryAfter::Delay(TimeDelta::seconds(120)))
    );
    assert_eq!(answer.content_type.as_deref(), Some("application/json"));
    assert_eq!(answer.body, b"{}");
    assert_eq!(post(&local(), port).await.unwrap().body, b"");
}

#[test]
fn a_retry_after_means_a_moment() {
    let now: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
    let delay = RetryAfter::Delay(TimeDelta::seconds(5));
    assert_eq!(delay.moment(now), now + TimeDelta::seconds(5));
    assert_eq!(RetryAfter::At(now).moment(now - TimeDelta::days(1)), now);
}

/// Attack 58: an endless body is not read where it does not matter, and to its cap where it does.
#[tokio::test]
async fn an_endless_body_ends_at_the_cap() {
    let (port, _) = server(endless).await;
    assert_eq!(post(&local(), port).await.unwrap().status, 200);
    assert_eq!(
        get(&local(), port, 65_536).await,
        Err(OutboundError::TooLong)
    );
}

/// Attack 58: one that never finishes its header, or never begins, is left after the time allowed.
#[tokio::test]
async fn a_slow_server_is_left_after_the_time_allowed() {
    let short = Duration::from_millis(200);
    let limits = Limits {
        connect: PATIENCE,
        total: short,
    };
    let guard = Guard::new(vec!["127.0.0.0/8".parse().unwrap()]);
    let resolver: Arc<dyn Resolver> = Lying::with(&["127.0.0.1"]);
    let client = Outbound::new(guard, &resolver, None, limits).unwrap();
    for behaviour in [dripping as Behaviour, silent] {
        let (port, _) = server(behaviour).await;
        let url = format!("http://127.0.0.1:{port}/");
        let posted = client.post_form(&url, &[], short).await;
        assert_eq!(posted, Err(OutboundError::Timeout));
        assert_eq!(get(&client, port, 10).await, Err(OutboundError::Timeout));
    }
}

/// Attacks 55 and 58: a redirect is an answer, not a way.
#[tokio::test]
async fn redirects_are_not_followed() {
    let (port, connections) = server(redirecting).await;
    assert_eq!(post(&local(), port).await.unwrap().status, 302);
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

/// Attack 58: nothing is decompressed, so nothing explodes.
#[tokio::test]
async fn a_compressed_body_stays_as_it_is() {
    let (port, _) = server(compressed).await;
    assert_eq!(get(&local(), port, 100).await.unwrap().body, b"bomb");
}

/// Attacks 55 and 75 to 79: a name that resolves to an address that is not allowed is not connected to.
#[tokio::test]
async fn a_name_that_leads_inside_is_refused() {
    for inside in [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "::ffff:127.0.0.1",
        "fd00::1",
    ] {
        let client = outbound(&[], Lying::with(&[inside]));
        let refused = client.get("https://app.example/", "*/*", 10).await;
        let word = matches!(refused, Err(OutboundError::Refused(Refused::Address(_))));
        assert!(word, "{inside}: {refused:?}");
    }
}

/// Attack 55: the address is checked at each connection, so that a name that changes its answer gains nothing.
#[tokio::test]
async fn a_name_that_is_rebound_is_refused() {
    let (port, connections) = server(redirecting).await;
    let resolver = Lying::with(&["127.0.0.1", "10.0.0.1", "127.0.0.2"]);
    let client = outbound(&["127.0.0.1/32"], resolver);
    let url = format!("http://app.example:{port}/");
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(
            client
                .post_form(&url, &[], PATIENCE)
                .await
                .map(|answer| answer.status),
        );
    }
    let refused = |range| Err(OutboundError::Refused(Refused::Address(range)));
    assert_eq!(answers, [Ok(302), refused("private"), refused("loopback")]);
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

/// Attack 55: of many addresses only the allowed ones are used.
#[tokio::test]
async fn forbidden_addresses_beside_an_allowed_one_are_left_out() {
    let (port, _) = server(faithful).await;
    let addresses = ["10.0.0.1", "127.0.0.1"].map(|text| text.parse().unwrap());
    let client = outbound(&["127.0.0.1/32"], Arc::new(All(addresses.into())));
    let url = format!("http://app.example:{port}/");
    assert_eq!(
        client.post_form(&url, &[], PATIENCE).await.unwrap().status,
        204
    );
}

/// Attack 55: an IP literal never reaches the resolver, so the URL itself is checked at each request.
#[tokio::test]
async fn an_address_in_the_url_is_refused_without_a_connection() {
    let (port, connections) = server(faithful).await;
    let client = outbound(&[], Lying::with(&["93.184.216.34"]));
    for host in ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]"] {
        let refused = client
            .get(&format!("https://{host}:{port}/"), "*/*", 10)
            .await;
        assert_eq!(
            refused,
            Err(OutboundError::Refused(Refused::Address("loopback")))
        );
    }
    assert_eq!(connections.load(Ordering::Relaxed), 0);
}

/// Attack 55: plain http to a name is refused when the name leads to the internet.
#[tokio::test]
async fn plain_http_does_not_leave_the_allowed_networks() {
    let client = outbound(&["127.0.0.0/8"], Lying::with(&["93.184.216.34"]));
    let refused = client.get("http://app.example/", "*/*", 10).await;
    assert_eq!(refused, Err(OutboundError::Refused(Refused::PlainHttp)));
}

/// Attack 80: an error is one of a few fixed phrases and quotes nothing of what was received.
#[tokio::test]
async fn errors_disclose_nothing_of_the_answer() {
    let (port, _) = server(babbling).await;
    let error = get(&local(), port, 100).await.unwrap_err();
    assert_eq!(error.to_string(), "no usable answer");
    assert!(!format!("{error:?}").contains("secret"));
}

#[tokio::test]
async fn a_closed_port_and_a_name_without_addresses_are_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    assert_eq!(post(&local(), port).await, Err(OutboundError::Connect));
    let nowhere = outbound(&[], Arc::new(All(Vec::new())));
    let nothing = nowhere.get("https://app.example/", "*/*", 10).await;
    assert_eq!(nothing, Err(OutboundError::Connect));
}

/// One TLS server with a certificate of its own making: its port and the certificate in PEM.
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
                let _ = tls.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
                tls.conn.send_close_notify();
                let _ = tls.flush();
            }
        }
    });
    (port, own.cert.pem())
}

#[tokio::test]
async fn a_certificate_is_trusted_only_when_its_issuer_is() {
    let (port, certificate) = tls_server();
    let resolver: Arc<dyn Resolver> = Lying::with(&["127.0.0.1"]);
    let client = |extra: Option<&[u8]>| {
        let guard = Guard::new(vec!["127.0.0.0/8".parse().unwrap()]);
        Outbound::new(guard, &resolver, extra, Limits::default()).unwrap()
    };
    let url = format!("https://app.example:{port}/");
    let trusting = client(Some(certificate.as_bytes()));
    assert_eq!(trusting.get(&url, "*/*", 10).await.unwrap().status, 204);
    assert_eq!(
        client(None).get(&url, "*/*", 10).await,
        Err(OutboundError::Tls)
    );
    let elsewhere = format!("https://other.example:{port}/");
    assert_eq!(
        trusting.get(&elsewhere, "*/*", 10).await,
        Err(OutboundError::Tls)
    );
}
