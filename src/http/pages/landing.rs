//! The provider's own front door.

use askama::Template;

use super::{Form, Ui};

/// Who one is signed in as, and the way out.
#[derive(Debug, Clone, Template)]
#[template(path = "landing.html")]
pub struct Landing {
    /// Language, issuer and request.
    pub ui: Ui,
    /// The name, or the username, of whoever is signed in in this browser.
    pub account: Option<String>,
    /// Path of the account.
    pub account_href: String,
    /// The end session endpoint.
    pub sign_out: Form,
}
