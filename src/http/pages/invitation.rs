//! Come in for the first time.

use askama::Template;

use super::{Form, Ui, UpstreamButton};

/// The page behind an invitation's link: opening it uses nothing up, the button leads on.
#[derive(Debug, Clone, Template)]
#[template(path = "invitation.html")]
pub struct Invitation {
    /// Language, issuer and request.
    pub ui: Ui,
    /// Through which provider.
    pub upstream: UpstreamButton,
    /// Carries `csrf` and `token`.
    pub form: Form,
    /// Whether the provider was tried in vain.
    pub does_not_answer: bool,
}
