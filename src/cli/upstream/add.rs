//! `exeunt upstream add`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;

use super::lives_in_the_file;
use crate::cli::arguments::UpstreamAdd;
use crate::cli::show;
use crate::flows::Provider;
use crate::flows::people::NotDone;
use crate::flows::upstream::known;
use crate::oidc::upstream::metadata;
use crate::oidc::upstream::oauth2::{self, OAuth2};
use crate::oidc::upstream::requested_claims::RequestedClaims;
use crate::oidc::upstream::{self, Admits, SCOPE, Upstream};

pub(super) async fn run(provider: &Provider, wanted: UpstreamAdd) -> anyhow::Result<()> {
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
    let callback = upstream.callback(&provider.config.issuer);
    match known::add(provider, upstream, secret.as_ref()).await? {
        Ok(()) => show::say(format!(
            "People can sign in through {id}. Its redirect URI for us is {callback}; `exeunt upstream test {id}` says what else \
             to register there."
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
    let mut problems: Vec<(&str, String)> = Vec::new();
    let oauth2 = endpoints(&wanted, &mut problems);
    let admits = policy(&wanted, &mut problems);
    let request_claims = request_claims(&wanted, &mut problems);
    let logo = match wanted.logo.as_deref().map(data_uri).transpose() {
        Ok(logo) => logo,
        Err(problem) => {
            problems.push(("--logo", format!("{problem:#}")));
            None
        }
    };
    let usual = if oauth2.is_some() { "" } else { SCOPE };
    let upstream = Upstream {
        label: wanted.label.unwrap_or_else(|| wanted.id.clone()),
        id: wanted.id,
        issuer: wanted.issuer,
        oauth2,
        client_id: wanted.client_id,
        auth_method: wanted.auth_method,
        scope: wanted.scope.unwrap_or_else(|| usual.to_owned()),
        request_claims,
        logo,
        domains: wanted.domains,
        admits,
        refreshes_claims: wanted.refresh_claims == "always",
        claims: wanted.claims.into_iter().collect::<BTreeMap<_, _>>(),
        private_networks: wanted.private_networks,
        sign_out: wanted.sign_out,
    };
    let scope = match &upstream.oauth2 {
        None => upstream::check_scope(&upstream.scope),
        Some(_) if upstream.scope.is_empty() => Ok(()),
        Some(_) => upstream::check_text(&upstream.scope),
    };
    for (what, checked) in [
        ("the name", upstream::check_id(&upstream.id)),
        ("--issuer", upstream::check_issuer(&upstream.issuer)),
        ("--client-id", upstream::check_text(&upstream.client_id)),
        ("--scope", scope),
        ("--label", upstream::check_text(&upstream.label)),
    ] {
        problems.extend(checked.err().map(|problem| (what, problem)));
    }
    if let Some(Err(problem)) = upstream.logo.as_deref().map(upstream::check_logo) {
        problems.push(("--logo", problem));
    }
    for domain in &upstream.domains {
        match upstream::canonical_domain(domain) {
            Some(canonical) if canonical == *domain => {}
            Some(canonical) => {
                problems.push(("--domain", format!("write {domain} as {canonical}")))
            }
            None => problems.push(("--domain", format!("{domain} is no domain"))),
        }
    }
    for name in upstream.claims.keys() {
        problems.extend(upstream::check_claim(name).err().map(|why| ("--map", why)));
    }
    let networks = provider.config.outbound.networks();
    for name in &upstream.private_networks {
        if !networks.named.contains_key(name) {
            let problem = format!("{name} is none of [outbound.private_networks]");
            problems.push(("--private-network", problem));
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

/// What is to be known of one that is no OpenID Provider.
fn endpoints(wanted: &UpstreamAdd, problems: &mut Vec<(&str, String)>) -> Option<OAuth2> {
    let is_oauth2 = wanted.kind == "oauth2";
    for (what, endpoint) in [
        ("--authorization-endpoint", &wanted.authorization_endpoint),
        ("--token-endpoint", &wanted.token_endpoint),
        ("--userinfo-endpoint", &wanted.userinfo_endpoint),
    ] {
        let problem = match (endpoint, is_oauth2) {
            (Some(text), true) => metadata::check_endpoint(text).err(),
            (None, true) => Some("it is missing".to_owned()),
            (Some(_), false) => Some("it is for --kind oauth2".to_owned()),
            (None, false) => None,
        };
        problems.extend(problem.map(|problem| (what, problem)));
    }
    let subject_claim = wanted.subject_claim.as_deref();
    let problem = match (subject_claim, is_oauth2) {
        (Some(_), false) => Some("it is for --kind oauth2".to_owned()),
        (Some(name), true) => upstream::check_text(name).err(),
        (None, _) => None,
    };
    problems.extend(problem.map(|problem| ("--subject-claim", problem)));
    let told = |endpoint: &Option<String>| endpoint.clone().unwrap_or_default();
    is_oauth2.then(|| OAuth2 {
        authorization_endpoint: told(&wanted.authorization_endpoint),
        token_endpoint: told(&wanted.token_endpoint),
        userinfo_endpoint: told(&wanted.userinfo_endpoint),
        subject_claim: subject_claim.unwrap_or(oauth2::SUBJECT).to_owned(),
    })
}

/// Which claims are asked for one by one.
fn request_claims(wanted: &UpstreamAdd, problems: &mut Vec<(&str, String)>) -> RequestedClaims {
    let what = "--request-claims";
    let Some(text) = &wanted.request_claims else {
        return RequestedClaims::default();
    };
    if wanted.kind == "oauth2" {
        problems.push((what, "it is not for --kind oauth2".to_owned()));
    }
    RequestedClaims::parse(text).unwrap_or_else(|misfits| {
        problems.extend(misfits.iter().map(|misfit| (what, misfit.to_string())));
        RequestedClaims::default()
    })
}

/// Who comes in for the first time.
fn policy(wanted: &UpstreamAdd, problems: &mut Vec<(&str, String)>) -> Admits {
    let is_claim = wanted.first_sign_in == "claim";
    for (what, given) in [
        ("--claim", &wanted.claim),
        ("--claim-value", &wanted.claim_value),
    ] {
        let problem = match (given, is_claim) {
            (Some(text), true) => upstream::check_text(text).err(),
            (None, true) => Some("it is missing".to_owned()),
            (Some(_), false) => Some("it is for --first-sign-in claim".to_owned()),
            (None, false) => None,
        };
        problems.extend(problem.map(|problem| (what, problem)));
    }
    match wanted.first_sign_in.as_str() {
        "open" => Admits::Anyone,
        "domain" => Admits::Domains,
        "invited" => Admits::Invited,
        "claim" => Admits::Claim {
            name: wanted.claim.clone().unwrap_or_default(),
            value: wanted.claim_value.clone().unwrap_or_default(),
        },
        _ => Admits::Nobody,
    }
}

/// An image as the page carries it; what it is, its first bytes say.
fn data_uri(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("{} can't be read", path.display()))?;
    let kind = match bytes.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => "png",
        [0xff, 0xd8, 0xff, ..] => "jpeg",
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => "webp",
        _ => bail!("{} is no PNG, JPEG or WebP image", path.display()),
    };
    Ok(format!(
        "data:image/{kind};base64,{}",
        STANDARD.encode(bytes)
    ))
}
