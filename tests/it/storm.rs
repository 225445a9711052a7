//! One order ends more sessions than anybody would end one by one, while people go on signing in.

use std::collections::HashSet;

use chrono::Utc;
use exeunt::flows::end_session;
use exeunt::oidc::logout::Cause;
use exeunt::store::orders::OrderScope;

use crate::support::fixtures::Side;
use crate::support::relying_party::published_keys;
use crate::support::scene::Scene;
use crate::support::visitor::Visitor;
use crate::support::{environment, eventually};

/// `EXEUNT_TEST_STORM` says how many sessions; `cargo bench` ends a hundred thousand.
const SESSIONS: usize = 400;

/// Attack 59: a storm of sign-outs. P2: everyone is told, once. Attack 61: who signs in during it stays signed in.
#[actix_web::test]
#[expect(
    clippy::disallowed_methods,
    reason = "the crowd signed in before a moment of the real clock"
)]
async fn p2_a_storm_of_sign_outs_reaches_every_application_while_people_sign_in() {
    let sessions =
        environment("EXEUNT_TEST_STORM").map_or(SESSIONS, |sessions| sessions.parse().unwrap());
    let names = ["ledger", "atlas", "harbour"];
    let scene = Scene::of(&names).await;
    let early = Visitor::default();
    let tokens = scene.sign_in_everywhere(&early).await;
    let mut side = Side::open(scene.provider.config.database.as_str()).await;
    side.insert_sessions(
        sessions,
        &names.map(str::to_owned),
        Utc::now().timestamp_millis(),
    )
    .await;

    let flows = scene.provider.flows();
    end_session::end_many(flows, OrderScope::All, Cause::Administrator)
        .await
        .unwrap();
    let ledger = &scene.applications[0];
    let answer = ledger.userinfo(&tokens[0].get("access_token")).await;
    assert_eq!(answer.status, 401, "the order counts from its commit");
    let late = [(); 5].map(|()| Visitor::default());
    for visitor in &late {
        scene.sign_in_everywhere(visitor).await;
    }

    let keys = published_keys(&scene.provider.issuer).await;
    for application in &scene.applications {
        let mut told = HashSet::new();
        let mut read = 0;
        while told.len() <= sessions {
            let ear = &application.ear;
            let more =
                eventually(async || Some(ear.notices_since(read)).filter(|more| !more.is_empty()));
            let notices = more.await.expect("another notice comes in");
            read += notices.len();
            for notice in notices {
                let sid = notice.claims_by(&keys)["sid"].as_str().unwrap().to_owned();
                assert!(told.insert(sid), "told twice, and nothing went wrong");
            }
        }
        assert_eq!(told.len(), sessions + 1);
    }
    assert!(!scene.is_signed_in(&early).await);
    for visitor in &late {
        assert!(scene.is_signed_in(visitor).await);
    }
    scene.provider.stop().await;
}
