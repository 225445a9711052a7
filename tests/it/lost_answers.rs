//! Somebody signs out, and the answer never arrives: they ask again, and see what became of it.

use chrono::TimeDelta;

use crate::support::relying_party::{Ear, Reply};
use crate::support::scene::{Scene, by_frame, by_server};
use crate::support::visitor::{Answer, Visitor};

/// Ledger hears by its server, gallery by a frame.
async fn scene() -> Scene {
    let describe = |name: &str, ear: &Ear| match name {
        "gallery" => by_frame(ear),
        _ => by_server(ear),
    };
    let names = ["ledger", "atlas", "gallery"];
    Scene::with(&names, describe, |wish| wish.manual_clock()).await
}

/// The same browser, as it was: for what it does when it has not got an answer.
fn as_it_is(scene: &Scene, visitor: &Visitor) -> Visitor {
    let port = scene.provider.config.issuer.port();
    let same = Visitor::default();
    for name in ["session", "browser", "leaving"] {
        if let Some(value) = visitor.cookie(&format!("exeunt-{name}")) {
            same.put_cookie(&format!("exeunt-{name}-{port}"), &value);
        }
    }
    same
}

async fn agree(visitor: &Visitor, page: &Answer) -> Answer {
    let fields = [("scope", "everywhere")];
    visitor.submit(page, &page.form(), &fields).await
}

/// Signs in at these, and asks to sign out; answers the page that asks.
async fn ask(scene: &Scene, visitor: &Visitor, count: usize) -> Answer {
    for application in &scene.applications[..count] {
        application.tokens(visitor, &[]).await;
    }
    let page = visitor.get(&scene.provider.url("/end_session")).await;
    assert_eq!(page.page(), "page-confirm-sign-out");
    page
}

/// The session has ended, and the browser knows nothing of it.
#[actix_web::test]
async fn who_agrees_again_since_the_answer_was_lost_sees_that_they_are_signed_out_and_where() {
    let scene = scene().await;
    let ada = Visitor::default();
    let page = ask(&scene, &ada, 2).await;
    let without_the_answer = as_it_is(&scene, &ada);
    agree(&ada, &page).await;

    let answer = agree(&without_the_answer, &page).await;
    let issuer = &scene.provider.issuer;
    let shown = without_the_answer.follow(answer, issuer).await;
    assert_eq!(shown.page(), "page-signed-out");
    assert_eq!(shown.text("h1").unwrap(), "You are signed out");
    assert_eq!(shown.states(), ["confirmed", "confirmed"]);
    assert_eq!(without_the_answer.cookie("exeunt-session"), None);
    scene.provider.stop().await;
}

/// P2: an application that only a page can ask is asked by the page that arrives.
#[actix_web::test]
async fn p2_the_page_that_arrives_asks_whom_the_lost_one_would_have_asked() {
    let scene = scene().await;
    let ada = Visitor::default();
    let page = ask(&scene, &ada, 3).await;
    let without_the_answer = as_it_is(&scene, &ada);
    agree(&ada, &page).await;
    let answer = agree(&without_the_answer, &page).await;
    assert_eq!(answer.location().unwrap(), scene.provider.url("/leaving"));
    let shown = without_the_answer.get(&answer.location().unwrap()).await;
    assert_eq!(shown.attributes("iframe", "src").len(), 1);
    scene.provider.stop().await;
}

/// The browser took the answer's cookies and dropped its page, as it does at a second click.
#[actix_web::test]
async fn a_second_click_leads_to_the_receipts_though_the_first_has_cleared_the_cookie() {
    let scene = scene().await;
    let ada = Visitor::default();
    let page = ask(&scene, &ada, 2).await;
    agree(&ada, &page).await;
    assert_eq!(ada.cookie("exeunt-session"), None);
    let answer = agree(&ada, &page).await;
    let shown = ada.follow(answer, &scene.provider.issuer).await;
    assert_eq!(shown.page(), "page-leaving");
    assert_eq!(shown.states(), ["confirmed", "confirmed"]);
    scene.provider.stop().await;
}

#[actix_web::test]
async fn an_applications_request_that_comes_again_is_answered_as_the_first_one_was() {
    let scene = scene().await;
    scene.applications[1].ear.answer(Reply::Status(400));
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let without_the_answer = as_it_is(&scene, &ada);
    let hint = tokens[0].get("id_token");
    let home = format!("{}/", scene.applications[0].ear.base);
    let url = scene.applications[0].end_session_url(&[
        ("id_token_hint", &hint),
        ("post_logout_redirect_uri", &home),
    ]);
    let first = ada.get(&url).await;
    let second = without_the_answer.get(&url).await;
    assert_eq!(first.location(), second.location());
    let shown = without_the_answer.get(&second.location().unwrap()).await;
    assert_eq!(shown.states(), ["refused", "asked", "confirmed"]);
    assert_eq!(shown.attributes("#continue", "href"), [home]);
    scene.provider.stop().await;
}

/// Attack 67: receipts for somebody who only made the browser send something.
#[actix_web::test]
async fn only_the_browser_whose_session_it_was_sees_its_receipts_and_for_ten_minutes() {
    let scene = scene().await;
    let ada = Visitor::default();
    let page = ask(&scene, &ada, 2).await;
    let before = as_it_is(&scene, &ada);
    let late = as_it_is(&scene, &ada);
    agree(&ada, &page).await;

    let stranger = Visitor::default();
    let answer = agree(&stranger, &page).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.states(), Vec::<String>::new());
    // The form of another session is no word of this one.
    let other = Visitor::default();
    let others_page = ask(&scene, &other, 1).await;
    let answer = agree(&before, &others_page).await;
    assert_eq!(answer.states(), Vec::<String>::new());
    assert_eq!(before.cookie("exeunt-leaving"), None);

    scene.provider.advance(TimeDelta::minutes(10));
    let answer = agree(&late, &page).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.states(), Vec::<String>::new());
    assert!(answer.body.contains("Nobody is signed in here"));
    scene.provider.stop().await;
}

/// One application's part has ended, and the session goes on.
#[actix_web::test]
async fn who_leaves_one_application_twice_sees_what_it_answered() {
    let scene = scene().await;
    let ada = Visitor::default();
    for application in &scene.applications {
        application.tokens(&ada, &[]).await;
    }
    let url = scene.applications[1].end_session_url(&[("client_id", "atlas")]);
    let page = ada.get(&url).await;
    for _ in 0..2 {
        let answer = ada
            .submit(&page, &page.form(), &[("scope", "client")])
            .await;
        let shown = ada.follow(answer, &scene.provider.issuer).await;
        assert_eq!(shown.page(), "page-leaving");
        assert_eq!(shown.states(), ["confirmed"]);
    }
    scene.provider.stop().await;
}
