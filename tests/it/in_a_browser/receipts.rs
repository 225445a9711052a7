//! Receipts as they come in: without a reload, in the person's own time, and read out only when they differ.

use chrono::{DateTime, TimeDelta};

use crate::support::browser::{Browser, Page};
use crate::support::provider::{metadata, provider};
use crate::support::relying_party::{RelyingParty, Reply};
use crate::support::site::Site;
use crate::support::stage::Stage;
use crate::support::visitor::Visitor;

/// Signs in at these and out at Ledger, with the page that stays before us.
async fn left(stage: &Stage, page: &Page, client_ids: &[&str]) {
    let tokens = stage.sign_in(page, "ledger").await;
    for client_id in client_ids {
        stage.sign_in(page, client_id).await;
    }
    page.goto(&stage.sign_out_url(&tokens)).await;
    page.wait_for("#page-leaving").await;
}

/// What a screen reader reads out is counted, and whether the document is still the same.
async fn watch(page: &Page) {
    page.eval::<()>(
        "(() => {
            window.changes = 0;
            const count = () => { window.changes += 1; };
            new MutationObserver(count).observe(document.getElementById('summary'),
                { childList: true, characterData: true, subtree: true });
        })()",
    )
    .await;
}

/// P7: the row settles by itself, and says when.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn p7_a_row_settles_as_its_receipt_comes_in_without_a_reload() {
    let stage = Stage::open(|config| config.logout.page_wait = TimeDelta::hours(1)).await;
    stage.ledger.answer(Reply::Status(503));
    stage.atlas.answer(Reply::Status(503));
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    left(&stage, &page, &["atlas"]).await;
    page.wait_until_true("document.querySelectorAll('[data-state=retrying]').length === 2")
        .await;
    watch(&page).await;

    stage.atlas.answer(Reply::Status(200));
    page.wait_for("[data-state=confirmed]").await;
    let row = page.text("[data-state=confirmed]").await;
    assert!(row.contains("Atlas") && row.contains("Signed out"), "{row}");
    assert!(!row.contains("It has not confirmed"), "{row}");
    let icon = "document.querySelector('[data-state=confirmed] use').getAttribute('href')";
    let icon: String = page.eval(icon).await;
    assert!(icon.ends_with("#confirmed"), "{icon}");
    assert_eq!(
        page.text("#summary").await,
        "1\u{a0}confirmed, 1\u{a0}being tried again"
    );
    assert_eq!(page.eval::<i64>("window.changes").await, 1);

    stage.ledger.answer(Reply::Status(200));
    page.wait_for_url(|url| url.starts_with(&stage.home()))
        .await;
    assert_eq!(page.console_errors(), [""; 0]);
    stage.provider.stop().await;
}

/// The page on which it ends follows what is still open, and stays.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn p7_the_signed_out_page_follows_what_is_still_open() {
    let stage = Stage::open(|config| config.logout.page_wait = TimeDelta::hours(1)).await;
    stage.atlas.answer(Reply::Status(503));
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    left(&stage, &page, &["atlas"]).await;
    page.goto(&stage.provider.url("/signed-out")).await;
    page.wait_for("#page-signed-out [data-state=retrying]")
        .await;
    watch(&page).await;
    stage.atlas.answer(Reply::Status(200));
    page.wait_for_text("Both applications have confirmed it.")
        .await;
    assert_eq!(page.eval::<i64>("window.changes").await, 1);
    let role = "document.getElementById('summary').getAttribute('role')";
    assert_eq!(page.eval::<String>(role).await, "status");
    assert_eq!(
        page.url().await,
        stage.provider.url("/signed-out"),
        "it leads nowhere by itself"
    );
    assert_eq!(page.console_errors(), [""; 0]);
    stage.provider.stop().await;
}

/// P7: what is left until the next try is true while the page stands, and nothing else moves meanwhile.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn p7_what_is_left_until_the_next_try_is_kept_current() {
    let stage = Stage::open(|config| {
        config.logout.page_wait = TimeDelta::hours(1);
        config.logout.retry_first = TimeDelta::hours(1);
        config.logout.retry_max = TimeDelta::hours(1);
    })
    .await;
    stage.atlas.answer(Reply::Status(503));
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    left(&stage, &page, &["atlas"]).await;
    page.wait_for_text("Next try").await;
    // Soon, whatever chance had chosen.
    let soon = stage.provider.flows().clock.now() + TimeDelta::seconds(50);
    let soon = soon.timestamp_millis();
    stage
        .provider
        .sql(&format!(
            "UPDATE logout_deliveries SET due_at = {soon} WHERE state = 'retrying'"
        ))
        .await;
    let seconds = "Number((document.querySelector('.detail').innerText.match(/Next try in (\\d+) seconds/) || [])[1])";
    page.wait_until_true(&format!("{seconds} > 0")).await;
    watch(&page).await;
    page.eval::<()>(&format!("void (window.first = {seconds})"))
        .await;
    page.wait_until_true(&format!("{seconds} < window.first - 1"))
        .await;
    assert_eq!(page.eval::<i64>("window.changes").await, 0);
    stage.provider.stop().await;
}

