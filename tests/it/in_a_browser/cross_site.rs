//! Applications live on other sites than the provider: which requests bring its cookies is the browser's rule.

use chrono::TimeDelta;

use crate::support::browser::{Browser, Page};
use crate::support::eventually;
use crate::support::relying_party::Reply;
use crate::support::stage::{Stage, fill_in_password, parameter};

fn authorization<'a>(
    stage: &'a Stage,
    redirect_uri: &'a str,
    prompt: &'a str,
) -> [(&'a str, &'a str); 7] {
    assert!(redirect_uri.starts_with(&stage.site.base));
    [
        ("response_type", "code"),
        ("client_id", "atlas"),
        ("redirect_uri", redirect_uri),
        ("scope", "openid"),
        ("state", "the-state"),
        ("nonce", "the-nonce"),
        ("prompt", prompt),
    ]
}

/// Core §3.1.2.1: authorization requests may be POSTs; from another site they bring no `SameSite=Lax` cookie.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn who_is_signed_in_is_recognised_when_another_site_posts_the_authorization_request() {
    let stage = Stage::open(|_| {}).await;
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    stage.sign_in(&page, "ledger").await;
    let authorize = stage.provider.url("/authorize");
    let atlas = stage.party("atlas");
    for prompt in ["", "none"] {
        let fields = authorization(&stage, &atlas.redirect_uri, prompt);
        stage.site.post_from(&page, &authorize, &fields).await;
        stage.arrive(&page, &atlas).await;
    }
    assert_eq!(page.console_errors(), [""; 0]);
    stage.provider.stop().await;
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn who_is_not_signed_in_is_asked_once_when_another_site_posts_the_authorization_request() {
    let stage = Stage::open(|_| {}).await;
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    let authorize = stage.provider.url("/authorize");
    let atlas = stage.party("atlas");
    let fields = authorization(&stage, &atlas.redirect_uri, "none");
    stage.site.post_from(&page, &authorize, &fields).await;
    let url = page.wait_for_url(|url| url.contains("error=")).await;
    assert_eq!(parameter(&url, "error"), "login_required");
    // Once signed in, `prompt=login` asks again, but not for ever.
    for prompt in ["", "login"] {
        let fields = authorization(&stage, &atlas.redirect_uri, prompt);
        stage.site.post_from(&page, &authorize, &fields).await;
        fill_in_password(&page).await;
        stage.arrive(&page, &atlas).await;
    }
    stage.provider.stop().await;
}

/// RP-Initiated Logout 1.0 §2: the end session endpoint takes POSTs too.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn a_sign_out_posted_from_another_site_ends_the_session_of_this_browser() {
    let stage = Stage::open(|_| {}).await;
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    let ledger = stage.sign_in(&page, "ledger").await;
    stage.sign_in(&page, "atlas").await;
    let home = stage.home();
    let id_token = ledger.get("id_token");
    let fields = [
        ("id_token_hint", id_token.as_str()),
        ("post_logout_redirect_uri", home.as_str()),
        ("state", "bye"),
    ];
    let end_session = stage.provider.url("/end_session");
    stage.site.post_from(&page, &end_session, &fields).await;
    let url = page.wait_for_url(|url| url.contains("state=bye")).await;
    assert_eq!(url, format!("{home}?state=bye"));
    stage.ledger.wait_for(1).await;
    stage.atlas.wait_for(1).await;
    stage.provider.stop().await;
}

/// Attack 50: another site's page must not end anybody's session without asking them.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn a_sign_out_that_nothing_vouches_for_asks_the_person_first() {
    let stage = Stage::open(|_| {}).await;
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    stage.sign_in(&page, "ledger").await;
    let end_session = stage.provider.url("/end_session");
    stage.site.post_from(&page, &end_session, &[]).await;
    page.wait_for("#page-confirm-sign-out").await;
    assert!(page.text("main").await.contains("Ada Lovelace"));
    // Nor can it press the button: the form's token is bound to the browser.
    let confirm = stage.provider.url("/end_session/confirm");
    let fields = [("scope", "everywhere"), ("request", ""), ("csrf", "guess")];
    stage.site.post_from(&page, &confirm, &fields).await;
    page.wait_for("#page-error").await;
    stage.sign_in(&page, "ledger").await;
    assert!(stage.ledger.notices().is_empty());

    page.goto(&end_session).await;
    page.click("#sign-out").await;
    page.wait_for("#page-signed-out").await;
    stage.ledger.wait_for(1).await;
    stage.provider.stop().await;
}

