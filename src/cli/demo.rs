//! `exeunt demo`.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use secrecy::SecretString;

use super::arguments::DemoArguments;
use super::serve::{log_to_stderr, stop_signal};
use super::show;
use crate::clock::SystemClock;
use crate::config::{self, Config, Credential, DatabaseUrl, DeclaredClient, DeclaredUser};
use crate::demo::{Applications, Options, Person, Place, playbill, rehearse};
use crate::oidc::claims::UserClaims;
use crate::oidc::issuer::Issuer;
use crate::random::{OsRandom, Random};
use crate::server::{self, Seams};

/// Who signs in. Nobody but this machine can reach the provider, so the password may be one that people can type.
const USERNAME: &str = "ada";
const PASSWORD: &str = "analytical engine";

/// Retries are for people to watch in the applications, not here.
const DEFAULT_LOG: &str = "error";

pub(super) async fn run(wanted: DemoArguments) -> anyhow::Result<()> {
    log_to_stderr(DEFAULT_LOG);
    match wanted.issuer.clone() {
        Some(issuer) => applications_alone(&wanted, issuer).await,
        None => everything(&wanted).await,
    }
}

/// The provider in a temporary folder, and the applications.
async fn everything(wanted: &DemoArguments) -> anyhow::Result<()> {
    let stop = stop_signal()?;
    let listener = listen(wanted.port)?;
    let issuer = format!("http://localhost:{}", listener.local_addr()?.port());
    let secret = |_client_id: &str| SecretString::from((&OsRandom as &dyn Random).secret());
    let localhost = |_client_id: &str, _port| None;
    let applications = Applications::start(options(wanted, issuer.clone(), secret, localhost))?;
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    let person = Person {
        username: USERNAME.to_owned(),
        password: SecretString::from(PASSWORD),
    };
    let config = config(folder.path(), &issuer, &listener, &applications, &person)?;
    let provider = server::start_on(listener, config, Seams::default()).await?;
    let played = if wanted.rehearse {
        let mut stdout = io::stdout();
        rehearse(&applications, &person, Arc::new(SystemClock), &mut stdout).await
    } else {
        let announced = announce(&issuer, &applications, Some(&person));
        if announced.is_ok() {
            stop.await;
        }
        announced
    };
    applications.stop().await;
    provider.stop().await;
    played
}

/// The applications, for a provider that runs elsewhere and declares them as `docs/compose/exeunt.toml` does.
async fn applications_alone(wanted: &DemoArguments, issuer: String) -> anyhow::Result<()> {
    let stop = stop_signal()?;
    let secret =
        |client_id: &str| SecretString::from(format!("{client_id}-demo-secret-for-trying-out"));
    let name_of_its_own =
        |client_id: &str, port| Some(format!("http://{client_id}.localhost:{port}"));
    let applications =
        Applications::start(options(wanted, issuer.clone(), secret, name_of_its_own))?;
    announce(&issuer, &applications, None)?;
    stop.await;
    applications.stop().await;
    Ok(())
}

fn listen(port: u16) -> anyhow::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => {
            anyhow!("port {port}, meant for the provider, is in use: choose another with --port")
        }
        _ => anyhow!(error).context(format!("the provider cannot listen on port {port}")),
    })
}

fn options(
    wanted: &DemoArguments,
    issuer: String,
    secret: impl Fn(&str) -> SecretString,
    base_url: impl Fn(&str, u16) -> Option<String>,
) -> Options {
    let place = |client_id: &str, port| Place {
        port,
        base_url: base_url(client_id, port),
        client_secret: secret(client_id),
    };
    Options {
        issuer,
        bind: wanted.bind,
        ledger: place("ledger", wanted.ledger_port),
        atlas: place("atlas", wanted.atlas_port),
        gallery: place("gallery", wanted.gallery_port),
        clock: Arc::new(SystemClock),
        random: Arc::new(OsRandom),
    }
}

fn config(
    folder: &Path,
    issuer: &str,
    listener: &TcpListener,
    applications: &Applications,
    person: &Person,
) -> anyhow::Result<Config> {
    let mut config = Config::for_issuer(Issuer::parse(issuer)?);
    config.listen = listener.local_addr()?;
    let database = format!("sqlite://{}", folder.join("exeunt.db").display());
    config.database = DatabaseUrl::parse(&database).map_err(|problem| anyhow!(problem))?;
    config.master_key_file = folder.join("exeunt.key");
    config.outbound.allow_private_networks = vec!["127.0.0.0/8".parse()?, "::1/128".parse()?];
    for mut client in applications.clients() {
        // They are of the house: people are not asked before these learn of them.
        client.metadata.skip_consent = true;
        config.clients.push(DeclaredClient {
            client_id: client.client_id,
            secret: Some(Credential::Plain(client.client_secret)),
            metadata: client.metadata,
            place: config::Place::Program,
        });
    }
    config.users.push(DeclaredUser {
        username: person.username.clone(),
        password: Some(Credential::Plain(person.password.clone())),
        claims: UserClaims {
            name: Some("Ada Lovelace".to_owned()),
            email: Some("ada@example.org".to_owned()),
            email_verified: Some(true),
            ..UserClaims::default()
        },
        place: config::Place::Program,
    });
    Ok(config)
}

fn announce(
    issuer: &str,
    applications: &Applications,
    person: Option<&Person>,
) -> anyhow::Result<()> {
    let addresses: Vec<(&str, String)> = applications
        .all()
        .map(|application| (application.name, format!("{}/", application.base_url)))
        .into();
    let addresses: Vec<(&str, &str)> = addresses
        .iter()
        .map(|(name, address)| (*name, address.as_str()))
        .collect();
    show::say(playbill(issuer, &addresses, person).trim_end())
}
