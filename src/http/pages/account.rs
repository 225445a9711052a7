//! The account's pages: where one is signed in, what applications may have, and what became of sign-outs.

use askama::Template;
use chrono::TimeDelta;

use super::departure::Reader;
use super::leaving::Row;
use super::ui::Moment;
use super::{Application, Departure, Form, ServiceWish, Ui, UpstreamButton};
use crate::clock::Timestamp;
use crate::oidc::logout::Cause;
use crate::oidc::upstream::answer::Problem;

/// The account's front.
#[derive(Debug, Clone, Template)]
#[template(path = "account.html")]
pub struct Account {
    /// Language, issuer and request.
    pub ui: Ui,
    /// Who is signed in: the name, or the username.
    pub account: String,
    /// What came of the last act.
    pub notice: Option<AccountNotice>,
    /// Their sessions, this one first.
    pub sessions: Vec<SessionRow>,
    /// What they allowed.
    pub consents: Vec<ConsentRow>,
    /// Who they are at other providers.
    pub links: Links,
    /// Ends every session.
    pub end_all: Form,
    /// Path of the page for a new password.
    pub password_href: String,
    /// Path of the past sign-outs.
    pub sign_outs_href: String,
    /// Now: durations are counted from here.
    pub now: Timestamp,
}

/// Who somebody is at other providers, and who they could be.
#[derive(Debug, Clone, Default)]
pub struct Links {
    /// Who they are.
    pub rows: Vec<LinkRow>,
    /// Where they can show that they are somebody.
    pub buttons: Vec<UpstreamButton>,
    /// Leads there.
    pub link: Form,
}

/// Who somebody is at another provider.
#[derive(Debug, Clone)]
pub struct LinkRow {
    /// What people call the provider.
    pub label: String,
    /// Since when it is known.
    pub since: Timestamp,
    /// Forgets it.
    pub unlink: Form,
}

/// A session of the person's.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// Unique on the page.
    pub id: String,
    /// What its browser calls itself.
    pub user_agent: String,
    /// Whether it is the one that looks.
    pub here: bool,
    /// When it began.
    pub since: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen: Timestamp,
    /// The applications in it.
    pub parts: Vec<Part>,
    /// Ends it.
    pub end: Form,
}

/// An application's part in a session.
#[derive(Debug, Clone)]
pub struct Part {
    /// Which application.
    pub application: Application,
    /// Goes there, signed in, where it has an address for that.
    pub open: Option<String>,
    /// Ends it.
    pub leave: Form,
}

/// What an application was allowed.
#[derive(Debug, Clone)]
pub struct ConsentRow {
    /// Which application.
    pub application: Application,
    /// Goes there, signed in, where it has an address for that.
    pub open: Option<String>,
    /// The scope values; those without words of ours are shown as they are.
    pub scopes: Vec<String>,
    /// The services at which it may act for the person.
    pub services: Vec<ServiceWish>,
    /// The claims that they do not bring.
    pub claims: Vec<String>,
    /// Takes it back.
    pub withdraw: Form,
}

/// What came of the last act: only what is known.
#[derive(Debug, Clone)]
pub enum AccountNotice {
    /// Another session has ended.
    SessionEnded {
        /// What its browser calls itself.
        user_agent: String,
        /// Its applications.
        departures: Vec<Departure>,
    },
    /// An application was left.
    Left {
        /// The application.
        departures: Vec<Departure>,
    },
    /// A consent was withdrawn.
    Withdrawn {
        /// Whose it was.
        application: Application,
    },
    /// The password is another.
    PasswordChanged,
    /// Who they are elsewhere was not linked.
    NotLinked(Problem),
    /// It was not forgotten, since they could not sign in any more.
    OnlyWayIn,
}

/// The page for a new password. Its fields are `current-password` and `new-password`.
#[derive(Debug, Clone, Template)]
#[template(path = "account_password.html")]
pub struct ChangePassword {
    /// Language, issuer and request.
    pub ui: Ui,
    /// For password managers.
    pub username: String,
    /// Carries `csrf`.
    pub form: Form,
    /// Why the person sees this page again.
    pub notice: Option<PasswordNotice>,
    /// Path of the account.
    pub back_href: String,
}

/// Why a password was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordNotice {
    /// The current one is another.
    Wrong,
    /// The new one is too short or too long.
    Unfit,
    /// Too many attempts.
    Throttled {
        /// How long to wait before the next one.
        wait: TimeDelta,
    },
}

