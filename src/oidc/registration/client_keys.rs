//! The keys that clients sign with.

use super::{Networks, Problem, outward};
use crate::oidc::algorithm::ClientAlgorithm;
use crate::oidc::client::{ClientAuthMethod, ClientMetadata};
use crate::oidc::jwks;

/// As HS256 wants it.
const LEAST_SIGNING_SECRET: usize = 32;

/// One that fits the method: a client's key signs otherwise than its secret does, and nothing goes unsigned
/// (Registration §2).
pub(super) fn token_endpoint_auth_signing_alg(metadata: &ClientMetadata) -> Vec<Problem> {
    let Some(algorithm) = metadata.token_endpoint_auth_signing_alg else {
        return Vec::new();
    };
    let message = match metadata.token_endpoint_auth_method {
        ClientAuthMethod::PrivateKeyJwt if algorithm.by_private_key().is_none() => {
            "private_key_jwt is for RS256, PS256, ES256 and EdDSA"
        }
        ClientAuthMethod::ClientSecretJwt if algorithm.least_secret().is_none() => {
            "client_secret_jwt is for HS256, HS384 and HS512"
        }
        _ if algorithm == ClientAlgorithm::None => "nobody authenticates with what is not signed",
        _ => return Vec::new(),
    };
    vec![Problem::new("token_endpoint_auth_signing_alg", message)]
}

/// What is wrong with a client's own choice of a secret of so many bytes, if anything is: a key must be as long as what
/// it makes (RFC 7518 §3.2).
pub fn secret_problem(metadata: &ClientMetadata, bytes: usize) -> Option<String> {
    if metadata.token_endpoint_auth_method != ClientAuthMethod::ClientSecretJwt {
        return None;
    }
    let algorithms = [
        metadata.token_endpoint_auth_signing_alg,
        metadata.request_object_signing_alg,
    ];
    let least = algorithms.into_iter().flatten();
    let least = least.filter_map(ClientAlgorithm::least_secret).max();
    let least = least.unwrap_or(LEAST_SIGNING_SECRET);
    (bytes < least)
        .then(|| format!("a secret that signs needs {least} bytes here, and this has {bytes}"))
}

/// Public keys, by value (Registration §2, RFC 7517 §5).
pub(super) fn jwks(metadata: &ClientMetadata) -> Vec<Problem> {
    let field = "jwks";
    let needed = metadata.token_endpoint_auth_method == ClientAuthMethod::PrivateKeyJwt;
    let Some(registered) = &metadata.jwks else {
        return if needed && metadata.jwks_uri.is_none() {
            let message = "private_key_jwt needs the client's public keys, here or at a jwks_uri";
            vec![Problem::new(field, message)]
        } else {
            Vec::new()
        };
    };
    let keys = match jwks::keys(registered) {
        Ok([]) => {
            let message = "must have a member keys with at least one key";
            return vec![Problem::new(field, message)];
        }
        Ok(keys) => keys,
        Err(problem) => return vec![Problem::new(field, problem)],
    };
    let mut problems = Vec::new();
    if keys.iter().any(jwks::is_private) {
        let message = "holds a private key; only public ones belong here";
        problems.push(Problem::new(field, message));
    }
    if !keys.iter().any(jwks::is_known_kind) {
        let message = "no key in it has the kty RSA, EC or OKP";
        problems.push(Problem::new(field, message));
    }
    problems
}

/// Public keys, by reference (Registration §2): in the place of `jwks`, where others can't change them on their way.
pub(super) fn jwks_uri(metadata: &ClientMetadata, networks: &Networks) -> Vec<Problem> {
    let field = "jwks_uri";
    let Some(uri) = &metadata.jwks_uri else {
        return Vec::new();
    };
    if metadata.jwks.is_some() {
        let message = "stands beside jwks; keep one of the two";
        return vec![Problem::new(field, message)];
    }
    match outward::check(uri, true, &outward::allowed(metadata, networks)) {
        Ok(()) => Vec::new(),
        Err(problem) => vec![Problem::new(field, problem)],
    }
}
