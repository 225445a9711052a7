//! The whole way in a real browser: application, provider, the other house, and back; and the ways out.

use exeunt::demo::Application;

use crate::support::browser::{Browser, Page};
use crate::support::demo::{
    Houses, come_from_the_other_house, link, sign_in, sign_in_through_the_other_house,
};
use crate::support::eventually;
use crate::support::provider::Provider;

/// Two houses on two sites, and a tab in a browser of its own.
pub struct Street {
    pub houses: Houses,
    pub page: Page,
    pub browser: Browser,
}

impl Street {
    /// With scripts in the tab, or without.
    pub async fn open(scripts: bool) -> Self {
        let houses = Houses::on_two_sites().await;
        let browser = Browser::launch().await;
        let page = browser.page("about:blank").await;
        if !scripts {
            page.disable_javascript().await;
        }
        Self {
            houses,
            page,
            browser,
        }
    }

    /// The same, with grace signed in at every application, through the other house.
    pub async fn with_grace(scripts: bool) -> Self {
        let street = Self::open(scripts).await;
        sign_in_through_the_other_house(&street.page, &street.houses).await;
        street
    }

    /// When nothing was amiss in the tab.
    pub async fn close(self) {
        assert_eq!(self.page.console_errors(), [""; 0]);
        self.houses.close().await;
    }
}

/// Signs out at a house's own page, and waits for what it shows.
pub async fn sign_out_at(page: &Page, house: &Provider) {
    page.goto(&house.url("/end_session")).await;
    page.click("#sign-out").await;
    page.wait_for("#page-leaving, #page-signed-out").await;
}

/// Waits until the application has let go.
pub async fn assert_let_go(application: &Application) {
    let over = eventually(async || (application.signed_in_sessions() == 0).then_some(()));
    assert!(over.await.is_some(), "{}", application.name);
}

/// Waits until every application has let go, and looks at the page of each.
pub async fn assert_everyone_left(page: &Page, houses: &Houses) {
    // Whoever leaves the page before its frames were loaded asks nobody.
    for application in houses.applications.all() {
        assert_let_go(application).await;
    }
    for application in houses.applications.all() {
        page.leave_for(&application.base_url).await;
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
        let street = Street::with_grace(scripts).await;
        assert_eq!(
            street.page.text("#state").await,
            "Signed in as Grace Hopper"
        );
        street.close().await;
    }
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn who_came_through_the_other_house_signs_out_at_an_application_and_the_others_leave() {
    for scripts in [true, false] {
        let street = Street::with_grace(scripts).await;
        let (houses, page) = (&street.houses, &street.page);
        page.goto(&houses.applications.ledger.base_url).await;
        page.click("#sign-out").await;
        assert_everyone_left(page, houses).await;
        street.close().await;
    }
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn who_came_through_the_other_house_signs_out_here_and_every_application_is_left() {
    let street = Street::with_grace(true).await;
    sign_out_at(&street.page, &street.houses.provider).await;
    assert_everyone_left(&street.page, &street.houses).await;
    street.close().await;
}

/// The other house posts its answer from its own site, without our cookies: it is parked, and comes back by GET.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn an_answer_that_the_other_house_posts_from_its_own_site_is_taken() {
    for scripts in [true, false] {
        let street = Street::open(scripts).await;
        let (houses, page) = (&street.houses, &street.page);
        let authorize = houses.other.url("/authorize");
        page.add_to_query(&authorize, "response_mode=form_post")
            .await;
        page.goto(&houses.applications.ledger.base_url).await;
        page.click("#sign-in").await;
        page.wait_for("#page-sign-in").await;
        come_from_the_other_house(page, houses).await;
        if !scripts {
            page.click("#page-form-post button").await;
        }
        page.wait_for("#state[data-signed-in=true]").await;
        street.close().await;
    }
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn a_link_to_the_other_house_is_made_and_forgotten_on_the_account_page() {
    let street = Street::open(true).await;
    let (houses, page) = (&street.houses, &street.page);
    assert!(sign_in(page, &houses.applications.ledger.base_url).await);
    page.goto(&houses.provider.url("/account")).await;
    link(page, houses).await;
    assert!(page.text("#links").await.contains("the other house"));

    // Grace of the other house is ada here, in any browser.
    let elsewhere = street.browser.visitor().await;
    let tab = elsewhere.page("about:blank").await;
    sign_in_through_the_other_house(&tab, houses).await;
    assert_eq!(tab.text("#state").await, "Signed in as Ada Lovelace");

    page.click("#links .unlink").await;
    page.wait_for("#link-house").await;
    let gone = "document.querySelector('#links') === null";
    page.wait_until_true(gone).await;
    street.close().await;
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn who_signs_out_here_alone_is_still_known_at_the_other_house() {
    let street = Street::with_grace(true).await;
    sign_out_at(&street.page, &street.houses.provider).await;
    assert!(!is_asked_there(&street.page, &street.houses).await);
    street.houses.close().await;
}
