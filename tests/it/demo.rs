//! The demo's applications and its rehearsal, with the real provider.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use exeunt::clock::{Clock, ManualClock, SystemClock};
use exeunt::demo::{Applications, Options, Person, Place, rehearse};
use exeunt::oidc::client::ClientMetadata;
use exeunt::oidc::registration::{self, Networks};
use exeunt::random::OsRandom;
use tokio::task::JoinHandle;

use crate::support::provider::{PASSWORD, Provider, SECRET, provider};

/// A provider that knows ada, and the applications that are registered with it.
async fn stage() -> (Provider, Applications) {
    stage_with(|_, _| {}).await
}

/// The same, with other metadata than the applications'.
async fn stage_with(change: impl Fn(&str, &mut ClientMetadata)) -> (Provider, Applications) {
    let mut wish = provider().await;
    let place = Place {
        port: 0,
        base_url: None,
        client_secret: SECRET.into(),
    };
    let options = Options {
        issuer: wish.issuer(),
        bind: Ipv4Addr::LOCALHOST.into(),
        ledger: place.clone(),
        atlas: place.clone(),
        gallery: place,
        clock: Arc::new(SystemClock),
        random: Arc::new(OsRandom),
    };
    let applications = Applications::start(options).unwrap();
    for client in applications.clients() {
        let loopback = Networks {
            everyone: vec!["127.0.0.0/8".parse().unwrap()],
            ..Networks::default()
        };
        assert_eq!(registration::check(&client.metadata, true, &loopback), []);
        let mut metadata = client.metadata;
        change(&client.client_id, &mut metadata);
        wish = wish.client(&client.client_id, metadata);
    }
    (wish.start().await, applications)
}

fn ada(password: &str) -> Person {
    Person {
        username: "ada".to_owned(),
        password: password.into(),
    }
}

async fn rehearsed(applications: &Applications, person: &Person) -> (Result<(), String>, String) {
    rehearsed_by(Arc::new(SystemClock), applications, person).await
}

async fn rehearsed_by(
    clock: Arc<dyn Clock>,
    applications: &Applications,
    person: &Person,
) -> (Result<(), String>, String) {
    let mut out = Vec::new();
    let result = rehearse(applications, person, clock, &mut out).await;
    let result = result.map_err(|error| format!("{error:#}"));
    (result, String::from_utf8(out).unwrap())
}

#[actix_web::test]
async fn the_rehearsal_ends_well_when_every_application_was_told() {
    let (provider, applications) = stage().await;
    let (result, out) = rehearsed(&applications, &ada(PASSWORD)).await;
    assert_eq!(result, Ok(()), "{out}");
    assert!(out.contains("Every application was told"));
    for application in applications.all() {
        assert!(application.heard() >= 1, "{}", application.name);
        assert_eq!(application.signed_in_sessions(), 0, "{}", application.name);
    }
    applications.stop().await;
    provider.stop().await;
}

/// P7: that everyone was told is said of nobody who can't be reached.
#[actix_web::test]
async fn the_rehearsal_fails_when_an_application_is_never_reachable() {
    // Nobody listens there, and nobody will.
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}/backchannel", nowhere.local_addr().unwrap());
    for (client_id, failure) in [
        ("ledger", "Ledger was not told"),
        ("atlas", "nobody tried to tell Atlas"),
    ] {
        let (provider, applications) = stage_with(|known, metadata| {
            if known == client_id {
                metadata.backchannel_logout_uri = Some(nowhere.clone());
            }
        })
        .await;
        let (clock, hurried) = hurried_clock();
        let (result, out) = rehearsed_by(clock, &applications, &ada(PASSWORD)).await;
        hurried.abort();
        assert_eq!(result, Err(failure.to_owned()), "{out}");
        assert!(!out.contains("Every application was told"), "{out}");
        applications.stop().await;
        provider.stop().await;
    }
}

/// A clock that goes fifty times as fast as the machine's: the rehearsal is patient.
#[expect(
    clippy::disallowed_methods,
    reason = "the pace of the rehearsal's clock is the machine's"
)]
fn hurried_clock() -> (Arc<ManualClock>, JoinHandle<()>) {
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let moved = Arc::clone(&clock);
    let hurried = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            moved.advance(TimeDelta::seconds(1));
        }
    });
    (clock, hurried)
}

#[actix_web::test]
async fn the_rehearsal_fails_when_nobody_can_sign_in() {
    let (provider, applications) = stage().await;
    let (result, out) = rehearsed(&applications, &ada("not her password")).await;
    assert!(result.is_err(), "{out}");
    assert!(!out.contains("Every application was told"));
    applications.stop().await;
    provider.stop().await;
}
