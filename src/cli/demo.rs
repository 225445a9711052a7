//! `exeunt demo`: the provider, three applications and their service on this machine, or all but the provider.

use std::io::Write as _;
use std::sync::Arc;

use secrecy::SecretString;

use super::arguments::DemoArguments;
use super::serve::stop_signal;
use crate::clock::{Clock, SystemClock};
use crate::config::{
    Config, Credential, DatabaseUrl, DeclaredClient, DeclaredService, DeclaredUser, Place,
};
use crate::demo::{self, Applications, Options, Person};
use crate::oidc::claims::UserClaims;
use crate::oidc::issuer::Issuer;
use crate::random::{OsRandom, Random};
use crate::server::{self, Seams};

/// Runs until Ctrl-C or SIGTERM, or until the rehearsal is over; on these settings as far as they are not the demo's own.
pub(super) async fn run(arguments: DemoArguments, settings: Option<Config>) -> anyhow::Result<()> {
    match arguments.issuer.clone() {
        Some(issuer) => applications_alone(&arguments, issuer).await,
        None => everything(&arguments, settings).await,
    }
}

/// For docker-compose: the provider runs elsewhere, and knows the applications from its own file.
async fn applications_alone(arguments: &DemoArguments, issuer: String) -> anyhow::Result<()> {
    let stop = stop_signal()?;
    let place = |name: &str, port: u16| demo::Place {
        port,
        base_url: Some(format!("http://{name}.localhost:{port}")),
        secret: SecretString::from(format!("{name}-demo-secret-for-trying-out")),
    };
    let applications = Applications::start(options(arguments, issuer.clone(), place))?;
    announce(&issuer, &applications, None)?;
    stop.await;
    applications.stop().await;
    Ok(())
}

async fn everything(arguments: &DemoArguments, settings: Option<Config>) -> anyhow::Result<()> {
    let stop = stop_signal()?;
    let random: &dyn Random = &OsRandom;
    let issuer = Issuer::parse(&format!("http://localhost:{}", arguments.port))?;
    let folder = tempfile::Builder::new().prefix("exeunt-demo-").tempdir()?;
    let place = |_: &str, port: u16| demo::Place {
        port,
        base_url: None,
        secret: SecretString::from(random.secret()),
    };
    let applications = Applications::start(options(arguments, issuer.as_str().to_owned(), place))?;
    let person = Person {
        username: "ada".to_owned(),
        password: SecretString::from("analytical engine"),
    };

    let mut config = Config::for_issuer(issuer.clone());
    if let Some(settings) = settings {
        // How things go, and nothing of who one is, where it is kept and who is known.
        config.outbound = settings.outbound;
        config.session = settings.session;
        config.tokens = settings.tokens;
        config.logout = settings.logout;
    }
    let database = folder.path().join("exeunt.db");
    config.database = DatabaseUrl::parse(&format!("sqlite://{}", database.display()))
        .map_err(anyhow::Error::msg)?;
    config.master_key_file = folder.path().join("exeunt.key");
    let loopback: [ipnet::IpNet; 2] = ["127.0.0.0/8".parse()?, "::1/128".parse()?];
    config.outbound.allow_private_networks.extend(loopback);
    config.clients = applications
        .clients()
        .into_iter()
        .map(|client| DeclaredClient {
            client_id: client.client_id,
            secret: Some(Credential::Plain(client.client_secret)),
            metadata: client.metadata,
            place: Place::Program,
        })
        .collect();
    let service = applications.service();
    config.services = vec![DeclaredService {
        service: service.service,
        secret: Some(Credential::Plain(service.secret)),
        jwks: Vec::new(),
        place: Place::Program,
    }];
    config.users = vec![DeclaredUser {
        username: person.username.clone(),
        password: Some(Credential::Plain(person.password.clone())),
        claims: UserClaims {
            name: Some("Ada Lovelace".to_owned()),
            ..UserClaims::default()
        },
        place: Place::Program,
    }];
    let running = server::start(config, Seams::default())
        .await
        .map_err(|error| match error {
            server::StartError::Listen { .. } => {
                anyhow::anyhow!("{error}; --port chooses another port")
            }
            error => error.into(),
        })?;

    let played = if arguments.rehearse {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        demo::rehearse(&applications, &person, clock, &mut std::io::stdout()).await
    } else {
        let announced = announce(issuer.as_str(), &applications, Some(&person));
        if announced.is_ok() {
            stop.await;
        }
        announced
    };
    applications.stop().await;
    running.stop().await;
    played
}

fn options(
    arguments: &DemoArguments,
    issuer: String,
    place: impl Fn(&str, u16) -> demo::Place,
) -> Options {
    Options {
        issuer,
        bind: arguments.bind,
        ledger: place("ledger", arguments.ledger_port),
        atlas: place("atlas", arguments.atlas_port),
        gallery: place("gallery", arguments.gallery_port),
        almanac: place("almanac", arguments.almanac_port),
        clock: Arc::new(SystemClock),
        random: Arc::new(OsRandom),
    }
}

fn announce(
    issuer: &str,
    applications: &Applications,
    person: Option<&Person>,
) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    write!(
        out,
        "{}",
        demo::playbill(issuer, &applications.addresses(), person)
    )?;
    Ok(out.flush()?)
}