/// P7: *will end by 14:32*, in the person's zone; P5: without scripts the zone is named.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn p7_moments_are_in_the_persons_zone_or_name_theirs() {
    let stage = Stage::open(|config| config.logout.page_wait = TimeDelta::hours(1)).await;
    stage.atlas.answer(Reply::Status(503));
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    page.time_zone("Asia/Tokyo").await;
    left(&stage, &page, &["atlas", "archive"]).await;
    let shown = page.text("[data-state=ends] time").await;
    let datetime: String = page
        .eval("document.querySelector('[data-state=ends] time').dateTime")
        .await;
    let moment = DateTime::parse_from_rfc3339(&datetime).unwrap();
    let in_tokyo = (moment + TimeDelta::hours(9)).format("%-I:%M").to_string();
    assert!(shown.contains(&in_tokyo), "{shown}, not {in_tokyo}");
    assert!(!shown.contains("UTC"), "{shown}");
    let row = page.text("[data-state=ends]").await;
    assert!(row.contains("Ends by"), "{row}");

    page.disable_javascript().await;
    page.reload().await;
    let shown = page.text("[data-state=ends] time").await;
    assert!(
        shown.ends_with(&moment.format("%H:%M UTC").to_string()),
        "{shown}"
    );
    stage.provider.stop().await;
}

/// The page says so when it can't follow any more; P7 again.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn p7_a_page_that_cannot_look_again_says_since_when_it_may_be_wrong() {
    let stage = Stage::open(|config| config.logout.page_wait = TimeDelta::hours(1)).await;
    stage.atlas.answer(Reply::Status(503));
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    left(&stage, &page, &["atlas"]).await;
    page.wait_for("[data-state=retrying]").await;
    let hidden = "document.getElementById('stale').hidden";
    assert!(page.eval::<bool>(hidden).await);
    // As after ten minutes.
    stage.provider.sql("DELETE FROM leavings").await;
    page.wait_until_true(&format!("!{hidden}")).await;
    let text = page.text("#stale").await;
    assert!(text.contains("this is how it was at"), "{text}");
    stage.provider.stop().await;
}

/// As many as nobody can look over at once: the way on is in sight, and nothing is squeezed out of the page.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn a_hundred_applications_leave_on_a_page_that_can_be_used() {
    let site = Site::open().await;
    let mut wish = provider().await.configure(|config| {
        config.logout.page_wait = TimeDelta::hours(1);
    });
    // A few are framed, and the others can't be told.
    for number in 0..100 {
        let mut described = metadata(&site.base);
        described.client_name = Some(format!("Application number {number:02}"));
        described.frontchannel_logout_uri =
            (number % 10 == 0).then(|| format!("{}/frontchannel", site.base));
        wish = wish.client(&format!("application-{number:02}"), described);
    }
    let provider = wish.start().await;
    let ada = Visitor::default();
    for number in 0..100 {
        let party = RelyingParty::of(&provider, &format!("application-{number:02}"));
        party.tokens(&ada, &[]).await;
    }
    let confirm = ada.get(&provider.url("/end_session")).await;
    let fields = [("scope", "everywhere")];
    ada.submit(&confirm, &confirm.form(), &fields).await;

    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    // The page stays for who reads it.
    page.disable_javascript().await;
    let name = format!("exeunt-leaving-{}", provider.config.issuer.port());
    let handle = ada.cookie("exeunt-leaving").unwrap();
    page.goto(&provider.issuer).await;
    page.put_cookie(&provider.issuer, &name, &handle).await;
    page.viewport(320, 640).await;
    page.goto(&provider.url("/leaving")).await;
    assert_eq!(page.text("h1").await, "Signing you out of 100 applications");
    assert_eq!(
        page.text("#summary").await,
        "10\u{a0}asked, 90\u{a0}end by themselves"
    );
    for size in [(320, 640), (1100, 800)] {
        page.viewport(size.0, size.1).await;
        let in_sight = "(box => box.top >= 0 && box.bottom <= innerHeight)(
            document.getElementById('continue').getBoundingClientRect())";
        assert!(page.eval::<bool>(in_sight).await, "{size:?}");
        let overflow =
            "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(page.eval::<i64>(overflow).await, 0, "{size:?}");
    }
    page.enable_javascript().await;
    assert_eq!(page.axe().await, [""; 0]);
    assert_eq!(page.console_errors(), [""; 0]);
    provider.stop().await;
}
