//! The main job in a real browser, with the example applications of the demo.

use crate::support::browser::Browser;
use crate::support::demo::{call, demo, sign_in};
use crate::support::eventually;

/// One password entry, three applications; signing out at one ends the others, and their pages show it.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn one_password_opens_three_applications_and_one_sign_out_closes_them_all() {
    let (provider, applications) = demo().await;
    let browser = Browser::launch().await;
    let mut pages = Vec::new();
    let mut asked = Vec::new();
    for application in applications.all() {
        let page = browser.page("about:blank").await;
        asked.push(sign_in(&page, &application.base_url).await);
        pages.push(page);
    }
    assert_eq!(asked, [true, false, false]);
    pages[0].click("#sign-out").await;
    // Nobody touches the other tabs: they show it by themselves.
    for page in &pages {
        page.wait_for("#state[data-signed-in=false]").await;
    }
    for (application, page) in applications.all().iter().zip(&pages) {
        assert_eq!(application.signed_in_sessions(), 0, "{}", application.name);
        assert_eq!(page.console_errors(), [""; 0], "{}", application.name);
    }
    pages[0]
        .wait_for_url(|url| url.starts_with(&applications.ledger.base_url))
        .await;
    applications.stop().await;
    provider.stop().await;
}

/// P5: no page needs JavaScript to sign in or out.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn without_scripts_one_password_opens_three_applications_and_one_sign_out_closes_them_all() {
    let (provider, applications) = demo().await;
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    page.disable_javascript().await;
    let mut asked = Vec::new();
    for application in applications.all() {
        asked.push(sign_in(&page, &application.base_url).await);
    }
    assert_eq!(asked, [true, false, false]);
    page.goto(&applications.ledger.base_url).await;
    page.click("#sign-out").await;
    page.wait_for("#page-leaving").await;
    page.click("#continue").await;
    page.wait_for_url(|url| url.starts_with(&applications.ledger.base_url))
        .await;
    for application in applications.all() {
        let over = eventually(async || (application.signed_in_sessions() == 0).then_some(()));
        assert!(over.await.is_some(), "{}", application.name);
        page.goto(&application.base_url).await;
        page.wait_for("#state[data-signed-in=false]").await;
    }
    assert_eq!(page.console_errors(), [""; 0]);
    applications.stop().await;
    provider.stop().await;
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn a_person_in_two_browsers_loses_only_the_one_they_left() {
    let (provider, applications) = demo().await;
    let browser = Browser::launch().await;
    let (desk, sofa) = (browser.visitor().await, browser.visitor().await);
    let (at_desk, on_sofa) = (
        desk.page("about:blank").await,
        sofa.page("about:blank").await,
    );
    for page in [&at_desk, &on_sofa] {
        for application in applications.all() {
            sign_in(page, &application.base_url).await;
        }
    }
    at_desk.click("#sign-out").await;
    for application in applications.all() {
        let one_left = eventually(async || (application.signed_in_sessions() == 1).then_some(()));
        assert!(one_left.await.is_some(), "{}", application.name);
    }
    at_desk
        .wait_for_url(|url| url.starts_with(&applications.gallery.base_url))
        .await;
    for application in applications.all() {
        on_sofa.goto(&application.base_url).await;
        on_sofa.wait_for("#state[data-signed-in=true]").await;
        at_desk.goto(&application.base_url).await;
        at_desk.wait_for("#state[data-signed-in=false]").await;
    }
    // At the provider, too.
    on_sofa.goto(&provider.url("/")).await;
    assert!(on_sofa.text("main").await.contains("Ada Lovelace"));
    at_desk.goto(&provider.url("/")).await;
    assert!(at_desk.text("main").await.contains("Nobody is signed in"));
    applications.stop().await;
    provider.stop().await;
}

/// The service's page shows live who called, and the deny-list growing as sessions end.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn the_services_page_shows_by_itself_who_called_and_whose_tokens_are_taken_back() {
    let (provider, applications) = demo().await;
    let browser = Browser::launch().await;
    let watching = browser.page(&applications.almanac.base_url).await;
    watching.wait_for("#state[data-on=true]").await;
    let mut pages = Vec::new();
    for application in [&applications.ledger, &applications.gallery] {
        let page = browser.page("about:blank").await;
        sign_in(&page, &application.base_url).await;
        call(&page, 200).await;
        pages.push((page, application));
    }
    let tokens =
        "Array.from(document.querySelectorAll('#token, #callers code'), code => code.textContent)";
    let at_ledger: Vec<String> = pages[0].0.eval(tokens).await;
    watching
        .wait_for("#callers li:nth-child(2)[data-good=true]")
        .await;
    let same = eventually(async || {
        let seen: Vec<String> = watching.eval(tokens).await;
        (seen.get(1) == at_ledger.first()).then_some(())
    });
    assert!(same.await.is_some(), "it shows another token");
    assert_eq!(watching.text("#denied").await, "0");

    pages[0].0.click("#sign-out").await;
    // Nobody touches this tab, and nobody has called since.
    watching
        .wait_for("#callers li:nth-child(2)[data-good=false]")
        .await;
    watching.wait_for("#callers li[data-good=false]").await;
    let told = eventually(async || {
        let log = watching.text("#log").await;
        log.contains("taken back").then_some(())
    });
    assert!(told.await.is_some(), "its log does not say so");
    for (page, application) in &pages {
        page.goto(&application.base_url).await;
        call(page, 401).await;
    }
    let after: Vec<String> = pages[0].0.eval(tokens).await;
    assert_eq!(after, at_ledger, "the very same token");
    let both = eventually(async || (applications.almanac.denied() == 2).then_some(()));
    assert!(both.await.is_some(), "{}", applications.almanac.denied());
    assert_eq!(watching.console_errors(), [""; 0]);
    applications.stop().await;
    provider.stop().await;
}
