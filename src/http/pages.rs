//! The person's pages: plain data in, HTML out. No database, no actix-web, no decision about what may be shown:
//! a handler decides, fills one of these structs and calls `render()` ([`askama::Template`]).
//!
//! Texts live in `locales/`, markup in `templates/`. Everything that comes from outside is escaped by the template;
//! every `href` and `action` handed in here must be a path of this provider or a URI that a client registered.

mod about;
mod account;
mod browser;
mod check_session;
mod consent;
mod departure;
mod error;
mod form_post;
mod landing;
mod leaving;
mod sign_in;
mod sign_out;
mod signed_out_elsewhere;
#[cfg(test)]
mod tests;
mod ui;

use crate::oidc::client::Client;
use crate::oidc::initiate_login::initiate_login;
use crate::oidc::issuer::Issuer;
pub use about::About;
pub use account::{
    Account, AccountNotice, ChangePassword, ConsentRow, LinkRow, Links, Part, PasswordNotice,
    SessionRow, SignOut, SignOuts,
};
pub use check_session::CheckSession;
pub use consent::{Consent, ServiceWish};
pub use departure::{Departure, DepartureState, Lasts};
pub use error::{Comparison, Details, ErrorPage, Problem};
pub use form_post::FormPost;
pub use landing::Landing;
pub use leaving::{Framed, Here, Leaving, LeavingStatus, MANY, SignedOut};
pub use sign_in::{SignIn, SignInNotice, UpstreamButton};
pub use sign_out::{ConfirmSignOut, Participation, SignOutNotice};
pub use signed_out_elsewhere::SignedOutElsewhere;

pub use ui::{Ui, languages, negotiate_language};

/// An application as a person sees it.
#[derive(Debug, Clone)]
pub struct Application {
    /// Decides the tint of the mark, so that an application looks the same on every page.
    pub client_id: String,
    /// `client_name`, or the `client_id` of a client without one.
    pub name: String,
}

impl Application {
    /// A client as a person sees it.
    pub fn of(client: &Client) -> Self {
        Self {
            client_id: client.client_id.clone(),
            name: client.name().to_owned(),
        }
    }

    /// The letter that stands for the application.
    fn mark(&self) -> String {
        let letter = self.name.chars().find(|c| c.is_alphanumeric());
        letter.map_or_else(|| "·".to_owned(), |c| c.to_uppercase().collect())
    }

    /// One of the stylesheet's eight tints, always the same for one `client_id` (FNV-1a: only spread matters here).
    fn tint(&self) -> u32 {
        let hash = self.client_id.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        (hash ^ (hash >> 16)) % 8
    }
}

/// Where a page's form goes, and what it carries unseen.
#[derive(Debug, Clone, Default)]
pub struct Form {
    /// A path of this provider, or (form_post) the registered redirect URI.
    pub action: String,
    /// Names and values of the hidden fields, in order: `interaction`, `csrf`, ...
    pub hidden: Vec<(String, String)>,
}

impl Form {
    /// A form without hidden fields.
    pub fn to(action: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            hidden: Vec::new(),
        }
    }

    /// The same form with one more hidden field.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.hidden.push((name.to_owned(), value.into()));
        self
    }
}

/// Where a person can go from here.
#[derive(Debug, Clone)]
pub struct Onward {
    /// A registered URI of the application (with `state`, if any), or a path of this provider.
    pub href: String,
    /// The name of the application that it belongs to; absent for our own pages.
    pub application: Option<String>,
}

impl Onward {
    /// To sign in at the client, if it has an address for that (Core §4).
    pub fn sign_in(client: &Client, issuer: &Issuer) -> Option<Self> {
        Some(Self {
            href: initiate_login(client, issuer)?,
            application: Some(client.name().to_owned()),
        })
    }

    fn name(&self) -> &str {
        self.application.as_deref().unwrap_or_default()
    }
}
