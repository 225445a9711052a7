//! Where we may be made to connect to, as far as a URI alone can tell.

use std::net::IpAddr;

use ipnet::IpNet;
use url::Host;

use super::Networks;
use crate::oidc::client::ClientMetadata;
use crate::oidc::uri;

/// The private networks that this client may name.
pub(super) fn allowed(metadata: &ClientMetadata, networks: &Networks) -> Vec<IpNet> {
    let named = metadata
        .private_networks
        .iter()
        .filter_map(|name| networks.named.get(name));
    named.flatten().chain(&networks.everyone).copied().collect()
}

/// What is wrong with a URI that we shall connect to: `plain_inside` says whether plain http does inside those private
/// networks, beside this machine.
///
/// Addresses are judged here, so that a mistake is told at once; names when they are resolved.
pub(super) fn check(
    text: &str,
    plain_inside: bool,
    private_networks: &[IpNet],
) -> Result<(), String> {
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
        "http" if !plain_inside => {
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
