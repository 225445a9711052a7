//! A provider of its own for each test: a fresh database, a port that is free, ada who can sign in.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use exeunt::clock::{Clock, ManualClock, SystemClock};
use exeunt::config::{
    Admin, Config, Credential, DatabaseUrl, DeclaredClient, DeclaredService, DeclaredUser, Place,
};
use exeunt::flows::restored;
use exeunt::oidc::claims::UserClaims;
use exeunt::oidc::client::ClientMetadata;
use exeunt::oidc::issuer::Issuer;
use exeunt::oidc::service::Service;
use exeunt::outbound::Resolver;
use exeunt::random::{OsRandom, Random};
use exeunt::server::{self, Marker, Running, Seams, StartError};
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tempfile::TempDir;

use super::environment;
use super::fixtures::Side;

/// Ada's password.
pub const PASSWORD: &str = "the analytical engine";
/// The secret of every confidential client here.
pub const SECRET: &str = "a-secret-of-more-than-24-characters";

/// A provider that runs.
pub struct Provider {
    running: Option<Running>,
    /// The issuer's URL, without a slash at its end.
    pub issuer: String,
    /// The clock, where the test moves it.
    pub clock: Option<Arc<ManualClock>>,
    /// What it was started with: to start another on the same database.
    pub config: Config,
    folder: Arc<TempDir>,
}

/// A resolver that knows one answer.
struct Always(IpAddr);

impl Resolver for Always {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move { Ok(vec![self.0]) })
    }
}

/// How a test wants its provider.
pub struct Wish {
    config: Config,
    listener: TcpListener,
    folder: Arc<TempDir>,
    manual: bool,
    seams: Seams,
}

/// A provider with the user ada, on the database that `EXEUNT_TEST_DATABASE` names.
pub async fn provider() -> Wish {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let issuer = Issuer::parse(&format!("http://localhost:{port}")).unwrap();
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let mut config = Config::for_issuer(issuer);
    config.listen = listener.local_addr().unwrap();
    config.database = database(&folder).await;
    config.master_key_file = folder.path().join("exeunt.key");
    config.outbound.allow_private_networks = vec!["127.0.0.0/8".parse().unwrap()];
    config.users.push(DeclaredUser {
        username: "ada".to_owned(),
        password: Some(Credential::Plain(SecretString::from(PASSWORD))),
        claims: UserClaims {
            name: Some("Ada Lovelace".to_owned()),
            email: Some("ada@example.org".to_owned()),
            email_verified: Some(true),
            ..UserClaims::default()
        },
        place: Place::Program,
    });
    Wish {
        config,
        listener,
        folder,
        manual: false,
        seams: Seams::default(),
    }
}

/// Starts a node on these settings, at a port of its own.
pub async fn start_node(config: &Config, seams: Seams) -> Result<Running, StartError> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config.clone();
    config.listen = listener.local_addr().unwrap();
    server::start_on(listener, config, seams).await
}

/// A fresh database, in `folder` if it is a file.
pub async fn database(folder: &TempDir) -> DatabaseUrl {
    if environment("EXEUNT_TEST_DATABASE").as_deref() != Some("postgres") {
        let path = folder.path().join("exeunt.db");
        return DatabaseUrl::parse(&format!("sqlite://{}", path.display())).unwrap();
    }
    let server = environment("EXEUNT_TEST_POSTGRES").expect("EXEUNT_TEST_POSTGRES names a server");
    let random: &dyn Random = &OsRandom;
    let name = format!("test_{}", random.identifier().simple());
    let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
    connection
        .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    DatabaseUrl::parse(&format!("{base}/{name}")).unwrap()
}

/// A confidential client with a redirect URI at `base` and no consent page.
pub fn metadata(base: &str) -> ClientMetadata {
    ClientMetadata {
        redirect_uris: vec![format!("{base}/callback")],
        post_logout_redirect_uris: vec![format!("{base}/")],
        skip_consent: true,
        ..ClientMetadata::default()
    }
}

impl Wish {
    /// With a client that has [`SECRET`], unless it is public.
    pub fn client(mut self, client_id: &str, metadata: ClientMetadata) -> Self {
        let secret = metadata.token_endpoint_auth_method.uses_secret();
        self.config.clients.push(DeclaredClient {
            client_id: client_id.to_owned(),
            secret: secret.then(|| Credential::Plain(SecretString::from(SECRET))),
            metadata,
            place: Place::Program,
        });
        self
    }

    /// With a service that has [`SECRET`].
    pub fn service(mut self, service: Service) -> Self {
        self.config.services.push(DeclaredService {
            service,
            secret: Some(Credential::Plain(SecretString::from(SECRET))),
            jwks: Vec::new(),
            place: Place::Program,
        });
        self
    }

