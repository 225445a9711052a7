//! What the frame of Session Management answers, in a browser. To it, every port of `localhost` is one site, and
//! `127.0.0.1` another.

use serde_json::json;

use crate::support::browser::{Browser, Page};
use crate::support::provider::{PASSWORD, Provider, metadata, provider};
use crate::support::relying_party::RelyingParty;
use crate::support::site::Site;
use crate::support::stage::{fill_in_password, parameter};

struct House {
    provider: Provider,
    party: RelyingParty,
    site: Site,
    /// The site's address as an application on the provider's own site.
    near: String,
}

/// An application whose every page has the frame, and asks it what it is told to.
async fn open() -> House {
    let site = Site::open().await;
    let near = site.base.replace("127.0.0.1", "localhost");
    let far = metadata(&site.base).redirect_uris;
    let mut metadata = metadata(&near);
    metadata.redirect_uris.extend(far);
    let provider = provider()
        .await
        .client("ledger", metadata)
        .configure(|config| config.session_management = true)
        .start()
        .await;
    let script = format!(
        "const frame = document.createElement('iframe');
        frame.src = {frame};
        frame.hidden = true;
        const loaded = new Promise(resolve => {{ frame.onload = resolve; }});
        document.body.append(frame);
        window.ask = message => loaded.then(() => new Promise(resolve => {{
            addEventListener('message', event => {{
                if (event.source === frame.contentWindow) {{ resolve(event.origin + ' ' + event.data); }}
            }}, {{ once: true }});
            frame.contentWindow.postMessage(message, {origin});
        }}));",
        frame = json!(provider.url("/check_session")),
        origin = json!(provider.issuer),
    );
    site.run("/callback", &script);
    let party = RelyingParty::of(&provider, "ledger");
    House {
        provider,
        party,
        site,
        near,
    }
}

impl House {
    /// Comes back to the application from a request, with the password where it is asked for.
    async fn arrive(&self, page: &Page, more: &[(&str, &str)]) -> String {
        page.goto(&self.party.authorize_url(more)).await;
        if page.url().await.starts_with(&self.provider.issuer) {
            fill_in_password(page).await;
        }
        page.wait_for_url(|url| url.contains("/callback?")).await
    }

    /// What the frame answers to the application, by the issuer's own origin.
    async fn ask(&self, page: &Page, message: serde_json::Value) -> String {
        let answer: String = page.eval(&format!("ask({message})")).await;
        let (origin, word) = answer.split_once(' ').unwrap();
        assert_eq!(origin, self.provider.issuer);
        word.to_owned()
    }

