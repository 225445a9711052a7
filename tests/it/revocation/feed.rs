//! The feed: services hear of what was taken back from them, and of nothing else.

use std::io::Read as _;
use std::time::Duration;

use chrono::TimeDelta;
use exeunt::flows::{end_session, people, services};
use exeunt::oidc::client::SubjectType;
use exeunt::oidc::logout::Cause;
use exeunt::store::orders::OrderScope;
use flate2::read::GzDecoder;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::ledger::with_refresh;
use crate::support::provider::Wish;
use crate::support::relying_party::Tokens;
use crate::support::scene::{Scene, by_server};
use crate::support::service::{Reader, entries};
use crate::support::visitor::Visitor;

const API: &str = "https://api.example/";
const OTHER: &str = "https://other.example/";

/// Ledger's tokens are for one service, and atlas's, who knows everyone by names of its own, for another.
async fn scene() -> (Scene, Reader, Reader) {
    scene_with(Wish::manual_clock).await
}

async fn scene_with(change: impl FnOnce(Wish) -> Wish) -> (Scene, Reader, Reader) {
    let scene = Scene::with(
        &["ledger", "atlas"],
        |name, ear| {
            let mut metadata = by_server(ear);
            with_refresh(&mut metadata);
            let audience = if name == "ledger" { API } else { OTHER };
            metadata.access_token_audience = Some(audience.to_owned());
            if name == "atlas" {
                metadata.subject_type = SubjectType::Pairwise;
            }
            metadata
        },
        change,
    )
    .await;
    let api = Reader::added(&scene.provider, API, Some(&["ledger"])).await;
    let other = Reader::added(&scene.provider, OTHER, Some(&["atlas"])).await;
    (scene, api, other)
}

async fn sign_out(scene: &Scene, visitor: &Visitor, tokens: &Tokens) {
    let hint = tokens.get("id_token");
    let url = scene.applications[0].end_session_url(&[("id_token_hint", &hint)]);
    assert_eq!(visitor.get(&url).await.status, 303);
}

#[actix_web::test]
async fn who_waits_hears_of_a_sign_out_at_once_and_another_service_of_its_own_part() {
    let (scene, api, other) = scene().await;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let issuer = &scene.provider.issuer;
    let waiting = api.hear(0, 60);
    let (answer, ()) = tokio::join!(waiting, async {
        tokio::task::yield_now().await;
        sign_out(&scene, &ada, &tokens[0]).await;
    });
    assert_eq!(answer.status, 200);
    let heard = answer.json();
    assert_eq!(heard["issuer"], *issuer);
    assert_eq!(heard["from"], 0);
    let told = entries(&heard);
    assert_eq!(told.len(), 1, "{heard}");
    assert_eq!(told[0]["kind"], "session");
    assert_eq!(told[0]["sid"], tokens[0].sid(issuer).await);
    assert_eq!(told[0]["number"], heard["to"]);
    let (_, claims) =
        crate::support::relying_party::verify(issuer, &tokens[0].get("access_token")).await;
    assert!(told[0]["until"].as_i64() >= claims["exp"].as_i64());
    // One entry of the log for the session; each service knows it by the sid of its own applications.
    let there = other.hear(0, 60).await.json();
    assert_eq!(there["to"], heard["to"]);
    assert_eq!(entries(&there)[0]["sid"], tokens[1].sid(issuer).await);
    assert_eq!(entries(&there).len(), 1);
    scene.provider.stop().await;
}

