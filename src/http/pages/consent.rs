//! Consent.

use askama::Template;

use super::{About, Application, Form, Ui};

/// The page that asks whether an application may have what it asks for. Posts `decision=allow` or `decision=deny`.
#[derive(Debug, Clone, Template)]
#[template(path = "consent.html")]
pub struct Consent {
    /// Language, issuer and request.
    pub ui: Ui,
    /// Who asks.
    pub application: Application,
    /// What it says of itself.
    pub about: About,
    /// Whose data it is: the name, or the username.
    pub account: String,
    /// The scope values asked for; those without words of ours are shown as they are.
    pub scopes: Vec<String>,
    /// The services at which it would act for the person.
    pub services: Vec<ServiceWish>,
    /// The claims asked for one by one.
    pub claims: Vec<String>,
    /// Carries `interaction` and `csrf`.
    pub form: Form,
}

/// What an application wants at a service, or was allowed there.
#[derive(Debug, Clone)]
pub struct ServiceWish {
    /// What applications call it.
    pub identifier: String,
    /// What people call it.
    pub name: String,
    /// The scope values there, which have no words of ours.
    pub scopes: Vec<String>,
}

/// A scope in words.
struct Words {
    title: String,
    details: String,
}

impl Consent {
    fn claim(&self, claim: &str) -> String {
        claim_title(&self.ui, claim)
    }

    fn words(&self, scope: &str) -> Option<Words> {
        let title = title(&self.ui, scope)?;
        let details = self.ui.text(&format!("scope-{scope}.details"));
        Some(Words { title, details })
    }
}

/// What a scope lets an application do, if it is one with words of ours.
pub(super) fn title(ui: &Ui, scope: &str) -> Option<String> {
    words(ui, "scope", scope)
}

/// What an application learns by a claim.
pub(super) fn claim_title(ui: &Ui, claim: &str) -> String {
    words(ui, "claim", claim).unwrap_or_else(|| claim.to_owned())
}

fn words(ui: &Ui, kind: &str, name: &str) -> Option<String> {
    // Only names that can be part of a key: anything else has no text of ours.
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    plain
        .then(|| ui.known_text(&format!("{kind}-{name}")))
        .flatten()
}
