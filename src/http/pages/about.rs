//! What an application says of itself, where people decide whether to go there.

use url::Url;

use super::Ui;
use crate::oidc::client::Client;
use crate::oidc::uri;

/// An application's logo and its own pages.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// Path of its logo here.
    pub logo: Option<String>,
    /// Its home page.
    pub client_uri: Option<String>,
    /// What it does with people's data.
    pub policy_uri: Option<String>,
    /// Its terms of service.
    pub tos_uri: Option<String>,
}

/// A link that leads away from here.
pub(super) struct Away<'a> {
    pub(super) id: &'static str,
    pub(super) href: &'a str,
    pub(super) text: String,
}

impl About {
    /// What the client registered, and the path of its `logo`.
    pub fn of(client: &Client, logo: Option<String>) -> Self {
        let metadata = &client.metadata;
        Self {
            logo,
            client_uri: shown(&metadata.client_uri),
            policy_uri: shown(&metadata.policy_uri),
            tos_uri: shown(&metadata.tos_uri),
        }
    }

    /// Its pages, by the host of the first: a name can be anyone's.
    pub(super) fn links(&self, ui: &Ui) -> Vec<Away<'_>> {
        let home = self.client_uri.as_deref().and_then(|href| {
            let text = Url::parse(href).ok()?.host_str()?.to_owned();
            Some(Away {
                id: "client-uri",
                href,
                text,
            })
        });
        let named = [
            ("policy-uri", &self.policy_uri, "about-policy"),
            ("tos-uri", &self.tos_uri, "about-terms"),
        ];
        let named = named.into_iter().filter_map(|(id, href, key)| {
            let href = href.as_deref()?;
            let text = ui.text(key);
            Some(Away { id, href, text })
        });
        home.into_iter().chain(named).collect()
    }
}

/// https alone, but on this machine: a page that anyone on the way can change says nothing of the application.
fn shown(uri: &Option<String>) -> Option<String> {
    let url = uri::absolute(uri.as_deref()?).ok()?;
    let is_safe = match url.scheme() {
        "https" => true,
        "http" => uri::is_loopback(&url),
        _ => false,
    };
    is_safe.then(|| uri.clone()).flatten()
}
