//! Where logout tokens may be sent, as far as a URI alone can tell.

use std::net::IpAddr;

use chrono::TimeDelta;
use ipnet::IpNet;
use url::Host;

use super::{Networks, Problem};
use crate::oidc::client::{ClientAuthMethod, ClientMetadata, LogoutTokenSubject};
use crate::oidc::uri;

/// Where logout tokens are posted (Back-Channel Logout §2.2): https, or plain http on this machine,
/// or, for a client that authenticates, inside a private network that outbound connections may reach.
///
/// Addresses are judged here, so that a mistake is told at once; names when they are resolved.
pub(super) fn logout_uri(metadata: &ClientMetadata, networks: &Networks) -> Vec<Problem> {
    let Some(text) = &metadata.backchannel_logout_uri else {
        return Vec::new();
    };
    let public_client = metadata.token_endpoint_auth_method == ClientAuthMethod::None;
    let named = metadata
        .private_networks
        .iter()
        .filter_map(|name| networks.named.get(name));
    let allowed: Vec<IpNet> = named.flatten().chain(&networks.everyone).copied().collect();
    match check(text, public_client, &allowed) {
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

fn check(text: &str, public_client: bool, private_networks: &[IpNet]) -> Result<(), String> {
    let url = uri::absolute(text)?;
    let address = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(address.to_canonical()),
        _ => None,
    };
    let allowed = |address: &IpAddr| private_networks.iter().any(|net| net.contains(address));
    let unreachable = || {
        "neither outbound.allow_private_networks nor a network that private_networks names has its address"
            .to_owned()
    };
    match url.scheme() {
        "https" => {}
        "http" if uri::is_loopback(&url) => {}
        "http" if private_networks.is_empty() => {
            return Err(
                "plain http is for this machine and for allowed private networks; use https"
                    .to_owned(),
            );
        }
        "http" if address.is_some_and(|address| !allowed(&address)) => return Err(unreachable()),
        "http" if public_client => {
            return Err(
                "plain http inside a private network is for clients that authenticate; use https"
                    .to_owned(),
            );
        }
        "http" => {}
        _ => return Err("use https".to_owned()),
    }
    match address {
        Some(address) if is_private(address) && !allowed(&address) => Err(unreachable()),
        _ => Ok(()),
    }
}

/// Addresses that only someone inside could mean. The guarded client knows every special range; these
/// are the ones that are registered by mistake or by malice.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
        }
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
        }
    }
}
