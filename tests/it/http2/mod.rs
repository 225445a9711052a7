//! Who speaks HTTP/2 badly on purpose (attack 96), with a library that lets one begin requests and never end them, and by
//! bare frames where even that would not do it.

mod frames;

use std::net::SocketAddr;
use std::time::Duration;

use chrono::TimeDelta;
use exeunt::oidc::params::MOST_BYTES;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{Request, Response};
use reqwest::StatusCode;
use rustls::version::TLS13;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::support::https::{Pair, over_https};
use crate::support::ledger::ledger;
use crate::support::provider::Provider;
use crate::support::relying_party::RelyingParty;
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
