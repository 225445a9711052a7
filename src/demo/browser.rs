//! The rehearsal's browser: a cookie jar, redirects followed as browsers do, forms sent as people would.

use actix_web::cookie::Cookie;
use anyhow::{Context as _, bail};
use reqwest::header::{ACCEPT, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use url::Url;

use super::html::{self, Form};
use super::relying_party::http_client;

const MOST_REDIRECTS: usize = 20;

/// A browser of one person. A clone is another window of it, as long as no cookies change.
#[derive(Clone)]
pub(super) struct Browser {
    client: reqwest::Client,
    jar: Vec<Kept>,
}

/// A cookie, and where it goes. Ports don't matter to cookies.
#[derive(Clone)]
struct Kept {
    host: String,
    path: String,
    name: String,
    value: String,
}

/// What a browser shows after all redirects.
pub(super) struct Page {
    pub(super) url: Url,
    pub(super) body: String,
}

impl Page {
    /// The form on this page with a field called `field`.
    pub(super) fn form_with(&self, field: &str) -> Option<Form> {
        html::form_with(&self.body, field)
    }

    /// The form that the button with this `id` sends.
    pub(super) fn form_of(&self, button: &str) -> Option<Form> {
        html::form_of(&self.body, button)
    }

    /// The addresses of the page's frames.
    pub(super) fn frames(&self) -> Result<Vec<Url>, anyhow::Error> {
        let frames = html::frames(&self.body);
        let absolute = frames.iter().map(|src| Ok(self.url.join(src)?));
        absolute.collect()
    }

    /// Where the link with this `id` leads.
    pub(super) fn link(&self, id: &str) -> Option<Url> {
        self.url.join(&html::link(&self.body, id)?).ok()
    }
}

impl Browser {
    pub(super) fn new() -> Result<Self, anyhow::Error> {
        Ok(Self {
            client: http_client()?,
            jar: Vec::new(),
        })
    }

    /// Goes to an address. Anything but 200 in the end is an error.
    pub(super) async fn open(&mut self, url: Url) -> Result<Page, anyhow::Error> {
        let request = self.request(Method::GET, &url);
        self.follow(url, request).await
    }

    /// Sends a form that is on `page`.
    pub(super) async fn submit(&mut self, page: &Page, form: &Form) -> Result<Page, anyhow::Error> {
        let url = page.url.join(&form.action)?;
        let request = self
            .request(Method::POST, &url)
            .header(ORIGIN, page.url.origin().ascii_serialization())
            .header("sec-fetch-site", "same-origin")
            .form(&form.fields);
        self.follow(url, request).await
    }

    fn request(&self, method: Method, url: &Url) -> RequestBuilder {
        let request = self
            .client
            .request(method, url.clone())
            .header(ACCEPT, "text/html, */*;q=0.1");
        let cookies: Vec<String> = self
            .jar
            .iter()
            .filter(|cookie| cookie.goes_to(url))
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        if cookies.is_empty() {
            request
        } else {
            request.header(COOKIE, cookies.join("; "))
        }
    }

    async fn follow(
        &mut self,
        mut url: Url,
        request: RequestBuilder,
    ) -> Result<Page, anyhow::Error> {
        let mut request = request;
        for _ in 0..MOST_REDIRECTS {
            let response = request
                .send()
                .await
                .with_context(|| format!("{} does not answer", place(&url)))?;
            self.keep_cookies(&url, &response);
            match response.status() {
                StatusCode::OK => {
                    let body = response.text().await?;
                    return Ok(Page { url, body });
                }
                // Our pages answer a POST with 303, never with 307 or 308, which would send the form again.
                StatusCode::FOUND | StatusCode::SEE_OTHER => {
                    let location = response
                        .headers()
                        .get(LOCATION)
                        .context("a redirect to nowhere")?;
                    url = url.join(location.to_str()?)?;
                    request = self.request(Method::GET, &url);
                }
                status => bail!("{} answers {status}", place(&url)),
            }
        }
        bail!("{} redirects for ever", place(&url))
    }

    fn keep_cookies(&mut self, url: &Url, response: &Response) {
        for header in response.headers().get_all(SET_COOKIE) {
            let Some(cookie) = header
                .to_str()
                .ok()
                .and_then(|text| Cookie::parse(text).ok())
            else {
                continue;
            };
            let kept = Kept {
                host: url.host_str().unwrap_or_default().to_owned(),
                path: cookie.path().unwrap_or("/").to_owned(),
                name: cookie.name().to_owned(),
                value: cookie.value().to_owned(),
            };
            self.jar.retain(|old| !old.is_replaced_by(&kept));
            if !cookie
                .max_age()
                .is_some_and(|age| age.is_zero() || age.is_negative())
            {
                self.jar.push(kept);
            }
        }
    }
}

impl Kept {
    fn goes_to(&self, url: &Url) -> bool {
        let path = url.path();
        url.host_str() == Some(&self.host)
            && path.strip_prefix(self.path.as_str()).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/')
            })
    }

    fn is_replaced_by(&self, other: &Self) -> bool {
        self.host == other.host && self.path == other.path && self.name == other.name
    }
}

/// An address without its query, which may hold secrets.
fn place(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}
