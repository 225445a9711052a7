//! A real browser: headless Chromium, driven as a person would drive it.
//!
//! Every method panics with the page's address and text when what the test expects does not come about.

use std::path::Path;
use std::sync::{Arc, Mutex};

use chromiumoxide::browser::BrowserConfig;
use chromiumoxide::cdp::browser_protocol::browser::BrowserContextId;
use chromiumoxide::cdp::browser_protocol::emulation::{
    MediaFeature, SetDeviceMetricsOverrideParams, SetScriptExecutionDisabledParams,
    SetTimezoneOverrideParams,
};
use chromiumoxide::cdp::browser_protocol::fetch::{
    ContinueRequestParams, EnableParams, EventRequestPaused, RequestPattern,
};
use chromiumoxide::cdp::browser_protocol::log::{EventEntryAdded, LogEntryLevel};
use chromiumoxide::cdp::browser_protocol::network::{Cookie, CookieParam};
use chromiumoxide::cdp::browser_protocol::target::{
    CreateBrowserContextParams, CreateTargetParams,
};
use chromiumoxide::cdp::js_protocol::runtime::{
    ConsoleApiCalledType, EventConsoleApiCalled, EventExceptionThrown,
};
use chromiumoxide::layout::Point;
use chromiumoxide::page::ScreenshotParams;
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::{environment, eventually};

/// A running Chromium with a profile of its own. Dropping it kills the process.
pub struct Browser {
    chromium: chromiumoxide::Browser,
    events: JoinHandle<()>,
    // After `chromium`, so that the process is gone before its folder is.
    _profile: TempDir,
}

impl Browser {
    /// Starts the Chromium named by `EXEUNT_TEST_CHROMIUM`, by default `/usr/bin/chromium`.
    pub async fn launch() -> Self {
        let executable =
            environment("EXEUNT_TEST_CHROMIUM").unwrap_or_else(|| "/usr/bin/chromium".to_owned());
        let profile = TempDir::new().unwrap();
        let config = BrowserConfig::builder()
            .chrome_executable(&executable)
            .user_data_dir(profile.path())
            .new_headless_mode()
            .no_sandbox()
            .disable_https_first()
            .viewport(None)
            .window_size(1280, 900)
            .args([
                "disable-dev-shm-usage",
                "disable-gpu",
                "disable-quic",
                "no-first-run",
                "disable-background-networking",
                "disable-component-update",
                "disable-sync",
            ])
            .build()
            .unwrap();
        let (chromium, mut handler) = chromiumoxide::Browser::launch(config)
            .await
            .unwrap_or_else(|error| panic!("{executable} does not start: {error}"));
        // Nothing moves unless somebody polls the handler.
        let events = tokio::spawn(async move { while handler.next().await.is_some() {} });
        Self {
            chromium,
            events,
            _profile: profile,
        }
    }

    /// Opens `url` in a new tab.
    pub async fn page(&self, url: &str) -> Page {
        self.open(None, url).await
    }

    /// A visitor with cookies and storage of their own: another person, or the same one in another browser.
    pub async fn visitor(&self) -> Visitor<'_> {
        let context = CreateBrowserContextParams::default();
        Visitor {
            browser: self,
            context: self.chromium.create_browser_context(context).await.unwrap(),
        }
    }

    async fn open(&self, context: Option<BrowserContextId>, url: &str) -> Page {
        let mut target = CreateTargetParams::new("about:blank");
        target.browser_context_id = context;
        let tab = self.chromium.new_page(target).await.unwrap();
        let page = Page {
            errors: watch_for_errors(&tab).await,
            tab,
        };
        page.goto(url).await;
        page
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.events.abort();
    }
}

/// One visitor of a [`Browser`] that several share.
pub struct Visitor<'a> {
    browser: &'a Browser,
    context: BrowserContextId,
}

impl Visitor<'_> {
    /// Opens `url` in a new tab of this visitor's.
    pub async fn page(&self, url: &str) -> Page {
        self.browser.open(Some(self.context.clone()), url).await
    }
}

/// A tab.
pub struct Page {
    tab: chromiumoxide::Page,
    errors: Arc<Mutex<Vec<String>>>,
}

impl Page {
    /// Goes to `url` and waits until it is loaded.
    pub async fn goto(&self, url: &str) {
        if let Err(error) = self.tab.goto(url).await {
            panic!("{url} does not open: {error}");
        }
    }

