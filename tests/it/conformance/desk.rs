//! The suite's own site, over https: what it publishes for the provider, and what the provider tells it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::support::server::serve;

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

#[derive(Default)]
struct Shelf {
    asked: Vec<Asked>,
    /// What lies at each path: its media type and its content.
    documents: HashMap<String, (String, Vec<u8>)>,
}

/// A site that speaks TLS 1.3 alone, as the suite wishes of who talks to it.
pub struct Desk {
    /// Its address, without a slash at its end.
    pub base: String,
    shelf: Arc<Mutex<Shelf>>,
    handle: ServerHandle,
}

impl Desk {
    /// Opens at a free port, with a certificate for `localhost`.
    pub fn open(certified: &rcgen::CertifiedKey<rcgen::KeyPair>) -> Self {
        let certificate = CertificateDer::from(certified.cert.der().to_vec());
        let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let data = web::Data::from(Arc::clone(&shelf));
        let (port, handle) = serve(Some(tls), move |app| {
            app.app_data(data.clone()).default_service(web::to(answer));
        });
        Self {
            base: format!("https://localhost:{port}"),
            shelf,
            handle,
        }
    }

    /// Puts a document at a path, in the place of what lay there; answers its address.
    pub fn put(&self, path: &str, content_type: &str, content: impl Into<Vec<u8>>) -> String {
        let document = (content_type.to_owned(), content.into());
        let mut shelf = self.shelf.lock().unwrap();
        shelf.documents.insert(path.to_owned(), document);
        format!("{}{path}", self.base)
    }

    /// What it was asked for at `path`, in order.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        let mut asked = self.shelf.lock().unwrap().asked.clone();
        asked.retain(|asked| asked.path == path);
        asked
    }

    /// Closes.
    pub async fn close(&self) {
        self.handle.stop(false).await;
    }
}

async fn answer(shelf: web::Data<Mutex<Shelf>>, request: HttpRequest, body: Bytes) -> HttpResponse {
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
    let mut shelf = shelf.lock().unwrap();
    shelf.asked.push(asked);
    let mut response = HttpResponse::Ok();
    response.insert_header(("Cache-Control", "no-store"));
    match shelf.documents.get(request.path()) {
        Some((content_type, content)) => response
            .content_type(content_type.clone())
            .body(content.clone()),
        None => response.finish(),
    }
}
