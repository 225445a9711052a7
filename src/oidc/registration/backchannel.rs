//! Where logout tokens may be sent, and what they say.

use chrono::TimeDelta;

use super::{Networks, Problem, outward};
use crate::oidc::client::{ClientAuthMethod, ClientMetadata, LogoutTokenSubject};

/// Where logout tokens are posted (Back-Channel Logout §2.2): https, or plain http on this machine,
/// or, for a client that authenticates, inside a private network that outbound connections may reach.
///
/// Addresses are judged here, so that a mistake is told at once; names when they are resolved.
pub(super) fn logout_uri(metadata: &ClientMetadata, networks: &Networks) -> Vec<Problem> {
    let Some(text) = &metadata.backchannel_logout_uri else {
        return Vec::new();
    };
    let public_client = metadata.token_endpoint_auth_method == ClientAuthMethod::None;
    match outward::check(text, !public_client, &outward::allowed(metadata, networks)) {
        Ok(()) => Vec::new(),
        Err(problem) => vec![Problem::new("backchannel_logout_uri", problem)],
    }
}

/// Each is one that the configuration has.
pub(super) fn private_networks(metadata: &ClientMetadata, networks: &Networks) -> Vec<Problem> {
    let unknown = metadata
        .private_networks
        .iter()
        .filter(|name| !networks.named.contains_key(*name));
    unknown
        .map(|name| {
            let message = format!("outbound.private_networks has no {name:?}");
            Problem::new("private_networks", message)
        })
        .collect()
}

/// A client that requires `sid` can't do without it (Back-Channel Logout §2.2).
pub(super) fn logout_token_subject(metadata: &ClientMetadata) -> Vec<Problem> {
    if metadata.logout_token_subject == LogoutTokenSubject::Sub
        && metadata.backchannel_logout_session_required
    {
        let message = "sub alone is not for a client with backchannel_logout_session_required";
        return vec![Problem::new("logout_token_subject", message)];
    }
    Vec::new()
}

/// Within the bounds of the setting for all.
pub(super) fn logout_give_up_after(metadata: &ClientMetadata) -> Vec<Problem> {
    let bounds = TimeDelta::seconds(1)..=TimeDelta::days(30);
    match metadata.logout_give_up_after {
        Some(after) if !bounds.contains(&after.0) => {
            vec![Problem::new(
                "logout_give_up_after",
                "must be between 1s and 30d",
            )]
        }
        _ => Vec::new(),
    }
}
