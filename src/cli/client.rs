//! `exeunt client ...`. Applications that the configuration file declares are changed there.

mod check;

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use serde::Serialize;
use uuid::Uuid;

use super::arguments::{ClientAdd, ClientCommand, Output};
use super::{invite, show, test_logout};
use crate::clock::Timestamp;
use crate::config::{Place, canonical_name, check_client_id};
use crate::flows::people::{self, NotDone};
use crate::flows::{Provider, client_secrets, keys};
use crate::oidc::client::{ApplicationType, Client, ClientAuthMethod, ClientMetadata};
use crate::store::clients::{self, KnownClient};
use crate::store::registrations::{self, Registration};

/// An application as programs see it. Its secret's hash is nobody's business.
#[derive(Serialize)]
struct Shown {
    client_id: String,
    declared: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
    disabled_at: Option<Timestamp>,
    deleted_at: Option<Timestamp>,
    registration: Option<ShownRegistration>,
    metadata: ClientMetadata,
}

/// Who registered it, where it registered itself.
#[derive(Serialize)]
struct ShownRegistration {
    initial_access_token_id: Option<Uuid>,
    note: Option<String>,
    address: String,
    registered_at: Timestamp,
}

impl ShownRegistration {
    /// One short name.
    fn by(&self) -> &str {
        match (&self.note, self.initial_access_token_id) {
            (Some(note), _) => note,
            (None, Some(_)) => "an invite",
            (None, None) => "itself",
        }
    }

    fn in_words(&self) -> String {
        let how = match (self.initial_access_token_id, &self.note) {
            (Some(id), Some(note)) => format!("registration with invite {id} ({note})"),
            (Some(id), None) => format!("registration with invite {id}"),
            (None, _) => "registration without an invite".to_owned(),
        };
        format!("{how}, from {}", self.address)
    }
}

impl From<Registration> for ShownRegistration {
    fn from(registration: Registration) -> Self {
        Self {
            initial_access_token_id: registration.initial_access_token_id,
            note: registration.note,
            address: registration.address,
            registered_at: registration.registered_at,
        }
    }
}

impl Shown {
    fn new(known: KnownClient, registration: Option<Registration>) -> Self {
        Self {
            client_id: known.client.client_id,
            declared: known.declared,
            created_at: known.created_at,
            updated_at: known.updated_at,
            disabled_at: known.disabled_at,
            deleted_at: known.deleted_at,
            registration: registration.map(Into::into),
            metadata: known.client.metadata,
        }
    }
}

