//! Applications that do not answer well at first, or never.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use exeunt::flows::{deliver_logouts, end_session};
use exeunt::oidc::logout::{Cause, DeliveryState};
use exeunt::store::orders::OrderScope;
use exeunt::store::participants::{self, Participant};
use exeunt::store::sessions::{self, Session};
use exeunt::store::{self, delivery_attempts};

use super::{impatient, sign_out};
use crate::support::relying_party::{Ear, Reply};
use crate::support::scene::{Scene, by_server};
use crate::support::visitor::Visitor;

#[actix_web::test]
async fn one_that_answers_500_three_times_is_told_once_it_recovers_each_time_by_a_fresh_token() {
    let scene = Scene::with(&["ledger"], |_, ear| by_server(ear), impatient).await;
    let issuer = &scene.provider.issuer;
    let ear = &scene.applications[0].ear;
    ear.answer_next(&[Reply::Status(500); 3]);
    let ada = Visitor::default();
    let tokens = scene.applications[0].tokens(&ada, &[]).await;
    let sid = tokens.sid(issuer).await;
    sign_out(&scene, &ada, &tokens).await;
    let delivery = scene.wait_for_state(&sid, DeliveryState::Confirmed).await;
    assert_eq!((delivery.attempts, delivery.last_status), (4, Some(200)));

    let told = scene.applications[0].told(4, issuer).await;
    let mut jtis: Vec<_> = told
        .iter()
        .map(|claims| claims["jti"].to_string())
        .collect();
    jtis.sort_unstable();
    jtis.dedup();
    assert_eq!(jtis.len(), 4);
    assert!(told.iter().all(|claims| claims["sid"] == *sid));

    let db = scene.provider.flows().database.read();
    let attempts = delivery_attempts::list(db, delivery.id).await.unwrap();
    let noted: Vec<_> = attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!(noted, [Some(500), Some(500), Some(500), Some(200)]);
    let jtis = attempts.iter().map(|attempt| attempt.jti.to_string());
    assert!(
        jtis.zip(&told)
            .all(|(noted, claims)| claims["jti"] == *noted)
    );
    scene.provider.stop().await;
}

/// P4: a broken application delays neither the person by more than the grace nor the others at all.
#[actix_web::test]
async fn p4_one_that_hangs_keeps_neither_the_person_nor_the_others_waiting() {
    let scene = Scene::of(&["ledger", "atlas"]).await;
    let issuer = &scene.provider.issuer;
    scene.applications[0].ear.answer(Reply::Hang);
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let began = Instant::now();
    let answer = sign_out(&scene, &ada, &tokens[0]).await;
    let waited = began.elapsed();
    // 300 ms of grace; the rest is for a busy machine. The application hangs for 5 s.
    assert!(waited >= Duration::from_millis(300), "{waited:?}");
    assert!(waited < Duration::from_secs(2), "{waited:?}");
    let page = ada.follow(answer, issuer).await;
    assert_eq!(page.page(), "page-leaving");
    let mut states = page.states();
    states.sort_unstable();
    assert_eq!(states, ["confirmed", "telling"]);
    scene
        .wait_for_state(&tokens[0].sid(issuer).await, DeliveryState::Retrying)
        .await;
    scene.provider.stop().await;
}

/// P4: nor does one that hangs with many notices at once take the others' places.
#[actix_web::test]
async fn p4_a_queue_at_one_that_hangs_is_nobody_elses_queue() {
    let scene = Scene::of(&["ledger", "atlas"]).await;
    let [ledger, atlas] = &scene.applications[..] else {
        panic!()
    };
    ledger.ear.answer(Reply::Hang);
    let ada = Visitor::default();
    let tokens = atlas.tokens(&ada, &[]).await;
    let sid = tokens.sid(&scene.provider.issuer).await;
    let provider = scene.provider.flows();
    let now = provider.clock.now() - TimeDelta::minutes(1);
    let living = sessions::find(provider.database.read(), scene.session_id(&sid).await).await;
    let living = living.unwrap().unwrap();
    let tx = provider.database.begin().await.unwrap();
    for number in 0..150 {
        let session = Session {
            id: provider.random.row_id(now),
            created_at: now,
            ..living.clone()
        };
        let participant = Participant {
            sid: provider.random.identifier(),
            session_id: session.id,
            client_id: "ledger".to_owned(),
            joined_at: now,
            believes_until: now,
            ended_at: None,
        };
        let cookie = format!("no cookie {number}");
        sessions::insert(&tx, &session, cookie).await.unwrap();
        participants::join(&tx, &participant).await.unwrap();
    }
    store::commit(tx).await.unwrap();
    let scope = OrderScope::Client("ledger".to_owned());
    end_session::end_many(provider, scope, Cause::Administrator)
        .await
        .unwrap();
    ledger.ear.wait_for(1).await;
    let began = Instant::now();
    let hint = tokens.get("id_token");
    ada.get(&atlas.end_session_url(&[("id_token_hint", &hint)]))
        .await;
    atlas.told_of(&sid, &scene.provider.issuer).await;
    let waited = began.elapsed();
    // Each attempt at the other one takes 5 s.
    assert!(waited < Duration::from_secs(2), "{waited:?}");
    scene.provider.stop().await;
}

