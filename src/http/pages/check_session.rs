//! The page that applications frame to learn whether anything has changed (Session Management 1.0 §3.2).

use askama::Template;

use super::Ui;

/// It shows nothing: its script answers messages.
#[derive(Debug, Clone, Template)]
#[template(path = "check_session.html")]
pub struct CheckSession {
    /// Language, issuer and request.
    pub ui: Ui,
    /// The name of the cookie that the script reads.
    pub cookie: String,
}
