//! From a configuration to a running server: [`open`] makes the [`Provider`], [`start`] serves it and
//! runs the workers. The command line and the tests both come through here.

mod certificate;
mod error;
mod marker;
mod master_key;
mod whole_file;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::flows::{
    Provider, client_keys, declare, deliver_logouts, keys, request_objects, revocations, sweep,
    trusted_issuers, upstream, work,
};
use crate::http::{self, limits};
use crate::jose::{KeyRing, PasswordPool};
use crate::metrics::Metrics;
use crate::outbound::{Bus, Guard, Limits, Outbound, Resolver, SystemResolver};
use crate::random::{OsRandom, Random};
use crate::store::Database;

use certificate::Certificate;
pub use error::StartError;
pub use marker::Marker;
use master_key::master_key;

/// Connections to the database of people's requests, and of the workers.
const CONNECTIONS: u32 = 8;

/// What tests put in the place of the machine.
#[derive(Clone)]
pub struct Seams {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Names to addresses.
    pub resolver: Arc<dyn Resolver>,
}

impl Default for Seams {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            resolver: Arc::new(SystemResolver),
        }
    }
}

/// Connects to the database, brings it up to date, and makes and loads what is needed to act.
///
/// # Errors
/// [`StartError`]; [`StartError::Restored`] when the database is an older copy that was put back.
pub async fn open(config: Config, seams: Seams) -> Result<Provider, StartError> {
    let provider = open_unclaimed(config, seams).await?;
    match marker::claim(&provider).await {
        Ok(()) => Ok(provider),
        Err(error) => {
            provider.database.close().await;
            Err(error)
        }
    }
}

/// As [`open`], of an older copy too: for `exeunt restored` alone.
///
/// # Errors
/// [`StartError`].
pub async fn open_unclaimed(config: Config, seams: Seams) -> Result<Provider, StartError> {
    let metrics = Metrics::new(seams.clock.now(), config.bus.is_some());
    let extra_ca = match &config.outbound.extra_ca_file {
        Some(path) => Some(std::fs::read(path).map_err(|cause| StartError::file(path, cause))?),
        None => None,
    };
    let guard = Guard::new(config.outbound.allow_private_networks.clone())
        .naming(config.outbound.private_networks.clone());
    let outbound = Outbound::new(
        guard,
        &seams.resolver,
        extra_ca.as_deref(),
        Limits::default(),
    )?;
    let database = Database::open(config.database.as_str(), CONNECTIONS).await?;
    let (path, random) = (&config.master_key_file, seams.random.as_ref());
    let master = Arc::new(master_key(path, &database, random).await?);
    database.migrate().await?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(Provider {
        config,
        database,
        keys: KeyRing::new(Arc::clone(&master)),
        master,
        passwords: Arc::new(PasswordPool::new(cores, Arc::clone(&seams.random))),
        outbound,
        client_keys: client_keys::none_known(),
        upstream_metadata: upstream::no_metadata(),
        upstream_keys: upstream::no_keys(),
        request_objects: request_objects::none_known(),
        issuers: trusted_issuers::none_known(),
        clock: seams.clock,
        random: seams.random,
        work: Arc::default(),
        receipts: watch::Sender::new(()),
        revoked: watch::Sender::new(0),
        closing: CancellationToken::new(),
        outliving: TaskTracker::new(),
        metrics: Arc::new(metrics),
    })
}

/// A server that answers, and its workers.
pub struct Running {
    address: SocketAddr,
    admin: Option<Admin>,
    provider: web::Data<Provider>,
    workers: Arc<Provider>,
    handle: ServerHandle,
    server: JoinHandle<std::io::Result<()>>,
    tasks: Vec<JoinHandle<()>>,
    stop: CancellationToken,
    distrusted: CancellationToken,
}

/// The administrators' listener.
struct Admin {
    address: SocketAddr,
    handle: ServerHandle,
    server: JoinHandle<std::io::Result<()>>,
}

/// Starts to serve at the configured addresses.
///
/// # Errors
/// [`StartError`]; nothing runs then.
pub async fn start(config: Config, seams: Seams) -> Result<Running, StartError> {
    let listener = bind(config.listen)?;
    start_on(listener, config, seams).await
}

fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|cause| StartError::Listen { address, cause })
}