/// Attack 74: what is another's is not seen, whatever happened to it.
#[actix_web::test]
async fn each_service_hears_of_its_own_tokens_alone_and_in_their_identifiers() {
    let (scene, api, other) = scene().await;
    let (ada, flows) = (Visitor::default(), scene.provider.flows());
    let tokens = scene.sign_in_everywhere(&ada).await;
    let more = scene.sign_in_everywhere(&ada).await;
    let issuer = &scene.provider.issuer;
    let atlas = &scene.applications[1];
    scene.provider.advance(TimeDelta::seconds(1));
    // A token, a grant, a part, the person, an application, everybody: of atlas, as far as it goes.
    assert_eq!(
        atlas
            .revoke(&tokens[1].get("access_token"), &[])
            .await
            .status,
        200
    );
    assert_eq!(
        atlas
            .revoke(&more[1].get("refresh_token"), &[])
            .await
            .status,
        200
    );
    let session_id = scene.session_id(&tokens[1].sid(issuer).await).await;
    let cause = Cause::Administrator;
    assert!(
        end_session::end_participation(flows, session_id, "atlas", cause)
            .await
            .unwrap()
    );
    let again = atlas.tokens(&ada, &[]).await;
    // Longer than a transaction takes: what was given while an order was given is named one by one as well.
    scene.provider.advance(TimeDelta::seconds(40));
    let client = OrderScope::Client("atlas".to_owned());
    end_session::end_many(flows, client, cause).await.unwrap();
    assert!(other.hears_of(&again.get("access_token")).await);
    let (mine, theirs) = (api.snapshot().await, other.snapshot().await);
    assert_eq!(entries(&mine), [Value::Null; 0], "{mine}");
    let kinds = entries(&theirs);
    let mut kinds: Vec<_> = kinds
        .iter()
        .map(|entry| entry["kind"].as_str().unwrap())
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["client", "grant", "session", "token"], "{theirs}");

    people::disable_user(flows, "ada").await.unwrap().unwrap();
    for (reader, tokens) in [(&api, &tokens[0]), (&other, &tokens[1])] {
        assert!(reader.hears_of(&tokens.get("access_token")).await);
        let sub = tokens.id_claims(issuer).await["sub"].clone();
        let list = reader.snapshot().await;
        let subjects: Vec<_> = entries(&list)
            .into_iter()
            .filter(|entry| entry["kind"] == "subject")
            .map(|entry| entry["sub"].clone())
            .collect();
        assert_eq!(subjects, [sub]);
    }
    let (mine, theirs) = (api.snapshot().await, other.snapshot().await);
    for (list, others) in [(&mine, &tokens[1]), (&theirs, &tokens[0])] {
        let claims = others.id_claims(issuer).await;
        for name in ["sub", "sid"] {
            let name = claims[name].as_str().unwrap();
            assert!(!list.to_string().contains(name), "{list}");
        }
    }
    scene.provider.stop().await;
}

#[actix_web::test]
async fn who_does_not_prove_to_be_a_service_hears_nothing() {
    let (scene, api, _) = scene().await;
    let visitor = Visitor::default();
    let url = scene.provider.url("/revocations?after=0");
    let wrong = Reader {
        secret: "another".to_owned(),
        ..api.clone()
    };
    let client = visitor.client().get(&url);
    for request in [
        visitor.client().get(&url),
        wrong.request(&visitor, &url),
        client.basic_auth("ledger", Some(crate::support::provider::SECRET)),
    ] {
        let answer = visitor.send(&url, request).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.json()["error"], "invalid_client");
    }
    for query in ["after=-1", "after=x", "after=0&wait=-1", "after=0&after=1"] {
        let url = format!("{}?{query}", api.feed);
        let answer = visitor.send(&url, api.request(&visitor, &url)).await;
        assert_eq!(answer.status, 400, "{query}");
    }
    // Who is shut out hears nothing more, also where it waits already.
    let flows = scene.provider.flows();
    let waiting = api.hear(0, 60);
    let (answer, ()) = tokio::join!(waiting, async {
        tokio::task::yield_now().await;
        services::remove(flows, API).await.unwrap().unwrap();
        scene.provider.advance(TimeDelta::seconds(61));
    });
    assert_eq!(answer.status, 401);
    scene.provider.stop().await;
}

/// P3: whoever can't be told all that came in between is told so, and not that nothing did.
#[actix_web::test]
async fn p3_where_the_log_can_not_be_continued_the_reader_is_told_to_begin_anew() {
    let (scene, api, _) = scene().await;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    sign_out(&scene, &ada, &tokens[0]).await;
    let to = api.hear(0, 60).await.json()["to"].as_i64().unwrap();
    // Nobody here gave that number.
    let answer = api.hear(to + 1, 60).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()),
        (410, json!({"error": "gone"}))
    );
    // After a restore from a copy no number of before counts, and all that was issued before is taken back.
    let token = tokens[0].get("access_token");
    let scene = Scene {
        provider: scene.provider.restored().await,
        ..scene
    };
    assert_eq!(api.hear(to, 0).await.status, 410);
    let begun = eventually(async || {
        let begun = api.snapshot().await;
        let told = entries(&begun);
        let of = |kind: &str| told.iter().any(|entry| entry["kind"] == kind);
        (of("all") && of("key")).then_some(begun)
    });
    let begun = begun.await.expect("all is taken back, and every key");
    assert!(api.deny_list().await.names(&token));
    let answer = api.hear(begun["to"].as_i64().unwrap(), 0).await;
    assert_eq!(answer.status, 200);
    scene.provider.stop().await;
}

