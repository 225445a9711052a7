//! What an operator takes to run the suite itself: `docs/conformance.toml` for the provider and `docs/conformance.json` for
//! the suite, whose scripted browser is driven here as the suite drives it, but for scripts.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use exeunt::clock::ManualClock;
use exeunt::config::{Config, Credential};
use exeunt::server::{self, Running, Seams};
use reqwest::{Certificate, Client};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tempfile::TempDir;
use url::Url;

use super::plans::variants_of;
use crate::support::provider::database;
use crate::support::visitor::{Answer, Visitor};
use crate::support::{files_below, repository};

const PROVIDER: &str = include_str!("../../../docs/conformance.toml");
const SUITE: &str = include_str!("../../../docs/conformance.json");
/// What both files call the provider.
const ISSUER: &str = "https://exeunt.test:9443";

/// The provider of the file, and the suite's plan.
struct Ready {
    running: Running,
    clock: Arc<ManualClock>,
    /// The file as it is read where nothing else is said.
    written: Config,
    /// Where the provider is here: its port is any that is free.
    issuer: String,
    plan: Value,
    client: Client,
    _folder: TempDir,
}

/// Where the suite's browser came to.
struct End {
    /// Its address; that to which a page posts, if this is one that posts an answer.
    url: String,
    /// The last page of ours, or the redirect away.
    page: Answer,
    /// How many pictures it took for somebody to look at.
    pictures: usize,
}

