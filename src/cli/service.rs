//! `exeunt service ...`. Services that the configuration file declares are changed there.

use anyhow::{anyhow, bail};
use serde::Serialize;

use super::arguments::{Output, ServiceAdd, ServiceCommand};
use super::show;
use crate::clock::Timestamp;
use crate::config::{Place, check_client_id};
use crate::flows::people::NotDone;
use crate::flows::{Provider, services as acts};
use crate::oidc::duration::{self, Lifetime};
use crate::oidc::service::{self, Service, TokenFormat};
use crate::store::services::{self, KnownService};

/// A service as programs see it. Its secret's hash is nobody's business.
#[derive(Serialize)]
struct Shown {
    identifier: String,
    name: Option<String>,
    format: TokenFormat,
    scope: String,
    lifetime: Lifetime,
    claims: Vec<String>,
    /// None: all.
    clients: Option<Vec<String>>,
    has_secret: bool,
    declared: bool,
    created_at: Timestamp,
    disabled_at: Option<Timestamp>,
}

impl From<KnownService> for Shown {
    fn from(known: KnownService) -> Self {
        let service = known.service;
        Self {
            identifier: service.identifier,
            name: service.name,
            format: service.format,
            scope: service.scope.to_string(),
            lifetime: Lifetime(service.lifetime),
            claims: service.claims,
            clients: service.clients,
            has_secret: known.secret_hash.is_some(),
            declared: known.declared,
            created_at: known.created_at,
            disabled_at: known.disabled_at,
        }
    }
}

impl Shown {
    fn clients_in_words(&self) -> String {
        match &self.clients {
            None => "all".to_owned(),
            Some(clients) if clients.is_empty() => "none".to_owned(),
            Some(clients) => clients.join(" "),
        }
    }
}

/// What a service needs to know of itself.
#[derive(Serialize)]
struct Added {
    identifier: String,
    secret: String,
}

pub(super) async fn run(provider: &Provider, command: ServiceCommand) -> anyhow::Result<()> {
    match command {
        ServiceCommand::Add(wanted) => add(provider, *wanted).await,
        ServiceCommand::List(output) => list(provider, output).await,
        ServiceCommand::Show { identifier, output } => show(provider, &identifier, output).await,
        ServiceCommand::Remove { identifier } => remove(provider, &identifier).await,
    }
}

async fn add(provider: &Provider, wanted: ServiceAdd) -> anyhow::Result<()> {
    let output = wanted.output;
    if let Some(place) = declared(provider, &wanted.identifier) {
        return Err(lives_in(&wanted.identifier, place));
    }
    let service = checked(provider, wanted)?;
    let identifier = service.identifier.clone();
    let secret = match acts::add(provider, service).await? {
        Ok(secret) => secret,
        Err(NotDone::Exists) => bail!("there is a service {identifier} already"),
        Err(_) => return Err(lives_elsewhere(&identifier)),
    };
    let facts = [
        ("identifier", identifier.clone()),
        ("secret", secret.clone()),
    ];
    show::item(output, &Added { identifier, secret }, &facts)?;
    if !output.json {
        show::say("\nThe secret is shown this once: keep it.")?;
    }
    Ok(())
}

/// Everything that is wrong with it, at once.
fn checked(provider: &Provider, wanted: ServiceAdd) -> anyhow::Result<Service> {
    let mut problems = Vec::new();
    let mut note = |what: &str, checked: Result<(), String>| {
        if let Err(problem) = checked {
            problems.push(format!("{what}: {problem}"));
        }
    };
    note(
        "identifier",
        service::check_identifier(&wanted.identifier, &provider.config.issuer),
    );
    if let Some(name) = &wanted.name {
        note("name", service::check_name(name));
    }
    let scope = service::read_scope(&wanted.scope);
    note("scope", scope.clone().map(drop));
    for claim in &wanted.claims {
        note("claim", service::check_claim(claim));
    }
    for client_id in &wanted.clients {
        note("client", check_client_id(client_id));
    }
    if !problems.is_empty() {
        bail!(
            "the service can't be made known:\n  {}",
            problems.join("\n  ")
        );
    }
    Ok(Service {
        identifier: wanted.identifier,
        name: wanted.name,
        format: wanted.format,
        scope: scope.unwrap_or_default(),
        lifetime: wanted.lifetime.unwrap_or(provider.config.tokens.access),
        claims: wanted.claims,
        clients: (!wanted.clients.is_empty()).then_some(wanted.clients),
    })
}

