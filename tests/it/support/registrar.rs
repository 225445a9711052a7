//! An application that registers itself, and looks after what it registered.

use chrono::TimeDelta;
use exeunt::config::RegistrationPolicy;
use exeunt::flows::register;
use reqwest::Method;
use serde_json::{Value, json};

use super::provider::{Provider, Wish, provider};
use super::relying_party::{RelyingParty, Tokens};
use super::visitor::{Answer, Visitor};

/// Where it lives. Nobody goes there.
pub const HOME: &str = "https://ledger.example";

/// A provider with such a policy.
pub async fn registering(policy: RegistrationPolicy) -> Wish {
    provider()
        .await
        .configure(|config| config.registration.policy = policy)
}

/// The valid example from which tests change one thing: as little as can be asked for.
pub fn least() -> Value {
    json!({ "redirect_uris": [format!("{HOME}/callback")] })
}

/// The same with these members too.
pub fn with(members: &Value) -> Value {
    let mut all = least();
    for (name, value) in members.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

/// An initial access token for `uses` clients, good for an hour.
pub async fn invite(provider: &Provider, uses: i32) -> String {
    let note = Some("for Ledger".to_owned());
    let invited = register::invite(provider.flows(), uses, TimeDelta::hours(1), note).await;
    invited.unwrap().0
}

/// Asks the registration endpoint.
pub async fn ask(provider: &Provider, metadata: &Value, token: Option<&str>) -> Answer {
    send(
        Method::POST,
        &provider.url("/register"),
        token,
        Some(metadata),
    )
    .await
}

/// Asks with a method, a token and a body.
pub async fn send(
    method: Method,
    url: &str,
    token: Option<&str>,
    metadata: Option<&Value>,
) -> Answer {
    let visitor = Visitor::default();
    let mut request = visitor.client().request(method, url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(metadata) = metadata {
        request = request.json(metadata);
    }
    visitor.send(url, request).await
}

/// An application that has registered itself.
pub struct Registered {
    /// What it was told.
    pub told: Value,
    issuer: String,
}

impl Registered {
    /// Registers it.
    pub async fn new(provider: &Provider, metadata: &Value, token: Option<&str>) -> Self {
        let answer = ask(provider, metadata, token).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        Self {
            told: answer.json(),
            issuer: provider.issuer.clone(),
        }
    }

    /// A text of what it was told.
    pub fn get(&self, name: &str) -> &str {
        self.told[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name}: {}", self.told))
    }

    /// Asks at its own address, with its own token.
    pub async fn manage(&self, method: Method, metadata: Option<&Value>) -> Answer {
        let (url, token) = (
            self.get("registration_client_uri"),
            self.get("registration_access_token"),
        );
        send(method, url, Some(token), metadata).await
    }

    /// Metadata with its `client_id`, as an update wants it.
    pub fn update(&self, members: &Value) -> Value {
        let mut all = with(members);
        all["client_id"] = self.told["client_id"].clone();
        all
    }

    /// Signs ada in, who allows what she is asked; answers the redirect back to the application.
    pub async fn sign_in(&self, visitor: &Visitor, more: &[(&str, &str)]) -> Answer {
        let party = self.party();
        let answer = party.sign_in(visitor, more).await;
        if answer.page() != "page-consent" {
            return answer;
        }
        let allowed = [("decision", "allow")];
        let answer = visitor.submit(&answer, &answer.form(), &allowed).await;
        visitor.follow(answer, &self.issuer).await
    }

    /// Signs ada in and redeems the code with its secret.
    pub async fn tokens(&self, visitor: &Visitor) -> Tokens {
        let answer = self.sign_in(visitor, &[]).await;
        let code = answer
            .parameter("code")
            .unwrap_or_else(|| panic!("no code: {answer:?}"));
        let answer = self.redeem(&code).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        Tokens { all: answer.json() }
    }

    /// Redeems a code with its secret.
    pub async fn redeem(&self, code: &str) -> Answer {
        let party = self.party();
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &party.redirect_uri),
        ])
        .await
    }

    /// Asks the token endpoint with its secret.
    pub async fn token(&self, fields: &[(&str, &str)]) -> Answer {
        let (url, visitor) = (format!("{}/token", self.issuer), Visitor::default());
        let request = visitor
            .client()
            .post(&url)
            .basic_auth(self.get("client_id"), Some(self.get("client_secret")));
        visitor.send(&url, request.form(fields)).await
    }

    /// It as it asks for codes.
    pub fn party(&self) -> RelyingParty {
        let mut party = RelyingParty::at(&self.issuer, self.get("client_id"), HOME);
        party.redirect_uri = self.told["redirect_uris"][0].as_str().unwrap().to_owned();
        party
    }
}