impl Ready {
    #[expect(
        clippy::disallowed_methods,
        reason = "the outside of the provider, and certificates that are compared with the real time"
    )]
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let file = path("conformance.toml");
        std::fs::write(&file, PROVIDER).unwrap();
        let certified = rcgen::generate_simple_self_signed(["exeunt.test".to_owned()]).unwrap();
        let pem = certified.cert.pem();
        for (name, text) in [
            ("exeunt.pem", pem.clone()),
            ("exeunt-key.pem", certified.signing_key.serialize_pem()),
            ("suite.pem", pem.clone()),
        ] {
            std::fs::write(path(name), text).unwrap();
        }
        let written = Config::load(Some(file.as_path()), std::iter::empty()).unwrap();
        assert_eq!(written.issuer.as_str(), ISSUER);
        assert_eq!(written.listen.port(), 9443);

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = ISSUER.replace("9443", &listener.local_addr().unwrap().port().to_string());
        let environment = [
            ("EXEUNT__ISSUER", issuer.clone()),
            (
                "EXEUNT__DATABASE__URL",
                database(&folder).await.as_str().to_owned(),
            ),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value));
        let config = Config::load(Some(file.as_path()), environment.into_iter()).unwrap();
        let clock = Arc::new(ManualClock::at(Utc::now()));
        let seams = Seams {
            clock: Arc::clone(&clock) as Arc<_>,
            ..Seams::default()
        };
        let running = server::start_on(listener, config, seams).await.unwrap();
        let client = Client::builder()
            .tls_certs_only([Certificate::from_pem(pem.as_bytes()).unwrap()])
            .redirect(reqwest::redirect::Policy::none())
            .resolve("exeunt.test", SocketAddr::from(([127, 0, 0, 1], 0)))
            .pool_max_idle_per_host(0)
            .no_proxy()
            .build()
            .unwrap();
        Self {
            running,
            clock,
            written,
            plan: serde_json::from_str(&SUITE.replace(ISSUER, &issuer)).unwrap(),
            issuer,
            client,
            _folder: folder,
        }
    }

    fn visitor(&self) -> Visitor {
        Visitor::over(self.client.clone())
    }

    /// The suite's address of this name, under the plan's alias.
    fn suite(&self, path: &str) -> String {
        let alias = self.plan["alias"].as_str().unwrap();
        format!("https://localhost.emobix.co.uk:8443/test/a/{alias}/{path}")
    }

    /// A request as the suite makes it: its parameters in the order of their names.
    fn authorize_url(&self, client_id: &str, more: &[(&str, &str)]) -> String {
        let callback = self.suite("callback");
        let mut fields = vec![
            ("client_id", client_id),
            ("nonce", "the-nonce"),
            ("redirect_uri", &callback),
            ("response_type", "code"),
            ("scope", "openid profile email address phone"),
            ("state", "the-state"),
        ];
        fields.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
        fields.extend_from_slice(more);
        fields.sort_unstable();
        let url = format!("{}/authorize", self.issuer);
        Url::parse_with_params(&url, &fields).unwrap().into()
    }

    /// Does what the plan says is done at this address.
    async fn drive(&self, visitor: &Visitor, url: &str) -> End {
        self.drive_by(&self.plan["browser"], visitor, url).await
    }

    async fn drive_by(&self, browser: &Value, visitor: &Visitor, url: &str) -> End {
        let entries = browser.as_array().unwrap();
        let entry = entries.iter().find(|entry| fits(&entry["match"], url));
        let entry = entry.unwrap_or_else(|| panic!("nothing is said of {url}"));
        let page = visitor.follow(visitor.get(url).await, &self.issuer).await;
        let mut end = End {
            url: page.location().unwrap_or_else(|| page.url.clone()),
            page,
            pictures: 0,
        };
        for task in entry["tasks"].as_array().unwrap() {
            if !end.url.starts_with(&self.issuer) {
                break;
            }
            if fits(&task["match"], &end.url) {
                self.carry_out(task, visitor, &mut end).await;
            } else {
                assert_eq!(task["optional"], true, "{task} at {}", end.url);
            }
        }
        end
    }

    async fn carry_out(&self, task: &Value, visitor: &Visitor, end: &mut End) {
        let mut typed = Vec::new();
        for command in task["commands"].as_array().unwrap() {
            let words: Vec<&str> = command
                .as_array()
                .unwrap()
                .iter()
                .map(|word| word.as_str().unwrap_or_default())
                .collect();
            let selector = match words[1] {
                "id" => format!("#{}", words[2]),
                "css" => words[2].to_owned(),
                kind => panic!("{kind} is none of ours: {command}"),
            };
            match words[0] {
                "wait" => {
                    let text = end.page.text(&selector).unwrap_or_default();
                    let wanted = words[4].replace('\\', "");
                    let last = words[5] == "update-image-placeholder-optional";
                    assert!(text.contains(&wanted), "{command}: {:?}", end.page);
                    assert!(last || words[5] == "update-image-placeholder");
                    end.pictures += 1;
                }
                "text" => {
                    let name = end.page.attributes(&selector, "name").remove(0);
                    typed.push((name, words[3]));
                }
                "click" => {
                    let optional = words.get(3) == Some(&"optional");
                    self.click(&selector, &typed, optional, visitor, end).await;
                }
                word => panic!("{word} is none of ours: {command}"),
            }
        }
    }

    async fn click(
        &self,
        selector: &str,
        typed: &[(String, &str)],
        optional: bool,
        visitor: &Visitor,
        end: &mut End,
    ) {
        let next = if let Some(form) = end.page.form_of(selector) {
            if Url::parse(&form.action).is_ok_and(|url| !url.as_str().starts_with(&self.issuer)) {
                end.url = form.action;
                return;
            }
            let fields: Vec<_> = typed
                .iter()
                .map(|(name, value)| (name.as_str(), *value))
                .collect();
            visitor.submit(&end.page, &form, &fields).await
        } else if let Some(href) = end.page.attributes(selector, "href").pop() {
            let url = Url::parse(&end.page.url).unwrap().join(&href).unwrap();
            if !url.as_str().starts_with(&self.issuer) {
                end.url = url.into();
                return;
            }
            visitor.get(url.as_str()).await
        } else {
            assert!(optional, "no {selector}: {:?}", end.page);
            return;
        };
        end.page = visitor.follow(next, &self.issuer).await;
        let to = end.page.location();
        end.url = to.unwrap_or_else(|| end.page.url.clone());
    }

    /// Signs in anew and answers the ID token.
    async fn id_token(&self, visitor: &Visitor) -> String {
        self.tokens(visitor).await["id_token"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    async fn tokens(&self, visitor: &Visitor) -> Value {
        let end = self.drive(visitor, &self.authorize_url("one", &[])).await;
        let code = end.page.parameter("code").unwrap();
        let client = &self.plan["client"];
        let url = format!("{}/token", self.issuer);
        let callback = self.suite("callback");
        let request = self
            .client
            .post(&url)
            .basic_auth(
                client["client_id"].as_str().unwrap(),
                client["client_secret"].as_str(),
            )
            .form(&[
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", &callback),
            ]);
        let answer = visitor.send(&url, request).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    async fn close(self) {
        self.running.stop().await;
    }
}

/// Whether an address is of a pattern, in which stars stand for anything.
fn fits(pattern: &Value, url: &str) -> bool {
    let mut parts = pattern.as_str().unwrap().split('*');
    let Some(mut rest) = url.strip_prefix(parts.next().unwrap()) else {
        return false;
    };
    let mut open = false;
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
        open = part.is_empty();
    }
    open || rest.is_empty()
}

#[actix_web::test]
async fn the_two_files_name_the_same_clients_and_the_same_person() {
    let ready = Ready::open().await;
    let secret = |client_id: &str| {
        let clients = &ready.written.clients;
        let client = clients.iter().find(|client| client.client_id == client_id);
        match &client.unwrap_or_else(|| panic!("no {client_id}")).secret {
            Some(Credential::Plain(secret)) => secret.expose_secret().to_owned(),
            other => panic!("{client_id}: {other:?}"),
        }
    };
    for role in ["client", "client2", "client_secret_post"] {
        let client = &ready.plan[role];
        let client_id = client["client_id"].as_str().unwrap();
        assert_eq!(client["client_secret"], secret(client_id), "{role}");
    }
    for client in &ready.written.clients {
        let metadata = &client.metadata;
        let outward = [
            &metadata.backchannel_logout_uri,
            &metadata.frontchannel_logout_uri,
        ];
        let uris = metadata
            .redirect_uris
            .iter()
            .chain(&metadata.post_logout_redirect_uris)
            .chain(outward.into_iter().flatten());
        for uri in uris {
            assert!(uri.starts_with(&ready.suite("")), "{uri}");
        }
    }
    assert_eq!(ready.written.users.len(), 1);
    let discovery = format!("{}/.well-known/openid-configuration", ready.issuer);
    assert_eq!(ready.plan["server"]["discoveryUrl"], discovery);
    assert_eq!(
        ready.plan["server"]["login_hint"],
        ready.written.users[0].username
    );
    ready.close().await;
}

#[actix_web::test]
async fn the_provider_of_the_file_has_what_every_plan_asks_for() {
    let ready = Ready::open().await;
    let visitor = ready.visitor();
    let published = visitor
        .get(ready.plan["server"]["discoveryUrl"].as_str().unwrap())
        .await
        .json();
    let listed = |name: &str| published[name].as_array().unwrap().len();
    assert_eq!(listed("response_types_supported"), 6);
    for name in ["registration_endpoint", "check_session_iframe"] {
        assert!(published[name].is_string(), "{name}");
    }
    let tokens = ready.tokens(&visitor).await;
    let url = published["userinfo_endpoint"].as_str().unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    let request = ready.client.get(url).bearer_auth(token);
    let told = visitor.send(url, request).await.json();
    let not_told = ["iss", "aud", "exp", "iat", "auth_time", "nonce", "acr"];
    let not_told = not_told.iter().chain(&["amr", "at_hash", "c_hash", "sid"]);
    let not_told: Vec<_> = not_told.collect();
    for claim in published["claims_supported"].as_array().unwrap() {
        let claim = claim.as_str().unwrap();
        let known = !told[claim].is_null();
        assert!(known || not_told.contains(&&claim), "{claim} is missing");
    }
    let more = serde_json::json!({
        "redirect_uris": [ready.suite("callback")],
        "grant_types": ["implicit"],
        "response_types": ["id_token token"],
    });
    let url = published["registration_endpoint"].as_str().unwrap();
    let answer = visitor.send(url, ready.client.post(url).json(&more)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    ready.close().await;
}

#[actix_web::test]
async fn the_suites_browser_signs_in_with_every_client_and_takes_the_pictures_that_are_asked_for() {
    let ready = Ready::open().await;
    let visitor = ready.visitor();
    for client in &ready.written.clients {
        let url = ready.authorize_url(&client.client_id, &[]);
        for _ in 0..2 {
            let end = ready.drive(&visitor, &url).await;
            assert!(end.url.starts_with(&ready.suite("callback?")));
            assert!(end.page.parameter("code").is_some(), "{:?}", end.page);
            assert_eq!(end.pictures, 0);
        }
    }
    ready.clock.advance(TimeDelta::seconds(2));
    for again in [("prompt", "login"), ("max_age", "1")] {
        let url = ready.authorize_url("one", &[again]);
        let end = ready.drive(&visitor, &url).await;
        assert!(end.page.parameter("code").is_some(), "{:?}", end.page);
        assert_eq!(end.pictures, 1, "{again:?}");
        ready.clock.advance(TimeDelta::seconds(2));
    }
    let url = ready.authorize_url("one", &[("response_mode", "form_post")]);
    let end = ready.drive(&visitor, &url).await;
    assert_eq!(end.url, ready.suite("callback"));
    assert_eq!(end.page.attributes("[name=code]", "value").len(), 1);
    let elsewhere = ready.suite("callback/elsewhere");
    let url = ready.authorize_url("one", &[("redirect_uri", &elsewhere)]);
    let end = ready.drive(&visitor, &url).await;
    assert_eq!((end.page.page().as_str(), end.pictures), ("page-error", 1));
    ready.close().await;
}

#[actix_web::test]
async fn the_suites_browser_looks_at_the_sign_in_page_where_a_link_or_a_logo_is_to_be_seen() {
    let ready = Ready::open().await;
    let modules = ready.plan["override"].as_object().unwrap();
    for (module, other) in modules {
        let url = ready.authorize_url("one", &[]);
        let visitor = ready.visitor();
        let end = ready.drive_by(&other["browser"], &visitor, &url).await;
        assert_eq!(end.page.page(), "page-sign-in", "{module}");
        assert_eq!(end.pictures, 1, "{module}");
        variants_of(module);
    }
    ready.close().await;
}

#[actix_web::test]
async fn the_suites_browser_signs_out_and_shows_that_nobody_is_signed_in() {
    let ready = Ready::open().await;
    let visitor = ready.visitor();
    let url = format!("{}/end_session", ready.issuer);
    let back = ready.suite("post_logout_redirect");
    // (what is asked, whether a picture of the question is taken as well)
    let with = |fields: &[(&str, &str)]| -> String {
        Url::parse_with_params(&url, fields).unwrap().into()
    };
    for (asked, pictures) in [
        (url.clone(), 1),
        (with(&[("state", "bye")]), 1),
        (
            with(&[("post_logout_redirect_uri", &back), ("state", "bye")]),
            2,
        ),
        (
            with(&[
                ("id_token_hint", "nonsense"),
                ("post_logout_redirect_uri", &back),
            ]),
            2,
        ),
    ] {
        ready.id_token(&visitor).await;
        let end = ready.drive(&visitor, &asked).await;
        assert_eq!(end.page.page(), "page-signed-out", "{asked}");
        assert_eq!(end.pictures, pictures, "{asked}");
    }
    let hint = ready.id_token(&visitor).await;
    let asked = with(&[
        ("id_token_hint", &hint),
        ("post_logout_redirect_uri", &back),
        ("state", "bye"),
    ]);
    let end = ready.drive(&visitor, &asked).await;
    assert_eq!(end.url, format!("{back}?state=bye"));
    assert_eq!(end.pictures, 0);
    ready.close().await;
}

/// Every page with what a scripted browser finds there, as the document says it.
#[test]
fn the_pages_have_the_names_and_the_words_that_the_document_gives_them() {
    let read = |path| std::fs::read_to_string(repository().join(path)).unwrap();
    let templates: String = files_below("templates", "html")
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    let words = read("locales/en/pages.ftl");
    let document = read("docs/conformance.md");
    let (_, table) = document.split_once("| Page | At | It is |").unwrap();
    let mut pages = 0;
    for row in table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
    {
        let cells: Vec<&str> = row.split('|').collect();
        let names = cells[3].split('`').skip(1).step_by(2);
        let fields = cells[4].split('`').skip(1).step_by(2);
        for name in names.chain(fields.map(|field| field.strip_prefix('#').unwrap())) {
            let id = format!("id=\"{name}\"");
            assert!(templates.contains(&id), "{id}: {row}");
        }
        for text in cells[5].split('“').skip(1) {
            let (text, _) = text.split_once('”').unwrap();
            assert!(words.contains(&format!(" = {text}\n")), "{text}: {row}");
        }
        pages += 1;
    }
    assert_eq!(pages, 7);
}
