//! Who leaves at the other house leaves here, too.

use super::upstream::{Street, assert_everyone_left, assert_let_go, is_asked_there, sign_out_at};
use crate::support::browser::{Browser, Page};
use crate::support::demo::{Houses, sign_in_through_the_other_house};

async fn assert_nobody_is_signed_in_here(page: &Page, houses: &Houses) {
    page.leave_for(&houses.provider.url("/")).await;
    let here = page.text("main").await;
    assert!(here.contains("Nobody is signed in"), "{here}");
}

/// Leaving there is seen everywhere. Its page frames ours, and ours Gallery's; no cookie of ours comes along.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn who_leaves_at_the_other_house_leaves_every_application_here() {
    for scripts in [true, false] {
        let street = Street::with_grace(scripts).await;
        let (houses, page) = (&street.houses, &street.page);
        let watching = street.browser.page("about:blank").await;
        watching.goto(&houses.applications.atlas.base_url).await;
        watching.wait_for("#state[data-signed-in=true]").await;
        sign_out_at(page, &houses.other).await;
        // Nobody touches this tab.
        watching.wait_for("#state[data-signed-in=false]").await;
        assert_everyone_left(page, houses).await;
        for application in houses.applications.all() {
            assert_eq!(application.heard(), 1, "{}", application.name);
        }
        assert_nobody_is_signed_in_here(page, houses).await;
        street.close().await;
    }
}

/// P7: and who can only be told in the browser is not said to have been.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn where_its_server_tells_ours_those_who_hear_on_theirs_leave_at_once() {
    let houses = Houses::that_tell_each_other().await;
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    sign_in_through_the_other_house(&page, &houses).await;
    sign_out_at(&page, &houses.other).await;
    page.wait_for("[data-state=confirmed]").await;
    let applications = &houses.applications;
    for application in [&applications.ledger, &applications.atlas] {
        assert_let_go(application).await;
    }
    assert_eq!(applications.gallery.signed_in_sessions(), 1);
    assert_nobody_is_signed_in_here(&page, &houses).await;
    assert_eq!(page.console_errors(), [""; 0]);
    houses.close().await;
}

/// Who signs out here is offered to leave there, too, and comes back to where they were going.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn who_takes_the_offer_leaves_at_the_other_house_and_comes_back() {
    for scripts in [true, false] {
        let street = Street::with_grace(scripts).await;
        let (houses, page) = (&street.houses, &street.page);
        let ledger = &houses.applications.ledger;
        page.goto(&ledger.base_url).await;
        page.click("#sign-out").await;
        page.click("#sign-out-elsewhere").await;
        if !scripts {
            // Its own page goes on by itself where there are scripts.
            page.wait_for_url(|url| url.starts_with(&houses.other.issuer))
                .await;
            page.click("#continue").await;
        }
        page.wait_for_url(|url| url.starts_with(&ledger.base_url))
            .await;
        assert_everyone_left(page, houses).await;
        assert!(is_asked_there(page, houses).await);
        street.houses.close().await;
    }
}
