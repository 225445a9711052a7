//! The page that shows applications leaving: true, live, and gone by itself; patient without scripts.

use std::time::{Duration, Instant};

use chrono::TimeDelta;

use crate::support::browser::Browser;
use crate::support::eventually;
use crate::support::relying_party::Reply;
use crate::support::stage::{Stage, parameter};

/// P4: a broken application does not keep the person, and P7: the page says what is known.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn the_page_shows_that_an_application_is_tried_again_and_goes_on_by_itself() {
    let stage = Stage::open(|_| {}).await;
    stage.atlas.answer(Reply::Status(500));
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    let tokens = stage.sign_in(&page, "ledger").await;
    stage.sign_in(&page, "atlas").await;
    page.goto(&stage.sign_out_url(&tokens)).await;
    page.wait_for("[data-state=confirmed]").await;
    page.wait_for("[data-state=retrying]").await;
    let url = page
        .wait_for_url(|url| url.starts_with(&stage.home()))
        .await;
    assert_eq!(parameter(&url, "state"), "bye");
    assert_eq!(page.console_errors(), [""; 0]);
    // P2: what the person no longer sees goes on.
    stage.atlas.answer(Reply::Status(200));
    let told = eventually(async || {
        let notices = stage.atlas.notices();
        let last = notices.last()?.reply;
        matches!(last, Reply::Status(200)).then_some(())
    });
    assert!(told.await.is_some(), "{:?}", stage.atlas.notices());
    stage.provider.stop().await;
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn the_page_goes_on_as_soon_as_the_last_application_has_confirmed() {
    let stage = Stage::open(|config| config.logout.page_wait = TimeDelta::hours(1)).await;
    stage.atlas.answer_next(&[Reply::Status(503)]);
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    let tokens = stage.sign_in(&page, "ledger").await;
    stage.sign_in(&page, "atlas").await;
    page.goto(&stage.sign_out_url(&tokens)).await;
    page.wait_for("#page-leaving").await;
    page.wait_for_url(|url| url.starts_with(&stage.home()))
        .await;
    assert_eq!(stage.atlas.notices().len(), 2);
    stage.provider.stop().await;
}

/// An application that was gone to twice would see the same `state` twice.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn who_goes_on_by_hand_at_the_moment_in_which_the_page_does_goes_once() {
    let stage = Stage::open(|config| config.logout.page_wait = TimeDelta::hours(1)).await;
    stage.atlas.answer(Reply::Status(503));
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    let tokens = stage.sign_in(&page, "ledger").await;
    stage.sign_in(&page, "atlas").await;
    page.goto(&stage.sign_out_url(&tokens)).await;
    page.wait_for("[data-state=retrying]").await;
    let click = "window.addEventListener('beforeunload', function () {
        document.addEventListener('click', function (event) {
            sessionStorage.setItem('prevented', event.defaultPrevented);
        });
        document.getElementById('continue').click();
    });
    sessionStorage.length";
    assert_eq!(page.eval::<i64>(click).await, 0);
    stage.atlas.answer(Reply::Status(200));
    page.wait_for_url(|url| url.starts_with(&stage.home()))
        .await;
    page.goto(&stage.provider.url("/signed-out")).await;
    let prevented = "sessionStorage.getItem('prevented')";
    assert_eq!(page.eval::<String>(prevented).await, "true");
    stage.provider.stop().await;
}

/// P4: neither one that hangs nor one that refuses keeps the person longer than `logout.page_wait`; P7: but as long as
/// that they see what is not as it should be.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn p4_the_page_stays_as_long_as_page_wait_says_and_no_longer() {
    let page_wait = TimeDelta::milliseconds(1_500);
    let stage = Stage::open(|config| config.logout.page_wait = page_wait).await;
    stage.atlas.answer(Reply::Hang);
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    for others in [
        &["harbour"][..],
        &["atlas"],
        &["archive", "gallery", "harbour"],
    ] {
        let tokens = stage.sign_in(&page, "ledger").await;
        for client_id in others {
            stage.sign_in(&page, client_id).await;
        }
        let began = Instant::now();
        page.goto(&stage.sign_out_url(&tokens)).await;
        assert!(page.url().await.ends_with("/leaving"), "{others:?}");
        page.wait_for_url(|url| url.starts_with(&stage.home()))
            .await;
        let stayed = began.elapsed();
        assert!(
            stayed >= page_wait.to_std().unwrap(),
            "{others:?}: {stayed:?}"
        );
        // And 300 ms of grace; the rest is for a busy machine. Atlas hangs for 5 s.
        assert!(
            stayed < Duration::from_millis(4_500),
            "{others:?}: {stayed:?}"
        );
    }
    stage.provider.stop().await;
}

