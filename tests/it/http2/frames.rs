//! By bare frames, where no library lets one speak as badly.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use exeunt::config::Tls;
use exeunt::oidc::params::MOST_BYTES;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use url::form_urlencoded;

use super::{assert_undisturbed, connect, https, tls};
use crate::support::https::Pair;
use crate::support::process::{Process, free_port, program};
use crate::support::provider::{Provider, SECRET, database};
use crate::support::services::API;
use crate::support::visitor::Visitor;
use crate::support::{PATIENCE, eventually};

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
