//! Somebody signs out or in, and the answer never arrives: they ask again, and see what became of it.

use chrono::TimeDelta;
use exeunt::oidc::client::ClientMetadata;

use crate::support::ledger::{allow, consent_page, error, open, sign_in_as};
use crate::support::people::press;
use crate::support::provider::PASSWORD;
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

/// An application on another site posts its request, which is brought back once: by a reload, or by the Back button, it comes
/// again.
#[actix_web::test]
async fn a_posted_request_that_comes_again_asks_or_shows_what_became_of_it_and_leads_to_nobody() {
    let scene = scene().await;
    let issuer = &scene.provider.issuer;
    let ada = Visitor::default();
    for application in &scene.applications[..2] {
        application.tokens(&ada, &[]).await;
    }
    let home = format!("{}/", scene.applications[0].ear.base);
    let fields = [
        ("client_id", "ledger"),
        ("post_logout_redirect_uri", home.as_str()),
    ];
    let url = scene.provider.url("/end_session");
    let parked = ada.post_from_elsewhere(&url, &fields).await;
    let parked = parked.location().unwrap();
    let stranger = Visitor::default();
    for turn in 0..3 {
        let page = ada.get(&parked).await;
        assert_eq!(page.page(), "page-confirm-sign-out", "{turn}: {page:?}");
        assert!(scene.is_signed_in(&ada).await);
        // A handle tells nobody what was asked.
        let nobody = stranger.get(&parked).await;
        assert_eq!(nobody.page(), "page-signed-out");
        assert!(!nobody.body.contains(&home), "{nobody:?}");
    }
    let page = ada.get(&parked).await;
    let without_the_answer = as_it_is(&scene, &ada);
    let left = ada.follow(agree(&ada, &page).await, issuer).await;
    for browser in [&ada, &without_the_answer] {
        let again = browser.get(&parked).await;
        let shown = browser.follow(again, issuer).await;
        assert_eq!(shown.states(), ["confirmed", "confirmed"], "{shown:?}");
        assert!(!shown.body.contains(&home), "{shown:?}");
    }
    assert!(!left.body.contains(&home), "{left:?}");
    assert!(!scene.is_signed_in(&ada).await);
    scene.provider.stop().await;
}

fn code(answer: &Answer) -> String {
    let code = answer.parameter("code");
    code.unwrap_or_else(|| panic!("no code: {answer:?}"))
}

/// The browser drops the first answer at a second click: before it has taken its cookies, or after.
#[actix_web::test]
async fn who_signs_in_twice_since_the_answer_was_lost_comes_to_the_application() {
    let scene = scene().await;
    let ledger = &scene.applications[0];
    let ada = Visitor::default();
    let page = open(&ada, &ledger.authorize_url(&[])).await;
    assert_eq!(page.page(), "page-sign-in");
    let without_the_answer = as_it_is(&scene, &ada);
    let first = code(&sign_in_as(&ada, &page, "ada", PASSWORD).await);
    for browser in [&without_the_answer, &ada] {
        let answer = sign_in_as(browser, &page, "ada", PASSWORD).await;
        let again = code(&answer);
        assert_ne!(again, first);
        assert_eq!(answer.parameter("state").as_deref(), Some("the-state"));
        assert_eq!(ledger.redeem(&again, &[]).await.status, 200);
        assert!(scene.is_signed_in(browser).await);
    }
    // And both at once, of which neither knows of the other.
    scene.provider.advance(TimeDelta::seconds(1));
    let one = Visitor::default();
    let page = open(&one, &ledger.authorize_url(&[])).await;
    let other = as_it_is(&scene, &one);
    let (one, other) = tokio::join!(
        sign_in_as(&one, &page, "ada", PASSWORD),
        sign_in_as(&other, &page, "ada", PASSWORD),
    );
    assert_ne!(code(&one), code(&other));
    scene.provider.stop().await;
}

/// P2: the session goes on in which others take part, though the answer that renewed it was lost: no second one stands beside
/// it, whose end they would not hear of.
#[actix_web::test]
async fn p2_who_signs_in_again_twice_stays_in_the_one_session_that_all_take_part_in() {
    let scene = scene().await;
    let (ledger, atlas) = (&scene.applications[0], &scene.applications[1]);
    let ada = Visitor::default();
    atlas.tokens(&ada, &[]).await;
    scene.provider.advance(TimeDelta::seconds(1));
    let page = open(&ada, &ledger.authorize_url(&[("prompt", "login")])).await;
    let without_the_answer = as_it_is(&scene, &ada);
    for impatient in [&ada, &as_it_is(&scene, &without_the_answer)] {
        code(&sign_in_as(impatient, &page, "ada", PASSWORD).await);
    }
    let answer = sign_in_as(&without_the_answer, &page, "ada", PASSWORD).await;
    let again = code(&answer);
    let tokens = ledger.redeem(&again, &[]).await.json();
    let hint = tokens["id_token"].as_str().unwrap();
    let url = ledger.end_session_url(&[("id_token_hint", hint)]);
    without_the_answer.get(&url).await;
    atlas.ear.wait_for(1).await;
    scene.provider.stop().await;
}

/// Where ledger asks for consent.
async fn asking() -> Scene {
    let describe = |_: &str, ear: &Ear| ClientMetadata {
        skip_consent: false,
        ..by_server(ear)
    };
    Scene::with(&["ledger"], describe, |wish| wish.manual_clock()).await
}

#[actix_web::test]
async fn who_allows_twice_since_the_answer_was_lost_comes_to_the_application() {
    let scene = asking().await;
    let ledger = &scene.applications[0];
    let ada = Visitor::default();
    for prompt in ["", "consent", "login consent"] {
        let page = consent_page(ledger, &ada, &[("prompt", prompt)]).await;
        let first = code(&allow(&ada, &page).await);
        let again = code(&allow(&ada, &page).await);
        assert_ne!(again, first, "{prompt}");
        assert_eq!(ledger.redeem(&again, &[]).await.status, 200, "{prompt}");
        // What was done in the millisecond of a request would answer it.
        scene.provider.advance(TimeDelta::seconds(1));
    }
    scene.provider.stop().await;
}

/// Attack 67: an answer that was given is no permission to give others.
#[actix_web::test]
async fn what_was_allowed_is_not_denied_taken_back_or_asked_late_by_the_page_that_allowed_it() {
    let scene = asking().await;
    let ledger = &scene.applications[0];
    let ada = Visitor::default();
    let page = consent_page(ledger, &ada, &[]).await;
    code(&allow(&ada, &page).await);
    let deny = [("decision", "deny")];
    let denied = ada.submit(&page, &page.form(), &deny).await;
    assert_eq!(denied.page(), "page-error", "{denied:?}");
    press(
        &scene,
        &ada,
        "/account/withdraw",
        ("client_id", ledger.client_id.as_str()),
    )
    .await;
    let again = allow(&ada, &page).await;
    assert_eq!(again.page(), "page-error", "{again:?}");
    let silent = ada.get(&ledger.authorize_url(&[("prompt", "none")])).await;
    assert_eq!(error(&silent), "consent_required");

    scene.provider.advance(TimeDelta::seconds(1));
    let page = consent_page(ledger, &ada, &[]).await;
    code(&allow(&ada, &page).await);
    scene.provider.advance(TimeDelta::minutes(1));
    let late = allow(&ada, &page).await;
    assert_eq!(late.page(), "page-error", "{late:?}");
    scene.provider.stop().await;
}
