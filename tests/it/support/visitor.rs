//! A browser without a screen: follows links, keeps cookies, fills in forms.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Client, RequestBuilder, StatusCode};
use scraper::{ElementRef, Html, Selector};
use url::{Url, form_urlencoded};

/// One person's browser. Cookies go to every address alike: everything here is on one host.
pub struct Visitor {
    client: Client,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Where it came from.
    pub url: String,
    /// The status.
    pub status: StatusCode,
    /// The header.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

/// A form on a page.
#[derive(Debug, Clone)]
pub struct Form {
    /// Where it goes.
    pub action: String,
    /// Its fields that have a value, submit buttons left out.
    pub fields: Vec<(String, String)>,
}

/// A client that follows no redirects: tests want to see them. There is one for all, because making one reads every
/// root certificate; it keeps no connections, because each belongs to the runtime of one test.
#[expect(
    clippy::disallowed_methods,
    reason = "the outside of the provider, not its way out"
)]
pub fn http_client() -> Client {
    static CLIENT: LazyLock<Client> = LazyLock::new(|| {
        Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .no_proxy()
            .build()
            .unwrap()
    });
    CLIENT.clone()
}

impl Default for Visitor {
    fn default() -> Self {
        Self {
            client: http_client(),
            cookies: Mutex::default(),
        }
    }
}

impl Visitor {
    /// A browser over a client of the test's own.
    pub fn over(client: Client) -> Self {
        Self {
            client,
            cookies: Mutex::default(),
        }
    }

    /// Fetches an address; follows nothing.
    pub async fn get(&self, url: &str) -> Answer {
        self.send(url, self.client.get(url)).await
    }

    /// As [`Visitor::get`]; none if the connection broke before there was a whole answer.
    pub async fn try_get(&self, url: &str) -> Option<Answer> {
        self.try_send(url, self.client.get(url)).await
    }

    /// As [`Visitor::send`]; none if the connection broke before there was a whole answer.
    pub async fn try_send(&self, url: &str, request: RequestBuilder) -> Option<Answer> {
        let request = request.header(COOKIE, self.cookie_header());
        let answer = request.send().await.ok()?;
        self.keep(answer.headers());
        Some(Answer {
            url: url.to_owned(),
            status: answer.status(),
            headers: answer.headers().clone(),
            body: answer.text().await.ok()?,
        })
    }

    /// Posts a form as this site's own page would.
    pub async fn post(&self, url: &str, fields: &[(&str, &str)]) -> Answer {
        let origin = Url::parse(url).unwrap().origin().ascii_serialization();
        self.send(
            url,
            self.client.post(url).header("origin", origin).form(fields),
        )
        .await
    }

    /// Posts a form as another site's page would: `SameSite=Lax` cookies stay at home.
    pub async fn post_from_elsewhere(&self, url: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self
            .client
            .post(url)
            .header("origin", "https://elsewhere.example")
            .form(fields);
        let answer = request.send().await.unwrap();
        self.keep(answer.headers());
        read(url, answer).await
    }

    /// Sends a request with this browser's cookies.
    pub async fn send(&self, url: &str, request: RequestBuilder) -> Answer {
        let cookies = self.cookie_header();
        let request = if cookies.is_empty() {
            request
        } else {
            request.header(COOKIE, cookies)
        };
        let answer = request.send().await.unwrap();
        self.keep(answer.headers());
        read(url, answer).await
    }

    /// A client to build requests for [`Visitor::send`] with.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Follows redirects below `site` until there is an answer that is none, or one that leads away.
    pub async fn follow(&self, mut answer: Answer, site: &str) -> Answer {
        for _ in 0..10 {
            match answer.location() {
                Some(next) if next.starts_with(site) => answer = self.get(&next).await,
                _ => return answer,
            }
        }
        panic!("redirects without end, last at {}", answer.url);
    }

    /// Submits a form of a page with these fields in the place of its own.
    pub async fn submit(&self, page: &Answer, form: &Form, fields: &[(&str, &str)]) -> Answer {
        let (action, all) = filled_in(page, form, fields);
        self.post(&action, &all).await
    }

    /// As [`Visitor::submit`]; none if the connection broke before there was a whole answer.
    pub async fn try_submit(
        &self,
        page: &Answer,
        form: &Form,
        fields: &[(&str, &str)],
    ) -> Option<Answer> {
        let (action, all) = filled_in(page, form, fields);
        let origin = Url::parse(&action).unwrap().origin();
        let request = self.client.post(&action).form(&all);
        self.try_send(
            &action,
            request.header("origin", origin.ascii_serialization()),
        )
        .await
    }