async fn list(provider: &Provider, output: Output) -> anyhow::Result<()> {
    let services: Vec<Shown> = services::list(provider.database.read())
        .await?
        .into_iter()
        .map(Into::into)
        .collect();
    show::list(
        output,
        &services,
        "No service is known yet: `exeunt service add` adds one.",
        &[
            "Service",
            "Format",
            "Scope",
            "Lifetime",
            "Applications",
            "Known by",
            "State (UTC)",
        ],
        |service| {
            vec![
                service.identifier.clone(),
                service.format.as_str().to_owned(),
                service.scope.clone(),
                duration::show(service.lifetime.0),
                service.clients_in_words(),
                show::known_by(service.declared),
                show::enabled(service.disabled_at),
            ]
        },
    )
}

async fn show(provider: &Provider, identifier: &str, output: Output) -> anyhow::Result<()> {
    let Some(known) = services::find(provider.database.read(), identifier).await? else {
        return Err(unknown(provider, identifier));
    };
    let service = Shown::from(known);
    let known_by = match declared(provider, identifier) {
        Some(place) if service.declared => place.to_string(),
        _ => show::known_by(service.declared),
    };
    let secret = match service.has_secret {
        true => "kept as a hash",
        false => "none",
    };
    let or_none = |text: String| match text.is_empty() {
        true => "none".to_owned(),
        false => text,
    };
    let facts = [
        ("identifier", service.identifier.clone()),
        ("name", or_none(service.name.clone().unwrap_or_default())),
        ("known by", known_by),
        ("state", show::enabled(service.disabled_at)),
        ("created", show::time(service.created_at)),
        ("format", service.format.as_str().to_owned()),
        ("scope", or_none(service.scope.clone())),
        ("lifetime", duration::show(service.lifetime.0)),
        ("claims", or_none(service.claims.join(" "))),
        ("applications", service.clients_in_words()),
        ("secret", secret.to_owned()),
    ];
    show::item(output, &service, &facts)
}

async fn remove(provider: &Provider, identifier: &str) -> anyhow::Result<()> {
    if let Some(place) = declared(provider, identifier) {
        return Err(lives_in(identifier, place));
    }
    match acts::remove(provider, identifier).await? {
        Ok(()) => show::say(format!(
            "{identifier} is forgotten: there are no tokens for it any more. Those that it has live out their time there."
        )),
        Err(NotDone::Declared) => Err(lives_elsewhere(identifier)),
        Err(_) => Err(unknown(provider, identifier)),
    }
}

/// Where the configuration declares this service, if it does.
fn declared<'a>(provider: &'a Provider, identifier: &str) -> Option<&'a Place> {
    let mut services = provider.config.services.iter();
    services
        .find(|declared| declared.service.identifier == identifier)
        .map(|declared| &declared.place)
}

fn lives_in(identifier: &str, place: &Place) -> anyhow::Error {
    anyhow!("{identifier} is declared in {place}: change it there")
}

fn lives_elsewhere(identifier: &str) -> anyhow::Error {
    anyhow!(
        "{identifier} was declared by a configuration file, though not by this one: name that file with --config, or, if \
         the service has left it, start `exeunt serve`, which disables it, and remove it then"
    )
}

fn unknown(provider: &Provider, identifier: &str) -> anyhow::Error {
    match declared(provider, identifier) {
        Some(place) => anyhow!(
            "{identifier} is declared in {place}, but not known to the database before the next `exeunt serve`"
        ),
        None => anyhow!(
            "there is no service {identifier}: `exeunt service list` shows those that there are"
        ),
    }
}
