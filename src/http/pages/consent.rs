//! Consent.

use askama::Template;

use super::{Application, Form, Ui};

/// The page that asks whether an application may have what it asks for. Posts `decision=allow` or `decision=deny`.
#[derive(Debug, Clone, Template)]
#[template(path = "consent.html")]
pub struct Consent {
    /// Language, issuer and request.
    pub ui: Ui,
    /// Who asks.
    pub application: Application,
    /// Whose data it is: the name, or the username.
    pub account: String,
    /// The scope values asked for; those without words of ours are shown as they are.
    pub scopes: Vec<String>,
    /// Carries `interaction` and `csrf`.
    pub form: Form,
}

/// A scope in words.
struct Words {
    title: String,
    details: String,
}

impl Consent {
    fn words(&self, scope: &str) -> Option<Words> {
        // Only names that can be part of a key: anything else has no text of ours.
        let plain = scope
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let key = format!("scope-{scope}");
        let title = plain.then(|| self.ui.known_text(&key)).flatten()?;
        let details = self.ui.text(&format!("{key}.details"));
        Some(Words { title, details })
    }
}