/// What an application needs to know of itself.
#[derive(Serialize)]
struct Added {
    client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

pub(super) async fn run(provider: &Provider, command: ClientCommand) -> anyhow::Result<()> {
    match command {
        ClientCommand::Add(wanted) => add(provider, *wanted).await,
        ClientCommand::List(output) => list(provider, output).await,
        ClientCommand::Show { client_id, output } => show(provider, &client_id, output).await,
        ClientCommand::Disable { client_id } => disable(provider, &client_id).await,
        ClientCommand::Enable { client_id } => enable(provider, &client_id).await,
        ClientCommand::TestLogout { client_id, output } => {
            test_logout::run(provider, &client_id, output).await
        }
        ClientCommand::Remove { client_id } => remove(provider, &client_id).await,
        ClientCommand::Invite(wanted) => invite::make(provider, wanted).await,
        ClientCommand::Invites(output) => invite::list(provider, output).await,
        ClientCommand::Uninvite { id } => invite::take_back(provider, id).await,
    }
}

async fn add(provider: &Provider, wanted: ClientAdd) -> anyhow::Result<()> {
    let (client_id, output) = (wanted.client_id.clone(), wanted.output);
    check_client_id(&client_id)
        .map_err(|problem| anyhow!("{client_id:?} does not do as a client_id: {problem}"))?;
    if let Some(place) = declared(provider, &client_id) {
        return Err(lives_in(&client_id, place));
    }
    let name = canonical_name(&client_id);
    for known in clients::list(provider.database.read()).await? {
        let taken = known.client.client_id;
        if taken != client_id && canonical_name(&taken) == name {
            bail!("{client_id} and {taken} are the same but for upper and lower case");
        }
    }
    let metadata = metadata(wanted)?;
    check::check(provider, &metadata).await?;

    // Before the client is: nothing could be signed for it otherwise.
    for algorithm in metadata.algorithms() {
        keys::ensure(provider, algorithm).await?;
    }
    let issued = client_secrets::issue(provider, &client_id, &metadata);
    let (client_secret, secret) = issued.unzip();
    let client = Client {
        client_id: client_id.clone(),
        secret,
        metadata,
    };
    match people::add_client(provider, client).await? {
        Ok(()) => {}
        Err(NotDone::Exists) => bail!("there is an application {client_id} already"),
        Err(NotDone::StillLeaving) => bail!(
            "the application that was {client_id} before is still to be told of sign-outs: `exeunt delivery list --client \
             {client_id} --open` shows of which, `exeunt delivery abandon --client {client_id}` gives them up"
        ),
        Err(_) => return Err(lives_elsewhere(&client_id)),
    }
    let mut facts = vec![("client_id", client_id.clone())];
    if let Some(secret) = &client_secret {
        facts.push(("client_secret", secret.clone()));
    }
    let kept = client_secret.is_some() && !output.json;
    let added = Added {
        client_id,
        client_secret,
    };
    show::item(output, &added, &facts)?;
    if kept {
        show::say("\nThe secret is shown this once: keep it.")?;
    }
    Ok(())
}

/// What the file says, outranked by the options.
fn metadata(wanted: ClientAdd) -> anyhow::Result<ClientMetadata> {
    let mut metadata = match &wanted.metadata {
        Some(path) => read(path)?,
        None => ClientMetadata::default(),
    };
    let replace = |old: &mut Vec<String>, new: Vec<String>| {
        if !new.is_empty() {
            *old = new;
        }
    };
    replace(&mut metadata.redirect_uris, wanted.redirect_uris);
    replace(
        &mut metadata.post_logout_redirect_uris,
        wanted.post_logout_redirect_uris,
    );
    metadata.client_name = wanted.name.or(metadata.client_name);
    metadata.backchannel_logout_uri = wanted
        .backchannel_logout_uri
        .or(metadata.backchannel_logout_uri);
    metadata.frontchannel_logout_uri = wanted
        .frontchannel_logout_uri
        .or(metadata.frontchannel_logout_uri);
    if wanted.public {
        metadata.token_endpoint_auth_method = ClientAuthMethod::None;
    }
    if wanted.native {
        metadata.application_type = ApplicationType::Native;
    }
    metadata.skip_consent |= wanted.skip_consent;
    Ok(metadata)
}

fn read(path: &Path) -> anyhow::Result<ClientMetadata> {
    let name = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(name)?;
    serde_json::from_str(&text).with_context(name)
}

async fn list(provider: &Provider, output: Output) -> anyhow::Result<()> {
    let db = provider.database.read();
    let mut registrations: HashMap<String, Registration> = registrations::list(db)
        .await?
        .into_iter()
        .map(|known| (known.client_id.clone(), known))
        .collect();
    let clients: Vec<Shown> = clients::list(db)
        .await?
        .into_iter()
        .map(|known| {
            let registration = registrations.remove(&known.client.client_id);
            Shown::new(known, registration)
        })
        .collect();
    show::list(
        output,
        &clients,
        "No application is known yet: `exeunt client add` adds one.",
        &[
            "Client",
            "Name",
            "Hears of sign-outs",
            "Known by",
            "State (UTC)",
        ],
        |client| {
            vec![
                client.client_id.clone(),
                client.metadata.client_name.clone().unwrap_or_default(),
                hears(&client.metadata),
                match &client.registration {
                    Some(registration) => format!("registration: {}", registration.by()),
                    None => show::known_by(client.declared),
                },
                show::enabled(client.disabled_at),
            ]
        },
    )
}

fn hears(metadata: &ClientMetadata) -> String {
    match (
        &metadata.backchannel_logout_uri,
        &metadata.frontchannel_logout_uri,
    ) {
        (Some(_), _) => "on its server",
        (None, Some(_)) => "in the browser",
        (None, None) => "not at all",
    }
    .to_owned()
}

async fn show(provider: &Provider, client_id: &str, output: Output) -> anyhow::Result<()> {
    let Some(known) = clients::find(provider.database.read(), client_id).await? else {
        return Err(unknown(provider, client_id));
    };
    let registration = registrations::find(provider.database.read(), client_id).await?;
    let client = Shown::new(known, registration);
    let known_by = match (declared(provider, client_id), &client.registration) {
        (Some(place), _) if client.declared => place.to_string(),
        (_, Some(registration)) => registration.in_words(),
        _ => show::known_by(client.declared),
    };
    let metadata = serde_json::to_value(&client.metadata)?;
    let mut facts = vec![
        ("client_id", client.client_id.clone()),
        ("known by", known_by),
        (
            "state",
            client.deleted_at.map_or_else(
                || show::enabled(client.disabled_at),
                |at| format!("removed at {}", show::time(at)),
            ),
        ),
        ("created", show::time(client.created_at)),
        ("changed", show::time(client.updated_at)),
    ];
    for (name, value) in metadata.as_object().into_iter().flatten() {
        facts.push((name, in_words(value)));
    }
    show::item(output, &client, &facts)
}

/// Texts without their quotes, lists without their brackets.
fn in_words(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(values) if values.is_empty() => "none".to_owned(),
        serde_json::Value::Array(values) => {
            values.iter().map(in_words).collect::<Vec<_>>().join(" ")
        }
        value => value.to_string(),
    }
}

