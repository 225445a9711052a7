//! An https site with a certificate of its own, where a sector publishes its document.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;

use super::provider::Wish;
use super::server::serve;

/// What lies at an address.
#[derive(Debug, Clone)]
pub struct Document {
    /// With this status.
    pub status: u16,
    /// This text.
    pub body: String,
    /// And a `Location`, if it is not empty.
    pub location: String,
}

impl Document {
    /// A text that is there.
    pub fn of(body: impl ToString) -> Self {
        Self {
            status: 200,
            body: body.to_string(),
            location: String::new(),
        }
    }
}

/// The site, at `localhost`.
#[derive(Clone)]
pub struct SecureSite {
    /// Its address, without a slash at its end.
    pub base: String,
    /// Its certificate, in PEM.
    pub certificate: String,
    shelf: Arc<Mutex<Shelf>>,
}

#[derive(Default)]
struct Shelf {
    documents: HashMap<String, Document>,
    asked: Vec<String>,
}

/// What a server of this name speaks TLS with, and its certificate, in PEM, which vouches for itself.
pub fn certified(name: &str) -> (ServerConfig, String) {
    let own = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let cryptography = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(cryptography)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())
        .unwrap();
    (config, own.cert.pem())
}

impl SecureSite {
    /// Opens at a free port.
    pub async fn open() -> Self {
        let (tls, certificate) = certified("localhost");
        let shelf: Arc<Mutex<Shelf>> = Arc::default();
        let data = web::Data::from(Arc::clone(&shelf));
        let (port, _) = serve(Some(tls), move |app| {
            app.app_data(data.clone()).default_service(web::to(answer));
        });
        Self {
            base: format!("https://localhost:{port}"),
            certificate,
            shelf,
        }
    }

    /// Puts a document at `path`; answers its address.
    pub fn publish(&self, path: &str, document: Document) -> String {
        let mut shelf = self.shelf.lock().unwrap();
        shelf.documents.insert(path.to_owned(), document);
        format!("{}{path}", self.base)
    }

    /// How often it was asked for anything.
    pub fn asked(&self) -> usize {
        self.shelf.lock().unwrap().asked.len()
    }

    /// A provider that trusts its certificate.
    pub fn trusted_by(&self, wish: Wish) -> Wish {
        wish.configure(|config| {
            let path: PathBuf = config.master_key_file.with_file_name("site.pem");
            std::fs::write(&path, &self.certificate).unwrap();
            config.outbound.extra_ca_file = Some(path);
        })
    }
}

async fn answer(shelf: web::Data<Mutex<Shelf>>, request: HttpRequest) -> HttpResponse {
    let mut shelf = shelf.lock().unwrap();
    shelf.asked.push(request.uri().to_string());
    let Some(document) = shelf.documents.get(request.path()) else {
        return HttpResponse::NotFound().finish();
    };
    let status = StatusCode::from_u16(document.status).unwrap();
    let mut response = HttpResponse::build(status);
    if !document.location.is_empty() {
        response.insert_header(("Location", document.location.clone()));
    }
    response.body(document.body.clone())
}
