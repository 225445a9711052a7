//! The other house: a second provider, through which people sign in at the first, and what the two know of each other.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::{DeclaredClient, Person};
use crate::oidc::client::ClientMetadata;
use crate::oidc::issuer::Issuer;
use crate::oidc::upstream::leaving::SignOut;
use crate::oidc::upstream::requested_claims::RequestedClaims;
use crate::oidc::upstream::{Admits, AuthMethod, SCOPE, Upstream};

/// What it is called at the first provider: in addresses, and on the button.
const ID: &str = "house";
const LABEL: &str = "the other house";
/// What the first provider is called there, as a client and to people.
const CLIENT_ID: &str = "exeunt";
const CLIENT_NAME: &str = "Exeunt";

/// A provider beside the first.
#[derive(Debug, Clone)]
pub struct House {
    /// Its issuer.
    pub issuer: String,
    /// Who may sign in there.
    pub person: Person,
    /// By which the first provider proves there who it is.
    pub secret: SecretString,
}

impl House {
    /// What the first provider has to know of it: whoever is somebody there may come in.
    pub fn upstream(&self) -> Upstream {
        Upstream {
            id: ID.to_owned(),
            issuer: self.issuer.clone(),
            client_id: CLIENT_ID.to_owned(),
            auth_method: AuthMethod::ClientSecretBasic,
            scope: SCOPE.to_owned(),
            request_claims: RequestedClaims::default(),
            label: LABEL.to_owned(),
            logo: None,
            domains: Vec::new(),
            admits: Admits::Anyone,
            refreshes_claims: true,
            claims: BTreeMap::new(),
            private_networks: Vec::new(),
            sign_out: SignOut::default(),
            oauth2: None,
        }
    }

    /// What it has to know of the first provider, which has this issuer: a client that hears of sign-outs in the browser, so
    /// that the first can frame there what only a browser can tell. (Of two ways to be told a server's would be taken.)
    pub fn client(&self, issuer: &Issuer) -> DeclaredClient {
        let upstream = self.upstream();
        DeclaredClient {
            client_id: CLIENT_ID.to_owned(),
            client_secret: self.secret.clone(),
            metadata: ClientMetadata {
                client_name: Some(CLIENT_NAME.to_owned()),
                client_uri: Some(issuer.endpoint("/")),
                redirect_uris: vec![upstream.callback(issuer)],
                post_logout_redirect_uris: vec![upstream.signed_out(issuer)],
                frontchannel_logout_uri: Some(upstream.frontchannel_logout_uri(issuer)),
                frontchannel_logout_session_required: true,
                skip_consent: true,
                ..ClientMetadata::default()
            },
        }
    }

    /// The `id` of its button on the first provider's sign-in page.
    pub(super) fn button(&self) -> String {
        format!("upstream-{ID}")
    }
}
