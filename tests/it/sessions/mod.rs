//! What else ends sessions, and what each end leaves: the matrix of causes and artefacts.

mod causes;

use chrono::TimeDelta;
use exeunt::flows::{end_session, people};
use exeunt::oidc::claims::UserClaims;
use exeunt::oidc::client::ClientMetadata;
use exeunt::oidc::client::GrantType::{AuthorizationCode, RefreshToken};
use exeunt::oidc::logout::Cause;
use exeunt::store::sessions;
use secrecy::SecretString;
use url::Url;

use crate::support::provider::{PASSWORD, Wish};
use crate::support::relying_party::{Ear, Tokens};
use crate::support::scene::{Application, Scene, by_server};
use crate::support::visitor::{Answer, Visitor};

/// Hears by its server and may have refresh tokens.
fn with_refresh(_: &str, ear: &Ear) -> ClientMetadata {
    ClientMetadata {
        grant_types: vec![AuthorizationCode, RefreshToken],
        ..by_server(ear)
    }
}

/// Ledger and atlas.
async fn scene(change: impl FnOnce(Wish) -> Wish) -> Scene {
    Scene::with(&["ledger", "atlas"], with_refresh, change).await
}

/// Types a name and a password on the sign-in page that an application asks for.
async fn sign_in_as(
    application: &Application,
    visitor: &Visitor,
    name: &str,
    password: &str,
) -> Answer {
    let url = application.authorize_url(&[("prompt", "login")]);
    let site = Url::parse(&url).unwrap().origin().ascii_serialization();
    let page = visitor.follow(visitor.get(&url).await, &site).await;
    assert_eq!(page.page(), "page-sign-in", "{page:?}");
    let fields = [("username", name), ("password", password)];
    let answer = visitor.submit(&page, &page.form(), &fields).await;
    visitor.follow(answer, &site).await
}

async fn add_bob(scene: &Scene) {
    let password = SecretString::from(PASSWORD);
    let added = people::add_user(
        scene.provider.flows(),
        "bob",
        Some(&password),
        UserClaims::default(),
    );
    added.await.unwrap().unwrap();
}

async fn redeem(application: &Application, answer: &Answer) -> Tokens {
    let code = answer.parameter("code").expect("there is a code");
    let answer = application.redeem(&code, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    Tokens { all: answer.json() }
}

/// Why the session behind a `sid` ended.
async fn cause_of_end(scene: &Scene, sid: &str) -> Option<Cause> {
    let db = scene.provider.flows().database.read();
    let session = sessions::find(db, scene.session_id(sid).await)
        .await
        .unwrap();
    session.unwrap().end_cause
}

/// Attack 72: two people in one browser.
#[actix_web::test]
async fn who_signs_in_in_anothers_browser_ends_that_ones_session_and_no_other() {
    let scene = scene(|wish| wish).await;
    let issuer = &scene.provider.issuer;
    add_bob(&scene).await;
    let (browser, elsewhere) = (Visitor::default(), Visitor::default());
    let of_ada = scene.sign_in_everywhere(&browser).await;
    scene.applications[1].tokens(&elsewhere, &[]).await;
    let answer = sign_in_as(&scene.applications[0], &browser, "bob", PASSWORD).await;
    let of_bob = redeem(&scene.applications[0], &answer).await;

    for (application, tokens) in scene.applications.iter().zip(&of_ada) {
        let sid = tokens.sid(issuer).await;
        application.told_of(&sid, issuer).await;
        assert_eq!(cause_of_end(&scene, &sid).await, Some(Cause::Replaced));
        let answer = application.userinfo(&tokens.get("access_token")).await;
        assert_eq!(answer.status, 401);
    }
    assert_ne!(
        of_bob.id_claims(issuer).await["sub"],
        of_ada[0].id_claims(issuer).await["sub"]
    );
    let answer = scene.applications[0]
        .userinfo(&of_bob.get("access_token"))
        .await;
    assert_eq!(answer.status, 200);
    assert!(scene.is_signed_in(&elsewhere).await);
    scene.provider.stop().await;
}

/// Attack 65: a cookie from before a sign-in.
#[actix_web::test]
async fn who_signs_in_again_gets_another_cookie_and_keeps_each_sid() {
    let scene = scene(|wish| wish).await;
    let issuer = &scene.provider.issuer;
    let ada = Visitor::default();
    let before = scene.sign_in_everywhere(&ada).await;
    let old = ada.cookie("exeunt-session").unwrap();
    let answer = sign_in_as(&scene.applications[0], &ada, "ada", PASSWORD).await;
    let after = redeem(&scene.applications[0], &answer).await;
    assert_ne!(ada.cookie("exeunt-session").unwrap(), old);
    assert_eq!(after.sid(issuer).await, before[0].sid(issuer).await);
    let answer = scene.applications[1]
        .userinfo(&before[1].get("access_token"))
        .await;
    assert_eq!(answer.status, 200);

    let thief = Visitor::default();
    let port = Url::parse(issuer).unwrap().port().unwrap();
    thief.put_cookie(&format!("exeunt-session-{port}"), &old);
    assert!(!scene.is_signed_in(&thief).await);
    assert!(scene.is_signed_in(&ada).await);
    for application in &scene.applications {
        assert!(application.ear.notices().is_empty());
    }
    scene.provider.stop().await;
}

/// Attacks 43, 61: of two browsers the wrong one ends, or a new session with the old.
#[actix_web::test]
async fn of_two_browsers_only_the_one_that_was_left_ends() {
    let scene = scene(|wish| wish).await;
    let issuer = &scene.provider.issuer;
    let ledger = &scene.applications[0];
    let (here, there) = (Visitor::default(), Visitor::default());
    let left = ledger.tokens(&here, &[]).await;
    let kept = ledger.tokens(&there, &[]).await;
    let hint = left.get("id_token");
    here.get(&ledger.end_session_url(&[("id_token_hint", &hint)]))
        .await;
    let again = ledger.tokens(&here, &[]).await;
    // The old hint once more: it vouches for nothing that lives.
    here.get(&ledger.end_session_url(&[("id_token_hint", &hint)]))
        .await;

    let told = ledger.told(1, issuer).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["sid"], left.sid(issuer).await);
    for (tokens, status) in [(&left, 401), (&kept, 200), (&again, 200)] {
        let answer = ledger.userinfo(&tokens.get("access_token")).await;
        assert_eq!(answer.status, status);
    }
    assert!(scene.is_signed_in(&there).await);
    assert!(scene.is_signed_in(&here).await);
    scene.provider.stop().await;
}