/// OAuth 2.0 Form Post Response Mode, under a policy that allows no inline script.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn a_form_post_response_arrives_with_scripts_and_without() {
    let stage = Stage::open(|_| {}).await;
    let browser = Browser::launch().await;
    let ledger = stage.party("ledger");
    for scripts in [true, false] {
        let visitor = browser.visitor().await;
        let page = visitor.page("about:blank").await;
        if !scripts {
            page.disable_javascript().await;
        }
        let url = ledger.authorize_url(&[("response_mode", "form_post")]);
        page.goto(&url).await;
        fill_in_password(&page).await;
        if !scripts {
            page.wait_for("#page-form-post").await;
            page.click("#continue").await;
        }
        page.wait_for_url(|url| url == ledger.redirect_uri).await;
        let asked = stage.site.asked("/callback").pop().unwrap();
        assert_eq!(asked.method, "POST");
        let field = |name: &str| {
            let found = asked.fields.iter().find(|(known, _)| known == name);
            found.unwrap().1.clone()
        };
        assert_eq!(field("state"), "the-state");
        assert_eq!(field("iss"), stage.provider.issuer);
        assert_eq!(ledger.redeem(&field("code"), &[]).await.status, 200);
        assert_eq!(page.console_errors(), [""; 0]);
    }
    stage.provider.stop().await;
}

/// Attack 68: clickjacking, on every page, errors included. A neighbour on the same *site* is the worst that can try:
/// its frames have our cookies.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn no_page_can_be_framed_even_by_a_neighbour() {
    let stage = Stage::open(|config| config.logout.page_wait = TimeDelta::hours(1)).await;
    stage.atlas.answer(Reply::Status(500));
    let neighbour = stage.site.base.replace("127.0.0.1", "localhost");
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    let tokens = stage.sign_in(&page, "ledger").await;
    stage.sign_in(&page, "atlas").await;
    let at = |client_id, more| stage.party(client_id).authorize_url(&[more]);
    page.goto(&neighbour).await;
    for framed in [
        stage.provider.url("/"),
        stage.provider.url("/end_session"),
        stage.provider.url("/no-such-page"),
        at("ledger", ("prompt", "login")),
        at("ledger", ("response_mode", "form_post")),
        at("observatory", ("prompt", "consent")),
    ] {
        assert_not_framed(&page, &framed).await;
    }
    page.goto(&stage.sign_out_url(&tokens)).await;
    page.wait_for("#page-leaving").await;
    page.goto(&neighbour).await;
    for path in ["/leaving", "/signed-out"] {
        assert_not_framed(&page, &stage.provider.url(path)).await;
    }
    stage.provider.stop().await;
}

async fn assert_not_framed(page: &Page, url: &str) {
    let refusals = || {
        let errors = page.console_errors();
        let about = errors
            .iter()
            .filter(|error| error.contains("frame-ancestors"));
        about.count()
    };
    let before = refusals();
    let frame = format!(
        "(() => {{
            const frame = document.createElement('iframe');
            frame.src = {};
            document.body.append(frame);
        }})()",
        serde_json::json!(url)
    );
    page.eval::<()>(&frame).await;
    let refused = eventually(async || (refusals() > before).then_some(()));
    assert!(
        refused.await.is_some(),
        "{url}: {:?}",
        page.console_errors()
    );
}

/// Attack 64: the browser's Back button after signing out.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn going_back_after_signing_out_shows_nothing_private() {
    let stage = Stage::open(|_| {}).await;
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    stage.sign_in(&page, "ledger").await;
    page.goto(&stage.party("observatory").authorize_url(&[]))
        .await;
    page.goto(&stage.provider.url("/")).await;
    assert!(page.text("main").await.contains("Ada Lovelace"));
    page.goto(&stage.provider.url("/end_session?client_id=ledger"))
        .await;
    assert!(page.text("main").await.contains("Ada Lovelace"));
    page.click("#sign-out").await;
    page.wait_for("#page-signed-out").await;
    for before in ["/end_session", "/", "/sign-in"] {
        page.eval::<()>("history.back()").await;
        // Where the consent page was, somebody has to sign in again.
        let before = stage.provider.url(before);
        page.wait_for_url(|url| url.split('?').next() == Some(&before))
            .await;
        let text = page.text("body").await;
        assert!(!text.contains("Ada Lovelace"), "{before}: {text}");
    }
    stage.provider.stop().await;
}
