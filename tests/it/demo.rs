//! The demo's applications and its rehearsal, with the real provider.

use std::net::Ipv4Addr;
use std::sync::Arc;

use exeunt::clock::SystemClock;
use exeunt::demo::{Applications, Options, Person, Place, rehearse};
use exeunt::oidc::registration::{self, Networks};
use exeunt::random::OsRandom;

use crate::support::provider::{PASSWORD, Provider, SECRET, provider};

/// A provider that knows ada, and the applications that are registered with it.
async fn stage() -> (Provider, Applications) {
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
        wish = wish.client(&client.client_id, client.metadata);
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
    let mut out = Vec::new();
    let result = rehearse(applications, person, Arc::new(SystemClock), &mut out).await;
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

#[actix_web::test]
async fn the_rehearsal_fails_when_nobody_can_sign_in() {
    let (provider, applications) = stage().await;
    let (result, out) = rehearsed(&applications, &ada("not her password")).await;
    assert!(result.is_err(), "{out}");
    assert!(!out.contains("Every application was told"));
    applications.stop().await;
    provider.stop().await;
}