    /// The value of a cookie, by the beginning of its name.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.cookies.lock().unwrap();
        cookies
            .iter()
            .find(|(known, _)| known.starts_with(name))
            .map(|(_, value)| value.clone())
    }

    /// Puts a cookie into the browser, whoever gave it.
    pub fn put_cookie(&self, name: &str, value: &str) {
        self.cookies
            .lock()
            .unwrap()
            .insert(name.to_owned(), value.to_owned());
    }

    fn cookie_header(&self) -> String {
        let cookies = self.cookies.lock().unwrap();
        cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ")
    }

    fn keep(&self, headers: &HeaderMap) {
        let mut cookies = self.cookies.lock().unwrap();
        for header in headers.get_all(SET_COOKIE) {
            let text = header.to_str().unwrap();
            let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.to_ascii_lowercase().contains("max-age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// Where a form goes and what it says, with these fields in the place of its own.
fn filled_in<'a>(
    page: &Answer,
    form: &'a Form,
    fields: &[(&'a str, &'a str)],
) -> (String, Vec<(&'a str, &'a str)>) {
    let mut all: Vec<(&str, &str)> = form
        .fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    all.retain(|(name, _)| !fields.iter().any(|(other, _)| other == name));
    all.extend_from_slice(fields);
    let action = Url::parse(&page.url).unwrap().join(&form.action).unwrap();
    (action.into(), all)
}

impl Form {
    fn read(form: ElementRef<'_>) -> Self {
        let input = Selector::parse("input").unwrap();
        Self {
            action: form.attr("action").unwrap_or_default().to_owned(),
            fields: form.select(&input).filter_map(Self::field).collect(),
        }
    }

    fn field(element: ElementRef<'_>) -> Option<(String, String)> {
        Some((
            element.attr("name")?.to_owned(),
            element.attr("value")?.to_owned(),
        ))
    }
}

async fn read(url: &str, answer: reqwest::Response) -> Answer {
    Answer {
        url: url.to_owned(),
        status: answer.status(),
        headers: answer.headers().clone(),
        body: answer.text().await.unwrap(),
    }
}

impl Answer {
    /// Where it leads, as an absolute URL.
    pub fn location(&self) -> Option<String> {
        let location = self.headers.get(LOCATION)?.to_str().unwrap();
        Some(
            Url::parse(&self.url)
                .unwrap()
                .join(location)
                .unwrap()
                .to_string(),
        )
    }

    /// A parameter of where it leads: of the query, or of the fragment where there is one.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let location = Url::parse(&self.location()?).unwrap();
        let text = location.fragment().or(location.query())?;
        form_urlencoded::parse(text.as_bytes())
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    /// The text of a header; empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The first form of the page.
    pub fn form(&self) -> Form {
        self.forms()
            .into_iter()
            .next()
            .unwrap_or_else(|| panic!("no form: {}", self.body))
    }

    /// Every form of the page.
    pub fn forms(&self) -> Vec<Form> {
        let page = Html::parse_document(&self.body);
        let form = Selector::parse("form").unwrap();
        page.select(&form).map(Form::read).collect()
    }

    /// The form that a button sends, with what the button adds to it; none if there is no such button.
    pub fn form_of(&self, button: &str) -> Option<Form> {
        let page = Html::parse_document(&self.body);
        let button = page.select(&Selector::parse(button).unwrap()).next()?;
        let mut around = button.ancestors().filter_map(ElementRef::wrap);
        let mut form = Form::read(around.find(|element| element.value().name() == "form")?);
        form.fields.extend(Form::field(button));
        Some(form)
    }

    /// The form that goes to this path and has this among its fields.
    pub fn form_with(&self, action: &str, field: (&str, &str)) -> Form {
        let wanted = |form: &Form| {
            let has = |(name, value): &(String, String)| (name.as_str(), value.as_str()) == field;
            form.action == action && (field.0.is_empty() || form.fields.iter().any(has))
        };
        let mut forms = self.forms().into_iter();
        forms
            .find(wanted)
            .unwrap_or_else(|| panic!("no form to {action} with {field:?}: {}", self.body))
    }

    /// The values of an attribute of what a CSS selector finds.
    pub fn attributes(&self, selector: &str, attribute: &str) -> Vec<String> {
        let page = Html::parse_document(&self.body);
        let selector = Selector::parse(selector).unwrap();
        page.select(&selector)
            .filter_map(|found| found.attr(attribute).map(str::to_owned))
            .collect()
    }

    /// Whether a CSS selector finds anything.
    pub fn has(&self, selector: &str) -> bool {
        let page = Html::parse_document(&self.body);
        let selector = Selector::parse(selector).unwrap();
        page.select(&selector).next().is_some()
    }

    /// The text of the first thing that a CSS selector finds, white space folded.
    pub fn text(&self, selector: &str) -> Option<String> {
        let page = Html::parse_document(&self.body);
        let found = page.select(&Selector::parse(selector).unwrap()).next()?;
        let text: String = found.text().collect();
        Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// The identifier of the page's main part: which page it is.
    pub fn page(&self) -> String {
        self.attributes("main", "id")
            .into_iter()
            .next()
            .unwrap_or_default()
    }
}
