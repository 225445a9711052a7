//! What it costs to ask about each token, beside checking it offline.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use serde_json::json;
use url::form_urlencoded::byte_serialize;

use super::{SERVICE, SERVICE_SECRET, Stage};
use crate::load::{CONNECTIONS, Connection};
use crate::report::{Row, median};
use crate::tokens::encoded;

const ROUNDS: usize = 7;
/// On each connection and in each round.
const TIMES: usize = 60;
/// Of one after the other, in each round.
const ALONE: usize = 100;
const OFFLINE: usize = 5_000;

/// The rows.
pub async fn measure(name: &str, stage: &mut Stage) -> Vec<Row> {
    let token = stage.token().await;
    let port = stage.source.port();
    let request = request(port, &token);
    let (mut costs, mut waits) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let verify = json!({ "do": "verify", "token": token, "times": OFFLINE });
        let offline = stage.listener.ask(&verify);
        let of = |name: &str| offline[name].as_f64().unwrap() / OFFLINE as f64;

        let before = stage.source.spent().all;
        join_all((0..CONNECTIONS).map(|_| ask(port, &request, TIMES))).await;
        let spent = (stage.source.spent().all - before) / (CONNECTIONS * TIMES) as f64;
        let wait = ask(port, &request, ALONE).await;
        // The first one warms up.
        if round > 0 {
            costs.push((1.0 / of("spent"), 1.0 / spent));
            waits.push((of("taken") * 1e6, wait * 1e6));
        }
    }
    let cost = format!(
        "{name}: checking a token offline, beside introspection (the provider's time alone)"
    );
    let wait = format!("{name}: the time of one check, beside one introspection");
    vec![
        Row::of_rounds(cost, &costs, "checks/CPU-s"),
        Row::of_rounds(wait, &waits, "µs"),
    ]
}

/// Asks so often, one after the other; answers how long one took, in seconds: the median.
async fn ask(port: u16, request: &str, times: usize) -> f64 {
    let mut connection = Connection::open(port).await;
    let mut taken = Vec::new();
    for _ in 0..times {
        let began = Instant::now();
        let (head, body) = connection.ask(request).await;
        taken.push(began.elapsed().as_secs_f64());
        assert!(body.contains(r#""active":true"#), "{head}{body}");
    }
    median(taken.into_iter())
}

fn request(port: u16, token: &str) -> String {
    let encode = |text: &str| -> String { byte_serialize(text.as_bytes()).collect() };
    let credentials = format!("{}:{}", encode(SERVICE), encode(SERVICE_SECRET));
    let credentials = STANDARD.encode(credentials);
    let body = encoded(&[("token", token)]);
    format!(
        "POST /introspect HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Basic {credentials}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
