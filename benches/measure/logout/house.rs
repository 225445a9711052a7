//! The provider whose deliveries are measured.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use exeunt::config::{Config, Credential, DatabaseUrl, DeclaredClient, DeclaredUser, Place};
use exeunt::flows::Provider;
use exeunt::flows::end_session::{end_many, end_session};
use exeunt::flows::sign_in::{Attempt, SignIn, sign_in};
use exeunt::oidc::algorithm::SigningAlgorithm;
use exeunt::oidc::claims::UserClaims;
use exeunt::oidc::client::{ClientMetadata, GrantType};
use exeunt::oidc::issuer::Issuer;
use exeunt::oidc::logout::{Cause, DeliveryState};
use exeunt::server::{self, Seams};
use exeunt::store::deliveries;
use exeunt::store::orders::{self, OrderScope};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Spec, client_id, upstream};
use crate::process::{micros, obey};
use crate::servers::{CLIENT_SECRET, PASSWORD, REDIRECT_URI};

/// The role of this program.
pub const HOUSE: &str = "house";

/// How often somebody signs in: five times a second.
const SIGN_IN: Duration = Duration::from_millis(200);

/// Serves, and does what it is asked to, until nobody needs it.
pub async fn serve(folder: &Path) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = config(folder, port, &Spec::read(folder));
    let running = server::start_on(listener, config, Seams::default())
        .await
        .unwrap();
    let provider = running.provider();
    let hash = provider
        .passwords
        .hash(&SecretString::from(PASSWORD))
        .await
        .unwrap();
    let greeting = json!({ "port": port, "hash": hash.as_str() });
    obey(&greeting, async |request| act(provider, &request).await).await;
    running.stop().await;
}

async fn act(provider: &Provider, request: &Value) -> Value {
    match request["do"].as_str().unwrap() {
        "end" => {
            let id = request["session"].as_str().unwrap().parse().unwrap();
            assert!(end_session(provider, id, Cause::Logout).await.unwrap());
            json!({ "committed": micros() })
        }
        "sign in" => json!({ "cookie": enter(provider, "ada", 0).await }),
        "drain" => {
            while !is_quiet(provider).await {
                wait(Duration::from_millis(20)).await;
            }
            Value::Null
        }
        "sign-ins" => json!(sign_ins(provider, 0, async |signed_in| signed_in == 40).await),
        _ => storm(provider).await,
    }
}

async fn storm(provider: &Provider) -> Value {
    let began = Instant::now();
    end_many(provider, OrderScope::All, Cause::Administrator)
        .await
        .unwrap();
    let over = async |_| is_quiet(provider).await;
    let latencies = sign_ins(provider, 1000, over).await;
    json!({ "seconds": began.elapsed().as_secs_f64(), "latencies": latencies })
}

/// No order is open, and no notice is on its way.
async fn is_quiet(provider: &Provider) -> bool {
    let db = provider.database.read();
    let open = [DeliveryState::Pending, DeliveryState::Retrying];
    orders::open(db).await.unwrap().is_empty()
        && deliveries::list(db, &open, None, 1)
            .await
            .unwrap()
            .is_empty()
}

/// One every 200 ms until it is enough; answers how long each took, in milliseconds.
async fn sign_ins(
    provider: &Provider,
    first: usize,
    enough: impl AsyncFn(usize) -> bool,
) -> Vec<f64> {
    let mut under_way = FuturesUnordered::new();
    let mut latencies = Vec::new();
    let mut number = 0;
    let mut next = Instant::now();
    while !enough(number).await {
        number += 1;
        let begun = Instant::now();
        under_way.push(async move {
            enter(
                provider,
                &format!("guest-{}", (first + number) % 2000 + 1),
                number,
            )
            .await;
            begun.elapsed().as_secs_f64() * 1000.0
        });
        next += SIGN_IN;
        let tick = wait(next.saturating_duration_since(Instant::now()));
        tokio::pin!(tick);
        loop {
            tokio::select! {
                Some(latency) = under_way.next() => latencies.push(latency),
                () = &mut tick => break,
            }
        }
    }
    while let Some(latency) = under_way.next().await {
        latencies.push(latency);
    }
    latencies
}

/// Signs somebody in; answers their cookie.
pub async fn enter(provider: &Provider, username: &str, number: usize) -> String {
    let [.., high, low] = number.to_be_bytes();
    let attempt = Attempt {
        username,
        password: &SecretString::from(PASSWORD),
        address: IpAddr::V4(Ipv4Addr::new(10, 0, high, low)),
        user_agent: "measure",
        cookie: None,
        known: None,
    };
    match sign_in(provider, &attempt).await.unwrap() {
        SignIn::Done(cookies) => cookies.session,
        SignIn::Refused | SignIn::TooOften(_) => panic!("{username} can't sign in"),
    }
}

fn config(folder: &Path, port: u16, spec: &Spec) -> Config {
    let issuer = Issuer::parse(&format!("http://localhost:{port}")).unwrap();
    let mut config = Config::for_issuer(issuer);
    config.database = DatabaseUrl::parse(&spec.database).unwrap();
    config.master_key_file = folder.join("exeunt.key");
    config.outbound.allow_private_networks = vec!["127.0.0.0/8".parse().unwrap()];
    for number in 0..spec.ports.len() {
        config.clients.push(DeclaredClient {
            client_id: client_id(number),
            secret: Some(Credential::Plain(SecretString::from(CLIENT_SECRET))),
            metadata: ClientMetadata {
                redirect_uris: vec![REDIRECT_URI.to_owned()],
                grant_types: GrantType::ALL.into(),
                backchannel_logout_uri: Some(spec.uri(number)),
                id_token_signed_response_alg: SigningAlgorithm::ES256.into(),
                skip_consent: true,
                ..ClientMetadata::default()
            },
            place: Place::Program,
        });
    }
    config.upstreams.push(upstream::declared(spec.ports[0]));
    config.users.push(DeclaredUser {
        username: "ada".to_owned(),
        password: Some(Credential::Plain(SecretString::from(PASSWORD))),
        claims: UserClaims::default(),
        place: Place::Program,
    });
    config
}

#[expect(clippy::disallowed_methods, reason = "real time is what is measured")]
async fn wait(time: Duration) {
    tokio::time::sleep(time).await;
}
