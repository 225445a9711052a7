//! A server of the tests' own, as others run them: at a free port of this machine.

use std::net::TcpListener;

use actix_web::dev::ServerHandle;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};

/// Serves what `configure` says, over TLS if there is a configuration for it; answers the port, and what stops it.
pub fn serve(
    tls: Option<rustls::ServerConfig>,
    configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> (u16, ServerHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = HttpServer::new(move || App::new().configure(&configure))
        .workers(1)
        .disable_signals()
        .shutdown_timeout(0);
    let server = match tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls),
        None => server.listen(listener),
    };
    let server = server.unwrap().run();
    let handle = server.handle();
    tokio::spawn(server);
    (port, handle)
}
