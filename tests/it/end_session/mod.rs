//! The end session endpoint: every row of its table, by GET, by POST and by another site's POST.

mod addresses;
mod hints;
mod strangers;

use crate::support::eventually;
use crate::support::relying_party::Tokens;
use crate::support::scene::Scene;
use crate::support::visitor::{Answer, Visitor};

/// How a request to sign out comes in.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Get,
    Post,
    PostFromElsewhere,
}

const WAYS: [Way; 3] = [Way::Get, Way::Post, Way::PostFromElsewhere];

/// Asks to sign out; follows what brings another site's POST back with its cookies, and nothing else.
async fn ask(scene: &Scene, visitor: &Visitor, way: Way, fields: &[(&str, &str)]) -> Answer {
    let url = scene.provider.url("/end_session");
    let answer = match way {
        Way::Get => {
            let url = scene.applications[0].end_session_url(fields);
            return visitor.get(&url).await;
        }
        Way::Post => visitor.post(&url, fields).await,
        Way::PostFromElsewhere => visitor.post_from_elsewhere(&url, fields).await,
    };
    match answer.location() {
        Some(next) if next.starts_with(&format!("{url}?")) => {
            assert_eq!(answer.status, 303);
            visitor.get(&next).await
        }
        _ => answer,
    }
}

/// Two applications that hear by back-channel.
async fn scene() -> Scene {
    Scene::of(&["ledger", "atlas"]).await
}

fn home(scene: &Scene) -> String {
    format!("{}/", scene.applications[0].ear.base)
}

/// Signs in at the first application.
async fn signed_in(scene: &Scene) -> (Visitor, Tokens) {
    let visitor = Visitor::default();
    let tokens = scene.applications[0].tokens(&visitor, &[]).await;
    (visitor, tokens)
}

/// Agrees on the page that asks; answers what comes next.
async fn agree(visitor: &Visitor, page: &Answer, scope: &str) -> Answer {
    assert_eq!(page.page(), "page-confirm-sign-out", "{page:?}");
    let answer = visitor
        .submit(page, &page.form(), &[("scope", scope)])
        .await;
    assert_eq!(answer.status, 303);
    answer
}

/// The answer leads to our own page, which says that the person is signed out.
async fn shows_signed_out(scene: &Scene, visitor: &Visitor, answer: Answer) -> Answer {
    let first = visitor.follow(answer, &scene.provider.issuer).await;
    // A busy machine may need longer than the grace to tell everybody.
    let page = eventually(async || {
        let again = visitor.get(&first.url).await;
        (again.page() == "page-signed-out").then_some(again)
    });
    let page = match first.page() == "page-leaving" {
        true => page.await.expect("everybody is told by and by"),
        false => first.clone(),
    };
    assert_eq!(page.page(), "page-signed-out", "{page:?}");
    assert_eq!(page.text("h1").unwrap(), "You are signed out");
    page
}

#[actix_web::test]
async fn without_a_hint_the_page_that_asks_names_account_and_applications() {
    let scene = scene().await;
    for way in WAYS {
        let ada = Visitor::default();
        scene.sign_in_everywhere(&ada).await;
        for fields in [&[][..], &[("client_id", "ledger")], &[("state", "x")]] {
            let page = ask(&scene, &ada, way, fields).await;
            assert_eq!(page.status, 200);
            assert_eq!(page.page(), "page-confirm-sign-out");
            let text = page.text("main").unwrap();
            for word in ["Ada Lovelace", "ledger", "atlas"] {
                assert!(text.contains(word), "{way:?} {fields:?}: {text}");
            }
            let offers = page.attributes("main button", "value");
            if fields.contains(&("client_id", "ledger")) {
                assert_eq!(offers, ["everywhere", "client"]);
            } else {
                assert_eq!(offers, ["everywhere"]);
            }
            assert!(scene.is_signed_in(&ada).await);
        }
    }
    scene.provider.stop().await;
}

/// The certification suite's "no params" and "only state".
#[actix_web::test]
async fn without_parameters_the_person_is_signed_out_once_they_agree() {
    let scene = scene().await;
    for way in WAYS {
        for fields in [&[][..], &[("state", "x")], &[("client_id", "ledger")]] {
            let (ada, _) = signed_in(&scene).await;
            let page = ask(&scene, &ada, way, fields).await;
            let answer = agree(&ada, &page, "everywhere").await;
            shows_signed_out(&scene, &ada, answer).await;
            assert!(!scene.is_signed_in(&ada).await, "{way:?} {fields:?}");
        }
    }
    scene.provider.stop().await;
}

#[actix_web::test]
async fn only_this_application_leaves_the_session_and_the_others_alone() {
    let scene = scene().await;
    let [ledger, atlas] = &scene.applications[..] else {
        panic!()
    };
    let issuer = &scene.provider.issuer;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let page = ask(&scene, &ada, Way::Get, &[("client_id", "ledger")]).await;
    let answer = agree(&ada, &page, "client").await;
    let page = ada.follow(answer, issuer).await;
    assert_eq!(page.states(), ["confirmed"]);

    let told = ledger.told(1, issuer).await;
    assert_eq!(told[0]["sid"], tokens[0].sid(issuer).await);
    assert!(atlas.ear.notices().is_empty());
    let access = |tokens: &Tokens| tokens.get("access_token");
    assert_eq!(ledger.userinfo(&access(&tokens[0])).await.status, 401);
    assert_eq!(atlas.userinfo(&access(&tokens[1])).await.status, 200);
    assert!(scene.is_signed_in(&ada).await);

    // Nothing is left to leave alone: the page no longer offers it.
    let page = ask(&scene, &ada, Way::Get, &[("client_id", "ledger")]).await;
    assert_eq!(page.attributes("main button", "value"), ["everywhere"]);
    scene.provider.stop().await;
}

/// A page says what is wrong; agreeing signs out here and goes nowhere; nor does the request without a session.
async fn never_a_redirect(scene: &Scene, visitor: &Visitor, way: Way, fields: &[(&str, &str)]) {
    let page = ask(scene, visitor, way, fields).await;
    assert_eq!(page.page(), "page-confirm-sign-out", "{way:?} {fields:?}");
    assert!(page.text("#notice").is_some(), "{way:?} {fields:?}");
    assert!(page.text("details.developer").is_some());
    assert!(scene.is_signed_in(visitor).await, "{way:?} {fields:?}");
    let answer = agree(visitor, &page, "everywhere").await;
    let page = shows_signed_out(scene, visitor, answer).await;
    assert_eq!(page.attributes("#continue", "href"), Vec::<String>::new());
    assert!(!scene.is_signed_in(visitor).await);

    let page = ask(scene, &Visitor::default(), way, fields).await;
    assert_eq!(page.page(), "page-signed-out", "{way:?} {fields:?}");
    assert!(page.text("#notice").is_some());
    assert_eq!(page.attributes("#continue", "href"), Vec::<String>::new());
}

fn ear_base(ear: &crate::support::relying_party::Ear) -> &str {
    &ear.base
}
