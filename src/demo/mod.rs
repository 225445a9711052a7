//! Three example relying parties, a service that they call, another house to sign in through, the bill that announces
//! them, and the rehearsal that plays a person's part.
//!
//! What belongs here: applications as their own developers would write them, on the `openidconnect` crate, and a service
//! on `exeunt-guard`, that know of the provider only what it says over HTTP. What does not: anything that the provider
//! needs. Of its modules only the clock and randomness are used, and the words in which clients, services and upstreams
//! are declared.

mod application;
mod asking;
mod browser;
mod door;
mod house;
mod html;
mod memory;
mod notices;
mod pages;
mod place;
mod playbill;
mod rehearsal;
mod relying_party;
mod service;
mod signing_in;

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer};
use anyhow::Context as _;
use secrecy::SecretString;

pub use self::house::House;
pub use self::place::Place;
pub use self::playbill::{Person, playbill};
pub use self::rehearsal::rehearse;
pub use self::service::{DeclaredService, Service};

use self::door::{Door, Link};
use self::place::Reserved;
use self::relying_party::{RelyingParty, Settings};
use crate::clock::Clock;
use crate::oidc::client::{ClientMetadata, GrantType};
use crate::random::Random;

/// How an application learns that a session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hears {
    /// Its server receives logout tokens (Back-Channel Logout 1.0).
    BackChannel,
    /// A page of its is framed (Front-Channel Logout 1.0).
    FrontChannel,
}

/// What tells the three applications apart.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    client_id: &'static str,
    name: &'static str,
    about: &'static str,
    hears: Hears,
    may_pretend_to_be_down: bool,
    port_option: &'static str,
}

static LEDGER: Part = Part {
    client_id: "ledger",
    name: "Ledger",
    about: "Hears of a sign-out on its server: back-channel logout.",
    hears: Hears::BackChannel,
    may_pretend_to_be_down: false,
    port_option: "--ledger-port",
};

static ATLAS: Part = Part {
    client_id: "atlas",
    name: "Atlas",
    about: "Hears of a sign-out on its server, unless it pretends to be down.",
    hears: Hears::BackChannel,
    may_pretend_to_be_down: true,
    port_option: "--atlas-port",
};

static GALLERY: Part = Part {
    client_id: "gallery",
    name: "Gallery",
    about: "Hears of a sign-out in the browser alone: front-channel logout.",
    hears: Hears::FrontChannel,
    may_pretend_to_be_down: false,
    port_option: "--gallery-port",
};

/// What the applications are started with.
#[derive(Clone)]
pub struct Options {
    /// The provider's issuer. The provider may start later: it is first asked when somebody signs in.
    pub issuer: String,
    /// The other house's issuer, if there is one: when somebody leaves there its page frames the provider's, and
    /// Gallery's within.
    pub house: Option<String>,
    /// The address to listen on.
    pub bind: IpAddr,
    /// Back-channel logout.
    pub ledger: Place,
    /// Back-channel logout, and a switch to pretend to be down.
    pub atlas: Place,
    /// Front-channel logout alone.
    pub gallery: Place,
    /// The service.
    pub almanac: Place,
    /// The time by which tokens are judged.
    pub clock: Arc<dyn Clock>,
    /// Where cookies come from.
    pub random: Arc<dyn Random>,
}

/// A client for the provider's configuration.
#[derive(Debug, Clone)]
pub struct DeclaredClient {
    /// Its name in the protocol.
    pub client_id: String,
    /// Its secret, for `client_secret_basic`.
    pub client_secret: SecretString,
    /// Everything else.
    pub metadata: ClientMetadata,
}

/// One running application.
pub struct Application {
    /// What people read.
    pub name: &'static str,
    /// Its name in the protocol.
    pub client_id: &'static str,
    /// Where it is reached, without a trailing slash.
    pub base_url: String,
    part: &'static Part,
    client_secret: SecretString,
    door: Arc<Door>,
    server: ServerHandle,
}

impl Application {
    /// How many sessions it holds right now.
    pub fn signed_in_sessions(&self) -> usize {
        self.door.memory().signed_in()
    }

    /// How many valid notices of a session's end it has accepted, by whichever channel.
    pub fn heard(&self) -> usize {
        self.door.memory().heard()
    }

    /// Begins or stops answering 503 to logout tokens. Only Atlas has this switch on its page.
    pub fn pretend_to_be_down(&self, down: bool) {
        self.door.pretend_to_be_down(down);
    }

    /// How it learns that a session has ended.
    pub fn hears(&self) -> Hears {
        self.part.hears
    }

