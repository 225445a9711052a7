//! How the feed comes: in pieces, packed, as events, to many who wait, and from every node.

use std::io::Read as _;
use std::time::Duration;

use chrono::TimeDelta;
use flate2::read::GzDecoder;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use reqwest::Method;
use serde_json::Value;

use super::{API, scene, scene_with, sign_out};
use crate::support::PATIENCE;
use crate::support::fixtures::Side;
use crate::support::service::{Reader, entries};
use crate::support::visitor::Visitor;

/// The next event: its `id`, and its `data`.
async fn event(stream: &mut reqwest::Response) -> (i64, Value) {
    let mut text = String::new();
    while !text.ends_with("\n\n") {
        let piece = tokio::time::timeout(PATIENCE, stream.chunk()).await;
        let piece = piece.expect("an event comes").unwrap();
        text += std::str::from_utf8(&piece.expect("the stream goes on")).unwrap();
    }
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {text:?}"))
            .to_owned()
    };
    (
        field("id: ").parse().unwrap(),
        serde_json::from_str(&field("data: ")).unwrap(),
    )
}

#[actix_web::test]
async fn events_come_at_once_and_go_on_from_where_the_reader_was_cut_off() {
    let (scene, api, _) = scene().await;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let visitor = Visitor::default();
    let open = |last: Option<i64>| {
        let request = api.request(&visitor, &api.feed);
        let request = request.header("accept", "text/event-stream");
        match last {
            Some(last) => request.header("last-event-id", last.to_string()),
            None => request,
        }
    };
    let mut stream = open(None).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let (id, first) = event(&mut stream).await;
    assert_eq!((id, entries(&first)), (0, Vec::new()));
    sign_out(&scene, &ada, &tokens[0]).await;
    let (id, told) = event(&mut stream).await;
    assert_eq!(told["to"], id);
    assert_eq!(entries(&told)[0]["kind"], "session");
    // Silence is broken, so that the reader knows how fresh it is.
    scene.provider.advance(TimeDelta::seconds(15));
    let (same, nothing) = event(&mut stream).await;
    assert_eq!((same, entries(&nothing)), (id, Vec::new()));
    assert_eq!(
        nothing["now"].as_i64().unwrap(),
        told["now"].as_i64().unwrap() + 15
    );
    drop(stream);
    let again = scene.sign_in_everywhere(&ada).await;
    sign_out(&scene, &ada, &again[0]).await;
    assert!(api.hears_of(&again[0].get("access_token")).await);
    let (_, told) = event(&mut open(Some(id)).send().await.unwrap()).await;
    assert_eq!(told["from"], id);
    assert_eq!(entries(&told).len(), 1);
    assert_eq!(
        entries(&told)[0]["sid"],
        again[0].sid(&scene.provider.issuer).await
    );
    let gone = open(Some(1_000_000)).send().await.unwrap();
    assert_eq!(gone.status(), 410);
    scene.provider.stop().await;
}

/// A clock that stands: whoever waits here does so until the test ends.
#[actix_web::test]
async fn head_is_told_what_get_is_and_waits_for_nothing() {
    let (scene, api, _) = scene().await;
    let visitor = Visitor::default();
    let snapshot = format!("{}/snapshot", api.feed);
    let wrong = Reader {
        secret: "wrong".to_owned(),
        ..api.clone()
    };
    let feed = |query: &str| format!("{}{query}", api.feed);
    let events = "text/event-stream";
    for (reader, url, accept, status) in [
        (&api, feed("?after=0&wait=60"), "*/*", 200),
        (&api, feed(""), events, 200),
        (&api, feed("?after=1000000"), "*/*", 410),
        (&api, feed("?after=1000000"), events, 410),
        (&api, feed("?after=x"), "*/*", 400),
        (&api, snapshot.clone(), "*/*", 200),
        (&wrong, feed(""), events, 401),
        (&wrong, snapshot, "*/*", 401),
    ] {
        let request = |url: &str| {
            let request = reader.request(&visitor, url);
            let request = request.header("accept-encoding", "gzip");
            request.header("accept", accept).build().unwrap()
        };
        let get = request(&url.replace("&wait=60", ""));
        let get = visitor.client().execute(get).await.unwrap();
        let mut head = request(&url);
        *head.method_mut() = Method::HEAD;
        let head = visitor.client().execute(head);
        let head = tokio::time::timeout(PATIENCE, head).await;
        let head = head.expect("it waits for nothing").unwrap();
        assert_eq!(head.status(), status, "{url} {accept}");
        assert_eq!(head.status(), get.status(), "{url} {accept}");
        for name in [
            "content-type",
            "content-encoding",
            "content-length",
            "cache-control",
            "vary",
            "x-accel-buffering",
            "www-authenticate",
        ] {
            let (ours, theirs) = (head.headers().get(name), get.headers().get(name));
            assert_eq!(ours, theirs, "{url} {accept} {name}");
        }
        assert_eq!(head.bytes().await.unwrap(), "", "{url} {accept}");
    }
    // Nor does it take a place of those who wait.
    let url = feed("?after=0&wait=60");
    for _ in 0..70 {
        let mut head = api.request(&visitor, &url).build().unwrap();
        *head.method_mut() = Method::HEAD;
        let head = visitor.client().execute(head).await.unwrap();
        assert_eq!(head.status(), 200);
    }
    scene.provider.stop().await;
}

