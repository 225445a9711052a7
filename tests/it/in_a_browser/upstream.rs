//! The whole way in a real browser: application, provider, the other house, and back; and the ways out.

use crate::support::browser::{Browser, Page};
use crate::support::demo::{
    Houses, come_from_the_other_house, link, sign_in, sign_in_through_the_other_house,
};
use crate::support::eventually;

/// Waits until every application has let go, and looks at the page of each.
pub async fn assert_everyone_left(page: &Page, houses: &Houses) {
    // Whoever leaves the page before its frames were loaded asks nobody.
    for application in houses.applications.all() {
        let over = eventually(async || (application.signed_in_sessions() == 0).then_some(()));
        assert!(over.await.is_some(), "{}", application.name);
    }
    for application in houses.applications.all() {
        page.goto(&application.base_url).await;
        page.wait_for("#state[data-signed-in=false]").await;
    }
}

/// Whether the other house asks for the password when somebody comes through it.
pub async fn is_asked_there(page: &Page, houses: &Houses) -> bool {
    page.goto(&houses.applications.ledger.base_url).await;
    page.click("#sign-in").await;
    page.click("#upstream-house").await;
    let there = houses.other.issuer.clone();
    let ledger = &houses.applications.ledger.base_url;
    let arrived = page.wait_for_url(|url| {
        let asks = url.starts_with(&there) && url.contains("sign-in");
        asks || url.trim_end_matches('/') == ledger
    });
    arrived.await.starts_with(&there)
}

/// P5: with scripts and without.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn one_password_at_the_other_house_opens_three_applications() {
    for scripts in [true, false] {
        let houses = Houses::on_two_sites().await;
        let browser = Browser::launch().await;
        let page = browser.page("about:blank").await;
        if !scripts {
            page.disable_javascript().await;
        }
        sign_in_through_the_other_house(&page, &houses).await;
        assert_eq!(page.text("#state").await, "Signed in as Grace Hopper");
        assert_eq!(page.console_errors(), [""; 0]);
        houses.close().await;
    }
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn who_came_through_the_other_house_signs_out_at_an_application_and_the_others_leave() {
    for scripts in [true, false] {
        let houses = Houses::on_two_sites().await;
        let browser = Browser::launch().await;
        let page = browser.page("about:blank").await;
        if !scripts {
            page.disable_javascript().await;
        }
        sign_in_through_the_other_house(&page, &houses).await;
        page.goto(&houses.applications.ledger.base_url).await;
        page.click("#sign-out").await;
        assert_everyone_left(&page, &houses).await;
        assert_eq!(page.console_errors(), [""; 0]);
        houses.close().await;
    }
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn who_came_through_the_other_house_signs_out_here_and_every_application_is_left() {
    let houses = Houses::on_two_sites().await;
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    sign_in_through_the_other_house(&page, &houses).await;
    page.goto(&houses.provider.url("/end_session")).await;
    page.click("#sign-out").await;
    page.wait_for("#page-leaving, #page-signed-out").await;
    assert_everyone_left(&page, &houses).await;
    assert_eq!(page.console_errors(), [""; 0]);
    houses.close().await;
}

/// The other house posts its answer from its own site, without our cookies: it is parked, and comes back by GET.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn an_answer_that_the_other_house_posts_from_its_own_site_is_taken() {
    for scripts in [true, false] {
        let houses = Houses::on_two_sites().await;
        let browser = Browser::launch().await;
        let page = browser.page("about:blank").await;
        let authorize = houses.other.url("/authorize");
        page.add_to_query(&authorize, "response_mode=form_post")
            .await;
        if !scripts {
            page.disable_javascript().await;
        }
        page.goto(&houses.applications.ledger.base_url).await;
        page.click("#sign-in").await;
        page.wait_for("#page-sign-in").await;
        come_from_the_other_house(&page, &houses).await;
        if !scripts {
            page.click("#page-form-post button").await;
        }
        page.wait_for("#state[data-signed-in=true]").await;
        assert_eq!(page.console_errors(), [""; 0]);
        houses.close().await;
    }
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn a_link_to_the_other_house_is_made_and_forgotten_on_the_account_page() {
    let houses = Houses::on_two_sites().await;
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    assert!(sign_in(&page, &houses.applications.ledger.base_url).await);
    page.goto(&houses.provider.url("/account")).await;
    link(&page, &houses).await;
    assert!(page.text("#links").await.contains("the other house"));

    // Grace of the other house is ada here, in any browser.
    let elsewhere = browser.visitor().await;
    let tab = elsewhere.page("about:blank").await;
    sign_in_through_the_other_house(&tab, &houses).await;
    assert_eq!(tab.text("#state").await, "Signed in as Ada Lovelace");

    page.click("#links .unlink").await;
    page.wait_for("#link-house").await;
    let gone = "document.querySelector('#links') === null";
    page.wait_until_true(gone).await;
    assert_eq!(page.console_errors(), [""; 0]);
    houses.close().await;
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn who_signs_out_here_alone_is_still_known_at_the_other_house() {
    let houses = Houses::on_two_sites().await;
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    sign_in_through_the_other_house(&page, &houses).await;
    page.goto(&houses.provider.url("/end_session")).await;
    page.click("#sign-out").await;
    page.wait_for("#page-leaving, #page-signed-out").await;
    assert!(!is_asked_there(&page, &houses).await);
    houses.close().await;
}
