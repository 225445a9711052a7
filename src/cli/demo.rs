//! `exeunt demo`: the provider, three applications, their service and another house to sign in through, on this machine;
//! or the applications and the service alone.

mod houses;

use std::io::Write as _;
use std::sync::Arc;

use secrecy::SecretString;

use super::arguments::DemoArguments;
use super::serve::stop_signal;
use super::show::Stdout;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::demo::{self, Applications, House, Options, Person};
use crate::oidc::issuer::Issuer;
use crate::random::{OsRandom, Random};

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
    let applications = Applications::start(options(arguments, issuer.clone(), None, place))?;
    announce(&issuer, &applications, None)?;
    stop.await;
    applications.stop().await;
    Ok(())
}

async fn everything(arguments: &DemoArguments, settings: Option<Config>) -> anyhow::Result<()> {
    let stop = stop_signal()?;
    let random: &dyn Random = &OsRandom;
    let at = |port| Issuer::parse(&format!("http://localhost:{port}"));
    let (issuer, at_house) = (at(arguments.port)?, at(arguments.house_port)?);
    let folder = tempfile::Builder::new().prefix("exeunt-demo-").tempdir()?;
    let place = |_: &str, port: u16| demo::Place {
        port,
        base_url: None,
        secret: SecretString::from(random.secret()),
    };
    let [asked, around] = [&issuer, &at_house].map(|issuer| issuer.as_str().to_owned());
    let applications = Applications::start(options(arguments, asked, Some(around), place))?;
    let person = Person {
        username: "ada".to_owned(),
        password: SecretString::from("analytical engine"),
    };
    let house = House {
        issuer: at_house.as_str().to_owned(),
        person: Person {
            username: "grace".to_owned(),
            password: SecretString::from("nanosecond of wire"),
        },
        secret: SecretString::from(random.secret()),
    };

    let (folder, settings) = (folder.path(), settings.as_ref());
    let first = houses::first(&issuer, folder, &person, &applications, &house, settings)?;
    let first = houses::start(first, "--port").await?;
    let other = houses::other(&at_house, folder, &house, &issuer, settings)?;
    let other = houses::start(other, "--house-port").await?;
    let played = if arguments.rehearse {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        demo::rehearse(&applications, &person, Some(&house), clock, &mut Stdout).await
    } else {
        let known = Some((&person, &house));
        let announced = announce(issuer.as_str(), &applications, known);
        if announced.is_ok() {
            stop.await;
        }
        announced
    };
    applications.stop().await;
    first.stop().await;
    other.stop().await;
    played
}

fn options(
    arguments: &DemoArguments,
    issuer: String,
    house: Option<String>,
    place: impl Fn(&str, u16) -> demo::Place,
) -> Options {
    Options {
        issuer,
        house,
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
    known: Option<(&Person, &House)>,
) -> anyhow::Result<()> {
    let playbill = demo::playbill(issuer, &applications.addresses(), known);
    write!(Stdout, "{playbill}")?;
    Ok(Stdout.flush()?)
}
