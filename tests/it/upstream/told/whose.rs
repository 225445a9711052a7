//! Which sessions end: those that came from there, and no others.

use exeunt::config::Config;
use exeunt::oidc::logout::Cause;

use super::{Stage, assert_refused};
use crate::support::elsewhere::Elsewhere;
use crate::support::ledger::{open, sign_in, sign_in_page};
use crate::support::scene::{Scene, by_server};
use crate::support::visitor::Visitor;

const ADA: &str = "ada-there";

#[actix_web::test]
async fn a_token_that_names_a_session_ends_that_one_alone() {
    let stage = Stage::set().await;
    let (one, other, grace) = (Visitor::default(), Visitor::default(), Visitor::default());
    stage.sign_in(&one, (ADA, "s-1")).await;
    stage.sign_in(&other, (ADA, "s-2")).await;
    stage.sign_in(&grace, ("grace-there", "s-3")).await;
    stage.told_of(&[("sid", "s-1"), ("sub", ADA)], "j1").await;
    assert!(!stage.is_in(&one).await);
    assert!(stage.is_in(&other).await);
    // By the session alone.
    stage.told_of(&[("sid", "s-2")], "j2").await;
    assert!(!stage.is_in(&other).await);
    assert!(stage.is_in(&grace).await);
    stage.close().await;
}

/// Attack 62: an upstream that names sessions in its logout tokens alone is not told in vain that all is over.
#[actix_web::test]
async fn a_session_of_which_no_sid_was_told_ends_by_a_token_that_names_its_person_too() {
    let stage = Stage::set().await;
    let (unnamed, other, grace) = (Visitor::default(), Visitor::default(), Visitor::default());
    stage.sign_in(&unnamed, (ADA, "")).await;
    stage.sign_in(&other, (ADA, "s-2")).await;
    stage.sign_in(&grace, ("grace-there", "")).await;
    stage.told_of(&[("sid", "s-1")], "j1").await;
    assert!(stage.is_in(&unnamed).await);
    stage.told_of(&[("sid", "s-1"), ("sub", ADA)], "j2").await;
    assert!(!stage.is_in(&unnamed).await);
    assert!(stage.is_in(&other).await && stage.is_in(&grace).await);
    stage.close().await;
}

/// A name that the upstream gave to somebody's session before is no reason to refuse whose it is now.
#[actix_web::test]
async fn a_sid_that_is_used_again_ends_the_session_that_it_names_now() {
    let stage = Stage::set().await;
    let (ada, grace) = (Visitor::default(), Visitor::default());
    stage.sign_in(&ada, (ADA, "s-1")).await;
    let left = ada.get(&stage.scene.provider.url("/end_session")).await;
    let left = ada
        .submit(&left, &left.form_of("#sign-out").unwrap(), &[])
        .await;
    ada.follow(left, &stage.scene.provider.issuer).await;
    assert!(!stage.is_in(&ada).await);
    stage.sign_in(&grace, ("grace-there", "s-1")).await;
    stage
        .told_of(&[("sid", "s-1"), ("sub", "grace-there")], "j1")
        .await;
    assert!(!stage.is_in(&grace).await);
    stage.close().await;
}

/// Attack 57, attack 62: of the person's sessions those that came from there, all of them; one that began here is another
/// matter, though she has shown in it who she is there.
#[actix_web::test]
async fn a_token_that_names_the_person_ends_all_that_came_from_there_and_no_sign_in_of_ours() {
    let stage = Stage::set().await;
    let provider = &stage.scene.provider;
    let here = Visitor::default();
    stage.link(&here, (ADA, "s-0")).await;
    let from_there = [Visitor::default(), Visitor::default()];
    let mut subs = Vec::new();
    for (visitor, sid) in from_there.iter().zip(["s-1", "s-2"]) {
        let tokens = stage.sign_in(visitor, (ADA, sid)).await;
        subs.push(tokens.id_claims(&provider.issuer).await["sub"].clone());
    }
    assert_eq!(subs[0], subs[1]);
    // The session in which she linked the two is none that came from there.
    stage.told_of(&[("sid", "s-0")], "j1").await;
    stage.told_of(&[("sub", ADA)], "j2").await;
    for visitor in &from_there {
        assert!(!stage.is_in(visitor).await);
    }
    assert!(stage.is_in(&here).await);
    stage.close().await;
}

/// More than one transaction takes: it is told once all of them are over.
#[actix_web::test]
async fn a_token_that_names_somebody_with_very_many_sessions_ends_all_of_them() {
    let stage = Stage::with(|wish| wish).await;
    let provider = &stage.scene.provider;
    let count = 450;
    let ledger = ["ledger".to_owned()];
    let now = provider.flows().clock.now().timestamp_millis();
    let mut side = crate::support::fixtures::Side::open(provider.config.database.as_str()).await;
    side.insert_sessions(count, &ledger, now).await;
    let id = side.id(17, "i");
    let issuer = stage.house.issuer();
    side.insert(
        count,
        "session_upstreams (session_id, issuer, subject, sid, sealed_id_token)",
        &format!("{id}, '{issuer}', '{ADA}', 's-' || i, ''"),
    )
    .await;
    stage.told_of(&[("sub", ADA)], "j1").await;
    let open = "UPDATE sessions SET user_agent = 'left' WHERE ended_at IS NULL";
    assert_eq!(side.execute(open).await, 0);
    let ended = "UPDATE sessions SET user_agent = 'left' WHERE end_cause = 'upstream'";
    assert_eq!(side.execute(ended).await, count as u64);
    stage.close().await;
}