    /// As [`Page::goto`], from a page that may go on by itself in this very moment, and would take the browser along.
    pub async fn leave_for(&self, url: &str) {
        let left = eventually(async || {
            // An error is the other way's being faster.
            let _ = self.tab.goto("about:blank").await;
            let at = self.try_eval::<String>("location.href").await?;
            (at == "about:blank").then_some(())
        });
        assert!(left.await.is_some(), "{}", self.describe().await);
        self.goto(url).await;
    }

    /// Loads the page again.
    pub async fn reload(&self) {
        self.tab.reload().await.unwrap();
    }

    /// The address that the page has now.
    pub async fn url(&self) -> String {
        self.eval("location.href").await
    }

    /// Replaces what is in the field by `text`, key by key.
    pub async fn fill(&self, selector: &str, text: &str) {
        self.wait_for(selector).await;
        let focus = format!(
            "(field => {{ field.focus(); field.select(); }})(document.querySelector({}))",
            json!(selector)
        );
        self.tab.evaluate_expression(focus).await.unwrap();
        let field = self.tab.find_element(selector).await.unwrap();
        field.press_key("Backspace").await.unwrap();
        field.type_str(text).await.unwrap();
    }

    /// Waits for the element, scrolls to it and presses the mouse on its middle. Does not wait for what follows.
    pub async fn click(&self, selector: &str) {
        self.wait_for(selector).await;
        let middle = format!(
            "(target => {{
                target.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                const box = target.getBoundingClientRect();
                return [box.x + box.width / 2, box.y + box.height / 2];
            }})(document.querySelector({}))",
            json!(selector)
        );
        let (x, y) = self.eval::<(f64, f64)>(&middle).await;
        self.tab.click(Point::new(x, y)).await.unwrap();
    }

    /// Waits until an element that matches is in the page.
    pub async fn wait_for(&self, selector: &str) {
        let found = format!("document.querySelector({}) !== null", json!(selector));
        self.wait_until(&found, selector).await;
    }

    /// Waits until the page's visible text contains `text`.
    pub async fn wait_for_text(&self, text: &str) {
        let found = format!("document.body.innerText.includes({})", json!(text));
        self.wait_until(&found, text).await;
    }

    /// Waits until the page's address is as `wanted` says, and answers it.
    pub async fn wait_for_url(&self, wanted: impl Fn(&str) -> bool) -> String {
        let arrived = eventually(async || {
            let url: String = self.try_eval("location.href").await?;
            let loaded = self.try_eval::<String>("document.readyState").await? == "complete";
            (loaded && wanted(&url)).then_some(url)
        });
        match arrived.await {
            Some(url) => url,
            None => panic!("never came to the address; {}", self.describe().await),
        }
    }

    /// The visible text of the first element that matches.
    pub async fn text(&self, selector: &str) -> String {
        self.wait_for(selector).await;
        self.eval(&format!(
            "document.querySelector({}).innerText",
            json!(selector)
        ))
        .await
    }

    /// The value of a script expression; a promise is awaited. Works where the page's policy or
    /// [`Page::disable_javascript`] stops the page's own scripts.
    pub async fn eval<T: DeserializeOwned>(&self, expression: &str) -> T {
        let result = self.tab.evaluate_expression(expression).await;
        let result = result.unwrap_or_else(|error| panic!("{expression}: {error}"));
        // Chromium leaves the value out where it is `undefined`.
        let value = result.value().cloned().unwrap_or(Value::Null);
        serde_json::from_value(value).unwrap()
    }

    /// Runs no script of the page from its next load on; `eval` still works, but for promises.
    pub async fn disable_javascript(&self) {
        let disabled = SetScriptExecutionDisabledParams::new(true);
        self.tab.execute(disabled).await.unwrap();
    }

    /// Runs scripts again, from now on: those that the page has missed stay missed.
    pub async fn enable_javascript(&self) {
        let enabled = SetScriptExecutionDisabledParams::new(false);
        self.tab.execute(enabled).await.unwrap();
    }

    /// Makes the page `width` by `height` CSS pixels.
    pub async fn viewport(&self, width: i64, height: i64) {
        let size = SetDeviceMetricsOverrideParams::new(width, height, 1.0, false);
        self.tab.execute(size).await.unwrap();
    }

    /// Has the person prefer dark colours, or light ones; and no motion, so that no colour is on its way to another.
    pub async fn dark(&self, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let features = vec![
            MediaFeature::new("prefers-color-scheme", scheme),
            MediaFeature::new("prefers-reduced-motion", "reduce"),
        ];
        self.tab.emulate_media_features(features).await.unwrap();
    }

    /// Puts the person into a time zone, by its IANA name.
    pub async fn time_zone(&self, name: &str) {
        let zone = SetTimezoneOverrideParams::new(name);
        self.tab.execute(zone).await.unwrap();
    }

    /// Gives the browser a cookie for `url`.
    pub async fn put_cookie(&self, url: &str, name: &str, value: &str) {
        let mut cookie = CookieParam::new(name, value);
        cookie.url = Some(url.to_owned());
        self.tab.set_cookies(vec![cookie]).await.unwrap();
    }

    /// From now on requests to addresses that begin so, and have a query, have this in it too; the page sees nothing of it.
    pub async fn add_to_query(&self, beginning: &str, more: &'static str) {
        let mut asked = self
            .tab
            .event_listener::<EventRequestPaused>()
            .await
            .unwrap();
        let pattern = RequestPattern::builder().url_pattern(format!("{beginning}\\?*"));
        let enabled = EnableParams::builder().pattern(pattern.build()).build();
        self.tab.execute(enabled).await.unwrap();
        let tab = self.tab.clone();
        tokio::spawn(async move {
            while let Some(event) = asked.next().await {
                let mut goes_on = ContinueRequestParams::new(event.request_id.clone());
                goes_on.url = Some(format!("{}&{more}", event.request.url));
                // A tab that was closed meanwhile asks for nothing any more.
                let _ = tab.execute(goes_on).await;
            }
        });
    }

    /// Waits until a script expression is true.
    pub async fn wait_until_true(&self, condition: &str) {
        self.wait_until(condition, condition).await;
    }

    /// Writes the whole page, as far as it scrolls, to a PNG file.
    pub async fn screenshot(&self, path: &Path) {
        let whole = ScreenshotParams::builder().full_page(true).build();
        self.tab.save_screenshot(whole, path).await.unwrap();
    }

    /// What the page complained about since it was opened: script errors, failed loads, and what its
    /// `Content-Security-Policy` stopped.
    pub fn console_errors(&self) -> Vec<String> {
        self.errors.lock().unwrap().clone()
    }

    /// The cookies that the browser would send to this page, `HttpOnly` ones included.
    pub async fn cookies(&self) -> Vec<Cookie> {
        self.tab.get_cookies().await.unwrap()
    }

    /// What axe finds wrong with the page as it is now, one line per rule and element. Needs scripts.
    pub async fn axe(&self) -> Vec<String> {
        let path = environment("EXEUNT_TEST_AXE").expect("EXEUNT_TEST_AXE names axe.min.js");
        let source = std::fs::read_to_string(path).unwrap();
        self.tab.evaluate_expression(source).await.unwrap();
        self.eval(
            "axe.run({ resultTypes: ['violations'] }).then(found => found.violations.flatMap(rule =>
                rule.nodes.map(node => rule.id + ': ' + node.failureSummary + ' ' + node.html)))",
        )
        .await
    }

    async fn wait_until(&self, condition: &str, what: &str) {
        let came = eventually(async || self.try_eval::<bool>(condition).await?.then_some(()));
        if came.await.is_none() {
            panic!("{what:?} never came; {}", self.describe().await);
        }
    }

    /// Like `eval`, but `None` while the page is between two documents.
    async fn try_eval<T: DeserializeOwned>(&self, expression: &str) -> Option<T> {
        let result = self.tab.evaluate_expression(expression).await.ok()?;
        result.into_value().ok()
    }

    async fn describe(&self) -> String {
        let page = "location.href + ' reads: ' + document.body.innerText";
        let page = self.try_eval::<String>(page).await.unwrap_or_default();
        format!("{page}\nconsole: {:?}", self.console_errors())
    }
}

/// Collects what a tab complains about, until the tab is closed.
async fn watch_for_errors(tab: &chromiumoxide::Page) -> Arc<Mutex<Vec<String>>> {
    let errors = Arc::new(Mutex::new(Vec::new()));
    let mut entries = tab.event_listener::<EventEntryAdded>().await.unwrap();
    let mut calls = tab.event_listener::<EventConsoleApiCalled>().await.unwrap();
    let mut thrown = tab.event_listener::<EventExceptionThrown>().await.unwrap();
    let seen = errors.clone();
    tokio::spawn(async move {
        loop {
            let error = tokio::select! {
                Some(event) = entries.next() => (event.entry.level == LogEntryLevel::Error)
                    .then(|| format!("{} {}", event.entry.text, event.entry.url.as_deref().unwrap_or_default())),
                Some(event) = calls.next() => (event.r#type == ConsoleApiCalledType::Error)
                    .then(|| json!(event.args).to_string()),
                Some(event) = thrown.next() => Some(json!(event.exception_details).to_string()),
                else => break,
            };
            seen.lock().unwrap().extend(error);
        }
    });
    errors
}
