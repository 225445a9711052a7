//! A door in front of a provider: what goes through is seen, what the provider says of itself can be changed, and
//! endpoints can be made to answer otherwise or not at all.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use reqwest::Method;
use serde_json::Value;
use url::form_urlencoded;

use super::server::serve;
use super::visitor::http_client;

/// Where a provider says what it is.
pub const METADATA: &str = "/.well-known/openid-configuration";
/// What belongs to one connection alone.
const OF_A_CONNECTION: [&str; 4] = ["host", "connection", "content-length", "transfer-encoding"];

/// A request that came through.
#[derive(Debug, Clone)]
pub struct Through {
    /// Its path.
    pub path: String,
    /// Its query, decoded.
    pub query: Vec<(String, String)>,
    /// The form that came with it, decoded.
    pub fields: Vec<(String, String)>,
    /// The header of that name.
    pub authorization: Option<String>,
}

impl Through {
    /// A field of its form.
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A parameter of its query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// How the door answers by itself.
#[derive(Debug, Clone, Copy)]
pub enum Instead {
    /// With this status.
    Status(u16),
    /// Not at all.
    Hang,
}

#[derive(Default)]
struct State {
    behind: String,
    said: BTreeMap<String, Value>,
    instead: BTreeMap<String, Instead>,
    next: BTreeMap<String, VecDeque<u16>>,
    through: Vec<Through>,
}

/// The door, at `localhost`.
#[derive(Clone)]
pub struct Front {
    /// Its address, without a slash at its end: the issuer of who is behind it.
    pub base: String,
    state: Arc<Mutex<State>>,
}

impl Front {
    /// Opens at a free port; nobody is behind it yet.
    pub async fn open() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let data = web::Data::from(Arc::clone(&state));
        let (port, _) = serve(None, move |app| {
            app.app_data(data.clone()).default_service(web::to(pass));
        });
        let base = format!("http://localhost:{port}");
        Self { base, state }
    }

    /// From now on this address is behind it.
    pub fn lead_to(&self, behind: String) {
        self.state.lock().unwrap().behind = behind;
    }

    /// Whoever is behind it says this of itself from now on; null: nothing.
    pub fn say(&self, name: &str, value: Value) {
        let mut state = self.state.lock().unwrap();
        state.said.insert(name.to_owned(), value);
    }

    /// Answers by itself at `path` from now on.
    pub fn answer(&self, path: &str, instead: Instead) {
        let mut state = self.state.lock().unwrap();
        state.instead.insert(path.to_owned(), instead);
    }

    /// Lets through at `path` again.
    pub fn let_through(&self, path: &str) {
        self.state.lock().unwrap().instead.remove(path);
    }

    /// Answers the next requests at `path` with these statuses.
    pub fn answer_next(&self, path: &str, statuses: &[u16]) {
        let mut state = self.state.lock().unwrap();
        let next = state.next.entry(path.to_owned()).or_default();
        next.extend(statuses);
    }

    /// What came to `path`, in order.
    pub fn came(&self, path: &str) -> Vec<Through> {
        let state = self.state.lock().unwrap();
        let came = state.through.iter().filter(|through| through.path == path);
        came.cloned().collect()
    }
}

async fn pass(state: web::Data<Mutex<State>>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let path = request.path().to_owned();
    let pairs = |text: &[u8]| form_urlencoded::parse(text).into_owned().collect();
    let header = request.headers().get("authorization");
    let (behind, instead, said) = {
        let mut state = state.lock().unwrap();
        state.through.push(Through {
            path: path.clone(),
            query: pairs(request.query_string().as_bytes()),
            fields: pairs(&body),
            authorization: header.map(|value| value.to_str().unwrap().to_owned()),
        });
        let next = state.next.get_mut(&path).and_then(VecDeque::pop_front);
        let instead = next.map(Instead::Status);
        let instead = instead.or_else(|| state.instead.get(&path).copied());
        (state.behind.clone(), instead, state.said.clone())
    };
    match instead {
        Some(Instead::Status(status)) => {
            return HttpResponse::build(StatusCode::from_u16(status).unwrap()).finish();
        }
        Some(Instead::Hang) => std::future::pending().await,
        None => {}
    }
    let method = Method::from_bytes(request.method().as_str().as_bytes()).unwrap();
    let mut forwarded = http_client()
        .request(method, format!("{behind}{}", request.uri()))
        .body(body);
    for (name, value) in request.headers() {
        if !OF_A_CONNECTION.contains(&name.as_str()) {
            forwarded = forwarded.header(name.as_str(), value.as_bytes());
        }
    }
    let answer = forwarded.send().await.unwrap();
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
    let mut response = HttpResponse::build(status);
    for (name, value) in answer.headers() {
        if !OF_A_CONNECTION.contains(&name.as_str()) {
            response.append_header((name.as_str(), value.as_bytes()));
        }
    }
    let mut bytes = answer.bytes().await.unwrap();
    if path == METADATA {
        let mut metadata: Value = serde_json::from_slice(&bytes).unwrap();
        let members = metadata.as_object_mut().unwrap();
        for (name, value) in said {
            match value {
                Value::Null => drop(members.remove(&name)),
                value => drop(members.insert(name, value)),
            }
        }
        bytes = metadata.to_string().into();
    }
    response.body(bytes)
}
