//! Back-channel logout: who is told, what the token says, and what becomes of each answer.

mod again;

use chrono::{TimeDelta, Utc};
use exeunt::flows::end_session;
use exeunt::oidc::algorithm::SigningAlgorithm;
use exeunt::oidc::logout::{Cause, Channel, DeliveryState};
use exeunt::store;
use exeunt::store::orders::OrderScope;
use serde_json::{Value, json};

use crate::support::provider::{Wish, metadata};
use crate::support::relying_party::{Ear, Reply, Tokens, verify};
use crate::support::scene::{Scene, by_server};
use crate::support::visitor::{Answer, Visitor};

/// Tries again soon.
fn impatient(wish: Wish) -> Wish {
    wish.configure(|config| {
        config.logout.retry_first = TimeDelta::milliseconds(20);
        config.logout.retry_max = TimeDelta::milliseconds(50);
    })
}

/// Signs out at the first application.
async fn sign_out(scene: &Scene, visitor: &Visitor, tokens: &Tokens) -> Answer {
    let hint = tokens.get("id_token");
    let url = scene.applications[0].end_session_url(&[("id_token_hint", &hint)]);
    let answer = visitor.get(&url).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer
}

/// P2: every session end notifies every application that took part.
#[actix_web::test]
async fn p2_every_application_that_took_part_is_told_once_the_asking_one_included() {
    let scene = Scene::of(&["ledger", "atlas", "almanac", "bystander"]).await;
    let issuer = &scene.provider.issuer;
    let ada = Visitor::default();
    let [ledger, atlas, almanac, bystander] = &scene.applications[..] else {
        panic!()
    };
    let mut told = Vec::new();
    for application in [ledger, atlas, almanac] {
        let tokens = application.tokens(&ada, &[]).await;
        told.push((application, tokens.sid(issuer).await));
    }
    // A second ID token makes no second part; a code that nobody redeems makes none.
    let again = ledger.tokens(&ada, &[]).await;
    assert_eq!(again.sid(issuer).await, told[0].1);
    bystander.sign_in(&ada, &[]).await;

    sign_out(&scene, &ada, &again).await;
    for (application, sid) in &told {
        let notices = application.told(1, issuer).await;
        assert_eq!(notices[0]["sid"], **sid);
        scene.wait_for_state(sid, DeliveryState::Confirmed).await;
    }
    assert_eq!(scene.deliveries(&told[0].1).await.len(), 3);
    for (application, _) in &told {
        assert_eq!(application.ear.notices().len(), 1);
    }
    assert!(bystander.ear.notices().is_empty());
    scene.provider.stop().await;
}

/// Attack 56: a token that others accept too, that passes for another token, or that is signed as nobody asked.
#[actix_web::test]
#[expect(
    clippy::disallowed_methods,
    reason = "a relying party compares the token with the real time"
)]
async fn a_logout_token_says_what_the_specification_wants_and_no_more() {
    let algorithm_of = |name: &str| match name {
        "RS256" => SigningAlgorithm::RS256,
        "PS256" => SigningAlgorithm::PS256,
        "ES256" => SigningAlgorithm::ES256,
        _ => SigningAlgorithm::EdDSA,
    };
    let names = ["RS256", "PS256", "ES256", "EdDSA"];
    let describe = |name: &str, ear: &Ear| {
        let mut metadata = by_server(ear);
        metadata.id_token_signed_response_alg = algorithm_of(name).into();
        metadata
    };
    let scene = Scene::with(&names, describe, |wish| wish).await;
    let issuer = &scene.provider.issuer;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    sign_out(&scene, &ada, &tokens[0]).await;
    let mut jtis = Vec::new();
    for (application, tokens) in scene.applications.iter().zip(&tokens) {
        let notice = application.ear.wait_for(1).await.remove(0);
        let of_id_token = tokens.id_claims(issuer).await;
        let mut claims = notice.claims(issuer).await;
        let (header, _) = verify(issuer, &notice.fields[0].1).await;
        assert_eq!(header["alg"], *application.client_id);
        let iat = claims["iat"].as_i64().unwrap();
        assert!((Utc::now().timestamp() - iat).abs() < 60);
        jtis.push(claims["jti"].as_str().unwrap().to_owned());
        claims["jti"] = Value::Null;
        let expected = json!({
            "iss": issuer, "aud": application.client_id, "iat": iat, "exp": iat + 120, "jti": null,
            "sub": of_id_token["sub"], "sid": of_id_token["sid"],
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        });
        assert_eq!(claims, expected);
    }
    jtis.sort_unstable();
    jtis.dedup();
    assert_eq!(jtis.len(), names.len());
    scene.provider.stop().await;
}

