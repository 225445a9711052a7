//! The page that another provider frames when somebody signs out there (Front-Channel Logout 1.0 §2).

use askama::Template;

use super::{Framed, Ui};

/// It says the same whether or not there was a session, and frames the applications that only a browser can tell.
#[derive(Debug, Clone, Template)]
#[template(path = "signed_out_elsewhere.html")]
pub struct SignedOutElsewhere {
    /// Language, issuer and request.
    pub ui: Ui,
    /// The pages of applications that are asked by this page.
    pub frames: Vec<Framed>,
}
