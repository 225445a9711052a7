//! The answer to an authorization request by POST (OAuth 2.0 Form Post Response Mode 1.0).

use askama::Template;

use super::{Form, Ui};

/// A form that the browser sends to the application; by itself where scripts run.
#[derive(Debug, Clone, Template)]
#[template(path = "form_post.html")]
pub struct FormPost {
    /// Language, issuer and request.
    pub ui: Ui,
    /// The name of the application.
    pub application: String,
    /// The redirect URI and the parameters of the response.
    pub form: Form,
}