    async fn ask_about(&self, page: &Page, url: &str) -> String {
        let state = parameter(url, "session_state");
        self.ask(page, json!(format!("ledger {state}"))).await
    }
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn what_was_unchanged_is_changed_after_a_sign_out_and_after_a_sign_in() {
    let house = open().await;
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    let signed_in = house.arrive(&page, &[]).await;
    assert_eq!(house.ask_about(&page, &signed_in).await, "unchanged");

    // In another tab: the application's page stays where it is.
    let tab = browser.page(&house.provider.url("/")).await;
    tab.click("#sign-out").await;
    tab.wait_for("#page-confirm-sign-out").await;
    assert_eq!(house.ask_about(&page, &signed_in).await, "unchanged");
    tab.click("#sign-out").await;
    tab.wait_for_text("signed out").await;
    assert_eq!(house.ask_about(&page, &signed_in).await, "changed");

    // It asks again, hears that nobody is signed in, and is at rest until somebody is.
    let signed_out = house.arrive(&page, &[("prompt", "none")]).await;
    assert_eq!(parameter(&signed_out, "error"), "login_required");
    assert_eq!(house.ask_about(&page, &signed_out).await, "unchanged");
    tab.goto(&house.provider.url("/account/sign-in")).await;
    tab.fill("#username", "ada").await;
    tab.fill("#password", PASSWORD).await;
    tab.click("#sign-in").await;
    tab.wait_for("#page-account").await;
    assert_eq!(house.ask_about(&page, &signed_out).await, "changed");
    assert_eq!(page.console_errors(), [""; 0]);
    house.provider.stop().await;
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn a_malformed_message_is_an_error_and_another_clients_state_is_a_change() {
    let house = open().await;
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    let url = house.arrive(&page, &[]).await;
    let state = parameter(&url, "session_state");
    for malformed in [
        json!(""),
        json!("ledger"),
        json!(state),
        json!("ledger state-without-a-salt"),
        json!(format!(" {state}")),
        json!(null),
        json!({ "client_id": "ledger" }),
        json!(1),
    ] {
        assert_eq!(
            house.ask(&page, malformed.clone()).await,
            "error",
            "{malformed}"
        );
    }
    for other in ["atlas", "l\u{e9}dger", "ledger ledger"] {
        let message = json!(format!("{other} {state}"));
        assert_eq!(house.ask(&page, message).await, "changed", "{other}");
    }
    assert_eq!(house.ask_about(&page, &url).await, "unchanged");
    house.provider.stop().await;
}

/// On another site the browser keeps the cookie from the frame: an application that was told of a change would sign
/// the person out.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn where_the_frame_sees_no_cookie_nothing_has_changed() {
    let house = open().await;
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    let far = format!("{}/callback", house.site.base);
    let url = house.arrive(&page, &[("redirect_uri", &far)]).await;
    assert!(url.starts_with(&far));
    assert_eq!(house.ask_about(&page, &url).await, "unchanged");
    let nonsense = json!("ledger 00.00");
    assert_eq!(house.ask(&page, nonsense).await, "unchanged");
    house.provider.stop().await;
}

/// Attack 63 (CVE-2024-1249): a window of another origin than the page that frames us asks, and a page with a state
/// that it was not told.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn who_is_not_the_framing_page_gets_no_answer_and_another_origin_learns_nothing() {
    let house = open().await;
    let stranger = Site::open().await;
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    let url = house.arrive(&page, &[]).await;
    let message = json!(format!("ledger {}", parameter(&url, "session_state")));
    assert_eq!(house.ask(&page, message.clone()).await, "unchanged");

    // A page of another origin inside the application's sends the right words to its sibling.
    stranger.run(
        "/inner",
        &format!(
            "let heard = 0;
            addEventListener('message', () => {{ heard += 1; }});
            parent.frames[0].postMessage({message}, '*');
            setTimeout(() => parent.postMessage('heard ' + heard, '*'), 500);"
        ),
    );
    let heard: String = page
        .eval(&format!(
            "new Promise(resolve => {{
                addEventListener('message', event => resolve(event.data));
                const inner = document.createElement('iframe');
                inner.src = {};
                document.body.append(inner);
            }})",
            json!(format!("{}/inner", stranger.base))
        ))
        .await;
    assert_eq!(heard, "heard 0");

    // The state was told to this application at this address, and says nothing to any other page on the same site.
    let other = Site::open().await;
    let script = format!(
        "const frame = document.createElement('iframe');
        frame.src = {};
        document.body.append(frame);
        frame.onload = () => {{
            addEventListener('message', event => {{ window.heard = event.data; }});
            frame.contentWindow.postMessage({message}, '*');
        }};",
        json!(house.provider.url("/check_session"))
    );
    other.run("/", &script);
    let near = other.base.replace("127.0.0.1", "localhost");
    page.goto(&near).await;
    page.wait_until_true("window.heard === 'changed'").await;
    assert_ne!(near, house.near);

    // Framed by nobody it answers nobody: the one message heard is the one sent.
    page.goto(&house.provider.url("/check_session")).await;
    let heard: i32 = page
        .eval(&format!(
            "new Promise(resolve => {{
                let heard = 0;
                addEventListener('message', () => {{ heard += 1; }});
                postMessage({message}, '*');
                setTimeout(() => resolve(heard), 300);
            }})"
        ))
        .await;
    assert_eq!(heard, 1);
    house.provider.stop().await;
}