/// P3: nothing that was taken back becomes valid again, at services either: by no restart, and not by `restored`.
#[actix_web::test]
async fn p3_nothing_revoked_becomes_valid_again_by_a_restart_or_a_restore() {
    let (scene, api, _) = scene().await;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let ledger = &scene.applications[0];
    let kept = ledger.tokens(&ada, &[]).await;
    let dead = tokens[0].get("access_token");
    assert_eq!(ledger.revoke(&dead, &[]).await.status, 200);
    assert!(api.hears_of(&dead).await);
    assert!(!api.deny_list().await.names(&kept.get("access_token")));
    let before = api.snapshot().await;
    let provider = scene.provider.restart(|_| {}).await;
    assert_eq!(entries(&api.snapshot().await), entries(&before));
    assert_eq!(ledger.userinfo(&dead).await.status, 401);
    let provider = provider.restored().await;
    for token in [&dead, &kept.get("access_token")] {
        assert!(api.hears_of(token).await);
        assert_eq!(ledger.userinfo(token).await.status, 401);
    }
    // Until they would have expired: then nothing of them needs to be kept.
    provider.advance(TimeDelta::minutes(12));
    assert_eq!(entries(&api.snapshot().await), [Value::Null; 0]);
    provider.stop().await;
}

/// P3: what ended before there was a log is known by it when there is one, as far as tokens of it would be good.
#[actix_web::test]
async fn p3_nothing_revoked_becomes_valid_again_by_an_upgrade() {
    let (scene, api, _) = scene().await;
    let (ada, bob) = (Visitor::default(), Visitor::default());
    let tokens = scene.sign_in_everywhere(&ada).await;
    let others = scene.sign_in_everywhere(&bob).await;
    let ledger = &scene.applications[0];
    let kept = ledger.tokens(&bob, &[]).await;
    sign_out(&scene, &ada, &tokens[0]).await;
    let given_back = others[0].get("refresh_token");
    assert_eq!(ledger.revoke(&given_back, &[]).await.status, 200);
    scene.sql("DELETE FROM revocations").await;
    scene
        .sql("DELETE FROM marks WHERE name <> 'alive_at'")
        .await;
    let provider = scene.provider.restart(|_| {}).await;
    for tokens in [&tokens[0], &others[0]] {
        assert!(api.hears_of(&tokens.get("access_token")).await);
    }
    assert!(!api.deny_list().await.names(&kept.get("access_token")));
    provider.stop().await;
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

/// The next event: its `id`, and its `data`.
async fn event(stream: &mut reqwest::Response) -> (i64, Value) {
    let mut text = String::new();
    while !text.ends_with("\n\n") {
        let piece = tokio::time::timeout(crate::support::PATIENCE, stream.chunk()).await;
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

/// More than one answer looks at: whoever asks on hears all of it, and the snapshot holds it, packed or not.
#[actix_web::test]
async fn a_long_log_is_heard_piece_by_piece_and_packed() {
    let (scene, api, _) = scene().await;
    let count = 2500;
    let now = scene.provider.flows().clock.now().timestamp_millis();
    let mut side =
        crate::support::fixtures::Side::open(scene.provider.config.database.as_str()).await;
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

/// Attack 44 (CVE-2026-8922): of two moments before which tokens are dead, everybody's and one client's, the one hides
/// the other.
#[actix_web::test]
async fn an_order_for_everybody_and_one_for_a_client_both_count_in_either_order() {
    for client_first in [true, false] {
        let (scene, api, other) = scene().await;
        let flows = scene.provider.flows();
        let orders = [OrderScope::Client("atlas".to_owned()), OrderScope::All];
        let mut dead = Vec::new();
        for turn in 0..2 {
            let tokens = scene.sign_in_everywhere(&Visitor::default()).await;
            scene.provider.advance(TimeDelta::seconds(2));
            let order = orders[(turn + usize::from(!client_first)) % 2].clone();
            let is_everybodys = order == OrderScope::All;
            end_session::end_many(flows, order, Cause::Administrator)
                .await
                .unwrap();
            // Who comes in the millisecond of an order is meant too.
            scene.provider.advance(TimeDelta::seconds(1));
            dead.push((&other, 1, tokens[1].get("access_token")));
            if is_everybodys {
                dead.push((&api, 0, tokens[0].get("access_token")));
            }
        }
        scene.provider.advance(TimeDelta::seconds(2));
        let tokens = scene.sign_in_everywhere(&Visitor::default()).await;
        for (reader, number, token) in dead {
            assert!(reader.hears_of(&token).await, "{client_first}");
            let party = &scene.applications[number];
            assert_eq!(party.userinfo(&token).await.status, 401);
        }
        for (reader, number) in [(&api, 0), (&other, 1)] {
            let token = tokens[number].get("access_token");
            let party = &scene.applications[number];
            assert_eq!(party.userinfo(&token).await.status, 200);
            assert!(!reader.deny_list().await.names(&token), "{client_first}");
        }
        scene.provider.stop().await;
    }
}
