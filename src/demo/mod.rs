//! Three example relying parties, the bill that announces them, and the rehearsal that plays a person's part.
//!
//! What belongs here: applications as their own developers would write them, on the `openidconnect` crate, that know
//! of the provider only what it says over HTTP. What does not: anything that the provider needs. Of its modules only the
//! clock and randomness are used, and the words in which clients register.

mod application;
mod browser;
mod html;
mod logout_token;
mod memory;
mod pages;
mod playbill;
mod rehearsal;
mod relying_party;
mod signing_in;

use std::io;
use std::net::{IpAddr, TcpListener};
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer};
use anyhow::{Context as _, anyhow};
use secrecy::SecretString;

pub use self::playbill::{Person, playbill};
pub use self::rehearsal::rehearse;

use self::application::{Door, Link};
use self::relying_party::{RelyingParty, Settings};
use crate::clock::Clock;
use crate::oidc::client::ClientMetadata;
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

/// Where one application runs, and its secret.
#[derive(Debug, Clone)]
pub struct Place {
    /// The port to listen on; 0 lets the system choose.
    pub port: u16,
    /// How browsers and the provider reach it, without a trailing slash; by default `http://localhost:{port}`.
    pub base_url: Option<String>,
    /// What it authenticates with at the token endpoint.
    pub client_secret: SecretString,
}

/// What the applications are started with.
#[derive(Clone)]
pub struct Options {
    /// The provider's issuer. The provider may start later: it is first asked when somebody signs in.
    pub issuer: String,
    /// The address to listen on.
    pub bind: IpAddr,
    /// Back-channel logout.
    pub ledger: Place,
    /// Back-channel logout, and a switch to pretend to be down.
    pub atlas: Place,
    /// Front-channel logout alone.
    pub gallery: Place,
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

    fn client(&self) -> DeclaredClient {
        let base_url = &self.base_url;
        let mut metadata = ClientMetadata {
            client_name: Some(self.name.to_owned()),
            client_uri: Some(format!("{base_url}/")),
            initiate_login_uri: Some(format!("{base_url}/initiate-login")),
            redirect_uris: vec![format!("{base_url}/callback")],
            post_logout_redirect_uris: vec![format!("{base_url}/")],
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

/// The three applications, each listening on a port of its own.
pub struct Applications {
    /// Hears back-channel logout.
    pub ledger: Application,
    /// Hears back-channel logout, unless it pretends to be down.
    pub atlas: Application,
    /// Hears front-channel logout alone.
    pub gallery: Application,
}

impl Applications {
    /// Binds the ports and starts to answer. Fails when a port is taken (the error names it, and the option that
    /// changes it) or a URL is not one.
    pub fn start(options: Options) -> Result<Self, anyhow::Error> {
        let ledger = Reserved::new(&LEDGER, options.bind, options.ledger.clone())?;
        let atlas = Reserved::new(&ATLAS, options.bind, options.atlas.clone())?;
        let gallery = Reserved::new(&GALLERY, options.bind, options.gallery.clone())?;
        let links = [ledger.link(), atlas.link(), gallery.link()];
        Ok(Self {
            ledger: ledger.start(&options, &links)?,
            atlas: atlas.start(&options, &links)?,
            gallery: gallery.start(&options, &links)?,
        })
    }

    /// All of them, in the order in which they are announced.
    pub fn all(&self) -> [&Application; 3] {
        [&self.ledger, &self.atlas, &self.gallery]
    }

    /// What the provider has to know of them.
    pub fn clients(&self) -> [DeclaredClient; 3] {
        self.all().map(Application::client)
    }

    /// Stops answering; open requests are cut off.
    pub async fn stop(self) {
        for application in self.all() {
            application.server.stop(false).await;
        }
    }
}

/// A port that is held for an application.
struct Reserved {
    part: &'static Part,
    listener: TcpListener,
    base_url: String,
    client_secret: SecretString,
}

impl Reserved {
    fn new(part: &'static Part, bind: IpAddr, place: Place) -> Result<Self, anyhow::Error> {
        let listener = TcpListener::bind((bind, place.port)).map_err(|error| {
            let (name, port, option) = (part.name, place.port, part.port_option);
            match error.kind() {
                io::ErrorKind::AddrInUse => anyhow!(
                    "port {port}, meant for {name}, is in use: choose another with {option}"
                ),
                _ => anyhow!(error).context(format!(
                    "{name} cannot listen on port {port} of {bind}: choose another with {option}"
                )),
            }
        })?;
        let port = listener.local_addr()?.port();
        Ok(Self {
            part,
            listener,
            base_url: place
                .base_url
                .map(|url| url.trim_end_matches('/').to_owned())
                .unwrap_or_else(|| format!("http://localhost:{port}")),
            client_secret: place.client_secret,
        })
    }

    fn link(&self) -> Link {
        Link {
            name: self.part.name,
            href: format!("{}/", self.base_url),
        }
    }

    fn start(self, options: &Options, links: &[Link; 3]) -> Result<Application, anyhow::Error> {
        let relying_party = RelyingParty::new(
            Settings::new(
                &options.issuer,
                self.part.client_id,
                &self.client_secret,
                &self.base_url,
            )?,
            Arc::clone(&options.clock),
        )?;
        let others = links
            .iter()
            .filter(|link| link.name != self.part.name)
            .cloned()
            .collect();
        let door = Arc::new(Door::new(
            self.part,
            &self.base_url,
            relying_party,
            others,
            options,
        ));
        let shared = Arc::clone(&door);
        let server = HttpServer::new(move || {
            let door = Arc::clone(&shared);
            App::new().configure(move |routes| application::configure(routes, door))
        })
        .workers(1)
        .disable_signals()
        .listen(self.listener)
        .with_context(|| format!("{} cannot listen", self.part.name))?
        .run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Application {
            name: self.part.name,
            client_id: self.part.client_id,
            base_url: self.base_url,
            part: self.part,
            client_secret: self.client_secret,
            door,
            server: handle,
        })
    }
}

#[cfg(test)]
mod tests;
