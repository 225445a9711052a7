//! The keys that clients sign with.

use serde_json::Value;

use super::{Networks, Problem, outward};
use crate::oidc::client::{ClientAuthMethod, ClientMetadata};

/// Public keys, by value (Registration §2, RFC 7517 §5).
pub(super) fn jwks(metadata: &ClientMetadata) -> Vec<Problem> {
    let field = "jwks";
    let needed = metadata.token_endpoint_auth_method == ClientAuthMethod::PrivateKeyJwt;
    let Some(jwks) = &metadata.jwks else {
        return if needed && metadata.jwks_uri.is_none() {
            let message = "private_key_jwt needs the client's public keys, here or at a jwks_uri";
            vec![Problem::new(field, message)]
        } else {
            Vec::new()
        };
    };
    let keys = jwks.get("keys").and_then(Value::as_array);
    let Some(keys) = keys.filter(|keys| !keys.is_empty()) else {
        return vec![Problem::new(
            field,
            "must have a member keys with at least one key",
        )];
    };
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];
    let is_private = |key: &Value| private.iter().any(|name| key.get(name).is_some());
    let mut problems = Vec::new();
    if keys.iter().any(is_private) {
        problems.push(Problem::new(
            field,
            "holds a private key; only public ones belong here",
        ));
    }
    let asymmetric = |key: &Value| matches!(key["kty"].as_str(), Some("RSA" | "EC" | "OKP"));
    if !keys.iter().all(asymmetric) {
        problems.push(Problem::new(
            field,
            "the kty of every key must be RSA, EC or OKP",
        ));
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
