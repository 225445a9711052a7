//! The main job in a real browser, with the example applications of the demo.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use exeunt::clock::SystemClock;
use exeunt::demo::{Applications, Options, Place};
use exeunt::random::OsRandom;
use secrecy::SecretString;

use crate::support::browser::{Browser, Page};
use crate::support::eventually;
use crate::support::provider::{Provider, SECRET, provider};
use crate::support::stage::fill_in_password;

/// The demo's applications at a provider of their own.
async fn open() -> (Provider, Applications) {
    let mut issuer = String::new();
    let mut wish = provider()
        .await
        .configure(|config| issuer = config.issuer.as_str().to_owned());
    let place = || Place {
        port: 0,
        base_url: None,
        client_secret: SecretString::from(SECRET),
    };
    let applications = Applications::start(Options {
        issuer,
        bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        ledger: place(),
        atlas: place(),
        gallery: place(),
        clock: Arc::new(SystemClock),
        random: Arc::new(OsRandom),
    })
    .unwrap();
    for client in applications.clients() {
        wish = wish.client(&client.client_id, client.metadata);
    }
    (wish.start().await, applications)
}

/// Opens an application and signs in; answers whether the password was asked for.
async fn sign_in(page: &Page, base_url: &str) -> bool {
    page.goto(base_url).await;
    page.click("#sign-in").await;
    page.wait_for("#page-sign-in, #state[data-signed-in=true]")
        .await;
    let asked = page
        .eval::<bool>("document.querySelector('#page-sign-in') !== null")
        .await;
    if asked {
        fill_in_password(page).await;
    }
    page.wait_for("#state[data-signed-in=true]").await;
    asked
}

/// Issue: one password entry, three applications; signing out at one ends the others, and their pages show it.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn one_password_opens_three_applications_and_one_sign_out_closes_them_all() {
    let (provider, applications) = open().await;
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
    let (provider, applications) = open().await;
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
    let (provider, applications) = open().await;
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
