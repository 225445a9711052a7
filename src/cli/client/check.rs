//! Whether an application can be added as it is described.

use anyhow::{anyhow, bail};

use crate::flows::{Provider, sector};
use crate::jose::check_client_jwks;
use crate::oidc::client::ClientMetadata;
use crate::oidc::registration::{self, Problem};

/// Tells every problem of the metadata at once; then the one of its sector's document, for which others are asked.
pub(super) async fn check(provider: &Provider, metadata: &ClientMetadata) -> anyhow::Result<()> {
    let networks = provider.config.outbound.networks();
    // It is given a secret if it uses one.
    let has_secret = metadata.token_endpoint_auth_method.uses_secret();
    let mut problems = registration::check(metadata, has_secret, &networks);
    if problems.is_empty()
        && let Some(Err(message)) = metadata.jwks.as_ref().map(check_client_jwks)
    {
        let field = "jwks";
        problems.push(Problem { field, message });
    }
    if !problems.is_empty() {
        bail!(not_like_this(&problems));
    }
    match sector::check(provider, metadata).await? {
        Ok(()) => Ok(()),
        Err(problem) => Err(anyhow!(not_like_this(&[problem]))),
    }
}

fn not_like_this(problems: &[Problem]) -> String {
    let lines: String = problems
        .iter()
        .map(|problem| format!("\n  {}: {}", problem.field, problem.message))
        .collect();
    format!("the application can't be registered like this:{lines}")
}
