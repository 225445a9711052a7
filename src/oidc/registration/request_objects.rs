//! How a client brings its requests as JWTs (Registration §2).

use super::{Networks, Problem, outward};
use crate::oidc::client::{ClientAuthMethod, ClientMetadata};

/// Where we shall fetch objects: as with keys, but that a fragment may say which version it is (Core §6.2).
pub(super) fn request_uris(metadata: &ClientMetadata, networks: &Networks) -> Vec<Problem> {
    let allowed = outward::allowed(metadata, networks);
    metadata
        .request_uris
        .iter()
        .filter_map(|text| {
            let problem = request_uri(text, &allowed).err()?;
            Some(Problem::new("request_uris", format!("{text:?}: {problem}")))
        })
        .collect()
}

fn request_uri(text: &str, allowed: &[ipnet::IpNet]) -> Result<(), String> {
    let (address, version) = text.split_once('#').unwrap_or((text, ""));
    let in_a_fragment =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte);
    if !version.bytes().all(in_a_fragment) {
        return Err("its fragment has a character that no fragment has".to_owned());
    }
    outward::check(address, true, allowed)
}

/// One that there is a key for.
pub(super) fn request_object_signing_alg(metadata: &ClientMetadata) -> Vec<Problem> {
    let has_keys = metadata.jwks.is_some() || metadata.jwks_uri.is_some();
    let signs = metadata.token_endpoint_auth_method == ClientAuthMethod::ClientSecretJwt;
    let message = match metadata.request_object_signing_alg {
        Some(algorithm) if algorithm.least_secret().is_some() && !signs => {
            "HS256, HS384 and HS512 need a client with client_secret_jwt: other secrets are kept as hashes"
        }
        Some(algorithm) if algorithm.by_private_key().is_some() && !has_keys => {
            "this algorithm needs the client's public keys, in jwks or at a jwks_uri"
        }
        _ => return Vec::new(),
    };
    vec![Problem::new("request_object_signing_alg", message)]
}