/// P2: a notice that is given up stays visible, and can be sent again.
#[actix_web::test]
async fn p2_what_is_given_up_is_dead_visible_and_can_be_sent_again() {
    let scene = Scene::with(
        &["ledger"],
        |_, ear| by_server(ear),
        |wish| {
            impatient(wish).configure(|config| {
                config.logout.give_up_after = TimeDelta::milliseconds(200);
            })
        },
    )
    .await;
    let ear = &scene.applications[0].ear;
    ear.answer(Reply::Status(500));
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let sid = tokens[0].sid(&scene.provider.issuer).await;
    let answer = sign_out(&scene, &ada, &tokens[0]).await;
    let dead = scene.wait_for_state(&sid, DeliveryState::Dead).await;
    assert_eq!(dead.due_at, None);
    let page = ada.follow(answer, &scene.provider.issuer).await;
    assert_eq!(ada.get(&page.url).await.states(), ["failed"]);

    ear.answer(Reply::Status(200));
    let again = deliver_logouts::retry(scene.provider.flows(), &[dead.id]).await;
    assert_eq!(again.unwrap(), 1);
    scene.wait_for_state(&sid, DeliveryState::Confirmed).await;
    scene.provider.stop().await;
}

/// P2: across a restart, and to where the application lives by then.
#[actix_web::test]
async fn p2_what_was_not_delivered_before_a_restart_is_delivered_after_it() {
    let mut scene = Scene::with(
        &["ledger", "atlas"],
        |_, ear| by_server(ear),
        |wish| wish.configure(|config| config.logout.retry_first = TimeDelta::milliseconds(500)),
    )
    .await;
    let moved = Ear::open().await;
    for application in &scene.applications {
        application.ear.answer(Reply::Status(503));
    }
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let issuer = scene.provider.issuer.clone();
    let sids = [tokens[0].sid(&issuer).await, tokens[1].sid(&issuer).await];
    sign_out(&scene, &ada, &tokens[0]).await;
    scene.applications[0].ear.answer(Reply::Status(200));
    let there = moved.backchannel_logout_uri();
    let provider = scene.provider.restart(|config| {
        config.clients[1].metadata.backchannel_logout_uri = Some(there);
    });
    scene.provider = provider.await;
    for sid in &sids {
        scene.wait_for_state(sid, DeliveryState::Confirmed).await;
    }
    let last = scene.applications[0].told(1, &issuer).await.pop().unwrap();
    assert_eq!(last["sid"], *sids[0]);
    let notices = moved.wait_for(1).await;
    assert_eq!(notices[0].claims(&issuer).await["sid"], *sids[1]);
    scene.provider.stop().await;
}

/// P3: no revoked token becomes valid again. Attack 40: a restart in between (CVE-2026-9802).
#[actix_web::test]
async fn p3_nothing_that_ended_is_good_again_after_a_restart() {
    use exeunt::oidc::client::GrantType::{AuthorizationCode, RefreshToken};
    let describe = |_: &str, ear: &Ear| {
        let mut metadata = by_server(ear);
        metadata.grant_types = vec![AuthorizationCode, RefreshToken];
        metadata
    };
    let mut scene = Scene::with(&["ledger"], describe, |wish| wish).await;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let cookie = ada.cookie("exeunt-session").unwrap();
    let code = scene.applications[0].sign_in(&ada, &[]).await;
    let code = code.parameter("code").unwrap();
    sign_out(&scene, &ada, &tokens[0]).await;
    for _ in 0..2 {
        let ledger = &scene.applications[0];
        let port = url::Url::parse(&scene.provider.issuer).unwrap().port();
        let name = format!("exeunt-session-{}", port.unwrap());
        let thief = Visitor::default();
        thief.put_cookie(&name, &cookie);
        assert!(!scene.is_signed_in(&thief).await);
        let answer = ledger.redeem(&code, &[]).await;
        assert_eq!(answer.json()["error"], "invalid_grant");
        let answer = ledger.refresh(&tokens[0].get("refresh_token")).await;
        assert_eq!(answer.json()["error"], "invalid_grant");
        let answer = ledger.userinfo(&tokens[0].get("access_token")).await;
        assert_eq!(answer.status, 401);
        scene.provider = scene.provider.restart(|_| {}).await;
    }
    assert_eq!(scene.applications[0].ear.notices().len(), 1);
    scene.provider.stop().await;
}
