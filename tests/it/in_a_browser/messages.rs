//! What framed pages say in the browser: who is believed, and what changes nothing.

use chrono::TimeDelta;
use exeunt::oidc::logout::{Channel, DeliveryState};
use exeunt::store::deliveries::{self, Delivery};

use crate::support::browser::{Browser, Page};
use crate::support::demo::{demo, sign_in};
use crate::support::eventually;
use crate::support::provider::Provider;
use crate::support::relying_party::Reply;
use crate::support::site::Site;
use crate::support::stage::Stage;

/// What an honest page of Gallery's would say, to whom, once it has `iss` and `sid`.
const HONEST: &str =
    "parent.postMessage({ type: 'exeunt:logout-done', iss: iss, sid: sid }, new URL(iss).origin);";

async fn galleries(provider: &Provider) -> Option<Delivery> {
    let db = provider.flows().database.read();
    let all = deliveries::list(db, &DeliveryState::ALL, Some("gallery"), 10);
    all.await.unwrap().into_iter().next()
}

/// Signs in at Gallery and Atlas and out at Ledger, where Gallery's framed page runs `script`. Atlas does not answer
/// well, so that the page stays.
async fn framed(page: &Page, script: &str) -> Stage {
    let stage = Stage::open(|config| config.logout.page_wait = TimeDelta::hours(1)).await;
    stage.atlas.answer(Reply::Status(503));
    // It asks for /said when it has spoken: a message sent later would be read later.
    let script = format!(
        "const query = new URLSearchParams(location.search);
        const iss = query.get('iss'), sid = query.get('sid');
        {script}
        setTimeout(() => fetch('/said'), 100);"
    );
    stage.site.run("/frontchannel", &script);
    let tokens = stage.sign_in(page, "ledger").await;
    stage.sign_in(page, "atlas").await;
    stage.sign_in(page, "gallery").await;
    page.goto(&stage.sign_out_url(&tokens)).await;
    page.wait_for("#page-leaving").await;
    let said = eventually(async || (!stage.site.asked("/said").is_empty()).then_some(()));
    assert!(said.await.is_some(), "the frame never spoke");
    stage
}

/// P7: *confirmed*, by the word of its page in the browser, while the page stands.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn p7_a_framed_page_that_says_that_it_is_done_is_confirmed() {
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    let stage = framed(&page, HONEST).await;
    page.wait_for_text("It said so in your browser.").await;
    let delivery = galleries(&stage.provider).await.unwrap();
    assert_eq!(delivery.state, DeliveryState::Confirmed);
    assert_eq!(delivery.channel, Channel::Front);
    assert_eq!(page.console_errors(), [""; 0]);
    stage.provider.stop().await;
}

/// Attack 60: messages that are not the framed application's own word about its own session.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn a_forged_message_changes_nothing() {
    let browser = Browser::launch().await;
    for script in [
        HONEST.replace("sid: sid", "sid: sid + '0'"),
        HONEST.replace("sid: sid", "sid: undefined"),
        HONEST.replace("iss: iss", "iss: iss + '/'"),
        HONEST.replace("logout-done", "something-else"),
        "parent.postMessage('exeunt:logout-done', '*'); parent.postMessage(null, '*');".to_owned(),
    ] {
        let page = browser.page("about:blank").await;
        let stage = framed(&page, &script).await;
        still_asked(&page, &stage, &script).await;
        stage.provider.stop().await;
    }
}

/// Attack 60: the right words from the wrong window: a page of another origin inside the frame, and the page itself.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn the_right_words_from_another_origin_or_window_change_nothing() {
    let other = Site::open().await;
    other.run(
        "/inner",
        "const query = new URLSearchParams(location.search);
        const iss = query.get('iss'), sid = query.get('sid');
        top.postMessage({ type: 'exeunt:logout-done', iss: iss, sid: sid }, '*');",
    );
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    let script = format!(
        "const inner = document.createElement('iframe');
        inner.src = '{}/inner' + location.search;
        inner.onload = () => fetch('/inner-spoke');
        document.body.append(inner);",
        other.base
    );
    let stage = framed(&page, &script).await;
    let spoke = eventually(async || (!stage.site.asked("/inner-spoke").is_empty()).then_some(()));
    assert!(spoke.await.is_some());
    page.eval::<()>(
        "(() => {
            const frame = document.querySelector('iframe');
            window.postMessage({
                type: 'exeunt:logout-done',
                iss: document.querySelector('main').dataset.issuer,
                sid: frame.dataset.sid
            }, '*');
        })()",
    )
    .await;
    still_asked(&page, &stage, "another window").await;
    stage.provider.stop().await;
}

/// Attack 60: the right window, which has gone to another origin meanwhile.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn a_frame_that_has_gone_elsewhere_is_not_believed() {
    let other = Site::open().await;
    other.run("/elsewhere", "parent.postMessage('here', '*');");
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    let go = format!("location.href = '{}/elsewhere';", other.base);
    let script = format!("setTimeout(() => {{ {go} }}, 500);");
    let stage = framed(&page, &script).await;
    // The page's policy does not let it.
    let stopped = eventually(async || {
        let errors = page.console_errors();
        let stopped = errors.iter().any(|error| error.contains("frame-src"));
        stopped.then_some(())
    });
    assert!(stopped.await.is_some(), "{:?}", page.console_errors());
    still_asked(&page, &stage, "another origin").await;
    assert_eq!(other.asked("/elsewhere").len(), 0);
    stage.provider.stop().await;
}

async fn still_asked(page: &Page, stage: &Stage, what: &str) {
    // What it was told before it asked again, it has read by then.
    page.eval::<()>(
        "(() => {
            const seen = performance.getEntriesByType('resource').length;
            window.askedAgain = () => performance.getEntriesByType('resource').length > seen + 1;
        })()",
    )
    .await;
    page.wait_until_true("window.askedAgain()").await;
    assert_eq!(
        page.text("[data-state=asked] .name").await,
        "Gallery",
        "{what}"
    );
    let delivery = galleries(&stage.provider).await.unwrap();
    assert_eq!(delivery.state, DeliveryState::Asked, "{what}");
}

/// The demo's Gallery is such an application.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn the_example_that_is_framed_says_that_it_is_done() {
    let (provider, applications) = demo().await;
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    for application in applications.all() {
        sign_in(&page, &application.base_url).await;
    }
    page.goto(&applications.ledger.base_url).await;
    page.click("#sign-out").await;
    page.wait_for_url(|url| url.starts_with(&applications.ledger.base_url))
        .await;
    let delivery = eventually(async || {
        galleries(&provider)
            .await
            .filter(|known| known.state == DeliveryState::Confirmed)
    });
    let delivery = delivery.await.expect("Gallery's page has said so");
    assert_eq!(delivery.channel, Channel::Front);
    assert_eq!(page.console_errors(), [""; 0]);
    applications.stop().await;
    provider.stop().await;
}