/// P7: the page says only what is known. Attack 58: hostile applications.
#[actix_web::test]
async fn p7_each_answer_is_recorded_and_shown_as_what_it_is() {
    use DeliveryState::{Confirmed, Failed, Refused, Retrying};
    let cases = [
        ("a200", Reply::Status(200), Confirmed, "confirmed"),
        ("a204", Reply::Status(204), Confirmed, "confirmed"),
        ("b-endless", Reply::Endless, Confirmed, "confirmed"),
        ("c400", Reply::Status(400), Refused, "refused"),
        ("d404", Reply::Status(404), Failed, "failed"),
        ("d401", Reply::Status(401), Failed, "failed"),
        ("d501", Reply::Status(501), Failed, "failed"),
        ("d-redirect", Reply::Redirect, Failed, "failed"),
        ("e429", Reply::Status(429), Retrying, "retrying"),
        ("e500", Reply::Status(500), Retrying, "retrying"),
        ("e503", Reply::Status(503), Retrying, "retrying"),
    ];
    let names: Vec<_> = cases.iter().map(|(name, ..)| *name).collect();
    let scene = Scene::with(
        &names,
        |_, ear| by_server(ear),
        |wish| wish.configure(|config| config.logout.retry_first = TimeDelta::minutes(5)),
    )
    .await;
    let issuer = &scene.provider.issuer;
    let ada = Visitor::default();
    let mut sids = Vec::new();
    let all = scene.sign_in_everywhere(&ada).await;
    for ((tokens, application), (_, reply, ..)) in all.iter().zip(&scene.applications).zip(&cases) {
        application.ear.answer(*reply);
        sids.push(tokens.sid(issuer).await);
    }
    let page = sign_out(&scene, &ada, &all[0]).await;
    let page = ada.follow(page, issuer).await;
    assert_eq!(page.page(), "page-leaving");
    for (sid, (name, _, state, _)) in sids.iter().zip(&cases) {
        let delivery = scene.wait_for_state(sid, *state).await;
        assert_eq!(delivery.client_id, *name);
        assert_eq!(delivery.attempts, 1);
        assert_eq!(delivery.due_at.is_some(), *state == Retrying, "{name}");
        assert_eq!(delivery.finished_at.is_none(), *state == Retrying, "{name}");
    }
    let page = ada.get(&page.url).await;
    let status = ada.get(&scene.provider.url("/leaving/status")).await.json();
    let rows = status["applications"].as_array().unwrap();
    for (_, (name, _, _, shown)) in sids.iter().zip(&cases) {
        let row = page.text(&format!("[data-state={shown}]"));
        assert!(row.is_some(), "{name}: {}", page.body);
    }
    let count = |shown| cases.iter().filter(|case| case.3 == shown).count();
    for shown in ["confirmed", "refused", "failed", "retrying"] {
        let on_page = page
            .states()
            .iter()
            .filter(|state| **state == shown)
            .count();
        let in_status = rows.iter().filter(|row| row["state"] == shown).count();
        assert_eq!(
            (on_page, in_status),
            (count(shown), count(shown)),
            "{shown}"
        );
    }
    assert_eq!(status["finished"], false);
    // None of them was asked twice: a redirect is not followed.
    for application in &scene.applications {
        assert_eq!(
            application.ear.notices().len(),
            1,
            "{}",
            application.client_id
        );
    }
    scene.provider.stop().await;
}

