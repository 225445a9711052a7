//! A server where a client publishes documents: as it should, and otherwise.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use tokio::sync::Semaphore;

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
    shelf: Arc<Mutex<Shelf>>,
    gate: Arc<Semaphore>,
}

#[derive(Default)]
struct Shelf {
    documents: HashMap<String, Document>,
    asked: Vec<String>,
}

impl Publisher {
    /// Opens at a free port, with nothing on its shelf.
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let publisher = Self {
            base,
            shelf: Arc::default(),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        };
        let data = web::Data::new(publisher.clone());
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .default_service(web::to(answer))
        })
        .workers(1)
        .disable_signals()
        .shutdown_timeout(0)
        .listen(listener)
        .unwrap()
        .run();
        tokio::spawn(server);
        publisher
    }

    /// Puts a document at `path`; answers its address.
    pub fn publish(&self, path: &str, document: Document) -> String {
        let mut shelf = self.shelf.lock().unwrap();
        shelf.documents.insert(path.to_owned(), document);
        format!("{}{path}", self.base)
    }

    /// How often `path` was asked for.
    pub fn asked(&self, path: &str) -> usize {
        let shelf = self.shelf.lock().unwrap();
        shelf.asked.iter().filter(|asked| *asked == path).count()
    }

    /// Keeps every answer back until [`Publisher::let_go`].
    pub fn hold_back(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Lets what was kept back go.
    pub fn let_go(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS);
    }
}

async fn answer(publisher: web::Data<Publisher>, request: HttpRequest) -> HttpResponse {
    let document = {
        let mut shelf = publisher.shelf.lock().unwrap();
        shelf.asked.push(request.uri().to_string());
        shelf.documents.get(request.path()).cloned()
    };
    let _passed = publisher.gate.acquire().await.unwrap();
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
