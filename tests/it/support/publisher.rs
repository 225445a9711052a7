//! A server where a client publishes documents: as it should, and otherwise.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use tokio::sync::Semaphore;

use super::server::serve;

/// What lies at an address.
#[derive(Debug, Clone)]
pub enum Document {
    /// This text, with this `Cache-Control` if it is not empty.
    Text(String, &'static str),
    /// Only a status.
    Status(u16),
    /// A redirect.
    Redirect(String),
    /// A body without end.
    Endless,
    /// No answer.
    Hang,
}

/// The server, at `127.0.0.1`.
#[derive(Clone)]
pub struct Publisher {
    /// Its address, without a slash at its end.
    pub base: String,
    stock: Arc<Stock>,
}

struct Stock {
    shelf: Mutex<Shelf>,
    gate: Semaphore,
}

#[derive(Default)]
struct Shelf {
    documents: HashMap<String, Document>,
    asked: Vec<String>,
}

impl Publisher {
    /// Opens at a free port, with nothing on its shelf.
    pub async fn open() -> Self {
        let stock = web::Data::new(Stock {
            shelf: Mutex::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
        });
        let data = stock.clone();
        let (port, _) = serve(None, move |app| {
            app.app_data(data.clone()).default_service(web::to(answer));
        });
        Self {
            base: format!("http://127.0.0.1:{port}"),
            stock: stock.into_inner(),
        }
    }

    /// Puts a document at `path`; answers its address.
    pub fn publish(&self, path: &str, document: Document) -> String {
        let mut shelf = self.stock.shelf.lock().unwrap();
        shelf.documents.insert(path.to_owned(), document);
        format!("{}{path}", self.base)
    }

    /// How often `path` was asked for.
    pub fn asked(&self, path: &str) -> usize {
        let shelf = self.stock.shelf.lock().unwrap();
        shelf.asked.iter().filter(|asked| *asked == path).count()
    }

    /// Keeps every answer back until [`Publisher::let_go`].
    pub fn hold_back(&self) {
        self.stock.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Lets what was kept back go.
    pub fn let_go(&self) {
        self.stock.gate.add_permits(Semaphore::MAX_PERMITS);
    }
}

async fn answer(stock: web::Data<Stock>, request: HttpRequest) -> HttpResponse {
    let document = {
        let mut shelf = stock.shelf.lock().unwrap();
        shelf.asked.push(request.uri().to_string());
        shelf.documents.get(request.path()).cloned()
    };
    let _passed = stock.gate.acquire().await.unwrap();
    match document {
        None => HttpResponse::NotFound().finish(),
        Some(Document::Text(text, cache_control)) => {
            let mut response = HttpResponse::Ok();
            if !cache_control.is_empty() {
                response.insert_header(("Cache-Control", cache_control));
            }
            response.body(text)
        }
        Some(Document::Status(status)) => {
            HttpResponse::build(StatusCode::from_u16(status).unwrap()).body("secret words")
        }
        Some(Document::Redirect(location)) => HttpResponse::Found()
            .insert_header(("Location", location))
            .finish(),
        Some(Document::Endless) => {
            let piece = Ok::<_, std::convert::Infallible>(Bytes::from_static(&[b' '; 4096]));
            HttpResponse::Ok().streaming(futures_util::stream::repeat(piece))
        }
        Some(Document::Hang) => std::future::pending().await,
    }
}
