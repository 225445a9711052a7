//! Many sessions that end at once: by one order, or because their time is over.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use exeunt::clock::Timestamp;
use exeunt::flows::end_session;
use exeunt::oidc::logout::Cause;
use exeunt::store::orders::OrderScope;
use exeunt::store::participants::Participant;
use exeunt::store::sessions::Session;
use exeunt::store::sessions::listing::{self, Wanted};
use exeunt::store::{commit, participants, sessions, users};

use crate::support::relying_party::Notice;
use crate::support::scene::Scene;
use crate::support::visitor::Visitor;

/// Far more than one transaction ends.
const CROWD: usize = 450;
/// What one transaction ends at the most.
const AT_ONCE: usize = 200;

/// Signs ada in, in so many browsers, each at one of the applications; answers the `sid`s of each application.
async fn crowd(scene: &Scene, expires_at: Timestamp) -> Vec<BTreeSet<String>> {
    let flows = scene.provider.flows();
    let now = flows.clock.now();
    let mut sids = vec![BTreeSet::new(); scene.applications.len()];
    let tx = flows.database.begin().await.unwrap();
    let ada = users::find_by_username(&tx, "ada").await.unwrap().unwrap();
    for number in 0..CROWD {
        let session = Session {
            id: flows.random.row_id(now),
            user_id: ada.id,
            auth_time: now,
            amr: "pwd".to_owned(),
            acr: None,
            created_at: now,
            last_seen_at: now,
            expires_at,
            ended_at: None,
            end_cause: None,
            user_agent: "one of a crowd".to_owned(),
        };
        sessions::insert(&tx, &session, flows.random.secret())
            .await
            .unwrap();
        let at = number % sids.len();
        let part = Participant {
            sid: flows.random.identifier(),
            session_id: session.id,
            client_id: scene.applications[at].client_id.clone(),
            joined_at: now,
            believes_until: now + TimeDelta::minutes(10),
            ended_at: None,
        };
        participants::join(&tx, &part).await.unwrap();
        sids[at].insert(part.sid.to_string());
    }
    commit(tx).await.unwrap();
    sids
}

/// The `sid` of a notice; that its signature is good, other tests say.
fn sid_of(notice: &Notice) -> String {
    let claims = notice.fields[0].1.split('.').nth(1).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    claims["sid"].as_str().unwrap().to_owned()
}

/// Signs ada in anew for as long as somebody of the crowd has not been told of; answers these browsers.
async fn sign_in_meanwhile(scene: &Scene) -> Vec<Visitor> {
    let mut came = Vec::new();
    loop {
        let told: usize = scene
            .applications
            .iter()
            .map(|known| known.ear.notices().len())
            .sum();
        if told >= CROWD {
            return came;
        }
        let visitor = Visitor::default();
        scene.applications[0].tokens(&visitor, &[]).await;
        came.push(visitor);
    }
}

/// Everyone was told, once, and of nobody else; in several transactions, of which none held the writer for long; and
/// who came meanwhile is still there.
async fn assert_over(scene: &Scene, sids: &[BTreeSet<String>], came: &[Visitor], cause: Cause) {
    for (application, sids) in scene.applications.iter().zip(sids) {
        let notices = application.ear.wait_for(sids.len()).await;
        let told: BTreeSet<String> = notices.iter().map(sid_of).collect();
        assert!(told == *sids, "{} of {}", told.len(), sids.len());
    }
    let flows = scene.provider.flows();
    let alive = flows.alive(flows.clock.now());
    let wanted = Wanted::default();
    let all = listing::page(flows.database.read(), &wanted, alive, 1000);
    let all = all.await.unwrap();
    let mut transactions: BTreeMap<Timestamp, usize> = BTreeMap::new();
    for session in all.iter().filter(|known| known.end_cause == Some(cause)) {
        *transactions.entry(session.ended_at.unwrap()).or_default() += 1;
    }
    assert_eq!(transactions.values().sum::<usize>(), CROWD);
    assert!(
        transactions.len() > 2 && transactions.values().all(|ended| *ended <= AT_ONCE),
        "{transactions:?}"
    );
    assert!(!came.is_empty(), "nobody could sign in");
    for visitor in came {
        assert!(scene.is_signed_in(visitor).await);
    }
}

/// Attack 59: a storm of sign-outs that exhausts the database, or keeps everyone else out.
#[actix_web::test]
async fn an_order_for_a_crowd_is_carried_out_piece_by_piece_while_others_sign_in() {
    let scene = Scene::of(&["ledger", "atlas", "gallery"]).await;
    let flows = scene.provider.flows();
    let sids = crowd(&scene, flows.clock.now() + TimeDelta::days(1)).await;
    end_session::end_many(flows, OrderScope::All, Cause::Administrator)
        .await
        .unwrap();
    let came = sign_in_meanwhile(&scene).await;
    assert_over(&scene, &sids, &came, Cause::Administrator).await;
    scene.provider.stop().await;
}

/// Attack 59, where the clock ends them all.
#[actix_web::test]
async fn a_crowd_whose_time_is_over_is_ended_piece_by_piece_while_others_sign_in() {
    let scene = Scene::of(&["ledger", "atlas", "gallery"]).await;
    let sids = crowd(&scene, scene.provider.flows().clock.now()).await;
    let came = sign_in_meanwhile(&scene).await;
    assert_over(&scene, &sids, &came, Cause::Expired).await;
    scene.provider.stop().await;
}

/// Attack 44 (CVE-2026-8922): an order about one application and one about everyone, of which only one counts.
#[actix_web::test]
async fn an_order_about_an_application_and_one_about_everyone_both_count() {
    let ledger = OrderScope::Client("ledger".to_owned());
    for orders in [
        [ledger.clone(), OrderScope::All],
        [OrderScope::All, ledger.clone()],
    ] {
        let scene = Scene::of(&["ledger", "atlas"]).await;
        let issuer = &scene.provider.issuer;
        let ada = Visitor::default();
        let before = scene.sign_in_everywhere(&ada).await;
        for order in &orders {
            let ordered =
                end_session::end_many(scene.provider.flows(), order.clone(), Cause::Administrator);
            ordered.await.unwrap();
        }
        for (application, tokens) in scene.applications.iter().zip(&before) {
            let answer = application.userinfo(&tokens.get("access_token")).await;
            assert_eq!(answer.status, 401, "{orders:?}");
        }
        assert!(!scene.is_signed_in(&ada).await, "{orders:?}");
        let after = scene.sign_in_everywhere(&ada).await;
        for (number, application) in scene.applications.iter().enumerate() {
            application
                .told_of(&before[number].sid(issuer).await, issuer)
                .await;
            assert_eq!(application.ear.notices().len(), 1, "{orders:?}");
            let token = after[number].get("access_token");
            assert_eq!(application.userinfo(&token).await.status, 200, "{orders:?}");
        }
        scene.provider.stop().await;
    }
}
