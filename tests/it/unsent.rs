//! Notices that can't even be sent: the application asks for what this provider does not have.

use chrono::TimeDelta;
use exeunt::flows::keys;
use exeunt::oidc::algorithm::SigningAlgorithm::EdDSA;
use exeunt::oidc::logout::DeliveryState;
use exeunt::store::deliveries::Delivery;
use exeunt::store::{self, clients, delivery_attempts};

use crate::support::eventually;
use crate::support::provider::Wish;
use crate::support::scene::{Scene, by_server};
use crate::support::visitor::Visitor;

const WHY: &str = "not sent: no EdDSA key signs here, which the application asks for";

/// Somebody has signed out of an application that has come to want another algorithm since, for which there is no key.
async fn left() -> (Scene, String) {
    let change = |wish: Wish| {
        // Nobody waits for a receipt that does not come: the clock stands still.
        wish.manual_clock()
            .configure(|config| config.logout.grace = TimeDelta::zero())
    };
    let scene = Scene::with(&["ledger"], |_, ear| by_server(ear), change).await;
    let (flows, ada) = (scene.provider.flows(), Visitor::default());
    let ledger = &scene.applications[0];
    let tokens = ledger.tokens(&ada, &[]).await;
    let sid = tokens.sid(&scene.provider.issuer).await;
    let tx = flows.database.begin().await.unwrap();
    let mut known = clients::find(&tx, "ledger").await.unwrap().unwrap();
    known.client.metadata.id_token_signed_response_alg = EdDSA.into();
    clients::save(&tx, &known).await.unwrap();
    store::commit(tx).await.unwrap();
    let hint = tokens.get("id_token");
    let url = ledger.end_session_url(&[("id_token_hint", &hint)]);
    assert_eq!(ada.get(&url).await.status, 303);
    (scene, sid)
}

/// Waits for so many tries; time goes by only when `patience` is over.
async fn tried(scene: &Scene, sid: &str, attempts: i32, patience: TimeDelta) -> Delivery {
    let tried = eventually(async || {
        let known = scene.delivery(sid).await;
        if known.attempts >= attempts {
            return Some(known);
        }
        scene.provider.advance(patience);
        None
    });
    tried.await.expect("it is tried")
}

/// P2, P7: it is no secret, it comes less and less often, and it goes out once there is a key.
#[actix_web::test]
async fn p7_a_notice_that_cannot_be_signed_is_shown_waits_longer_each_time_and_goes_out_at_last() {
    let (scene, sid) = left().await;
    let flows = scene.provider.flows();
    for number in 1..=3 {
        let known = tried(&scene, &sid, number, TimeDelta::seconds(1)).await;
        assert_eq!(known.state, DeliveryState::Retrying);
        assert_eq!(known.last_problem.as_deref(), Some(WHY));
        let due_at = known.due_at.unwrap();
        let wait = due_at - flows.clock.now();
        assert!(wait <= TimeDelta::seconds(1 << number), "{number}: {wait}");
        let tries = delivery_attempts::list(flows.database.read(), known.id).await;
        let problems: Vec<_> = tries
            .unwrap()
            .into_iter()
            .map(|known| known.problem)
            .collect();
        assert_eq!(problems, vec![Some(WHY.to_owned()); number as usize]);
    }
    assert!(scene.applications[0].ear.notices().is_empty());
    keys::ensure(flows, EdDSA).await.unwrap();
    let confirmed = eventually(async || {
        scene.provider.advance(TimeDelta::seconds(1));
        let known = scene.delivery(&sid).await;
        (known.state == DeliveryState::Confirmed).then_some(known)
    });
    assert_eq!(confirmed.await.unwrap().last_problem, None);
    scene.provider.stop().await;
}

/// P2: what cannot be signed is given up in time, and visible then too.
#[actix_web::test]
async fn p2_a_notice_that_could_never_be_signed_is_dead_when_its_time_is_over() {
    let (scene, sid) = left().await;
    let dead = eventually(async || {
        scene.provider.advance(TimeDelta::minutes(15));
        let known = scene.delivery(&sid).await;
        (known.state == DeliveryState::Dead).then_some(known)
    });
    let dead = dead.await.expect("it is given up");
    assert_eq!(
        (dead.due_at, dead.last_problem.as_deref()),
        (None, Some(WHY))
    );
    assert!(dead.attempts < 200, "{dead:?}");
    scene.provider.stop().await;
}
