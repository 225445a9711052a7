//! The token endpoint, and where its processor time goes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use serde_json::Value;
use url::form_urlencoded;

use crate::load::{CONNECTIONS, Connection, header};
use crate::process::Server;
use crate::report::{Row, median};
use crate::servers::{CLIENT_ID, CLIENT_SECRET, PROVIDER, REDIRECT_URI};

const ROUNDS: usize = 7;
/// On each connection and in each round.
const TIMES: usize = 60;

/// A row for each grant. `signing` is what one RS256 token costs, in processor seconds.
pub async fn measure(signing: f64) -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let provider = Server::start(PROVIDER, folder.path());
    let own = rounds(&provider, 1.0 * signing, async |connection, _| {
        client_credentials(connection, provider.port()).await;
    })
    .await;
    let code = rounds(&provider, 2.0 * signing, async |connection, cookie| {
        code_flow(connection, provider.port(), CLIENT_ID, cookie).await;
    })
    .await;
    vec![
        row("client_credentials", "requests/CPU-s", &own),
        row("code flow, from /authorize to tokens", "flows/CPU-s", &code),
    ]
}

/// One round: how many a processor second, and the shares of signing and of the database.
type Round = (f64, f64, f64);

async fn rounds(
    provider: &Server,
    signing_each: f64,
    work: impl AsyncFn(&mut Connection, &str),
) -> Vec<Round> {
    let cookies: Vec<&str> = provider.greeting["cookies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cookie| cookie.as_str().unwrap())
        .collect();
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let before = provider.spent();
        join_all(cookies.iter().map(async |cookie| {
            let mut connection = Connection::open(provider.port()).await;
            for _ in 0..TIMES {
                work(&mut connection, cookie).await;
            }
        }))
        .await;
        let spent = provider.spent() - before;
        let count = (CONNECTIONS * TIMES) as f64;
        // The first one warms up.
        if round > 0 {
            rounds.push((
                count / spent.all,
                count * signing_each / spent.all,
                spent.database / spent.all,
            ));
        }
    }
    rounds
}

fn row(what: &str, unit: &'static str, rounds: &[Round]) -> Row {
    let signing = median(rounds.iter().map(|round| round.1));
    let database = median(rounds.iter().map(|round| round.2));
    Row {
        shares: vec![
            ("signing", signing),
            ("database", database),
            ("rest", 1.0 - signing - database),
        ],
        ..Row::alone(what, median(rounds.iter().map(|round| round.0)), unit)
    }
}

async fn client_credentials(connection: &mut Connection, port: u16) {
    let fields = [("grant_type", "client_credentials")];
    let request = token_request(port, CLIENT_ID, &fields);
    let (head, body) = connection.ask(&request).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}{body}");
}

/// As an application's user does who is signed in: the redirect with the code, then the tokens.
/// Answers the ID token.
pub async fn code_flow(
    connection: &mut Connection,
    port: u16,
    client_id: &str,
    cookie: &str,
) -> String {
    let tokens = code_flow_for(connection, port, client_id, cookie, &[]).await;
    tokens["id_token"].as_str().unwrap().to_owned()
}

/// The same, with more parameters in both requests. Answers all that the token endpoint says.
pub async fn code_flow_for(
    connection: &mut Connection,
    port: u16,
    client_id: &str,
    cookie: &str,
    more: &[(&str, &str)],
) -> Value {
    let own = [
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "openid profile"),
        ("state", "af0ifjsldkj"),
        ("nonce", "n-0S6_WzA2Mj"),
    ];
    let query = encoded(&[&own, more].concat());
    let request = format!(
        "GET /authorize?{query} HTTP/1.1\r\nHost: localhost:{port}\r\n\
         Cookie: exeunt-session-{port}={cookie}\r\n\r\n"
    );
    let (head, body) = connection.ask(&request).await;
    let location = header(head, "location").unwrap_or_else(|| panic!("{head}{body}"));
    let (_, answer) = location.split_once('?').unwrap();
    let code = form_urlencoded::parse(answer.as_bytes())
        .find(|(name, _)| name == "code")
        .unwrap_or_else(|| panic!("no code: {location}"))
        .1
        .into_owned();
    let own = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT_URI),
    ];
    let request = token_request(port, client_id, &[&own, more].concat());
    let (head, body) = connection.ask(&request).await;
    let tokens: Value = serde_json::from_str(body).unwrap();
    assert!(tokens["id_token"].is_string(), "{head}{body}");
    tokens
}

fn token_request(port: u16, client_id: &str, fields: &[(&str, &str)]) -> String {
    let body = encoded(fields);
    let credentials = STANDARD.encode(format!("{client_id}:{CLIENT_SECRET}"));
    format!(
        "POST /token HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Basic {credentials}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Fields as a form or a query has them.
pub fn encoded(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}
