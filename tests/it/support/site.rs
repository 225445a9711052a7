//! A site that answers every address with a small page, the same unless a test says otherwise, and remembers what it
//! was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use url::form_urlencoded;

use super::browser::Page;
use super::server::serve;

/// Where it has a logo.
pub const LOGO: &str = "/logo.png";
const PAGE: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>A site</title>
    <link rel=icon href=data:,><main><h1>A site of its own</h1></main></html>";

/// A request that came in.
#[derive(Debug, Clone)]
pub struct Asked {
    /// GET or POST.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The form that came with it, decoded.
    pub fields: Vec<(String, String)>,
}

/// A site at `127.0.0.1`: to a browser another *site* than the provider at `localhost`.
#[derive(Clone)]
pub struct Site {
    /// Its address, without a slash at its end.
    pub base: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    pages: Arc<Mutex<HashMap<String, Shown>>>,
}

/// What is to be seen at a path.
#[derive(Clone)]
enum Shown {
    /// This page.
    Page(String),
    /// Nothing, for ever: there is no answer.
    Nothing,
}

impl Site {
    /// Opens at a free port.
    pub async fn open() -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let data = web::Data::from(Arc::clone(&asked));
        let pages = Arc::new(Mutex::new(HashMap::new()));
        let shown = web::Data::from(Arc::clone(&pages));
        let (port, _) = serve(None, move |app| {
            app.app_data(data.clone())
                .app_data(shown.clone())
                .default_service(web::to(answer));
        });
        let base = format!("http://127.0.0.1:{port}");
        Self { base, asked, pages }
    }

    /// Shows this script's page at `path` from now on.
    pub fn run(&self, path: &str, script: &str) {
        let page = PAGE.replace("</main>", &format!("</main><script>{script}</script>"));
        self.show(path, Shown::Page(page));
    }

    /// Never answers at `path` from now on.
    pub fn hang(&self, path: &str) {
        self.show(path, Shown::Nothing);
    }

    fn show(&self, path: &str, shown: Shown) {
        self.pages.lock().unwrap().insert(path.to_owned(), shown);
    }

    /// What it was asked below `path`, in order.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.retain(|request| request.target.starts_with(path));
        asked
    }

    /// Opens this site in the tab and sends a form from there to `action`, as an application's page would.
    pub async fn post_from(&self, page: &Page, action: &str, fields: &[(&str, &str)]) {
        page.goto(&self.base).await;
        let send = format!(
            "(() => {{
                const form = document.createElement('form');
                form.method = 'post';
                form.action = {};
                for (const [name, value] of {}) {{
                    const input = document.createElement('input');
                    input.type = 'hidden';
                    input.name = name;
                    input.value = value;
                    form.append(input);
                }}
                document.body.append(form);
                form.submit();
            }})()",
            serde_json::json!(action),
            serde_json::json!(fields)
        );
        page.eval::<()>(&send).await;
    }
}

async fn answer(
    asked: web::Data<Mutex<Vec<Asked>>>,
    pages: web::Data<Mutex<HashMap<String, Shown>>>,
    request: HttpRequest,
    body: Bytes,
) -> HttpResponse {
    let target = request.uri().to_string();
    asked.lock().unwrap().push(Asked {
        method: request.method().to_string(),
        target,
        fields: form_urlencoded::parse(&body).into_owned().collect(),
    });
    if request.path() == LOGO {
        return HttpResponse::Ok()
            .content_type("image/png")
            .body(include_bytes!("logo.png").as_slice());
    }
    let page = pages.lock().unwrap().get(request.path()).cloned();
    let page = match page {
        Some(Shown::Page(page)) => page,
        Some(Shown::Nothing) => std::future::pending().await,
        None => PAGE.to_owned(),
    };
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(page)
}
