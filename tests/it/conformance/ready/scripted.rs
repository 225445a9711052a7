//! The provider of the file, and a browser that does what the suite's plan says.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use chrono::Utc;
use exeunt::clock::ManualClock;
use exeunt::config::Config;
use exeunt::server::{self, Running, Seams};
use reqwest::{Certificate, Client};
use serde_json::Value;
use tempfile::TempDir;
use url::Url;

use crate::support::provider::database;
use crate::support::visitor::{Answer, Visitor};

const PROVIDER: &str = include_str!("../../../../docs/conformance.toml");
const SUITE: &str = include_str!("../../../../docs/conformance.json");
/// What both files call the provider.
const ISSUER: &str = "https://exeunt.test:9443";

/// The provider of the file, and the suite's plan.
pub struct Ready {
    running: Running,
    /// It stands still until the test moves it.
    pub clock: Arc<ManualClock>,
    /// The file as it is read where nothing else is said.
    pub written: Config,
    /// Where the provider is here: its port is any that is free.
    pub issuer: String,
    /// The suite's plan, for the provider here.
    pub plan: Value,
    /// Trusts the provider's certificate, and knows where its name leads.
    pub client: Client,
    _folder: TempDir,
}

/// Where the suite's browser came to.
pub struct End {
    /// Its address; that to which a page posts, if this is one that posts an answer.
    pub url: String,
    /// The last page of ours, or the redirect away.
    pub page: Answer,
    /// How many pictures it took for somebody to look at.
    pub pictures: usize,
}

impl Ready {
    /// Starts the provider of the file.
    #[expect(
        clippy::disallowed_methods,
        reason = "the outside of the provider, and certificates that are compared with the real time"
    )]
    pub async fn open() -> Self {
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

    /// A browser without cookies.
    pub fn visitor(&self) -> Visitor {
        Visitor::over(self.client.clone())
    }

    /// The suite's address of this name, under the plan's alias.
    pub fn suite(&self, path: &str) -> String {
        let alias = self.plan["alias"].as_str().unwrap();
        format!("https://localhost.emobix.co.uk:8443/test/a/{alias}/{path}")
    }

    /// A request as the suite makes it: its parameters in the order of their names.
    pub fn authorize_url(&self, client_id: &str, more: &[(&str, &str)]) -> String {
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
    pub async fn drive(&self, visitor: &Visitor, url: &str) -> End {
        self.drive_by(&self.plan["browser"], visitor, url).await
    }

    /// As [`Ready::drive`], by another list of what is done where.
    pub async fn drive_by(&self, browser: &Value, visitor: &Visitor, url: &str) -> End {
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
    pub async fn id_token(&self, visitor: &Visitor) -> String {
        self.tokens(visitor).await["id_token"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Signs in at the plan's client and redeems the code.
    pub async fn tokens(&self, visitor: &Visitor) -> Value {
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

    /// Stops the provider.
    pub async fn close(self) {
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
