//! The applications: as many origins as are wanted, in a process of their own, which count what comes in.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::json;

use super::Spec;
use super::upstream::Elsewhere;
use crate::process::{micros, obey};

/// The role of this program.
pub const APPLICATIONS: &str = "applications";

#[derive(Default)]
struct Tally {
    count: AtomicU64,
    first: AtomicU64,
    last: AtomicU64,
    /// The port of the one that does not answer.
    hanging: AtomicU64,
}

/// Listens until nobody needs it; answers `tally`, forgets with `reset`, and signs as another provider with `token`.
pub async fn serve(folder: &Path) {
    let spec = Spec::read(folder);
    let tally = web::Data::from(Arc::new(Tally::default()));
    let data = tally.clone();
    let bind = |_| TcpListener::bind("127.0.0.1:0").unwrap();
    let listeners: Vec<_> = (0..spec.applications).map(bind).collect();
    let ports: Vec<u16> = listeners
        .iter()
        .map(|listener| listener.local_addr().unwrap().port())
        .collect();
    // Another provider lives at the first one's port.
    let elsewhere = Elsewhere::at(ports[0]);
    let (metadata, jwks) = (elsewhere.metadata().to_string(), elsewhere.jwks());
    let mut server = HttpServer::new(move || {
        let send = |text: &String| {
            let text = text.clone();
            web::get().to(move || std::future::ready(HttpResponse::Ok().body(text.clone())))
        };
        App::new()
            .app_data(data.clone())
            .route("/backchannel", web::post().to(hear))
            .route("/.well-known/openid-configuration", send(&metadata))
            .route("/jwks", send(&jwks))
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(0);
    for listener in listeners {
        server = server.listen(listener).unwrap();
    }
    let server = server.run();
    let handle = server.handle();
    let server = tokio::spawn(server);
    obey(&json!({ "ports": ports }), async |request| {
        let last = |value: &AtomicU64| value.load(Ordering::SeqCst);
        if request["do"] == "token" {
            return json!({ "token": elsewhere.token(request["sid"].as_str().unwrap()) });
        }
        if request["do"] == "reset" {
            for value in [&tally.count, &tally.first, &tally.last] {
                value.store(0, Ordering::SeqCst);
            }
            let hanging = request["hanging"].as_u64().unwrap_or_default();
            tally.hanging.store(hanging, Ordering::SeqCst);
        }
        json!({ "count": last(&tally.count), "first": last(&tally.first), "last": last(&tally.last) })
    })
    .await;
    handle.stop(false).await;
    server.await.unwrap().unwrap();
}

#[expect(
    clippy::disallowed_methods,
    reason = "an application that hangs does so for real"
)]
async fn hear(request: HttpRequest, tally: web::Data<Tally>, body: web::Bytes) -> HttpResponse {
    assert!(body.starts_with(b"logout_token="));
    let port = request.app_config().local_addr().port();
    if tally.hanging.load(Ordering::SeqCst) == u64::from(port) {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let now = micros();
    let _ = tally
        .first
        .compare_exchange(0, now, Ordering::SeqCst, Ordering::SeqCst);
    tally.last.store(now, Ordering::SeqCst);
    tally.count.fetch_add(1, Ordering::SeqCst);
    HttpResponse::Ok().finish()
}
