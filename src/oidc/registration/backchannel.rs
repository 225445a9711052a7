//! Where logout tokens may be sent, as far as a URI alone can tell.

use std::net::IpAddr;

use ipnet::IpNet;
use url::Host;

use super::Problem;
use crate::oidc::client::{ClientAuthMethod, ClientMetadata};
use crate::oidc::uri;

/// Where logout tokens are posted (Back-Channel Logout §2.2): https, or plain http on this machine,
/// or, for a client that authenticates, inside a private network that outbound connections may reach.
///
/// Addresses are judged here, so that a mistake is told at once; names when they are resolved.
pub(super) fn logout_uri(metadata: &ClientMetadata, private_networks: &[IpNet]) -> Vec<Problem> {
    let Some(text) = &metadata.backchannel_logout_uri else {
        return Vec::new();
    };
    let public_client = metadata.token_endpoint_auth_method == ClientAuthMethod::None;
    match check(text, public_client, private_networks) {
        Ok(()) => Vec::new(),
        Err(problem) => vec![Problem::new("backchannel_logout_uri", problem)],
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
    let unreachable = || "outbound.allow_private_networks does not have its address".to_owned();
    match url.scheme() {
        "https" => {}
        "http" if uri::is_loopback(&url) => {}
        "http" if public_client || private_networks.is_empty() => {
            return Err(
                "plain http is for this machine and for allowed private networks; use https"
                    .to_owned(),
            );
        }
        "http" if address.is_some_and(|address| !allowed(&address)) => return Err(unreachable()),
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
