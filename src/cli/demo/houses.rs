//! The two providers of `exeunt demo`: each with a folder, a database, keys and a person of its own, and each knowing the
//! other.

use std::path::Path;

use anyhow::anyhow;

use crate::config::{
    Config, Credential, DatabaseUrl, DeclaredClient, DeclaredService, DeclaredUpstream,
    DeclaredUser, Place,
};
use crate::demo::{self, Applications, House, Person};
use crate::oidc::claims::UserClaims;
use crate::oidc::issuer::Issuer;
use crate::server::{self, Running, Seams, StartError};

/// The provider that the applications ask.
pub(super) fn first(
    issuer: &Issuer,
    folder: &Path,
    person: &Person,
    applications: &Applications,
    house: &House,
    settings: Option<&Config>,
) -> anyhow::Result<Config> {
    let mut config = provider(issuer, &folder.join("exeunt"), settings)?;
    config.clients = applications.clients().into_iter().map(declared).collect();
    let service = applications.service();
    config.services = vec![DeclaredService {
        service: service.service,
        secret: Some(Credential::Plain(service.secret)),
        jwks: Vec::new(),
        place: Place::Program,
    }];
    config.upstreams = vec![DeclaredUpstream {
        upstream: house.upstream(),
        secret: Some(house.secret.clone()),
        place: Place::Program,
    }];
    config.users = vec![lives_here(person, "Ada Lovelace")];
    Ok(config)
}

/// The other house, which the first provider asks.
pub(super) fn other(
    issuer: &Issuer,
    folder: &Path,
    house: &House,
    first: &Issuer,
    settings: Option<&Config>,
) -> anyhow::Result<Config> {
    let mut config = provider(issuer, &folder.join("house"), settings)?;
    config.clients = vec![declared(house.client(first))];
    config.users = vec![lives_here(&house.person, "Grace Hopper")];
    Ok(config)
}

/// Starts one of them. `option` is what chooses another port.
pub(super) async fn start(config: Config, option: &str) -> anyhow::Result<Running> {
    let started = server::start(config, Seams::default()).await;
    started.map_err(|error| match error {
        StartError::Listen { .. } => anyhow!("{error}; {option} chooses another port"),
        error => error.into(),
    })
}

/// Of the settings it takes how things go, and nothing of who one is, where it is kept and who is known.
fn provider(issuer: &Issuer, folder: &Path, settings: Option<&Config>) -> anyhow::Result<Config> {
    std::fs::create_dir(folder)?;
    let mut config = Config::for_issuer(issuer.clone());
    if let Some(settings) = settings {
        config.outbound = settings.outbound.clone();
        config.session = settings.session;
        config.tokens = settings.tokens;
        config.logout = settings.logout;
    }
    let database = folder.join("exeunt.db");
    config.database = DatabaseUrl::parse(&format!("sqlite://{}", database.display()))
        .map_err(anyhow::Error::msg)?;
    config.master_key_file = folder.join("exeunt.key");
    let loopback: [ipnet::IpNet; 2] = ["127.0.0.0/8".parse()?, "::1/128".parse()?];
    config.outbound.allow_private_networks.extend(loopback);
    Ok(config)
}

fn declared(client: demo::DeclaredClient) -> DeclaredClient {
    DeclaredClient {
        client_id: client.client_id,
        secret: Some(Credential::Plain(client.client_secret)),
        metadata: client.metadata,
        place: Place::Program,
    }
}

fn lives_here(person: &Person, name: &str) -> DeclaredUser {
    DeclaredUser {
        username: person.username.clone(),
        password: Some(Credential::Plain(person.password.clone())),
        claims: UserClaims {
            name: Some(name.to_owned()),
            ..UserClaims::default()
        },
        place: Place::Program,
    }
}
