//! Clients' secrets: made, kept, compared, and opened where they are keys.

use secrecy::{ExposeSecret as _, SecretSlice};

use super::{FlowError, Provider};
use crate::jose::HashPurpose;
use crate::oidc::client::{Client, ClientAuthMethod, ClientMetadata, KeptSecret};

/// A new secret for a client with this metadata, to be told this once, and what is kept of it; none if it uses none.
pub fn issue(
    provider: &Provider,
    client_id: &str,
    metadata: &ClientMetadata,
) -> Option<(String, KeptSecret)> {
    let method = metadata.token_endpoint_auth_method;
    if !method.uses_secret() {
        return None;
    }
    let mut secret = provider.random.secret();
    if method == ClientAuthMethod::ClientSecretJwt {
        // 86 characters: enough for each of the algorithms (RFC 7518 §3.2).
        secret.push_str(&provider.random.secret());
    }
    let kept = keep(provider, client_id, method, &secret);
    Some((secret, kept))
}

/// What is kept of a secret that a client uses so: a hash, or, where it is a key, the sealed secret itself.
pub fn keep(
    provider: &Provider,
    client_id: &str,
    method: ClientAuthMethod,
    secret: &str,
) -> KeptSecret {
    if method == ClientAuthMethod::ClientSecretJwt {
        let random = provider.random.as_ref();
        let sealed = provider
            .master
            .seal(random, &associated(client_id), secret.as_bytes());
        KeptSecret::Sealed(sealed)
    } else {
        KeptSecret::Hashed(provider.master.hash(HashPurpose::ClientSecret, secret))
    }
}

/// What is kept of the secret of a client that may have changed the way in which it uses one; none where it needs a new
/// one: of a hash no key can be made.
///
/// # Errors
/// When a sealed secret does not open.
pub fn carry_over(
    provider: &Provider,
    client: &Client,
    method: ClientAuthMethod,
) -> Result<Option<KeptSecret>, FlowError> {
    let signs = method == ClientAuthMethod::ClientSecretJwt;
    Ok(match &client.secret {
        Some(_) if !method.uses_secret() => None,
        Some(KeptSecret::Sealed(sealed)) if !signs => {
            let secret = open(provider, &client.client_id, sealed)?;
            let secret = String::from_utf8_lossy(secret.expose_secret());
            Some(keep(provider, &client.client_id, method, &secret))
        }
        Some(KeptSecret::Hashed(_)) if signs => None,
        kept => kept.clone(),
    })
}

/// Whether this is the client's secret, compared in constant time.
///
/// # Errors
/// When a sealed secret does not open.
pub fn matches(provider: &Provider, client: &Client, secret: &str) -> Result<bool, FlowError> {
    let master = &provider.master;
    let hash = match &client.secret {
        None => return Ok(false),
        Some(KeptSecret::Hashed(hash)) => hash.clone(),
        Some(KeptSecret::Sealed(sealed)) => {
            let known = open(provider, &client.client_id, sealed)?;
            let known = String::from_utf8_lossy(known.expose_secret());
            master.hash(HashPurpose::ClientSecret, &known)
        }
    };
    Ok(master.matches(HashPurpose::ClientSecret, secret, &hash))
}

/// The secret that a client signs with; none where it has none for that.
///
/// # Errors
/// When it does not open.
pub(super) fn signing_secret(
    provider: &Provider,
    client: &Client,
) -> Result<Option<SecretSlice<u8>>, FlowError> {
    match &client.secret {
        Some(KeptSecret::Sealed(sealed)) => Ok(Some(open(provider, &client.client_id, sealed)?)),
        _ => Ok(None),
    }
}

fn open(provider: &Provider, client_id: &str, sealed: &str) -> Result<SecretSlice<u8>, FlowError> {
    Ok(provider.master.open(&associated(client_id), sealed)?)
}

fn associated(client_id: &str) -> String {
    format!("client secret {client_id}")
}
