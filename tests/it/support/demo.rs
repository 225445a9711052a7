//! The demo's applications and their service, at a provider of their own.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use exeunt::clock::SystemClock;
use exeunt::demo::{Application, Applications, Options, Place};
use exeunt::oidc::client::ClientMetadata;
use exeunt::oidc::issuer::Issuer;
use exeunt::oidc::registration::{self, Networks};
use exeunt::oidc::service;
use exeunt::random::OsRandom;

use super::browser::{Browser, Page};
use super::provider::{Provider, SECRET, provider};
use super::stage::fill_in_password;

/// A provider that knows ada, and the applications and the service that are registered with it.
pub async fn demo() -> (Provider, Applications) {
    demo_with(|_, _| {}).await
}

/// The same, with other metadata than the applications'.
pub async fn demo_with(change: impl Fn(&str, &mut ClientMetadata)) -> (Provider, Applications) {
    let mut wish = provider().await.with_admin();
    let issuer = wish.issuer();
    let place = || Place {
        port: 0,
        base_url: None,
        secret: SECRET.into(),
    };
    let options = Options {
        issuer: issuer.clone(),
        bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        ledger: place(),
        atlas: place(),
        gallery: place(),
        almanac: place(),
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
    let almanac = applications.service().service;
    let issuer = Issuer::parse(&issuer).unwrap();
    assert_eq!(
        service::check_identifier(&almanac.identifier, &issuer),
        Ok(())
    );
    (wish.service(almanac).start().await, applications)
}

/// An address at an application.
pub fn at(application: &Application, path: &str) -> String {
    format!("{}{path}", application.base_url)
}

/// Opens an application in a real browser and signs in; answers whether the password was asked for.
pub async fn sign_in(page: &Page, base_url: &str) -> bool {
    page.goto(base_url).await;
    page.click("#sign-in").await;
    page.wait_for("#page-sign-in, #state[data-signed-in=true]")
        .await;
    let asked = page
        .eval::<bool>("document.querySelector('#page-sign-in') !== null")
        .await;
    if asked {
        fill_in_password(page).await;
    }
    page.wait_for("#state[data-signed-in=true]").await;
    asked
}

/// Presses the button that calls the service until that answers so. (It may not have reached the provider yet.)
pub async fn call(page: &Page, status: u16) {
    for _ in 0..200 {
        // The answer comes with the next page: this one may show an older one.
        page.eval::<()>("void (document.body.dataset.old = 'true')")
            .await;
        page.click("#ask").await;
        page.wait_for("body:not([data-old]) #answer").await;
        let answer = "document.querySelector('#answer').dataset.status";
        if page.eval::<Option<String>>(answer).await == Some(status.to_string()) {
            return;
        }
    }
    panic!("the service never answered {status}");
}

/// The pages in the order of [`visit_the_demo`].
pub const DEMO_PAGES: [&str; 9] = [
    "demo-ledger-signed-out",
    "demo-atlas-signed-out",
    "demo-gallery-signed-out",
    "demo-almanac-quiet",
    "demo-ledger",
    "demo-gallery",
    "demo-atlas-down",
    "demo-ledger-left",
    "demo-almanac",
];

/// Opens each of [`DEMO_PAGES`] and has `look` look at it. The page may be resized and recoloured, and must not be left.
pub async fn visit_the_demo(mut look: impl AsyncFnMut(&str, &Page)) {
    let (provider, applications) = demo().await;
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    let almanac = applications.almanac.base_url.as_str();
    for application in applications.all() {
        page.goto(&application.base_url).await;
        let name = format!("demo-{}-signed-out", application.client_id);
        look(&name, &page).await;
    }
    page.goto(almanac).await;
    page.wait_for("#state[data-on=true]").await;
    look("demo-almanac-quiet", &page).await;

    for application in applications.all() {
        sign_in(&page, &application.base_url).await;
        call(&page, 200).await;
        if application.client_id != "atlas" {
            look(&format!("demo-{}", application.client_id), &page).await;
        }
    }
    let another = browser.visitor().await;
    let elsewhere = another.page("about:blank").await;
    sign_in(&elsewhere, &applications.gallery.base_url).await;
    call(&elsewhere, 200).await;

    // It hears nothing of the sign-out that follows, and goes on calling.
    page.goto(&applications.atlas.base_url).await;
    page.click("#down").await;
    page.wait_for("#down[data-down=true]").await;
    page.goto(&applications.ledger.base_url).await;
    page.click("#sign-out").await;
    page.wait_for("#page-leaving").await;
    page.goto(&applications.atlas.base_url).await;
    call(&page, 401).await;
    look("demo-atlas-down", &page).await;
    page.goto(&applications.ledger.base_url).await;
    call(&page, 401).await;
    look("demo-ledger-left", &page).await;
    page.goto(almanac).await;
    look("demo-almanac", &page).await;
    applications.stop().await;
    provider.stop().await;
}