/// P2: whatever the cause; here, that time is over.
#[actix_web::test]
async fn p2_a_session_whose_time_is_over_ends_and_its_applications_are_told() {
    let scene = scene(Wish::manual_clock).await;
    let issuer = &scene.provider.issuer;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    scene
        .provider
        .advance(TimeDelta::days(30) - TimeDelta::seconds(1));
    assert!(scene.is_signed_in(&ada).await);
    scene.provider.advance(TimeDelta::seconds(1));
    assert!(!scene.is_signed_in(&ada).await);
    for (application, tokens) in scene.applications.iter().zip(&tokens) {
        let sid = tokens.sid(issuer).await;
        application.told_of(&sid, issuer).await;
        assert_eq!(cause_of_end(&scene, &sid).await, Some(Cause::Expired));
    }
    scene.provider.stop().await;
}

/// P2: here, that nobody came.
#[actix_web::test]
async fn p2_an_idle_session_ends_and_a_refresh_keeps_it_from_idling() {
    let scene = scene(|wish| {
        wish.manual_clock()
            .configure(|config| config.session.idle = Some(TimeDelta::hours(1)))
    })
    .await;
    let issuer = &scene.provider.issuer;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    scene.provider.advance(TimeDelta::minutes(50));
    let answer = scene.applications[0]
        .refresh(&tokens[0].get("refresh_token"))
        .await;
    assert_eq!(answer.status, 200);
    scene.provider.advance(TimeDelta::minutes(59));
    assert!(scene.is_signed_in(&ada).await);
    scene.provider.advance(TimeDelta::minutes(61));
    assert!(!scene.is_signed_in(&ada).await);
    for (application, tokens) in scene.applications.iter().zip(&tokens) {
        let sid = tokens.sid(issuer).await;
        application.told_of(&sid, issuer).await;
        assert_eq!(cause_of_end(&scene, &sid).await, Some(Cause::Idle));
    }
    scene.provider.stop().await;
}

#[actix_web::test]
async fn who_left_one_application_alone_comes_back_to_it_under_a_new_sid() {
    let scene = scene(|wish| wish).await;
    let issuer = &scene.provider.issuer;
    let ledger = &scene.applications[0];
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let before = tokens[0].sid(issuer).await;
    let flows = scene.provider.flows();
    let session_id = scene.session_id(&before).await;
    let ended = end_session::end_participation(flows, session_id, "ledger", Cause::OneApplication);
    assert!(ended.await.unwrap());
    ledger.told_of(&before, issuer).await;
    let answer = ledger.refresh(&tokens[0].get("refresh_token")).await;
    assert_eq!(answer.json()["error"], "invalid_grant");

    let back = ledger.tokens(&ada, &[]).await;
    let after = back.sid(issuer).await;
    assert_ne!(after, before);
    assert_eq!(scene.session_id(&after).await, session_id);
    end_session::end_session(flows, session_id, Cause::Administrator)
        .await
        .unwrap();
    ledger.told_of(&after, issuer).await;
    assert_eq!(ledger.ear.notices().len(), 2, "each sid is told of once");
    scene.provider.stop().await;
}

/// Attack 38: a refresh token that was used before.
#[actix_web::test]
async fn a_refresh_token_that_comes_back_ends_the_applications_part_and_tells_it() {
    let scene = scene(Wish::manual_clock).await;
    let issuer = &scene.provider.issuer;
    let ledger = &scene.applications[0];
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let refresh_token = tokens[0].get("refresh_token");
    let successor = Tokens {
        all: ledger.refresh(&refresh_token).await.json(),
    };
    scene.provider.advance(TimeDelta::seconds(11));
    let answer = ledger.refresh(&refresh_token).await;
    assert_eq!(answer.json()["error"], "invalid_grant");
    ledger.told_of(&tokens[0].sid(issuer).await, issuer).await;
    let answer = ledger.refresh(&successor.get("refresh_token")).await;
    assert_eq!(answer.json()["error"], "invalid_grant");
    assert_eq!(
        ledger.userinfo(&successor.get("access_token")).await.status,
        401
    );
    assert!(scene.applications[1].ear.notices().is_empty());
    assert!(scene.is_signed_in(&ada).await);
    scene.provider.stop().await;
}