/// More than one answer looks at: whoever asks on hears all of it, and the snapshot holds it, packed or not.
#[actix_web::test]
async fn a_long_log_is_heard_piece_by_piece_and_packed() {
    let (scene, api, _) = scene().await;
    let count = 2500;
    let now = scene.provider.flows().clock.now().timestamp_millis();
    let mut side = Side::open(scene.provider.config.database.as_str()).await;
    let (id, ends) = (side.id(77, "i"), now + 600_000);
    let values = format!("{id}, 'token', 'jti-' || i, 'ledger', '{API}', {ends}, {now}");
    let into = "revocations (id, kind, subject, client_id, audience, expires_at, created_at)";
    side.insert(count, into, &values).await;
    scene.provider.advance(TimeDelta::seconds(1));
    let (mut after, mut seen) = (0, Vec::new());
    while seen.len() < count {
        let heard = api.hear(after, 60).await.json();
        assert_eq!(heard["from"], after);
        after = heard["to"].as_i64().unwrap();
        seen.extend(entries(&heard));
    }
    let numbers: Vec<_> = seen
        .iter()
        .map(|entry| entry["number"].as_i64().unwrap())
        .collect();
    assert!(numbers.is_sorted(), "in the order of their numbers");
    let snapshot = api.snapshot().await;
    assert_eq!(entries(&snapshot), seen);
    assert_eq!(snapshot["to"], after);

    let visitor = Visitor::default();
    let url = format!("{}/snapshot", api.feed);
    let request = api.request(&visitor, &url);
    let packed = request
        .header("accept-encoding", "br, gzip;q=0.5")
        .send()
        .await
        .unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let packed = packed.bytes().await.unwrap();
    let mut text = String::new();
    GzDecoder::new(&packed[..])
        .read_to_string(&mut text)
        .unwrap();
    assert!(
        packed.len() * 4 < text.len(),
        "{} of {}",
        packed.len(),
        text.len()
    );
    let unpacked: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(entries(&unpacked), seen);
    scene.provider.stop().await;
}

/// Attack 96: connections that wait are bounded, for each service.
#[actix_web::test]
async fn one_service_can_not_wait_without_bounds() {
    let (scene, api, other) = scene().await;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let mut waiting: FuturesUnordered<_> = (0..70).map(|_| api.hear(0, 60)).collect();
    for _ in 0..6 {
        let refused = waiting.next().await.unwrap();
        assert_eq!(refused.status, 503);
        assert!(!refused.header("retry-after").is_empty());
    }
    let there = other.hear(0, 0).await;
    assert_eq!(there.status, 200, "others have places of their own");
    sign_out(&scene, &ada, &tokens[0]).await;
    while let Some(told) = waiting.next().await {
        assert_eq!(told.status, 200);
        assert_eq!(entries(&told.json()).len(), 1);
    }
    let again = api.hear(1, 0).await;
    assert_eq!(again.status, 200, "the places are free again");
    scene.provider.stop().await;
}

#[actix_web::test]
async fn a_server_that_stops_sends_home_who_waits() {
    let (scene, api, _) = scene().await;
    let visitor = Visitor::default();
    let request = api.request(&visitor, &api.feed);
    let request = request.header("accept", "text/event-stream");
    let mut stream = request.send().await.unwrap();
    event(&mut stream).await;
    let begun = std::time::Instant::now();
    let ((), ()) = tokio::join!(scene.provider.stop(), async {
        while stream.chunk().await.unwrap().is_some() {}
    });
    // Connections are given ten seconds to come to their end by themselves.
    let patience = Duration::from_secs(9);
    assert!(begun.elapsed() < patience, "nobody was waited for");
}

/// An entry that one node wrote is served by all.
#[actix_web::test]
async fn what_was_taken_back_at_one_node_is_heard_at_another() {
    // Where no hints are passed on, nodes look by themselves: the clock goes on.
    let (scene, api, _) = scene_with(|wish| wish).await;
    let node = scene.provider.another_node().await;
    let there = Reader {
        feed: format!("http://{}/revocations", node.address()),
        ..api.clone()
    };
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let token = tokens[0].get("access_token");
    let waiting = async {
        let mut after = 0;
        loop {
            let heard = there.hear(after, 60).await.json();
            after = heard["to"].as_i64().unwrap();
            if let Some(entry) = entries(&heard).pop() {
                return entry;
            }
        }
    };
    let (entry, ()) = tokio::join!(waiting, async {
        let ledger = &scene.applications[0];
        assert_eq!(ledger.revoke(&token, &[]).await.status, 200);
    });
    assert_eq!(entry["kind"], "token");
    let snapshot = there.snapshot().await;
    assert_eq!(entries(&snapshot), entries(&api.snapshot().await));
    node.stop().await;
    scene.provider.stop().await;
}