async fn disable(provider: &Provider, client_id: &str) -> anyhow::Result<()> {
    if let Some(place) = declared(provider, client_id) {
        return Err(lives_in(client_id, place));
    }
    match people::disable_client(provider, client_id).await? {
        Ok(()) => show::say(format!(
            "{client_id} is disabled, and everyone's part in it is over. {}",
            show::WHO_TELLS
        )),
        Err(NotDone::Declared) => Err(lives_elsewhere(client_id)),
        Err(_) => Err(unknown(provider, client_id)),
    }
}

async fn enable(provider: &Provider, client_id: &str) -> anyhow::Result<()> {
    if let Some(place) = declared(provider, client_id) {
        return Err(lives_in(client_id, place));
    }
    match people::enable_client(provider, client_id).await? {
        Ok(()) => show::say(format!("{client_id} is enabled.")),
        Err(NotDone::Declared) => Err(lives_elsewhere(client_id)),
        Err(_) => Err(unknown(provider, client_id)),
    }
}

async fn remove(provider: &Provider, client_id: &str) -> anyhow::Result<()> {
    if let Some(place) = declared(provider, client_id) {
        return Err(lives_in(client_id, place));
    }
    match people::remove_client(provider, client_id).await? {
        Ok(()) => show::say(format!(
            "{client_id} is removed, and everyone's part in it is over. {}",
            show::WHO_TELLS
        )),
        Err(NotDone::Declared) => Err(lives_elsewhere(client_id)),
        Err(_) => Err(unknown(provider, client_id)),
    }
}

/// Where the configuration declares this application, if it does.
fn declared<'a>(provider: &'a Provider, client_id: &str) -> Option<&'a Place> {
    let name = canonical_name(client_id);
    let mut clients = provider.config.clients.iter();
    clients
        .find(|client| canonical_name(&client.client_id) == name)
        .map(|client| &client.place)
}

fn lives_in(client_id: &str, place: &Place) -> anyhow::Error {
    anyhow!("{client_id} is declared in {place}: change it there")
}

fn lives_elsewhere(client_id: &str) -> anyhow::Error {
    anyhow!(
        "{client_id} was declared by a configuration file, though not by this one: name that file with --config, or, if \
         the application has left it, start `exeunt serve`, which shuts it out"
    )
}

fn unknown(provider: &Provider, client_id: &str) -> anyhow::Error {
    match declared(provider, client_id) {
        Some(place) => anyhow!(
            "{client_id} is declared in {place}, but not known to the database before the next `exeunt serve`"
        ),
        None => anyhow!(
            "there is no application {client_id}: `exeunt client list` shows those that there are"
        ),
    }
}
