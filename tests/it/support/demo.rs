//! The demo's applications and their service, at a provider of their own.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use exeunt::clock::SystemClock;
use exeunt::config::DeclaredUpstream;
use exeunt::demo::{Application, Applications, House, Options, Person, Place};
use exeunt::oidc::client::ClientMetadata;
use exeunt::oidc::issuer::Issuer;
use exeunt::oidc::registration::{self, Networks};
use exeunt::oidc::service;
use exeunt::random::OsRandom;
use secrecy::ExposeSecret as _;

use super::browser::{Browser, Page};
use super::provider::{PASSWORD, Provider, SECRET, Wish, provider};
use super::stage::fill_in_password;

/// A provider that knows ada, and the applications and the service that are registered with it.
pub async fn demo() -> (Provider, Applications) {
    demo_with(|_, _| {}).await
}

/// The same, with other metadata than the applications'.
pub async fn demo_with(change: impl Fn(&str, &mut ClientMetadata)) -> (Provider, Applications) {
    let (wish, applications) = with_applications(provider().await.with_admin(), None, change);
    (wish.start().await, applications)
}

/// A provider, another beside it through which grace may sign in there, and the applications of the first.
pub struct Houses {
    /// The first, at which the applications are registered.
    pub provider: Provider,
    /// The other.
    pub other: Provider,
    /// What the two know of each other.
    pub house: House,
    /// The applications.
    pub applications: Applications,
}

impl Houses {
    /// Starts them all on one site, as the demo does.
    pub async fn open() -> Self {
        Self::with("localhost", |_| {}).await
    }

    /// Starts them with the other house on a site of its own: no cookies of ours go where its pages post and frame.
    pub async fn on_two_sites() -> Self {
        Self::with("127.0.0.1", |_| {}).await
    }

    /// As that, and the other house's server tells ours when somebody leaves there.
    pub async fn that_tell_each_other() -> Self {
        Self::with("127.0.0.1", |first| {
            let framed = first.frontchannel_logout_uri.take().unwrap();
            first.backchannel_logout_uri = Some(framed.replace("frontchannel", "backchannel"));
            first.backchannel_logout_session_required = true;
            first.frontchannel_logout_session_required = false;
        })
        .await
    }

    async fn with(host: &str, change: impl FnOnce(&mut ClientMetadata)) -> Self {
        let (ours, other) = (provider().await, provider().await);
        let other = other.configure(|config| {
            let issuer = config.issuer.as_str().replace("localhost", host);
            config.issuer = Issuer::parse(&issuer).unwrap();
        });
        let house = House {
            issuer: other.issuer(),
            person: Person {
                username: "grace".to_owned(),
                password: PASSWORD.into(),
            },
            secret: SECRET.into(),
        };
        let mut first = house.client(&Issuer::parse(&ours.issuer()).unwrap());
        assert_eq!(registration::check(&first.metadata, true, &loopback()), []);
        change(&mut first.metadata);
        let other = other
            .client(&first.client_id, first.metadata)
            .configure(|config| {
                config.users[0].username = "grace".to_owned();
                config.users[0].claims.name = Some("Grace Hopper".to_owned());
            });
        let declared = DeclaredUpstream {
            upstream: house.upstream(),
            secret: Some(SECRET.into()),
            place: exeunt::config::Place::Program,
        };
        let ours = ours.configure(|config| config.upstreams.push(declared));
        let (ours, applications) = with_applications(ours, Some(house.issuer.clone()), |_, _| {});
        Self {
            provider: ours.start().await,
            other: other.start().await,
            house,
            applications,
        }
    }

    /// Stops them all.
    pub async fn close(self) {
        self.applications.stop().await;
        self.provider.stop().await;
        self.other.stop().await;
    }
}

fn loopback() -> Networks {
    Networks {
        everyone: vec!["127.0.0.0/8".parse().unwrap()],
        ..Networks::default()
    }
}

fn with_applications(
    mut wish: Wish,
    house: Option<String>,
    change: impl Fn(&str, &mut ClientMetadata),
) -> (Wish, Applications) {
    let issuer = wish.issuer();
    let place = || Place {
        port: 0,
        base_url: None,
        secret: SECRET.into(),
    };
    let options = Options {
        issuer: issuer.clone(),
        house,
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
        assert_eq!(registration::check(&client.metadata, true, &loopback()), []);
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
    (wish.service(almanac), applications)
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

/// From the first provider's sign-in page to the other house's, and signs grace in there.
pub async fn come_from_the_other_house(page: &Page, houses: &Houses) {
    page.click("#upstream-house").await;
    page.wait_for_url(|url| url.starts_with(&houses.other.issuer))
        .await;
    page.wait_for("#page-sign-in").await;
    let person = &houses.house.person;
    page.fill("#username", &person.username).await;
    page.fill("#password", person.password.expose_secret())
        .await;
    page.click("#sign-in").await;
}

/// Opens every application in this tab, with grace signed in at the other house for the first of them.
pub async fn sign_in_through_the_other_house(page: &Page, houses: &Houses) {
    for (count, application) in houses.applications.all().into_iter().enumerate() {
        page.goto(&application.base_url).await;
        page.click("#sign-in").await;
        if count == 0 {
            page.wait_for("#page-sign-in").await;
            come_from_the_other_house(page, houses).await;
        }
        page.wait_for("#state[data-signed-in=true]").await;
    }
}

/// The pages in the order of [`visit_both_houses`].
pub const HOUSE_PAGES: [&str; 5] = [
    "sign-in-upstream",
    "sign-in-upstream-declined",
    "account-upstream",
    "account-linked",
    "signed-out-upstream",
];

/// Opens each of [`HOUSE_PAGES`] and has `look` look at it. The page may be resized and recoloured, and must not be left.
pub async fn visit_both_houses(mut look: impl AsyncFnMut(&str, &Page)) {
    let houses = Houses::open().await;
    let browser = Browser::launch().await;
    let page = browser.page(&houses.applications.ledger.base_url).await;
    page.click("#sign-in").await;
    page.wait_for("#page-sign-in").await;
    look("sign-in-upstream", &page).await;
    page.click("#upstream-house").await;
    page.wait_for_url(|url| url.starts_with(&houses.other.issuer))
        .await;
    page.click("#cancel").await;
    page.wait_for_url(|url| url.starts_with(&houses.provider.issuer))
        .await;
    page.wait_for("#notice").await;
    look("sign-in-upstream-declined", &page).await;
    fill_in_password(&page).await;
    page.wait_for("#state[data-signed-in=true]").await;

    page.goto(&houses.provider.url("/account")).await;
    look("account-upstream", &page).await;
    link(&page, &houses).await;
    look("account-linked", &page).await;

    // She is signed in there by now.
    let ledger = &houses.applications.ledger.base_url;
    page.goto(ledger).await;
    page.click("#sign-out").await;
    page.wait_for("#state[data-signed-in=false]").await;
    page.click("#sign-in").await;
    page.click("#upstream-house").await;
    page.wait_for("#state[data-signed-in=true]").await;
    page.click("#sign-out").await;
    page.wait_for("#page-signed-out #sign-out-elsewhere").await;
    look("signed-out-upstream", &page).await;
    houses.close().await;
}

/// From the account's page through the other house and back, linked.
pub async fn link(page: &Page, houses: &Houses) {
    page.click("#link-house").await;
    page.wait_for_url(|url| url.starts_with(&houses.other.issuer))
        .await;
    page.fill("#username", "grace").await;
    page.fill("#password", PASSWORD).await;
    page.click("#sign-in").await;
    page.wait_for("#page-account #links").await;
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
