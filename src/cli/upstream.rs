//! `exeunt upstream ...`. Upstreams that the configuration file declares are changed there.

mod add;
mod invitations;
mod trial;

use std::collections::BTreeMap;

use anyhow::{anyhow, bail};
use serde::Serialize;

use super::arguments::{Output, UpstreamCommand};
use super::show;
use crate::clock::Timestamp;
use crate::flows::Provider;
use crate::flows::people::NotDone;
use crate::flows::upstream::known;
use crate::oidc::upstream::Admits;
use crate::oidc::upstream::oauth2::OAuth2;
use crate::oidc::upstream::requested_claims::RequestedClaims;
use crate::store::upstreams::{self, KnownUpstream};

/// An upstream as programs see it. Our secret there is nobody's business.
#[derive(Serialize)]
struct Shown {
    id: String,
    issuer: String,
    kind: &'static str,
    client_id: String,
    token_endpoint_auth_method: &'static str,
    scope: String,
    request_claims: RequestedClaims,
    label: String,
    has_logo: bool,
    first_sign_in: &'static str,
    domains: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim_value: Option<String>,
    refresh_claims: &'static str,
    claims: BTreeMap<String, String>,
    private_networks: Vec<String>,
    #[serde(flatten)]
    oauth2: Option<OAuth2>,
    declared: bool,
    created_at: Timestamp,
    disabled_at: Option<Timestamp>,
    sign_out: &'static str,
    #[serde(flatten)]
    register: trial::Register,
}

pub(super) async fn run(provider: &Provider, command: UpstreamCommand) -> anyhow::Result<()> {
    match command {
        UpstreamCommand::Add(wanted) => add::run(provider, *wanted).await,
        UpstreamCommand::List(output) => list(provider, output).await,
        UpstreamCommand::Test { id, output } => trial::run(provider, &id, output).await,
        UpstreamCommand::Invite(wanted) => invitations::make(provider, wanted).await,
        UpstreamCommand::Invites(output) => invitations::list(provider, output).await,
        UpstreamCommand::Uninvite { id } => invitations::take_back(provider, id).await,
        UpstreamCommand::Remove { id } => remove(provider, &id).await,
    }
}

async fn list(provider: &Provider, output: Output) -> anyhow::Result<()> {
    let known = upstreams::list(provider.database.read()).await?;
    let all: Vec<Shown> = known
        .into_iter()
        .map(|known| shown(provider, known))
        .collect();
    show::list(
        output,
        &all,
        "There are none: `exeunt upstream add` makes one known.",
        &["NAME", "ISSUER", "FIRST SIGN-IN", "FROM", "STATE"],
        |known| {
            let from = if known.declared { "the file" } else { "here" };
            let state = match (known.disabled_at, known.declared) {
                (None, _) => "in use",
                (Some(_), true) => "left the file",
                (Some(_), false) => "replaced by the file's",
            };
            vec![
                known.id.clone(),
                known.issuer.clone(),
                known.first_sign_in.to_owned(),
                from.to_owned(),
                state.to_owned(),
            ]
        },
    )
}

fn shown(provider: &Provider, known: KnownUpstream) -> Shown {
    let upstream = known.upstream;
    let (claim, claim_value) = match &upstream.admits {
        Admits::Claim { name, value } => (Some(name.clone()), Some(value.clone())),
        _ => (None, None),
    };
    Shown {
        register: trial::Register::at(provider, &upstream),
        sign_out: upstream.sign_out.as_str(),
        first_sign_in: upstream.admits.as_str(),
        kind: match upstream.oauth2 {
            Some(_) => "oauth2",
            None => "openid",
        },
        id: upstream.id,
        issuer: upstream.issuer,
        client_id: upstream.client_id,
        token_endpoint_auth_method: upstream.auth_method.as_str(),
        scope: upstream.scope,
        request_claims: upstream.request_claims,
        label: upstream.label,
        has_logo: upstream.logo.is_some(),
        domains: upstream.domains,
        claim,
        claim_value,
        refresh_claims: match upstream.refreshes_claims {
            true => "always",
            false => "first",
        },
        claims: upstream.claims,
        private_networks: upstream.private_networks,
        oauth2: upstream.oauth2,
        declared: known.declared,
        created_at: known.created_at,
        disabled_at: known.disabled_at,
    }
}

async fn remove(provider: &Provider, id: &str) -> anyhow::Result<()> {
    match known::remove(provider, id).await? {
        Ok(()) => show::say(format!("Nobody signs in through {id} any more.")),
        Err(NotDone::Declared) => Err(lives_in_the_file(id)),
        Err(_) => bail!("there is no upstream {id}"),
    }
}

fn lives_in_the_file(id: &str) -> anyhow::Error {
    anyhow!("{id} is declared in the configuration file: change it there, and restart")
}