/// Attack 57: a notice about the first of a person's sessions alone.
#[actix_web::test]
async fn a_person_with_two_sessions_is_reported_by_one_notice_for_each() {
    let scene = Scene::of(&["ledger"]).await;
    let issuer = &scene.provider.issuer;
    let mut sids = Vec::new();
    for _ in 0..2 {
        let tokens = scene.sign_in_everywhere(&Visitor::default()).await;
        sids.push(tokens[0].sid(issuer).await);
    }
    let provider = scene.provider.flows();
    let user = store::users::find_by_username(provider.database.read(), "ada").await;
    let scope = OrderScope::User(user.unwrap().unwrap().id);
    end_session::end_many(provider, scope, Cause::Administrator)
        .await
        .unwrap();
    for sid in &sids {
        scene.applications[0].told_of(sid, issuer).await;
    }
    assert_eq!(scene.applications[0].ear.notices().len(), 2);
    scene.provider.stop().await;
}

/// Attack 55: a logout token sent to where we do not connect to (CVE-2026-4874).
#[actix_web::test]
async fn nothing_is_sent_into_a_network_that_is_not_allowed() {
    let scene = Scene::with(
        &["ledger"],
        |_, ear| by_server(ear),
        |wish| wish.configure(|config| config.outbound.allow_private_networks.clear()),
    )
    .await;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let sid = tokens[0].sid(&scene.provider.issuer).await;
    let answer = sign_out(&scene, &ada, &tokens[0]).await;
    let delivery = scene.wait_for_state(&sid, DeliveryState::Retrying).await;
    assert_eq!(delivery.last_status, None);
    assert!(delivery.last_problem.is_some());
    assert!(scene.applications[0].ear.notices().is_empty());
    let page = ada.follow(answer, &scene.provider.issuer).await;
    assert_eq!(page.states(), ["retrying"]);
    // Attack 80: what the connection came to is not the person's to know.
    assert!(!page.body.contains(&delivery.last_problem.unwrap()));
    scene.provider.stop().await;
}

/// P2: an application is told however long ago its last token expired.
#[actix_web::test]
async fn p2_an_application_whose_tokens_have_expired_is_told_all_the_same() {
    let names = ["ledger", "atlas"];
    let scene = Scene::with(&names, |_, ear| by_server(ear), |wish| wish.manual_clock()).await;
    let issuer = &scene.provider.issuer;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    for _ in 0..20 {
        // The worker that forgets expired rows has its turns in between.
        scene.provider.advance(TimeDelta::days(1));
        tokio::task::yield_now().await;
    }
    sign_out(&scene, &ada, &tokens[0]).await;
    for (application, tokens) in scene.applications.iter().zip(&tokens) {
        let told = application.told(1, issuer).await;
        assert_eq!(told[0]["sid"], *tokens.sid(issuer).await);
    }
    scene.provider.stop().await;
}

/// P7: an application that cannot be told is shown as that.
#[actix_web::test]
async fn p7_an_application_without_a_way_to_be_told_ends_by_itself() {
    let describe = |name: &str, ear: &Ear| match name {
        "ledger" => by_server(ear),
        _ => metadata(&ear.base),
    };
    let scene = Scene::with(&["ledger", "mute"], describe, |wish| wish).await;
    let issuer = &scene.provider.issuer;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let answer = sign_out(&scene, &ada, &tokens[0]).await;
    let page = ada.follow(answer, issuer).await;
    let mut states = page.states();
    states.sort_unstable();
    assert_eq!(states, ["confirmed", "ends"]);
    assert!(
        page.text("[data-state=ends] time").is_some(),
        "{}",
        page.body
    );
    let delivery = scene.delivery(&tokens[1].sid(issuer).await).await;
    assert_eq!(delivery.channel, Channel::None);
    assert_eq!(delivery.state, DeliveryState::Unreachable);
    scene.provider.stop().await;
}
