//! Discovery and JWKS, beside a handler that only sends the same bytes with the same headers.

use crate::load::{self, CONNECTIONS, Connection};
use crate::process::Server;
use crate::report::{Goal, Row};
use crate::servers::{BARE, DOCUMENTS, Document, PROVIDER};

const ROUNDS: usize = 9;
/// On each connection and in each round: enough for a good part of a second.
const REQUESTS: usize = 3000;

/// A row for each document.
pub async fn measure() -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let provider = Server::start(PROVIDER, folder.path());
    let paths = ["/.well-known/openid-configuration", "/jwks"];
    let mut documents = Vec::new();
    for path in paths {
        documents.push(fetch(provider.port(), path).await);
    }
    let text = serde_json::to_string(&documents).unwrap();
    std::fs::write(folder.path().join(DOCUMENTS), text).unwrap();
    let bare = Server::start(BARE, folder.path());

    let mut rows = Vec::new();
    for (path, document) in paths.into_iter().zip(&documents) {
        let sent_bare = fetch(bare.port(), path).await;
        let sorted = |document: &Document| {
            let mut headers = document.headers.clone();
            headers.sort();
            headers
        };
        assert_eq!(sorted(&sent_bare), sorted(document));
        assert_eq!(sent_bare.body, document.body);
        let mut rounds = Vec::new();
        for round in 0..=ROUNDS {
            let pair = (
                per_cpu_second(&provider, path).await,
                per_cpu_second(&bare, path).await,
            );
            // The first one warms up.
            if round > 0 {
                rounds.push(pair);
            }
        }
        let name = path.rsplit('/').next().unwrap();
        let row = Row::of_rounds(format!("GET {name}"), &rounds, "requests/CPU-s");
        rows.push(row.goal(Goal::RatioAtLeast(0.6)));
    }
    rows
}

async fn per_cpu_second(server: &Server, path: &str) -> f64 {
    let before = server.spent();
    load::get(server.port(), path, REQUESTS).await;
    (CONNECTIONS * REQUESTS) as f64 / (server.spent() - before).all
}

async fn fetch(port: u16, path: &str) -> Document {
    let mut connection = Connection::open(port).await;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
    let (head, body) = connection.ask(&request).await;
    let headers = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .filter(|(name, _)| !["date", "content-length"].contains(&name.as_str()))
        .collect();
    Document {
        path: path.to_owned(),
        headers,
        body: body.to_owned(),
    }
}
