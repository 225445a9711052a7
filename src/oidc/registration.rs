//! Whether what a client registers is sound (Dynamic Client Registration 1.0 §2, Back-Channel Logout 1.0 §2.2,
//! Front-Channel Logout 1.0 §2).

use ipnet::IpNet;
use url::{Host, Url};

use crate::oidc::client::{ApplicationType, ClientAuthMethod, ClientMetadata, GrantType};

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The field's name in the metadata.
    pub field: &'static str,
    /// What is wrong, as the end of a sentence that begins with the field.
    pub message: String,
}

/// Everything that is wrong with `metadata`; nothing, if it may be registered.
///
/// `has_secret`: whether the client has one. `private_networks`: where plain http may reach a confidential client's
/// server.
pub fn check(
    metadata: &ClientMetadata,
    has_secret: bool,
    private_networks: &[IpNet],
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut refuse = |field, message: String| problems.push(Problem { field, message });
    let native = metadata.application_type == ApplicationType::Native;

    if metadata.grant_types.contains(&GrantType::AuthorizationCode)
        && metadata.redirect_uris.is_empty()
    {
        refuse("redirect_uris", "is missing".to_owned());
    }
    for (field, uris) in [
        ("redirect_uris", &metadata.redirect_uris),
        (
            "post_logout_redirect_uris",
            &metadata.post_logout_redirect_uris,
        ),
    ] {
        for uri in uris {
            if let Err(message) = check_uri(uri, native, &[]) {
                refuse(field, message);
            }
        }
    }
    let networks = if has_secret { private_networks } else { &[] };
    for (field, uri, networks) in [
        (
            "backchannel_logout_uri",
            &metadata.backchannel_logout_uri,
            networks,
        ),
        (
            "frontchannel_logout_uri",
            &metadata.frontchannel_logout_uri,
            &[],
        ),
    ] {
        if let Some(Err(message)) = uri.as_deref().map(|uri| check_uri(uri, false, networks)) {
            refuse(field, message);
        }
    }
    let needs = match metadata.token_endpoint_auth_method {
        ClientAuthMethod::ClientSecretBasic | ClientAuthMethod::ClientSecretPost if !has_secret => {
            Some("needs a secret")
        }
        ClientAuthMethod::None if has_secret => Some("is none although there is a secret"),
        ClientAuthMethod::PrivateKeyJwt if metadata.jwks.is_none() => Some("needs jwks"),
        _ => None,
    };
    if let Some(message) = needs {
        refuse("token_endpoint_auth_method", message.to_owned());
    }
    problems
}

/// https without a fragment; http on loopback or in `networks`; a reverse-domain scheme for native ones (RFC 8252 §7).
fn check_uri(uri: &str, native: bool, networks: &[IpNet]) -> Result<(), String> {
    let Ok(url) = Url::parse(uri) else {
        return Err(format!("holds no absolute URI: {uri:?}"));
    };
    if url.fragment().is_some() {
        return Err(format!("holds a URI with a fragment: {uri}"));
    }
    let inside = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || !networks.is_empty(),
        Some(Host::Ipv4(ip)) => {
            ip.is_loopback()
                || networks
                    .iter()
                    .any(|net| net.contains(&std::net::IpAddr::V4(ip)))
        }
        Some(Host::Ipv6(ip)) => {
            ip.is_loopback()
                || networks
                    .iter()
                    .any(|net| net.contains(&std::net::IpAddr::V6(ip)))
        }
        None => false,
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if inside => Ok(()),
        "http" => Err(format!("is plain http where that is not allowed: {uri}")),
        scheme if native && scheme.contains('.') => Ok(()),
        _ => Err(format!("has a scheme that is not allowed: {uri}")),
    }
}
