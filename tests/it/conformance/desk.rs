//! The suite's own site, over https: where the provider tells it things.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A request that came in.
#[derive(Debug, Clone)]
pub struct Asked {
    /// GET or POST.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query; empty if there is none.
    pub query: String,
    /// The media type of the body.
    pub content_type: String,
    /// The body.
    pub body: String,
}

/// A site that speaks TLS 1.3 alone, as the suite wishes of who talks to it.
pub struct Desk {
    /// Its address, without a slash at its end.
    pub base: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    handle: ServerHandle,
}

impl Desk {
    /// Opens at a free port, with a certificate for `localhost`.
    pub fn open(certified: &rcgen::CertifiedKey<rcgen::KeyPair>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!(
            "https://localhost:{}",
            listener.local_addr().unwrap().port()
        );
        let certificate = CertificateDer::from(certified.cert.der().to_vec());
        let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let data = web::Data::from(Arc::clone(&asked));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .default_service(web::to(answer))
        })
        .workers(1)
        .disable_signals()
        .shutdown_timeout(0)
        .listen_rustls_0_23(listener, tls)
        .unwrap()
        .run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            base,
            asked,
            handle,
        }
    }

    /// What it was asked for at `path`, in order.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.retain(|asked| asked.path == path);
        asked
    }

    /// Closes.
    pub async fn close(&self) {
        self.handle.stop(false).await;
    }
}

async fn answer(
    all: web::Data<Mutex<Vec<Asked>>>,
    request: HttpRequest,
    body: Bytes,
) -> HttpResponse {
    let content_type = request.headers().get("content-type");
    let asked = Asked {
        method: request.method().to_string(),
        path: request.path().to_owned(),
        query: request.query_string().to_owned(),
        content_type: content_type
            .map(|text| text.to_str().unwrap().to_owned())
            .unwrap_or_default(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    all.lock().unwrap().push(asked);
    HttpResponse::Ok()
        .insert_header(("Cache-Control", "no-store"))
        .finish()
}