    fn start(
        part: &'static Part,
        reserved: Reserved,
        options: &Options,
        everyone: &[Link; 4],
    ) -> Result<Self, anyhow::Error> {
        let Reserved {
            listener,
            base_url,
            secret: client_secret,
            ..
        } = reserved;
        let [.., almanac] = everyone;
        let settings = Settings::new(
            &options.issuer,
            part.client_id,
            &client_secret,
            &base_url,
            &almanac.href,
        )?;
        let relying_party = RelyingParty::new(settings, Arc::clone(&options.clock))?;
        let others = everyone.iter().filter(|link| link.name != part.name);
        let others = others.cloned().collect();
        let door = Arc::new(Door::new(part, &base_url, relying_party, others, options));
        let shared = Arc::clone(&door);
        let server = HttpServer::new(move || {
            let door = Arc::clone(&shared);
            App::new().configure(move |routes| application::configure(routes, door))
        })
        .workers(1)
        .disable_signals()
        .listen(listener)
        .with_context(|| format!("{} cannot listen", part.name))?
        .run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self {
            name: part.name,
            client_id: part.client_id,
            base_url,
            part,
            client_secret,
            door,
            server: handle,
        })
    }

    fn client(&self) -> DeclaredClient {
        let base_url = &self.base_url;
        let mut metadata = ClientMetadata {
            client_name: Some(self.name.to_owned()),
            client_uri: Some(format!("{base_url}/")),
            initiate_login_uri: Some(format!("{base_url}/initiate-login")),
            redirect_uris: vec![format!("{base_url}/callback")],
            post_logout_redirect_uris: vec![format!("{base_url}/")],
            // The refresh token has one use: to become an access token for the service.
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            skip_consent: true,
            ..ClientMetadata::default()
        };
        match self.part.hears {
            Hears::BackChannel => {
                metadata.backchannel_logout_uri = Some(format!("{base_url}/backchannel"));
                metadata.backchannel_logout_session_required = true;
            }
            Hears::FrontChannel => {
                metadata.frontchannel_logout_uri = Some(format!("{base_url}/frontchannel"));
                metadata.frontchannel_logout_session_required = true;
            }
        }
        DeclaredClient {
            client_id: self.client_id.to_owned(),
            client_secret: self.client_secret.clone(),
            metadata,
        }
    }
}

/// The three applications and the service, each listening on a port of its own.
pub struct Applications {
    /// Hears back-channel logout.
    pub ledger: Application,
    /// Hears back-channel logout, unless it pretends to be down.
    pub atlas: Application,
    /// Hears front-channel logout alone.
    pub gallery: Application,
    /// The service that they call.
    pub almanac: Service,
}

impl Applications {
    /// Binds the ports and starts to answer. Fails when a port is taken (the error names it, and the option that
    /// changes it) or a URL is not one.
    pub fn start(options: Options) -> Result<Self, anyhow::Error> {
        let reserve = |part: &'static Part, place| {
            Reserved::new(part.name, part.port_option, options.bind, place)
        };
        let ledger = reserve(&LEDGER, &options.ledger)?;
        let atlas = reserve(&ATLAS, &options.atlas)?;
        let gallery = reserve(&GALLERY, &options.gallery)?;
        let almanac = service::reserve(options.bind, &options.almanac)?;
        let everyone = [&ledger, &atlas, &gallery, &almanac].map(|known| Link {
            name: known.name,
            href: known.home(),
        });
        let start = |part, reserved| Application::start(part, reserved, &options, &everyone);
        Ok(Self {
            ledger: start(&LEDGER, ledger)?,
            atlas: start(&ATLAS, atlas)?,
            gallery: start(&GALLERY, gallery)?,
            almanac: Service::start(almanac, &options, &everyone)?,
        })
    }

    /// The applications, in the order in which they are announced.
    pub fn all(&self) -> [&Application; 3] {
        [&self.ledger, &self.atlas, &self.gallery]
    }

    /// What the provider has to know of them.
    pub fn clients(&self) -> [DeclaredClient; 3] {
        self.all().map(Application::client)
    }

    /// What the provider has to know of the service.
    pub fn service(&self) -> DeclaredService {
        let clients = self.all().map(|application| application.client_id);
        self.almanac.declared(&clients)
    }

    /// Names and addresses, in the order in which they are announced.
    pub fn addresses(&self) -> Vec<(&'static str, &str)> {
        let applications = self.all().into_iter();
        let mut addresses: Vec<_> = applications
            .map(|application| (application.name, application.base_url.as_str()))
            .collect();
        addresses.push((service::NAME, &self.almanac.base_url));
        addresses
    }

    /// Stops answering; open requests are cut off.
    pub async fn stop(self) {
        for application in self.all() {
            application.server.stop(false).await;
        }
        self.almanac.stop().await;
    }
}

#[cfg(test)]
mod tests;
