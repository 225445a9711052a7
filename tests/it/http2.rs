//! Who speaks HTTP/2 badly on purpose (attack 96), with a library that lets one begin requests and never end them, and by
//! bare frames where even that would not do it.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use exeunt::config::Tls;
use exeunt::oidc::params::MOST_BYTES;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{Request, Response};
use reqwest::StatusCode;
use rustls::version::TLS13;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use url::form_urlencoded;

use crate::support::https::{Pair, over_https};
use crate::support::ledger::ledger;
use crate::support::process::{Process, free_port, program};
use crate::support::provider::{Provider, SECRET, database};
use crate::support::relying_party::RelyingParty;
use crate::support::services::API;
use crate::support::visitor::Visitor;
use crate::support::{PATIENCE, eventually};

type Bytes = actix_web::web::Bytes;

async fn https() -> (Provider, Pair) {
    let pair = Pair::new();
    let wish = over_https(ledger().await, &pair).manual_clock();
    (wish.start().await, pair)
}

async fn tls(address: SocketAddr, pair: &Pair) -> TlsStream<TcpStream> {
    pair.connect(address, &[&TLS13], &["h2"]).await.unwrap()
}

/// A connection on which many requests can be under way.
async fn connect(provider: &Provider, pair: &Pair) -> SendRequest<Bytes> {
    let stream = tls(provider.config.listen, pair).await;
    let (requests, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    requests
}

fn request(provider: &Provider, method: &str, path: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(provider.url(path))
        .header("content-type", "application/x-www-form-urlencoded")
}

/// Begins a request whose body does not end here.
async fn begin(
    requests: &SendRequest<Bytes>,
    request: Request<()>,
) -> (ResponseFuture, SendStream<Bytes>) {
    let mut ready = requests.clone().ready().await.unwrap();
    ready.send_request(request, false).unwrap()
}

async fn ask(requests: &SendRequest<Bytes>, request: Request<()>) -> (StatusCode, String) {
    let mut ready = requests.clone().ready().await.unwrap();
    let (response, _) = ready.send_request(request, true).unwrap();
    hear(response.await.unwrap()).await
}

async fn hear(response: Response<RecvStream>) -> (StatusCode, String) {
    let (head, mut body) = response.into_parts();
    let mut text = Vec::new();
    while let Some(Ok(piece)) = body.data().await {
        let _ = body.flow_control().release_capacity(piece.len());
        text.extend_from_slice(&piece);
    }
    (head.status, String::from_utf8(text).unwrap())
}

/// The connection still serves, and a person who comes by another one signs in.
async fn assert_undisturbed(provider: &Provider, pair: &Pair, requests: &SendRequest<Bytes>) {
    let healthy = request(provider, "GET", "/healthz").body(()).unwrap();
    assert_eq!(ask(requests, healthy).await.0, 200);
    let ada = Visitor::over(pair.client(|builder| builder));
    let party = RelyingParty::of(provider, "ledger");
    let answer = party.sign_in(&ada, &[]).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
}

/// Attack 96: a body that is sent a byte at a time.
#[actix_web::test]
async fn a_body_that_takes_too_long_ends_its_request_and_no_other_of_the_connection() {
    let (provider, pair) = https().await;
    let requests = connect(&provider, &pair).await;
    for (path, kind) in [("/sign-in", "page-error"), ("/token", "invalid_request")] {
        let slow = request(&provider, "POST", path).body(()).unwrap();
        let (mut response, mut body) = begin(&requests, slow).await;
        body.send_data(Bytes::from_static(b"username=ada"), false)
            .unwrap();
        let response = eventually(async || {
            provider.advance(TimeDelta::seconds(10));
            let soon = Duration::from_millis(50);
            tokio::time::timeout(soon, &mut response).await.ok()
        });
        let (status, text) = hear(response.await.expect("an answer comes").unwrap()).await;
        assert_eq!(status, 408, "{path}");
        assert!(text.contains(kind), "{path}: {text}");
        // What is sent after that finds nobody.
        let gone = std::future::poll_fn(|context| body.poll_reset(context));
        tokio::time::timeout(PATIENCE, gone).await.unwrap().unwrap();
    }
    assert_undisturbed(&provider, &pair, &requests).await;
    provider.stop().await;
}

/// Attacks 96, 91: a body larger than anything that is asked for, announced or not.
#[actix_web::test]
async fn a_body_that_is_too_long_is_refused_before_it_is_kept() {
    let (provider, pair) = https().await;
    let requests = connect(&provider, &pair).await;
    for announced in [true, false] {
        let mut long = request(&provider, "POST", "/sign-in");
        if announced {
            long = long.header("content-length", 10 * MOST_BYTES);
        }
        let (response, mut body) = begin(&requests, long.body(()).unwrap()).await;
        body.send_data(Bytes::from(vec![b'x'; 10 * MOST_BYTES]), false)
            .unwrap();
        let (status, _) = hear(response.await.unwrap()).await;
        assert_eq!(status, 413, "{announced}");
    }
    assert_undisturbed(&provider, &pair, &requests).await;
    provider.stop().await;
}

/// Attack 96: headers larger than any browser's, in bytes and in fields.
#[actix_web::test]
async fn a_huge_header_is_refused() {
    let (provider, pair) = https().await;
    let requests = connect(&provider, &pair).await;
    let huge = request(&provider, "GET", "/").header("x-huge", "x".repeat(200 << 10));
    let (status, _) = ask(&requests, huge.body(()).unwrap()).await;
    assert_eq!(status, 431);
    let mut many = request(&provider, "GET", "/.well-known/openid-configuration");
    for _ in 0..300 {
        many = many.header("x-many", "x");
    }
    let (status, _) = ask(&requests, many.body(()).unwrap()).await;
    assert_eq!(status, 431);
    let mut several = request(&provider, "GET", "/");
    for number in 0..100 {
        several = several.header("cookie", format!("other{number}=value"));
    }
    let (status, _) = ask(&requests, several.body(()).unwrap()).await;
    assert_eq!(status, 200);
    assert_undisturbed(&provider, &pair, &requests).await;
    provider.stop().await;
}

/// Browsers send each cookie as a field of its own (RFC 9113 §8.2.3).
#[actix_web::test]
async fn cookies_that_come_apart_are_put_together() {
    let (provider, pair) = https().await;
    let ada = Visitor::over(pair.client(|builder| builder));
    let party = RelyingParty::of(&provider, "ledger");
    party.sign_in(&ada, &[]).await;
    let session = ada.cookie("__Host-exeunt-session").unwrap();
    let requests = connect(&provider, &pair).await;
    let account = request(&provider, "GET", "/account")
        .header("cookie", "first=of another")
        .header("cookie", format!("__Host-exeunt-session={session}"))
        .header("cookie", "last=of another");
    let (status, text) = ask(&requests, account.body(()).unwrap()).await;
    assert_eq!(status, 200);
    assert!(text.contains("Ada Lovelace"), "{text}");
    provider.stop().await;
}

/// Attack 96: one connection with more requests than anyone needs, none of which is ever finished.
#[actix_web::test]
async fn one_connection_gets_so_much_done_at_once_and_no_more() {
    let (provider, pair) = https().await;
    let requests = connect(&provider, &pair).await;
    let mut begun = Vec::new();
    for _ in 0..256 {
        let slow = request(&provider, "POST", "/sign-in").body(()).unwrap();
        begun.push(begin(&requests, slow).await);
    }
    let late = request(&provider, "GET", "/healthz").body(()).unwrap();
    let mut ready = requests.clone().ready().await.unwrap();
    let (response, _) = ready.send_request(late, true).unwrap();
    let response = response.await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    // Once they are let go there is room again.
    drop(begun);
    let again = eventually(async || {
        let healthy = request(&provider, "GET", "/healthz").body(()).unwrap();
        (ask(&requests, healthy).await.0 == 200).then_some(())
    });
    again.await.expect("there is room again");
    assert_undisturbed(&provider, &pair, &requests).await;
    provider.stop().await;
}

/// Attack 96: one connection with answers that it does not take.
#[actix_web::test]
async fn so_many_answers_of_one_connection_wait_for_a_window_and_no_more() {
    let (provider, pair) = https().await;
    let stream = tls(provider.config.listen, &pair).await;
    let mut shy = h2::client::Builder::new();
    let (requests, connection) = shy
        .initial_window_size(0)
        .handshake::<_, Bytes>(stream)
        .await
        .unwrap();
    tokio::spawn(connection);
    let healthy = async || {
        let mut ready = requests.clone().ready().await.unwrap();
        let healthy = request(&provider, "GET", "/healthz").body(()).unwrap();
        let (response, _) = ready.send_request(healthy, true).unwrap();
        response.await.unwrap()
    };
    let mut untaken = Vec::new();
    for number in 0..256 {
        let response = healthy().await;
        assert_eq!(response.status(), 200, "{number}");
        untaken.push(response);
    }
    assert_eq!(healthy().await.status(), 503);
    // Once they are let go there is room again.
    drop(untaken);
    let again = eventually(async || (healthy().await.status() == 200).then_some(()));
    again.await.expect("there is room again");
    let others = connect(&provider, &pair).await;
    assert_undisturbed(&provider, &pair, &others).await;
    provider.stop().await;
}

/// A frame (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Fields as they are, without any compression (RFC 7541 §6.2.2).
fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.as_bytes());
        }
    }
    block
}

