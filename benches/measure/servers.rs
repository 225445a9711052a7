//! The servers that are measured: the provider, and one that only sends bytes.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::Path;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};
use exeunt::config::{Config, Credential, DatabaseUrl, DeclaredClient, DeclaredUser, Place};
use exeunt::flows::sign_in::{Attempt, SignIn, sign_in};
use exeunt::oidc::claims::UserClaims;
use exeunt::oidc::client::{ClientMetadata, GrantType};
use exeunt::oidc::issuer::Issuer;
use exeunt::server::{self, Seams};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::load::CONNECTIONS;
use crate::logout::applications::{self, APPLICATIONS};
use crate::logout::floor::{self, FLOOR};
use crate::logout::house::{self, HOUSE};
use crate::process::serve_until_unneeded;
use crate::revocations::listener::{self, LISTENER};
use crate::revocations::source::{self, SOURCE};

/// The roles this program starts itself in.
pub const PROVIDER: &str = "provider";
pub const BARE: &str = "bare";
pub const ROLES: [&str; 7] = [PROVIDER, BARE, HOUSE, APPLICATIONS, FLOOR, SOURCE, LISTENER];

/// Where the bare server finds what to send.
pub const DOCUMENTS: &str = "documents.json";

/// The client and the person of the measurements.
pub const CLIENT_ID: &str = "ledger";
pub const CLIENT_SECRET: &str = "a-secret-of-more-than-24-characters";
pub const REDIRECT_URI: &str = "https://ledger.example/callback";
pub const PASSWORD: &str = "the analytical engine";

/// An answer to send as it is.
#[derive(Clone, Serialize, Deserialize)]
pub struct Document {
    /// Where it is.
    pub path: String,
    /// Its headers, without those that every HTTP server writes itself.
    pub headers: Vec<(String, String)>,
    /// What it says.
    pub body: String,
}

/// Serves until nobody needs it.
#[tokio::main]
pub async fn serve(role: &str, folder: &Path) {
    match role {
        PROVIDER => provider(folder).await,
        HOUSE => house::serve(folder).await,
        APPLICATIONS => applications::serve(folder).await,
        FLOOR => floor::serve(folder).await,
        SOURCE => source::serve(folder).await,
        LISTENER => listener::serve(folder).await,
        _ => bare(folder).await,
    }
}

async fn provider(folder: &Path) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let database = format!("sqlite://{}", folder.join("exeunt.db").display());
    let config = config(folder, &database, port);
    let running = server::start_on(listener, config, Seams::default())
        .await
        .unwrap();
    let mut cookies = Vec::new();
    for _ in 0..CONNECTIONS {
        let attempt = Attempt {
            username: "ada",
            password: &SecretString::from(PASSWORD),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            user_agent: "",
            cookie: None,
            known: None,
        };
        match sign_in(running.provider(), &attempt).await.unwrap() {
            SignIn::Done(given) => cookies.push(given.session),
            SignIn::Refused | SignIn::TooOften(_) => panic!("ada can't sign in"),
        }
    }
    let greeting = json!({ "port": port, "cookies": cookies });
    wait(greeting).await;
    running.stop().await;
}

/// A provider on this database that knows the client and the person.
pub fn config(folder: &Path, database: &str, port: u16) -> Config {
    let issuer = Issuer::parse(&format!("http://localhost:{port}")).unwrap();
    let mut config = Config::for_issuer(issuer);
    config.database = DatabaseUrl::parse(database).unwrap();
    config.master_key_file = folder.join("exeunt.key");
    config.clients.push(DeclaredClient {
        client_id: CLIENT_ID.to_owned(),
        secret: Some(Credential::Plain(SecretString::from(CLIENT_SECRET))),
        metadata: ClientMetadata {
            redirect_uris: vec![REDIRECT_URI.to_owned()],
            grant_types: GrantType::ALL.into(),
            skip_consent: true,
            ..ClientMetadata::default()
        },
        place: Place::Program,
    });
    config.users.push(DeclaredUser {
        username: "ada".to_owned(),
        password: Some(Credential::Plain(SecretString::from(PASSWORD))),
        claims: UserClaims::default(),
        place: Place::Program,
    });
    config
}

async fn bare(folder: &Path) {
    let documents = std::fs::read_to_string(folder.join(DOCUMENTS)).unwrap();
    let documents: Vec<Document> = serde_json::from_str(&documents).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = HttpServer::new(move || {
        documents.iter().fold(App::new(), |app, document| {
            let headers: Vec<(HeaderName, HeaderValue)> = document
                .headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect();
            let body = Bytes::from(document.body.clone());
            app.route(
                &document.path,
                web::get().to(move || {
                    let mut response = HttpResponse::Ok();
                    for header in &headers {
                        response.insert_header(header.clone());
                    }
                    let response = response.body(body.clone());
                    async move { response }
                }),
            )
        })
    })
    .disable_signals()
    .listen(listener)
    .unwrap()
    .run();
    let handle = server.handle();
    let server = tokio::spawn(server);
    wait(json!({ "port": port })).await;
    handle.stop(true).await;
    server.await.unwrap().unwrap();
}

async fn wait(greeting: serde_json::Value) {
    tokio::task::spawn_blocking(move || serve_until_unneeded(&greeting))
        .await
        .unwrap();
}
