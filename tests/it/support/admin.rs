//! An administrators' program: it has a token of its own, and asks at the administrators' listener.

use exeunt::oidc::client::{ClientMetadata, GrantType};
use exeunt::oidc::scope::ADMIN;
use serde_json::Value;

use super::eventually;
use super::provider::{Provider, SECRET, Wish, provider};
use super::visitor::{Answer, Visitor};

/// The identifier of the program that may do everything.
pub const CONSOLE: &str = "console";

/// A client that acts for itself alone, and may ask for `scope`.
pub fn program(scope: &str) -> ClientMetadata {
    ClientMetadata {
        grant_types: vec![GrantType::ClientCredentials],
        response_types: Vec::new(),
        scope: Some(scope.to_owned()),
        ..ClientMetadata::default()
    }
}

/// With an administrators' listener, and the program [`CONSOLE`].
pub fn administered(wish: Wish) -> Wish {
    wish.with_admin().client(CONSOLE, program(ADMIN))
}

/// A provider with both, and no application.
pub async fn administered_provider() -> Provider {
    administered(provider().await).start().await
}

/// A program at work.
pub struct Desk<'a> {
    provider: &'a Provider,
    /// What it shows.
    pub token: String,
}

/// The token endpoint's answer to a program.
pub async fn own_token(provider: &Provider, client_id: &str, scope: Option<&str>) -> Answer {
    let (visitor, url) = (Visitor::default(), provider.url("/token"));
    let mut form = vec![("grant_type", "client_credentials")];
    form.extend(scope.map(|scope| ("scope", scope)));
    let request = visitor
        .client()
        .post(&url)
        .basic_auth(client_id, Some(SECRET))
        .form(&form);
    visitor.send(&url, request).await
}

impl<'a> Desk<'a> {
    /// [`CONSOLE`], with a fresh token.
    pub async fn of(provider: &'a Provider) -> Self {
        Self::of_client(provider, CONSOLE).await
    }

    /// Another program, with a fresh token for all that it may ask for.
    pub async fn of_client(provider: &'a Provider, client_id: &str) -> Self {
        let answer = own_token(provider, client_id, None).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let token = answer.json()["access_token"].as_str().unwrap().to_owned();
        Self { provider, token }
    }

    /// Somebody with a token from elsewhere.
    pub fn with_token(provider: &'a Provider, token: &str) -> Self {
        Self {
            provider,
            token: token.to_owned(),
        }
    }

    /// Asks.
    pub async fn get(&self, path: &str) -> Answer {
        let (visitor, url) = (Visitor::default(), self.provider.admin_url(path));
        let request = visitor.client().get(&url).bearer_auth(&self.token);
        visitor.send(&url, request).await
    }

    /// Asks; the answer must be a good one.
    pub async fn read(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    /// Acts, with a body of JSON if there is one.
    pub async fn post(&self, path: &str, body: Option<&Value>) -> Answer {
        let (visitor, url) = (Visitor::default(), self.provider.admin_url(path));
        let mut request = visitor.client().post(&url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        visitor.send(&url, request).await
    }

    /// Asks until the answer is as wanted.
    pub async fn wait_for(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(async || Some(self.read(path).await).filter(&wanted))
            .await
            .unwrap_or_else(|| panic!("{path} never came to be as wanted"))
    }
}

/// The metrics, as text.
pub async fn metrics(provider: &Provider) -> String {
    let answer = Visitor::default()
        .get(&provider.admin_url("/metrics"))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

/// The value of the metric that a line begins with.
pub fn value(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    let value = line.unwrap_or_else(|| panic!("no {name} in\n{metrics}"));
    value.trim().parse().unwrap()
}