/// As [`start`], at a listener that is there already.
///
/// # Errors
/// [`StartError`]; nothing runs then.
pub async fn start_on(
    listener: TcpListener,
    config: Config,
    seams: Seams,
) -> Result<Running, StartError> {
    let failed = |cause| StartError::Listen {
        address: config.listen,
        cause,
    };
    let address = listener.local_addr().map_err(failed)?;
    // Before anything is done: a port that is taken is the commonest reason not to start.
    let admin = config.admin.map(|admin| bind(admin.listen)).transpose()?;
    let certificate = config.tls.as_ref().map(Certificate::open).transpose()?;
    let tls = match &certificate {
        Some((certificate, _)) => Some(certificate.server_config()?),
        None => None,
    };
    let bus = config.bus.as_ref().map(|bus| Bus::new(bus.url.as_str()));
    let bus = bus.transpose()?;
    let provider = open(config, seams).await?;
    // First: what another node with another master key has made does not open, and nothing is declared over it.
    let keys_seen = keys::load(&provider).await?;
    declare::apply(&provider).await?;
    revocations::remember_lifetimes(&provider).await?;
    // On PostgreSQL a connection belongs to the runtime that opened it: the workers have their own.
    let database = if provider.config.database.is_postgres() {
        Database::open(provider.config.database.as_str(), CONNECTIONS).await?
    } else {
        provider.database.clone()
    };
    let workers = Arc::new(provider.beside(database));
    let provider = web::Data::new(provider);
    let routes = http::Routes::new(&provider);

    let app = {
        let provider = provider.clone();
        move || {
            App::new()
                .wrap(from_fn(limits::within))
                .app_data(provider.clone())
                .configure(|app| routes.configure(app))
        }
    };
    let server = HttpServer::new(app)
        .on_connect(limits::connected)
        .h2_initial_window_size(limits::STREAM_WINDOW)
        .h2_initial_connection_window_size(limits::CONNECTION_WINDOW)
        .disable_signals()
        .shutdown_timeout(10);
    let listening = |cause| StartError::Listen { address, cause };
    let server = match tls.clone() {
        Some(tls) => server
            .listen_rustls_0_23(listener, tls)
            .map_err(listening)?,
        None => server.listen(listener).map_err(listening)?,
    }
    .run();
    let admin = admin
        .map(|listener| serve_administrators(listener, tls, provider.clone()))
        .transpose()?;
    let handle = server.handle();
    let stop = CancellationToken::new();
    let distrusted = CancellationToken::new();
    let mut tasks = vec![
        tokio::spawn(deliver_logouts::run(Arc::clone(&workers), stop.clone())),
        tokio::spawn(sweep::run(Arc::clone(&workers), stop.clone())),
        tokio::spawn(sweep::watch_keys(
            Arc::clone(&workers),
            keys_seen,
            stop.clone(),
        )),
        tokio::spawn(keys::run(Arc::clone(&workers), stop.clone())),
        tokio::spawn(revocations::run(Arc::clone(&workers), stop.clone())),
        tokio::spawn(upstream::revoke::run(Arc::clone(&workers), stop.clone())),
        tokio::spawn(work::listen(Arc::clone(&workers), stop.clone())),
        tokio::spawn(marker::run(
            Arc::clone(&workers),
            stop.clone(),
            distrusted.clone(),
        )),
    ];
    if let Some(bus) = bus {
        let publishing = revocations::bus::run(Arc::clone(&workers), bus, stop.clone());
        tasks.push(tokio::spawn(publishing));
    }
    if let Some((certificate, seen)) = certificate {
        let clock = Arc::clone(&workers.clock);
        tasks.push(tokio::spawn(certificate.watch(seen, clock, stop.clone())));
    }
    Ok(Running {
        address,
        admin,
        provider,
        workers,
        handle,
        server: tokio::spawn(server),
        tasks,
        stop,
        distrusted,
    })
}

fn serve_administrators(
    listener: TcpListener,
    tls: Option<rustls::ServerConfig>,
    provider: web::Data<Provider>,
) -> Result<Admin, StartError> {
    let address = provider
        .config
        .admin
        .map_or(provider.config.listen, |admin| admin.listen);
    let failed = |cause| StartError::Listen { address, cause };
    let address = listener.local_addr().map_err(failed)?;
    let app = move || {
        App::new()
            .wrap(from_fn(limits::within))
            .app_data(provider.clone())
            .configure(http::admin::configure)
    };
    // Programs and a scraper: they must not take the people's processors.
    let server = HttpServer::new(app)
        .workers(1)
        .on_connect(limits::connected)
        .h2_initial_window_size(limits::STREAM_WINDOW)
        .h2_initial_connection_window_size(limits::CONNECTION_WINDOW)
        .disable_signals()
        .shutdown_timeout(10);
    let server = match tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls).map_err(failed)?,
        None => server.listen(listener).map_err(failed)?,
    }
    .run();
    Ok(Admin {
        address,
        handle: server.handle(),
        server: tokio::spawn(server),
    })
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where administrators and those who measure are served, if they are.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|admin| admin.address)
    }

    /// What it acts with.
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Resolves when the database was found to be an older copy that was put back underneath: nothing of it is to be
    /// served.
    pub async fn distrusted(&self) {
        self.distrusted.cancelled().await;
    }

    /// Stops: no new requests, then the workers finish what is under way, then the database closes.
    pub async fn stop(self) {
        self.provider.closing.cancel();
        // It runs in the threads that answer requests, and ends with them.
        self.provider.see_through().await;
        if let Some(admin) = self.admin {
            admin.handle.stop(true).await;
            let _ = admin.server.await;
        }
        self.handle.stop(true).await;
        // What is lost here is only the report of a panic, which has been logged.
        let _ = self.server.await;
        self.stop.cancel();
        for task in self.tasks {
            let _ = task.await;
        }
        self.workers.database.clone().close().await;
        self.provider.database.clone().close().await;
    }
}
