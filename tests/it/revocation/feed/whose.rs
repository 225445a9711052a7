//! Each service hears of its own tokens, and of all of them.

use chrono::TimeDelta;
use exeunt::flows::{end_session, people, services};
use exeunt::oidc::logout::Cause;
use exeunt::store::orders::OrderScope;
use serde_json::Value;

use super::{API, scene, sign_out};
use crate::support::provider::SECRET;
use crate::support::relying_party::verify;
use crate::support::service::{Reader, entries};
use crate::support::visitor::Visitor;

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
    let (_, claims) = verify(issuer, &tokens[0].get("access_token")).await;
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
        client.basic_auth("ledger", Some(SECRET)),
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