/// P4: a framed page that never comes keeps the person for five seconds from when the frames start: longer than
/// `logout.page_wait`, which is for servers, and not for ever.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn p4_a_frame_that_hangs_keeps_the_person_for_five_seconds() {
    let stage = Stage::open(|config| config.logout.page_wait = TimeDelta::seconds(1)).await;
    stage.site.hang("/frontchannel");
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    let tokens = stage.sign_in(&page, "ledger").await;
    stage.sign_in(&page, "gallery").await;
    // `goto` would wait until the page has loaded, frames and all.
    let leave = serde_json::json!(stage.sign_out_url(&tokens));
    let sent = Instant::now();
    page.eval::<()>(&format!("void (location.href = {leave})"))
        .await;
    let framed = eventually(async || {
        let asked = stage.site.asked("/frontchannel");
        (!asked.is_empty()).then(Instant::now)
    });
    let framed = framed.await.expect("the page is framed");
    page.wait_for_url(|url| url.starts_with(&stage.home()))
        .await;
    // The page began between the two moments; the rest is for a busy machine.
    let (least, most) = (sent.elapsed(), framed.elapsed());
    assert!(least >= Duration::from_secs(5), "{least:?}");
    assert!(most < Duration::from_secs(8), "{most:?}");
    assert_eq!(page.console_errors(), [""; 0]);
    stage.provider.stop().await;
}

/// P5: without scripts nothing moves by itself, and links do it all.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn p5_without_scripts_the_page_stays_until_the_person_goes_on() {
    let stage = Stage::open(|config| config.logout.page_wait = TimeDelta::milliseconds(1)).await;
    stage.atlas.answer(Reply::Status(500));
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    page.disable_javascript().await;
    let tokens = stage.sign_in(&page, "ledger").await;
    stage.sign_in(&page, "atlas").await;
    page.goto(&stage.sign_out_url(&tokens)).await;
    // The page stands still: on a busy machine its first state may be an earlier one.
    let tried = eventually(async || {
        page.click("#check-again").await;
        let rows = page.text("#applications").await;
        rows.contains("Trying again").then_some(())
    });
    assert!(tried.await.is_some());

    // By the second attempt a script would long have gone on.
    stage.atlas.wait_for(2).await;
    assert_eq!(page.url().await, stage.provider.url("/leaving"));
    stage.atlas.answer(Reply::Status(200));
    stage.atlas.wait_for(3).await;
    assert_eq!(page.text("[data-state=retrying] .name").await, "Atlas");
    let up_to_date = eventually(async || {
        page.click("#check-again").await;
        page.wait_for("#page-leaving").await;
        let text = page.text("#summary").await;
        text.contains("have confirmed").then_some(())
    });
    assert!(up_to_date.await.is_some());
    page.click("#continue").await;
    page.wait_for_url(|url| url.starts_with(&stage.home()))
        .await;
    stage.provider.stop().await;
}

/// Front-Channel Logout 1.0 §2, and attack 60: the frame loads under a policy that names its origin alone.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn a_front_channel_application_is_framed_with_issuer_and_session() {
    for scripts in [true, false] {
        let stage = Stage::open(|_| {}).await;
        let browser = Browser::launch().await;
        let page = browser.page("about:blank").await;
        if !scripts {
            page.disable_javascript().await;
        }
        let tokens = stage.sign_in(&page, "ledger").await;
        let gallery = stage.sign_in(&page, "gallery").await;
        let claims = gallery.id_claims(&stage.provider.issuer).await;
        page.goto(&stage.sign_out_url(&tokens)).await;
        if !scripts {
            page.wait_for("[data-state=asked]").await;
            page.click("#continue").await;
        }
        page.wait_for_url(|url| url.starts_with(&stage.home()))
            .await;
        let asked = stage.site.asked("/frontchannel");
        assert_eq!(asked.len(), 1, "{asked:?}");
        let frame = format!("{}{}", stage.site.base, asked[0].target);
        assert_eq!(parameter(&frame, "room"), "1");
        assert_eq!(parameter(&frame, "iss"), stage.provider.issuer);
        assert_eq!(parameter(&frame, "sid"), claims["sid"].as_str().unwrap());
        assert_eq!(page.console_errors(), [""; 0]);
        stage.provider.stop().await;
    }
}