const POST: [(&str, &str); 4] = [
    (":method", "POST"),
    (":scheme", "https"),
    (":authority", "localhost"),
    (":path", "/token"),
];

async fn bare(provider: &Provider, pair: &Pair) -> TlsStream<TcpStream> {
    with_settings(provider.config.listen, pair, &[]).await
}

async fn with_settings(address: SocketAddr, pair: &Pair, settings: &[u8]) -> TlsStream<TcpStream> {
    let mut stream = tls(address, pair).await;
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    let settings = frame(SETTINGS, 0, 0, settings);
    stream.write_all(&settings).await.unwrap();
    stream
}

/// The kinds of the frames that come, until one of these does or the connection is closed.
async fn until(stream: &mut TlsStream<TcpStream>, last: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    let reading = async {
        let mut head = [0; 9];
        while stream.read_exact(&mut head).await.is_ok() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            if stream.read_exact(&mut payload).await.is_err() {
                break;
            }
            kinds.push(head[3]);
            if last.contains(&head[3]) {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("there is an answer, or an end");
    kinds
}

/// Attack 96: requests that a proxy which speaks HTTP/1.1 behind it would end at another place.
#[actix_web::test]
async fn a_request_that_http_1_1_would_read_otherwise_is_none() {
    let (provider, pair) = https().await;
    for more in [
        &[("transfer-encoding", "chunked")][..],
        &[("connection", "close")],
        &[("content-length", "5")],
        &[("content-length", "5"), ("content-length", "6")],
        &[("content-length", "+50")],
        &[(":path", "/userinfo")],
        &[("X-Upper", "case")],
        &[("x-two", "lines\r\nGET / HTTP/1.1")],
    ] {
        let mut stream = bare(&provider, &pair).await;
        let block = fields(&[&POST, more].concat());
        stream
            .write_all(&frame(HEADERS, END_HEADERS, 1, &block))
            .await
            .unwrap();
        let body = frame(DATA, END_STREAM, 1, &[b'x'; 50]);
        // It may be refused before it is all said.
        let _ = stream.write_all(&body).await;
        let kinds = until(&mut stream, &[RST_STREAM, GOAWAY, HEADERS]).await;
        assert!(!kinds.contains(&HEADERS), "{more:?}: {kinds:?}");
    }
    // The same without, for comparison, is answered.
    let mut stream = bare(&provider, &pair).await;
    let block = fields(&POST);
    let whole = frame(HEADERS, END_HEADERS | END_STREAM, 1, &block);
    stream.write_all(&whole).await.unwrap();
    assert!(
        until(&mut stream, &[RST_STREAM, GOAWAY, HEADERS])
            .await
            .contains(&HEADERS)
    );
    provider.stop().await;
}

/// Attack 96 (CVE-2023-44487): requests that are begun and reset, as fast as the line allows.
#[actix_web::test]
async fn who_begins_and_resets_without_end_keeps_nobody_from_signing_in() {
    let (provider, pair) = https().await;
    let mut storms = Vec::new();
    for _ in 0..4 {
        let mut stream = bare(&provider, &pair).await;
        let mut burst = Vec::new();
        for request in 0..2000 {
            let number = 2 * request + 1;
            let block = fields(&[&POST[..3], &[(":path", "/sign-in")]].concat());
            burst.extend(frame(HEADERS, END_HEADERS, number, &block));
            burst.extend(frame(RST_STREAM, 0, number, &8_u32.to_be_bytes()));
        }
        // The connection may be closed before it is all said.
        let _ = stream.write_all(&burst).await;
        storms.push(stream);
    }
    let requests = connect(&provider, &pair).await;
    assert_undisturbed(&provider, &pair, &requests).await;
    drop(storms);
    provider.stop().await;
}

/// Attack 96 (CVE-2024-27316 and its kind): a header without an end, and one that stops half-way.
#[actix_web::test]
async fn a_header_that_does_not_end_ends_its_connection() {
    let (provider, pair) = https().await;
    let mut endless = bare(&provider, &pair).await;
    let mut silent = bare(&provider, &pair).await;
    let begun = frame(HEADERS, 0, 1, &fields(&POST));
    silent.write_all(&begun).await.unwrap();
    endless.write_all(&begun).await.unwrap();
    let piece = fields(&[("x-more", "x".repeat(100).as_str()); 140]);
    let piece = frame(CONTINUATION, 0, 1, &piece);
    let mut sent = 0;
    let flood = async {
        while endless.write_all(&piece).await.is_ok() {
            sent += piece.len();
            assert!(sent < 64 << 20, "nobody stops it");
        }
    };
    tokio::time::timeout(PATIENCE, flood)
        .await
        .expect("it is stopped");
    // An answer to the ping that asks whether anyone is there may not come in the middle of a header.
    until(&mut silent, &[]).await;
    provider.stop().await;
}

/// A server at https that is a process of its own, its address, and how a service of it proves who it is.
async fn process(pair: &Pair, folder: &TempDir) -> (Process, SocketAddr, String) {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    pair.write(&Tls {
        certificate: folder.path().join("cert.pem"),
        private_key: folder.path().join("key.pem"),
    });
    let text = format!(
        "issuer = \"https://localhost:{}\"\nlisten = \"{address}\"\n[database]\nurl = \"{}\"\n\
         [tls]\ncertificate = \"cert.pem\"\nprivate_key = \"key.pem\"\n\
         [[services]]\nidentifier = \"{API}\"\nsecret = \"{SECRET}\"\n",
        address.port(),
        database(folder).await.as_str()
    );
    std::fs::write(folder.path().join("exeunt.toml"), text).unwrap();
    let mut serve = program(folder.path());
    let mut process = Process::spawn(serve.args(["--config", "exeunt.toml", "serve"]));
    let visitor = Visitor::over(pair.client(|builder| builder));
    let healthy = format!("https://localhost:{}/healthz", address.port());
    let up = eventually(async || match process.ended() {
        Some(status) => Some(Err(status)),
        None => visitor.try_get(&healthy).await.map(Ok),
    });
    if let Err(status) = up.await.expect("it starts") {
        panic!("{status}: {}", process.last_words());
    }
    // RFC 6749 §2.3.1.
    let name: String = form_urlencoded::byte_serialize(API.as_bytes()).collect();
    let credentials = STANDARD.encode(format!("{name}:{SECRET}"));
    (process, address, format!("Basic {credentials}"))
}

/// Attack 96 (RUSTSEC-2026-0258): frames with nothing in them, for which no window has to be open, to somebody who was
/// refused and has no room for the answer, or has asked for something that takes its time.
#[actix_web::test]
async fn frames_of_nothing_without_end_are_not_kept() {
    // In KiB. What was kept of so many frames took more than twice that.
    let room = 16 * 1024;
    let frames = 400_000;
    // SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113 §6.5.2).
    let no_window = [0, 4, 0, 0, 0, 0];
    let (pair, folder) = (Pair::new(), tempfile::tempdir().unwrap());
    let (process, address, authorization) = process(&pair, &folder).await;
    let burst = frame(DATA, 0, 1, &[]).repeat(8_000);
    let too_long = (10 * MOST_BYTES).to_string();
    let too_long = ("content-length", too_long.as_str());
    let service = ("authorization", authorization.as_str());
    for (method, path, more) in [
        ("POST", "/token", Some(too_long)),
        ("POST", "/sign-in", Some(too_long)),
        ("POST", "/token", None),
        ("GET", "/readyz", None),
        ("GET", "/jwks", None),
        ("GET", "/revocations?wait=60", Some(service)),
    ] {
        let mut stream = with_settings(address, &pair, &no_window).await;
        let mut head = POST.to_vec();
        (head[0].1, head[3].1) = (method, path);
        head.extend(more);
        let begun = frame(HEADERS, END_HEADERS, 1, &fields(&head));
        stream.write_all(&begun).await.unwrap();
        let (before, _) = process.memory();
        for _ in 0..frames / 8_000 {
            stream.write_all(&burst).await.unwrap();
        }
        // The head of an answer needs no window; when that of a later request is there, all before it has been read.
        head = POST.to_vec();
        (head[0].1, head[3].1) = ("GET", "/healthz");
        let whole = frame(HEADERS, END_HEADERS | END_STREAM, 3, &fields(&head));
        stream.write_all(&whole).await.unwrap();
        for _ in 0..2 {
            let kinds = until(&mut stream, &[HEADERS]).await;
            assert!(kinds.contains(&HEADERS), "{path}: {kinds:?}");
        }
        let (after, _) = process.memory();
        assert!(after < before + room, "{path}: {before} KiB, {after}");
    }
    let (code, log) = process.stop();
    assert_eq!(code, Some(0), "{log}");
}
