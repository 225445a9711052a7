//! Every page that a person can see, one after another, in one walk through a real browser.

use chrono::TimeDelta;

use super::browser::{Browser, Page};
use super::provider::PASSWORD;
use super::relying_party::Reply;
use super::stage::{CONSENT, CONSENT_SERVICE, CONSENT_SERVICES, Stage, fill_in_password};

/// The pages in the order of [`visit_every_page`].
pub const PAGES: [&str; 21] = [
    "landing",
    "error",
    "not-found",
    "sign-in-about",
    "sign-in",
    "sign-in-refused",
    "form-post",
    "landing-signed-in",
    "consent",
    "consent-service",
    "consent-services",
    "confirm-sign-out",
    "confirm-unregistered",
    "leaving",
    "signed-out",
    "signed-out-confirmed",
    "signed-out-nobody",
    "account-sign-in",
    "account",
    "account-password",
    "account-sign-outs",
];

/// Opens each of [`PAGES`] and has `look` look at it. The page may be resized and recoloured, and must not be left.
pub async fn visit_every_page(mut look: impl AsyncFnMut(&str, &Page)) {
    let stage = Stage::open(|config| {
        // Nothing moves while somebody looks.
        config.logout.page_wait = TimeDelta::hours(1);
        config.logout.retry_first = TimeDelta::minutes(4);
    })
    .await;
    stage.atlas.answer(Reply::Status(500));
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    let at = |path| stage.provider.url(path);
    let (ledger, observatory) = (stage.party("ledger"), stage.party("observatory"));

    page.goto(&at("/")).await;
    look("landing", &page).await;
    let elsewhere = format!("{}/callback/", stage.site.base);
    page.goto(&ledger.authorize_url(&[("redirect_uri", &elsewhere)]))
        .await;
    look("error", &page).await;
    page.goto(&at("/no-such-page")).await;
    look("not-found", &page).await;
    page.goto(&observatory.authorize_url(&[])).await;
    look("sign-in-about", &page).await;

    page.goto(&ledger.authorize_url(&[("response_mode", "form_post")]))
        .await;
    look("sign-in", &page).await;
    page.fill("#username", "ada").await;
    page.fill("#password", "the difference engine").await;
    page.click("#sign-in").await;
    page.wait_for("#notice").await;
    look("sign-in-refused", &page).await;
    page.fill("#password", PASSWORD).await;
    // With scripts it would be gone at once.
    page.disable_javascript().await;
    page.click("#sign-in").await;
    page.wait_for("#page-form-post").await;
    page.enable_javascript().await;
    look("form-post", &page).await;

    page.goto(&at("/")).await;
    look("landing-signed-in", &page).await;
    page.goto(&observatory.authorize_url(&CONSENT)).await;
    look("consent", &page).await;
    page.goto(&observatory.authorize_url(&CONSENT_SERVICE))
        .await;
    look("consent-service", &page).await;
    page.goto(&observatory.authorize_url(&CONSENT_SERVICES))
        .await;
    look("consent-services", &page).await;

    let tokens = stage.sign_in(&page, "ledger").await;
    for client_id in ["atlas", "gallery", "harbour", "archive"] {
        stage.sign_in(&page, client_id).await;
    }
    page.goto(&ledger.end_session_url(&[("client_id", "ledger")]))
        .await;
    look("confirm-sign-out", &page).await;
    let id_token = tokens.get("id_token");
    page.goto(&ledger.end_session_url(&[
        ("id_token_hint", &id_token),
        ("post_logout_redirect_uri", &elsewhere),
    ]))
    .await;
    look("confirm-unregistered", &page).await;

    page.goto(&stage.sign_out_url(&tokens)).await;
    page.wait_for("[data-state=confirmed]").await;
    page.wait_for("[data-state=retrying]").await;
    look("leaving", &page).await;
    page.goto(&at("/signed-out")).await;
    look("signed-out", &page).await;

    stage.sign_in(&page, "ledger").await;
    page.goto(&at("/end_session")).await;
    page.click("#sign-out").await;
    page.wait_for("#page-signed-out").await;
    look("signed-out-confirmed", &page).await;
    page.goto(&at("/end_session")).await;
    look("signed-out-nobody", &page).await;
    visit_account(&stage, &browser, &page, &mut look).await;
    stage.provider.stop().await;
}

/// The account's pages, with a session in another browser that ends meanwhile.
async fn visit_account(
    stage: &Stage,
    browser: &Browser,
    page: &Page,
    look: &mut impl AsyncFnMut(&str, &Page),
) {
    let at = |path: &str| stage.provider.url(path);
    page.goto(&at("/account")).await;
    look("account-sign-in", page).await;
    fill_in_password(page).await;
    page.wait_for("#page-account").await;
    for client_id in ["ledger", "atlas", "gallery"] {
        stage.sign_in(page, client_id).await;
    }
    for (client_id, asked) in [
        ("observatory", &CONSENT_SERVICES[..]),
        ("lighthouse", &CONSENT_SERVICE[..]),
    ] {
        let party = stage.party(client_id);
        page.goto(&party.authorize_url(asked)).await;
        page.click("#allow").await;
        stage.arrive(page, &party).await;
    }
    for client_id in ["harbour", "ledger"] {
        let visitor = browser.visitor().await;
        let other = visitor.page("about:blank").await;
        stage.sign_in(&other, client_id).await;
    }
    page.goto(&at("/account")).await;
    page.click("#sessions > li:nth-child(2) .end-session").await;
    page.wait_for("#notice").await;
    look("account", page).await;
    page.goto(&at("/account/password")).await;
    look("account-password", page).await;
    page.goto(&at("/account/sign-outs")).await;
    look("account-sign-outs", page).await;
}
