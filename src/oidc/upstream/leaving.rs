//! Leaving an upstream too (RP-Initiated Logout 1.0 §2): what happens when somebody who came from there signs out here,
//! and the address that the browser is sent to.

use serde::{Deserialize, Serialize};

use super::{CALLBACKS, Upstream};
use crate::oidc::issuer::Issuer;
use crate::oidc::uri;

/// The longest address that a browser is sent to: servers and proxies take 8 KiB of a request's first line and more.
const LONGEST: usize = 7 * 1024;

/// What becomes of the session at an upstream when somebody who came from there signs out here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignOut {
    /// They are asked whether they want to leave there too.
    #[default]
    Offer,
    /// They are taken there to leave.
    Go,
    /// They stay signed in there, and nothing is said of it.
    Stay,
}

impl SignOut {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Offer, Self::Go, Self::Stay];

    /// The policy in one word, as the configuration writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Go => "go",
            Self::Stay => "stay",
        }
    }

    /// The policy of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

impl Upstream {
    /// Where it sends back whom we sent there to sign out: an address of its own, which is to be registered there
    /// (RP-Initiated Logout 1.0 §3.1).
    pub fn signed_out(&self, our_issuer: &Issuer) -> String {
        our_issuer.endpoint(&format!("{CALLBACKS}/{}/signed_out", self.id))
    }
}

/// The address to send the browser to; the endpoint is one that [`check_endpoint`](super::metadata::check_endpoint) lets
/// pass, for an ID token goes along. An ID token that makes it too long is left out: who asks
/// is then asked there whether they mean it (§2).
pub fn address(
    upstream: &Upstream,
    end_session_endpoint: &str,
    our_issuer: &Issuer,
    id_token: &str,
    state: &str,
) -> String {
    let mut parameters = vec![
        ("client_id", upstream.client_id.clone()),
        ("post_logout_redirect_uri", upstream.signed_out(our_issuer)),
        ("state", state.to_owned()),
    ];
    let without = uri::with_query(end_session_endpoint, &parameters);
    parameters.push(("id_token_hint", id_token.to_owned()));
    let with = uri::with_query(end_session_endpoint, &parameters);
    match with.len() <= LONGEST {
        true => with,
        false => without,
    }
}
