//! Who speaks HTTP badly on purpose: slowly, endlessly, in two ways at once (attack 96). By bare TCP, since no client
//! library would do it.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::admin::administered;
use crate::support::ledger::ledger;
use crate::support::provider::Provider;
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::Visitor;
use crate::support::{PATIENCE, eventually};

/// What a body is announced as, and the first piece of it.
const HALF_A_BODY: [&str; 2] = [
    "content-length: 1000\r\n\r\nusername=ada",
    "transfer-encoding: chunked\r\n\r\nc\r\nusername=ada\r\n",
];

async fn connect(provider: &Provider) -> TcpStream {
    TcpStream::connect(provider.config.listen).await.unwrap()
}

async fn say(stream: &mut TcpStream, path: &str, rest: &str) {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\n{rest}"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
}

/// Everything that comes until the connection is closed from there.
async fn hear_out(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    let all = stream.read_to_end(&mut heard);
    let closed = tokio::time::timeout(PATIENCE, all).await;
    // Closed with or without ceremony, but closed.
    let _ = closed.expect("the connection is closed");
    String::from_utf8_lossy(&heard).into_owned()
}

fn assert_refused(path: &str, heard: &str, status: &str) {
    assert!(
        heard.starts_with(&format!("HTTP/1.1 {status} ")),
        "{path}: {heard}"
    );
    let kind = match path {
        "/token" | "/userinfo" => r#""error":"invalid_request""#,
        _ => r#"id="page-error""#,
    };
    assert!(heard.contains(kind), "{path}: {heard}");
    let header = heard.to_ascii_lowercase();
    assert!(header.contains("cache-control: no-store"), "{path}");
    let readable = header.contains("access-control-allow-origin: *");
    assert_eq!(readable, kind.contains("error\":"), "{path}");
}

/// Attack 96: a body that is sent a byte at a time, for as long as the connection lives.
#[actix_web::test]
async fn a_body_that_takes_too_long_is_refused_and_its_connection_closed() {
    let running = ledger().await.manual_clock().start().await;
    let provider = &running;
    let paths = [
        "/sign-in",
        "/end_session",
        "/nowhere",
        "/token",
        "/userinfo",
    ];
    let ways = paths
        .into_iter()
        .flat_map(|path| HALF_A_BODY.map(|half| (path, half)));
    join_all(ways.map(async |(path, half)| {
        let mut stream = connect(provider).await;
        say(&mut stream, path, half).await;
        // The time begins when the request has been read: a moment that only the server knows.
        let first = eventually(async || {
            provider.advance(TimeDelta::seconds(10));
            let mut first = [0; 1];
            let soon = Duration::from_millis(50);
            tokio::time::timeout(soon, stream.peek(&mut first))
                .await
                .ok()
        });
        first.await.expect("an answer comes").unwrap();
        assert_refused(path, &hear_out(&mut stream).await, "408");
    }))
    .await;
    running.stop().await;
}

/// Attack 96: the same at the administrators' door, for whoever reaches it, token or not.
#[actix_web::test]
async fn a_body_for_administrators_that_takes_too_long_is_refused_too() {
    let provider = administered(ledger().await).manual_clock().start().await;
    let address = provider.admin_url("").replace("http://", "");
    for (path, half) in [("/admin/v1/orders", 0), ("/metrics", 1)] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        say(&mut stream, path, HALF_A_BODY[half]).await;
        let first = eventually(async || {
            provider.advance(TimeDelta::seconds(10));
            let soon = Duration::from_millis(50);
            let mut first = [0; 1];
            let peek = tokio::time::timeout(soon, stream.peek(&mut first));
            peek.await.ok()
        });
        first.await.expect("an answer comes").unwrap();
        let heard = hear_out(&mut stream).await;
        assert!(heard.starts_with("HTTP/1.1 408 "), "{path}: {heard}");
        assert!(heard.contains("application/problem+json"), "{heard}");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn a_body_that_comes_in_pieces_but_in_time_is_read_like_any_other() {
    let provider = ledger().await.manual_clock().start().await;
    let mut stream = connect(&provider).await;
    let head = "content-length: 29\r\nconnection: close\r\n\r\ngrant_type=";
    say(&mut stream, "/token", head).await;
    provider.advance(TimeDelta::seconds(9));
    stream.write_all(b"refresh_token&x=yz").await.unwrap();
    let heard = hear_out(&mut stream).await;
    assert!(heard.starts_with("HTTP/1.1 401 "), "{heard}");
    assert!(heard.contains("invalid_client"), "{heard}");
    provider.stop().await;
}

/// Attack 96, attack 91: a body larger than anything that is asked for, whether or not it says so beforehand.
#[actix_web::test]
async fn a_body_that_is_too_long_is_refused_before_it_is_kept() {
    let provider = ledger().await.start().await;
    let piece = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
    let paths = ["/sign-in", "/authorize", "/token", "/userinfo"];
    join_all(paths.map(async |path| {
        let mut stream = connect(&provider).await;
        say(&mut stream, path, "content-length: 65537\r\n\r\n").await;
        assert_refused(path, &hear_out(&mut stream).await, "413");

        let mut stream = connect(&provider).await;
        say(&mut stream, path, "transfer-encoding: chunked\r\n\r\n").await;
        for _ in 0..3 {
            stream.write_all(piece.as_bytes()).await.unwrap();
        }
        assert_refused(path, &hear_out(&mut stream).await, "413");
    }))
    .await;
    provider.stop().await;
}

/// Attack 96: requests that two readers would end at different places, and heads without an end.
#[actix_web::test]
async fn a_request_that_could_be_read_in_two_ways_or_has_a_huge_head_is_refused() {
    let provider = ledger().await.start().await;
    let huge = format!("x-huge: {}\r\n\r\n", "x".repeat(1 << 20));
    for rest in [
        "content-length: 5\r\ncontent-length: 6\r\n\r\nabcde",
        "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
        "content-length: -1\r\n\r\n",
        "content-length: +5\r\n\r\nabcde",
        "transfer-encoding: chunked\r\n\r\nzz\r\n",
        huge.as_str(),
    ] {
        let mut stream = connect(&provider).await;
        // It may be refused before it is all said.
        let _ = stream
            .write_all(format!("POST /sign-in HTTP/1.1\r\nhost: localhost\r\n{rest}").as_bytes())
            .await;
        let heard = hear_out(&mut stream).await;
        let refused = heard.is_empty() || heard.starts_with("HTTP/1.1 4");
        assert!(refused, "{}: {heard}", &rest[..30.min(rest.len())]);
        assert!(heard.matches("HTTP/1.1 ").count() < 2, "{heard}");
    }
    provider.stop().await;
}

/// Attack 96: connections that say nothing, or begin and never go on, while others want to sign in.
#[actix_web::test]
async fn connections_that_dawdle_keep_nobody_from_signing_in() {
    let provider = ledger().await.start().await;
    let mut idle = Vec::new();
    for turn in 0..200 {
        let mut stream = connect(&provider).await;
        match turn % 3 {
            0 => {}
            1 => stream.write_all(b"GET / HTTP/1.1\r\nhos").await.unwrap(),
            _ => say(&mut stream, "/sign-in", HALF_A_BODY[0]).await,
        }
        idle.push(stream);
    }
    let party = RelyingParty::of(&provider, "ledger");
    party.tokens(&Visitor::default(), &[]).await;
    drop(idle);
    provider.stop().await;
}
