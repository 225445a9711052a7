//! Confirm that someone wants to sign out (RP-Initiated Logout 1.0 §2).

use askama::Template;
use chrono::TimeDelta;

use super::{Application, Details, Form, Ui};
use crate::clock::Timestamp;

/// The page that asks before a session ends. Posts `scope=everywhere`, or `scope=client` where one application asked.
#[derive(Debug, Clone, Template)]
#[template(path = "confirm_sign_out.html")]
pub struct ConfirmSignOut {
    /// Language, issuer and request.
    pub ui: Ui,
    /// Who is signed in: the name, or the username.
    pub account: String,
    /// The applications that take part in the session.
    pub applications: Vec<Participation>,
    /// The application that asked and takes part: it alone can be left as well.
    pub only: Option<Application>,
    /// What is wrong with the request, if anything.
    pub notice: Option<SignOutNotice>,
    /// The same for a developer.
    pub details: Option<Details>,
    /// Carries `csrf` and whatever the handler wants back.
    pub form: Form,
    /// Now: durations are counted from here.
    pub now: Timestamp,
}

/// An application that takes part in the session.
#[derive(Debug, Clone)]
pub struct Participation {
    /// Which one.
    pub application: Application,
    /// Since when.
    pub since: Timestamp,
}

/// Why the person is not simply signed out and sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignOutNotice {
    /// `post_logout_redirect_uri` is not registered for the client.
    AddressNotRegistered,
    /// `client_id`, hint and URI do not belong together.
    RequestDoesNotFit,
}

impl SignOutNotice {
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::AddressNotRegistered => "sign-out-address-not-registered",
            Self::RequestDoesNotFit => "sign-out-request-does-not-fit",
        }
    }
}

impl ConfirmSignOut {
    fn since(&self, participation: &Participation) -> String {
        let lasted = self.now - participation.since;
        if lasted < TimeDelta::minutes(1) {
            return self.ui.text("confirm-since-now");
        }
        let lasted = self.ui.duration(lasted);
        self.ui.text_with("confirm-since", "duration", lasted)
    }
}