/// Attack 62 (CVE-2021-3461): a session and a person that do not belong together.
#[actix_web::test]
async fn a_token_whose_person_is_not_the_sessions_ends_nothing() {
    let stage = Stage::set().await;
    let (ada, grace) = (Visitor::default(), Visitor::default());
    stage.sign_in(&ada, (ADA, "s-1")).await;
    stage.sign_in(&grace, ("grace-there", "s-2")).await;
    for (number, named) in [
        [("sub", ADA), ("sid", "s-2")],
        [("sub", "grace-there"), ("sid", "s-1")],
    ]
    .into_iter()
    .enumerate()
    {
        let told = stage.tell_of(&named, &format!("j{number}")).await;
        assert_refused(&told, "of another");
    }
    // Somebody's session of which we never heard is nobody's here.
    stage.told_of(&[("sub", ADA), ("sid", "s-9")], "j9").await;
    assert!(stage.is_in(&ada).await);
    assert!(stage.is_in(&grace).await);
    stage.close().await;
}

/// Attack 62: names mean something in the house that gave them alone.
#[actix_web::test]
async fn a_token_of_one_provider_ends_nothing_that_came_from_another() {
    let houses = [Elsewhere::open().await, Elsewhere::called("stable").await];
    let declare = |config: &mut Config| {
        for house in &houses {
            house.declare(config);
        }
    };
    let scene = Scene::with(
        &["ledger"],
        |_, ear| by_server(ear),
        |wish| wish.manual_clock().configure(declare),
    )
    .await;
    let provider = &scene.provider;
    let visitors = [Visitor::default(), Visitor::default()];
    for (house, visitor) in houses.iter().zip(&visitors) {
        let page = sign_in_page(&scene.applications[0].party, visitor).await;
        let sent = house.leave_for(visitor, &page).await;
        let answer = house
            .send_back(provider, visitor, &sent, (ADA, "s-1"))
            .await;
        assert!(answer.parameter("code").is_some(), "{answer:?}");
    }
    let [house, stable] = &houses;
    let named = [("sub", ADA), ("sid", "s-1")];
    let of_stable = stable.sign(&stable.logout(provider, &named, "j1"));
    // At the other's address, and in the other's name.
    assert_refused(
        &house.tell(provider, &of_stable).await,
        "at the other's address",
    );
    let forged = stable.sign(&house.logout(provider, &named, "j1"));
    provider.advance(chrono::TimeDelta::seconds(61));
    assert_refused(&house.tell(provider, &forged).await, "in the other's name");
    assert_eq!(stable.tell(provider, &of_stable).await.status, 200);
    assert!(scene.is_signed_in(&visitors[0]).await);
    assert!(!scene.is_signed_in(&visitors[1]).await);
    // The same name of a token is another's, too.
    let told = house.tell_of(provider, &named, "j1").await;
    assert_eq!(told.status, 200, "{told:?}");
    assert!(!scene.is_signed_in(&visitors[0]).await);
    scene.provider.stop().await;
}

/// What counts is the last sign-in through another provider: a later one there takes its place, a password does not.
#[actix_web::test]
async fn a_session_is_of_the_sign_in_there_that_was_last() {
    let stage = Stage::set().await;
    let ledger = &stage.scene.applications[0];
    let ada = Visitor::default();
    stage.sign_in(&ada, (ADA, "s-1")).await;
    let again = [("prompt", "login")];
    stage.tick();
    stage.sign_in_with(&ada, (ADA, "s-2"), &again).await;
    stage.told_of(&[("sid", "s-1")], "j1").await;
    assert!(stage.is_in(&ada).await);
    stage.told_of(&[("sid", "s-2")], "j2").await;
    assert!(!stage.is_in(&ada).await);

    // Linked to ada of ours, who has a password: she comes from there, and gives it in between.
    let here = Visitor::default();
    stage.link(&here, ("ada-too", "s-3")).await;
    let both = Visitor::default();
    stage.sign_in(&both, ("ada-too", "s-4")).await;
    stage.tick();
    let page = open(&both, &ledger.authorize_url(&again)).await;
    assert_eq!(page.page(), "page-sign-in");
    let answer = sign_in(&both, &page).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    stage.told_of(&[("sid", "s-4")], "j3").await;
    assert!(!stage.is_in(&both).await);
    assert!(stage.is_in(&here).await);
    stage.close().await;
}

/// Who left the file is heard still: there are people here who came from there.
#[actix_web::test]
async fn a_provider_through_which_nobody_comes_in_any_more_is_heard() {
    let stage = Stage::set().await;
    let ada = Visitor::default();
    let tokens = stage.sign_in(&ada, (ADA, "s-1")).await;
    let sid = tokens.sid(&stage.scene.provider.issuer).await;
    let Stage { scene, house } = stage;
    let Scene {
        provider,
        applications,
    } = scene;
    let provider = provider.restart(|config| config.upstreams.clear()).await;
    let told = house.tell_of(&provider, &[("sid", "s-1")], "j1").await;
    assert_eq!(told.status, 200, "{told:?}");
    let scene = Scene {
        provider,
        applications,
    };
    assert!(!scene.is_signed_in(&ada).await);
    assert_eq!(scene.delivery(&sid).await.cause, Cause::Upstream);
    scene.provider.stop().await;
}
