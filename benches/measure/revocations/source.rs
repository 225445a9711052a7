//! The provider that takes back.

use std::net::TcpListener;
use std::path::Path;

use chrono::TimeDelta;
use exeunt::config::{Bus, Credential, DeclaredService, Place, RedisUrl};
use exeunt::flows::Provider;
use exeunt::flows::end_session::end_session;
use exeunt::oidc::logout::Cause;
use exeunt::oidc::scope::Scope;
use exeunt::oidc::service::{Service, TokenFormat};
use exeunt::random::{OsRandom, Random};
use exeunt::server::{self, Seams};
use exeunt::store::revocations::{self, Dead, Revocation, TokenName};
use exeunt::store::{self, participants};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{SERVICE, SERVICE_SECRET, Spec};
use crate::logout::house::enter;
use crate::process::{micros, obey};
use crate::servers::{CLIENT_ID, config};

/// The role of this program.
pub const SOURCE: &str = "source";

/// How many revocations are committed at once in a flood.
const AT_ONCE: usize = 1_000;

/// Serves, and does what it is asked to, until nobody needs it.
pub async fn serve(folder: &Path) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let spec = Spec::read(folder);
    let mut config = config(folder, &spec.database, port);
    config.bus = spec.redis.map(|url| Bus {
        url: RedisUrl::parse(&url).unwrap(),
    });
    config.services.push(DeclaredService {
        service: Service {
            identifier: SERVICE.to_owned(),
            name: None,
            format: TokenFormat::Jwt,
            scope: Scope::default(),
            lifetime: TimeDelta::hours(1),
            claims: Vec::new(),
            clients: None,
        },
        secret: Some(Credential::Plain(SecretString::from(SERVICE_SECRET))),
        jwks: Vec::new(),
        place: Place::Program,
    });
    // The sessions of a flood have no grants that name the service.
    for client in &mut config.clients {
        client.metadata.access_token_audience = Some(SERVICE.to_owned());
    }
    let running = server::start_on(listener, config, Seams::default())
        .await
        .unwrap();
    let provider = running.provider();
    obey(&json!({ "port": port }), async |request| {
        act(provider, &request).await
    })
    .await;
    running.stop().await;
}

async fn act(provider: &Provider, request: &Value) -> Value {
    match request["do"].as_str().unwrap() {
        "sign in" => json!({ "cookie": enter(provider, "ada", 0).await }),
        "end" => {
            let sid = request["sid"].as_str().unwrap().parse().unwrap();
            let part = participants::find(provider.database.read(), sid).await;
            let id = part.unwrap().unwrap().session_id;
            assert!(end_session(provider, id, Cause::Logout).await.unwrap());
            json!({ "committed": micros() })
        }
        _ => {
            let count = usize::try_from(request["count"].as_u64().unwrap()).unwrap();
            let sessions = request["sessions"].as_str();
            json!({ "began": flood(provider, count, sessions).await })
        }
    }
}

/// Commits so many revocations, as fast as it goes: of tokens, or of the sessions whose identifiers begin like this. Answers
/// when it began.
async fn flood(provider: &Provider, count: usize, sessions: Option<&str>) -> u64 {
    let random: &dyn Random = &OsRandom;
    let began = micros();
    let mut number = 0;
    while number < count {
        let now = provider.clock.now();
        let entries: Vec<Revocation> = (number..count.min(number + AT_ONCE))
            .map(|number| Revocation {
                id: random.row_id(now),
                dead: match sessions {
                    Some(kind) => {
                        let id = format!("{kind}{:012x}", number + 1);
                        Dead::Session(id.parse().unwrap())
                    }
                    None => Dead::Token {
                        name: TokenName::Jti(random.identifier().to_string()),
                        client_id: CLIENT_ID.to_owned(),
                        audience: SERVICE.to_owned(),
                    },
                },
                expires_at: now + TimeDelta::hours(1),
            })
            .collect();
        number += entries.len();
        let tx = provider.database.begin().await.unwrap();
        revocations::insert(&tx, &entries, now).await.unwrap();
        store::commit(tx).await.unwrap();
        provider.work.notify_one();
    }
    began
}
