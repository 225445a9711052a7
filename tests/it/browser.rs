//! The browser that the other tests drive, tried on a small page of its own.

use std::collections::HashMap;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::browser::Browser;

const SCRIPT: &str = "document.getElementById('script').textContent = 'scripts run';";

/// Serves a form at `/`, what was sent at `/sent`, and a script at `/script`, under a strict policy.
async fn serve_a_form() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => request.push(byte),
                        Err(_) => return,
                    }
                }
                let request = String::from_utf8(request).unwrap();
                let target = request.split(' ').nth(1).unwrap_or_default();
                let answer = answer(target, &request);
                stream.write_all(answer.as_bytes()).await.unwrap();
            });
        }
    });
    address
}

fn answer(target: &str, request: &str) -> String {
    let (kind, body) = match target.split_once('?') {
        None if target == "/script" => ("text/javascript", SCRIPT.to_owned()),
        None => (
            "text/html",
            "<!doctype html><html lang=en><title>Form</title><main><h1>Form</h1>
             <form action=/sent><input id=name name=name value=old><button id=send>Send</button></form>
             <p id=script>no scripts</p><script src=/script></script></main></html>"
                .to_owned(),
        ),
        Some((_, query)) => {
            let fields: HashMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).collect();
            let visited = request.contains("visited=yes");
            ("text/html", format!("<h1>{} {visited}</h1>", fields["name"]))
        }
    };
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}; charset=utf-8\r\ncontent-length: {}\r\n\
         set-cookie: visited=yes; HttpOnly\r\ncontent-security-policy: default-src 'none'; script-src 'self'\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn the_browser_fills_a_form_and_keeps_cookies() {
    let address = serve_a_form().await;
    let browser = Browser::launch().await;
    let page = browser.page(&address).await;
    page.wait_for_text("scripts run").await;
    page.fill("#name", "Ada").await;
    page.click("#send").await;
    let url = page.wait_for_url(|url| url.contains("/sent")).await;
    assert_eq!(url, format!("{address}/sent?name=Ada"));
    assert_eq!(page.text("h1").await, "Ada true");
    assert_eq!(page.cookies().await[0].name, "visited");
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn a_visitor_of_the_browser_has_cookies_of_their_own() {
    let address = serve_a_form().await;
    let browser = Browser::launch().await;
    browser.page(&address).await;
    let visitor = browser.visitor().await;
    let page = visitor.page(&format!("{address}/sent?name=Grace")).await;
    assert_eq!(page.text("h1").await, "Grace false");
    page.reload().await;
    page.wait_for_text("Grace true").await;
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn a_form_works_in_the_browser_without_scripts() {
    let address = serve_a_form().await;
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    page.disable_javascript().await;
    page.goto(&address).await;
    assert_eq!(page.text("#script").await, "no scripts");
    page.fill("#name", "Ada").await;
    page.click("#send").await;
    page.wait_for_text("Ada true").await;
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn the_browser_reports_what_the_policy_stopped() {
    let address = serve_a_form().await;
    let browser = Browser::launch().await;
    let page = browser.page(&address).await;
    page.wait_for_text("scripts run").await;
    let add_an_inline_script = "(() => {
        const script = document.createElement('script');
        script.textContent = 'document.title = \"broken\"';
        document.body.append(script);
    })()";
    page.eval::<()>(add_an_inline_script).await;
    assert_eq!(page.eval::<String>("document.title").await, "Form");
    let reported = crate::support::eventually(async || {
        let errors = page.console_errors().join("\n");
        errors.contains("Content Security Policy").then_some(())
    });
    assert!(reported.await.is_some(), "{:?}", page.console_errors());
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn the_browser_shows_sizes_and_themes_and_finds_what_axe_finds() {
    let address = serve_a_form().await;
    let browser = Browser::launch().await;
    let page = browser.page(&address).await;
    page.viewport(320, 640).await;
    assert_eq!(page.eval::<i64>("innerWidth").await, 320);
    for dark in [true, false] {
        page.dark(dark).await;
        let dark_now = "matchMedia('(prefers-color-scheme: dark)').matches";
        assert_eq!(page.eval::<bool>(dark_now).await, dark);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("form.png");
    page.screenshot(&file).await;
    assert!(std::fs::read(file).unwrap().starts_with(b"\x89PNG"));
    let violations = page.axe().await.join("\n");
    assert!(
        violations.contains("label: "),
        "the field has no label: {violations}"
    );
    assert!(page.url().await.starts_with(&address));
}
