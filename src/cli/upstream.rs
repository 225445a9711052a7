//! `exeunt upstream ...`. Upstreams that the configuration file declares are changed there.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow, bail};
use secrecy::SecretString;
use serde::Serialize;

use super::arguments::{Output, UpstreamAdd, UpstreamCommand};
use super::show;
use crate::clock::Timestamp;
use crate::flows::Provider;
use crate::flows::people::NotDone;
use crate::flows::upstream::known;
use crate::oidc::upstream::{self, Admits, Upstream};
use crate::store::upstreams::{self, KnownUpstream};

/// An upstream as programs see it. Our secret there is nobody's business.
#[derive(Serialize)]
struct Shown {
    id: String,
    issuer: String,
    client_id: String,
    label: String,
    first_sign_in: &'static str,
    declared: bool,
    created_at: Timestamp,
    disabled_at: Option<Timestamp>,
    redirect_uri: String,
    backchannel_logout_uri: String,
    frontchannel_logout_uri: String,
}

pub(super) async fn run(provider: &Provider, command: UpstreamCommand) -> anyhow::Result<()> {
    match command {
        UpstreamCommand::Add(wanted) => add(provider, *wanted).await,
        UpstreamCommand::List(output) => list(provider, output).await,
        UpstreamCommand::Test { id } => test(provider, &id).await,
        UpstreamCommand::Remove { id } => remove(provider, &id).await,
    }
}

async fn add(provider: &Provider, wanted: UpstreamAdd) -> anyhow::Result<()> {
    let secret = match (&wanted.client_secret_file, wanted.auth_method.uses_secret()) {
        (Some(path), true) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("{} can't be read", path.display()))?;
            Some(SecretString::from(text.trim().to_owned()))
        }
        (None, false) => None,
        (None, true) => bail!("--client-secret-file is missing"),
        (Some(_), false) => bail!("--client-secret-file is not for private_key_jwt"),
    };
    let upstream = checked(provider, wanted)?;
    let id = upstream.id.clone();
    let ours = &provider.config.issuer;
    let (callback, by_server, by_frame) = (
        upstream.callback(ours),
        upstream.backchannel_logout_uri(ours),
        upstream.frontchannel_logout_uri(ours),
    );
    match known::add(provider, upstream, secret.as_ref()).await? {
        Ok(()) => show::say(format!(
            "People can sign in through {id}. Its redirect URI for us is {callback}\n\
             For who signs out there: backchannel_logout_uri {by_server}\n\
             or, where it has none, frontchannel_logout_uri {by_frame}"
        )),
        Err(NotDone::Declared) => Err(lives_in_the_file(&id)),
        Err(NotDone::StillLeaving) => bail!(
            "an upstream of that name or that issuer left the configuration file and is still known: `exeunt upstream list` \
             shows it, and `exeunt upstream remove` frees its name"
        ),
        Err(_) => bail!("there is an upstream of that name or that issuer already"),
    }
}

/// Everything that is wrong with it, at once.
fn checked(provider: &Provider, wanted: UpstreamAdd) -> anyhow::Result<Upstream> {
    let upstream = Upstream {
        label: wanted.label.unwrap_or_else(|| wanted.id.clone()),
        id: wanted.id,
        issuer: wanted.issuer,
        client_id: wanted.client_id,
        auth_method: wanted.auth_method,
        scope: wanted.scope,
        logo: None,
        domains: wanted.domains,
        admits: match wanted.first_sign_in.as_str() {
            "open" => Admits::Anyone,
            "domain" => Admits::Domains,
            _ => Admits::Nobody,
        },
        refreshes_claims: true,
        claims: BTreeMap::new(),
        private_networks: Vec::new(),
    };
    let mut problems: Vec<(&str, String)> = [
        ("the name", upstream::check_id(&upstream.id)),
        ("--issuer", upstream::check_issuer(&upstream.issuer)),
        ("--client-id", upstream::check_text(&upstream.client_id)),
        ("--scope", upstream::check_scope(&upstream.scope)),
        ("--label", upstream::check_text(&upstream.label)),
    ]
    .into_iter()
    .filter_map(|(what, checked)| Some((what, checked.err()?)))
    .collect();
    for domain in &upstream.domains {
        if upstream::canonical_domain(domain).as_ref() != Some(domain) {
            problems.push((
                "--domain",
                format!("{domain} is no domain in small letters"),
            ));
        }
    }
    problems.extend(upstream::problems(
        &upstream,
        provider.config.issuer.as_str(),
    ));
    if problems.is_empty() {
        return Ok(upstream);
    }
    let lines = problems
        .iter()
        .map(|(what, problem)| format!("{what}: {problem}"));
    Err(anyhow!("{}", lines.collect::<Vec<_>>().join("\n")))
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
            let state = match known.disabled_at {
                None => "in use",
                Some(_) => "left the file",
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
    let (upstream, ours) = (known.upstream, &provider.config.issuer);
    Shown {
        redirect_uri: upstream.callback(ours),
        backchannel_logout_uri: upstream.backchannel_logout_uri(ours),
        frontchannel_logout_uri: upstream.frontchannel_logout_uri(ours),
        first_sign_in: upstream.admits.as_str(),
        id: upstream.id,
        issuer: upstream.issuer,
        client_id: upstream.client_id,
        label: upstream.label,
        declared: known.declared,
        created_at: known.created_at,
        disabled_at: known.disabled_at,
    }
}

async fn test(provider: &Provider, id: &str) -> anyhow::Result<()> {
    let known = upstreams::find(provider.database.read(), id).await?;
    let known = known.ok_or_else(|| anyhow!("there is no upstream {id}"))?;
    if known.disabled_at.is_some() {
        bail!("nobody can sign in through {id}: it left the configuration file");
    }
    let tried = known::test(provider, &known.upstream).await?;
    for shortcoming in &tried.shortcomings {
        show::say(format!("- {shortcoming}"))?;
    }
    if tried.misfits.is_empty() {
        return show::say(format!("People can sign in through {id}."));
    }
    bail!(
        "nobody can sign in through {id}:\n- {}",
        tried.misfits.join("\n- ")
    )
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