    /// The issuer's URL that it will have, without a slash at its end.
    pub fn issuer(&self) -> String {
        self.config.issuer.as_str().to_owned()
    }

    /// With other settings.
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// With a listener for administrators, at a port that is free.
    pub fn with_admin(self) -> Self {
        self.configure(|config| {
            config.admin = Some(Admin {
                listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            });
        })
    }

    /// With other seams than the machine's.
    pub fn seams(mut self, change: impl FnOnce(&mut Seams)) -> Self {
        change(&mut self.seams);
        self
    }

    /// Where every name leads to this address.
    pub fn resolving_to(self, address: IpAddr) -> Self {
        self.seams(|seams| seams.resolver = Arc::new(Always(address)))
    }

    /// With a clock that stands at the present until the test moves it.
    pub fn manual_clock(mut self) -> Self {
        self.manual = true;
        self
    }

    /// Opens it alone: nothing is served and no worker runs. The folder must outlive it.
    pub async fn open(self) -> (exeunt::flows::Provider, Arc<TempDir>) {
        let provider = server::open(self.config, self.seams).await.unwrap();
        (provider, self.folder)
    }

    /// Starts it.
    #[expect(
        clippy::disallowed_methods,
        reason = "relying parties compare tokens with the real time"
    )]
    pub async fn start(self) -> Provider {
        let Self {
            config,
            listener,
            folder,
            manual,
            mut seams,
        } = self;
        let clock = manual.then(|| Arc::new(ManualClock::at(Utc::now())));
        seams.clock = match &clock {
            Some(clock) => Arc::clone(clock) as Arc<dyn Clock>,
            None => Arc::new(SystemClock),
        };
        let running = server::start_on(listener, config.clone(), seams)
            .await
            .unwrap();
        let issuer = config.issuer.as_str().to_owned();
        Provider {
            running: Some(running),
            issuer,
            clock,
            config,
            folder,
        }
    }
}

impl Provider {
    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    /// The address of a path at the administrators' listener.
    pub fn admin_url(&self, path: &str) -> String {
        let address = self.running.as_ref().unwrap().admin_address();
        format!(
            "http://{}{path}",
            address.expect("an administrators' listener was asked for")
        )
    }

    /// What it acts with: for what has no door.
    pub fn flows(&self) -> &exeunt::flows::Provider {
        self.running.as_ref().unwrap().provider()
    }

    /// Moves its clock.
    pub fn advance(&self, by: TimeDelta) {
        self.clock
            .as_ref()
            .expect("a manual clock was asked for")
            .advance(by);
    }

    /// Stops it and starts it again on the same database, perhaps with other settings.
    pub async fn restart(mut self, change: impl FnOnce(&mut Config)) -> Self {
        self.running.take().unwrap().stop().await;
        change(&mut self.config);
        let listener = TcpListener::bind(self.config.listen).unwrap();
        self.running = Some(
            server::start_on(listener, self.config.clone(), self.seams())
                .await
                .unwrap(),
        );
        self
    }

    /// Stops it, does what `exeunt restored` does, and starts it again.
    pub async fn restored(mut self) -> Self {
        self.running.take().unwrap().stop().await;
        let mut seams = Seams::default();
        if let Some(clock) = &self.clock {
            seams.clock = Arc::clone(clock) as Arc<dyn Clock>;
        }
        let provider = server::open_unclaimed(self.config.clone(), seams.clone())
            .await
            .unwrap();
        let marker = Marker::of(&provider);
        let anew = restored::start_anew(&provider, marker.read().unwrap()).await;
        marker.write(anew.unwrap().alive_at).unwrap();
        provider.database.clone().close().await;
        // As the command does: what is issued in its second counts as issued before.
        if self.clock.is_some() {
            self.advance(TimeDelta::seconds(1));
        }
        let listener = TcpListener::bind(self.config.listen).unwrap();
        let running = server::start_on(listener, self.config.clone(), seams).await;
        self.running = Some(running.unwrap());
        self
    }

    /// A second node on the same database, at a port of its own.
    pub async fn another_node(&self) -> Running {
        start_node(&self.config, self.seams()).await.unwrap()
    }

    /// The machine's, but for the clock where the test moves it.
    fn seams(&self) -> Seams {
        let mut seams = Seams::default();
        if let Some(clock) = &self.clock {
            seams.clock = Arc::clone(clock) as Arc<dyn Clock>;
        }
        seams
    }

    /// The folder with its database and master key.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Changes the database behind its back.
    pub async fn sql(&self, statement: &str) {
        let url = self.config.database.as_str();
        Side::open(url).await.execute(statement).await;
    }

    /// Stops it.
    pub async fn stop(mut self) {
        self.running.take().unwrap().stop().await;
    }
}