/// Past sign-outs.
#[derive(Debug, Clone, Template)]
#[template(path = "account_sign_outs.html")]
pub struct SignOuts {
    /// Language, issuer and request.
    pub ui: Ui,
    /// The newest first.
    pub sign_outs: Vec<SignOut>,
    /// Path of the account.
    pub back_href: String,
    /// Now: of another day, the date is said.
    pub now: Timestamp,
}

/// A sign-out.
#[derive(Debug, Clone)]
pub struct SignOut {
    /// When.
    pub at: Timestamp,
    /// What its browser calls itself.
    pub user_agent: String,
    /// Why, if that is known.
    pub cause: Option<Cause>,
    /// The applications that were to be told.
    pub departures: Vec<Departure>,
}

impl Account {
    fn since(&self, session: &SessionRow) -> Moment {
        Moment::with_its_day(session.since)
    }

    fn linked_since(&self, link: &LinkRow) -> Moment {
        Moment::with_its_day(link.since)
    }

    fn last_seen(&self, session: &SessionRow) -> String {
        let ago = self.now - session.last_seen;
        if session.here || ago < TimeDelta::minutes(2) {
            return self.ui.text("account-last-seen-now");
        }
        let ago = self.ui.duration(ago);
        self.ui.text_with("account-last-seen", "duration", ago)
    }

    fn scopes(&self, consent: &ConsentRow) -> String {
        let words = consent.scopes.iter().map(|scope| {
            let title = super::consent::title(&self.ui, scope);
            title.unwrap_or_else(|| scope.clone())
        });
        let services = consent.services.iter().map(|service| {
            let act = self
                .ui
                .text_with("service-act", "service", service.name.clone());
            match service.scopes.is_empty() {
                true => act,
                false => format!("{act} ({})", service.scopes.join(" ")),
            }
        });
        let claims = consent.claims.iter();
        words
            .chain(services)
            .chain(claims.map(|claim| super::consent::claim_title(&self.ui, claim)))
            .collect::<Vec<_>>()
            .join(&self.ui.text("account-scope-separator"))
    }

    fn notice_text(&self, notice: &AccountNotice) -> String {
        let ui = &self.ui;
        match notice {
            AccountNotice::SessionEnded { user_agent, .. } => {
                ui.text_with("account-ended", "browser", ui.browser(user_agent))
            }
            AccountNotice::Left { .. } => ui.text("account-left"),
            AccountNotice::Withdrawn { application } => {
                let name = application.name.clone();
                ui.text_with("account-withdrawn", "application", name)
            }
            AccountNotice::PasswordChanged => ui.text("account-password-changed"),
            AccountNotice::NotLinked(problem) => ui.text(match problem {
                Problem::Declined => "account-link-declined",
                Problem::Unavailable => "account-link-unavailable",
                Problem::Unbelievable => "account-link-unbelievable",
                // Nobody links by an invitation.
                Problem::NotAdmitted | Problem::InvitationOver => "account-link-not-admitted",
                Problem::AnotherClass => "account-link-another-class",
                Problem::NotFresh => "account-link-not-fresh",
                Problem::LinkedElsewhere => "sign-in-upstream-linked-elsewhere",
                Problem::SignedOut => "sign-in-upstream-signed-out",
            }),
            AccountNotice::OnlyWayIn => ui.text("account-only-way-in"),
        }
    }

    fn row(&self, departure: &Departure) -> Row {
        Row::new(&self.ui, departure, self.now, Reader::Page)
    }
}

impl AccountNotice {
    fn departures(&self) -> &[Departure] {
        match self {
            Self::SessionEnded { departures, .. } | Self::Left { departures } => departures,
            Self::Withdrawn { .. }
            | Self::PasswordChanged
            | Self::NotLinked(_)
            | Self::OnlyWayIn => &[],
        }
    }
}

impl ChangePassword {
    fn notice_text(&self) -> Option<String> {
        let ui = &self.ui;
        self.notice.map(|notice| match notice {
            PasswordNotice::Wrong => ui.text("password-wrong"),
            PasswordNotice::Unfit => ui.text("password-unfit"),
            PasswordNotice::Throttled { wait } => {
                ui.text_with("sign-in-throttled", "wait", ui.duration(wait))
            }
        })
    }
}

impl SignOuts {
    fn at(&self, sign_out: &SignOut) -> Moment {
        Moment::with_its_day(sign_out.at)
    }

    fn cause(&self, sign_out: &SignOut) -> String {
        let name = sign_out.cause.map_or("unknown", Cause::as_str);
        self.ui.text(&format!("cause-{}", name.replace('_', "-")))
    }

    fn row(&self, departure: &Departure) -> Row {
        Row::new(&self.ui, departure, self.now, Reader::Page)
    }
}
