//! A client proves who it is (RFC 6749 §2.3, Core §9).

use super::{FlowError, Provider, client_keys, client_secrets};
use crate::jose::{ClientJwt, ClientJwtError};
use crate::oidc::client::{Client, ClientAuthMethod};
use crate::oidc::error::OAuthError;
use crate::oidc::token::client_auth::{self, PresentedCredentials};
use crate::store::{self, client_assertions, clients};

/// What a wrong name or secret is answered: which of the two, nobody learns. (What is wrong with an
/// assertion is said, for its developer's sake; client identifiers are no secret.)
const REFUSED: &str = "the client is unknown or its credentials are wrong";

/// The client behind the credentials, or why there is none.
///
/// # Errors
/// When we can't tell.
pub async fn authenticate(
    provider: &Provider,
    presented: &PresentedCredentials,
) -> Result<Result<Client, OAuthError>, FlowError> {
    let refused = || Ok(Err(OAuthError::invalid_client(REFUSED)));
    let Some(client) =
        clients::find_enabled(provider.database.read(), presented.client_id()).await?
    else {
        return refused();
    };
    match presented {
        PresentedCredentials::Basic { client_secret, .. }
        | PresentedCredentials::Post { client_secret, .. } => {
            if !client_secrets::matches(provider, &client, client_secret)? {
                return refused();
            }
        }
        PresentedCredentials::Assertion { assertion, .. } => {
            if let Err(refusal) = use_assertion(provider, &client, assertion).await? {
                return Ok(Err(refusal));
            }
        }
        PresentedCredentials::None { .. } => {}
    }
    // Last, so that only who knows the credentials learns how the client is registered.
    Ok(client_auth::check_method(&client, presented).map(|()| client))
}

async fn use_assertion(
    provider: &Provider,
    client: &Client,
    assertion: &str,
) -> Result<Result<(), OAuthError>, FlowError> {
    let now = provider.clock.now();
    let refused = |error: ClientJwtError| {
        OAuthError::invalid_client(format!("the client assertion: {error}"))
    };
    let jwt = match ClientJwt::read(assertion, client_auth::ASSERTION_JWT) {
        Ok(jwt) => jwt,
        Err(error) => return Ok(Err(refused(error))),
    };
    if let Some(registered) = client.metadata.token_endpoint_auth_signing_alg
        && registered != jwt.algorithm()
    {
        return Ok(Err(refused(ClientJwtError::Algorithm)));
    }
    // What the client registered decides what its keys are, never what it sends: else a public key would pass for a
    // secret.
    let claims = match client.metadata.token_endpoint_auth_method {
        ClientAuthMethod::PrivateKeyJwt => client_keys::verify(provider, client, &jwt).await?,
        ClientAuthMethod::ClientSecretJwt => {
            client_keys::verify_with_secret(provider, client, &jwt)?
        }
        _ => return Ok(Err(OAuthError::invalid_client(REFUSED))),
    };
    let claims = match claims {
        Ok(claims) => claims,
        Err(error) => return Ok(Err(refused(error))),
    };
    let issuer = &provider.config.issuer;
    let checked =
        client_auth::check_assertion(claims, client, issuer, &issuer.endpoint("/token"), now);
    let assertion = match checked {
        Ok(assertion) => assertion,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let tx = provider.database.begin().await?;
    let first =
        client_assertions::use_once(&tx, &client.client_id, &assertion.jti, assertion.expires_at)
            .await?;
    store::commit(tx).await?;
    Ok(if first {
        Ok(())
    } else {
        Err(OAuthError::invalid_client("the assertion was used before"))
    })
}
