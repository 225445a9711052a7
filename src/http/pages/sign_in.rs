//! Sign in.

use askama::Template;
use chrono::TimeDelta;

use super::{About, Application, Form, Ui};
use crate::oidc::upstream::answer::Problem;

/// The page that asks for a username and a password. Its fields are `username` and `password`; a second form with the
/// same hidden fields posts `action=cancel`.
#[derive(Debug, Clone, Template)]
#[template(path = "sign_in.html")]
pub struct SignIn {
    /// Language, issuer and request.
    pub ui: Ui,
    /// Where the person is going; none to their account here, and then there is nothing to cancel.
    pub application: Option<Application>,
    /// What it says of itself.
    pub about: About,
    /// Carries `csrf`, and `interaction` where an application asks.
    pub form: Form,
    /// What was typed before, or the `login_hint`; may be empty.
    pub username: String,
    /// Why the person sees this page again.
    pub notice: Option<SignInNotice>,
    /// The other providers through which one can sign in.
    pub upstreams: Vec<UpstreamButton>,
    /// Whether anybody has a password here.
    pub passwords: bool,
}

/// A button that leads to another provider: it posts `upstream` with its name.
#[derive(Debug, Clone)]
pub struct UpstreamButton {
    /// Its name.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// An image, as a `data:` URI.
    pub logo: Option<String>,
}

/// Why a sign-in did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInNotice {
    /// The username is unknown, or the password is not its own: never said which.
    WrongCredentials,
    /// Too many attempts.
    Throttled {
        /// How long to wait before the next one.
        wait: TimeDelta,
    },
    /// The application or its request wants a fresh sign-in of someone who is signed in already.
    Again,
    /// Nobody signed in through another provider.
    Upstream(Problem),
}

impl SignIn {
    fn title(&self) -> String {
        match &self.application {
            Some(known) => {
                let name = known.name.as_str();
                self.ui.text_with("sign-in-page-title", "application", name)
            }
            None => self.ui.text("sign-in-account-title"),
        }
    }

    fn notice_text(&self) -> Option<String> {
        let ui = &self.ui;
        self.notice.map(|notice| match notice {
            SignInNotice::WrongCredentials => ui.text("sign-in-wrong"),
            SignInNotice::Throttled { wait } => {
                ui.text_with("sign-in-throttled", "wait", ui.duration(wait))
            }
            SignInNotice::Again => ui.text("sign-in-again"),
            SignInNotice::Upstream(problem) => ui.text(match problem {
                Problem::Declined => "sign-in-upstream-declined",
                Problem::Unavailable => "sign-in-upstream-unavailable",
                Problem::Unbelievable => "sign-in-upstream-unbelievable",
                Problem::NotAdmitted => "sign-in-upstream-not-admitted",
                Problem::InvitationOver => "sign-in-upstream-invitation-over",
                Problem::AnotherClass => "sign-in-upstream-another-class",
                // Said of links alone: an older sign-in is one, as old as it is.
                Problem::NotFresh => "account-link-not-fresh",
                Problem::LinkedElsewhere => "sign-in-upstream-linked-elsewhere",
                Problem::SignedOut => "sign-in-upstream-signed-out",
            }),
        })
    }

    /// Whether the fields hold something to correct.
    fn is_wrong(&self) -> bool {
        self.notice == Some(SignInNotice::WrongCredentials)
    }
}
