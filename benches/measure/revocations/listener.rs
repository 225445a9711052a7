//! The service that hears, on `exeunt-guard`.

use std::path::Path;
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use exeunt_guard::{Guard, Refused};
use serde_json::{Value, json};

use super::{REDIS, SERVICE, SERVICE_SECRET, Spec};
use crate::process::{micros, obey, spent};

/// The role of this program.
pub const LISTENER: &str = "listener";

/// How often a token is looked at that is to be refused: by so much a figure may be too high.
const LOOK: Duration = Duration::from_micros(250);

/// Hears, and does what it is asked to, until nobody needs it.
pub async fn serve(folder: &Path) {
    let guard = connect(&Spec::read(folder)).await;
    while guard.age().is_none() {
        std::thread::sleep(LOOK);
    }
    let watching = Mutex::new(None);
    obey(&json!({}), async |request| act(&guard, &watching, &request)).await;
}

async fn connect(spec: &Spec) -> Guard {
    match spec.way.as_str() {
        "feed" => Guard::builder(&spec.issuer, SERVICE)
            .service_secret(SERVICE_SECRET)
            .connect()
            .await
            .unwrap(),
        REDIS => Guard::builder(&spec.issuer, SERVICE)
            .redis(spec.redis.as_ref().unwrap())
            .connect()
            .await
            .unwrap(),
        other => panic!("nobody hears over the {other}"),
    }
}

fn act(guard: &Guard, watching: &Mutex<Option<JoinHandle<u64>>>, request: &Value) -> Value {
    let token = || request["token"].as_str().unwrap().to_owned();
    let number = |name: &str| usize::try_from(request[name].as_u64().unwrap()).unwrap();
    match request["do"].as_str().unwrap() {
        "watch" => {
            let (guard, token) = (guard.clone(), token());
            assert!(guard.verify(&token).is_ok());
            let watch = move || {
                while guard.verify(&token) != Err(Refused::Revoked) {
                    std::thread::sleep(LOOK);
                }
                micros()
            };
            *watching.lock().unwrap() = Some(std::thread::spawn(watch));
            Value::Null
        }
        "refused" => {
            let watched = watching.lock().unwrap().take().unwrap();
            json!({ "at": watched.join().unwrap() })
        }
        "denied" => json!({ "count": guard.deny_list().len() }),
        "wait" => {
            let count = number("count");
            while guard.deny_list().len() < count {
                std::thread::sleep(LOOK);
            }
            json!({ "at": micros() })
        }
        _ => {
            let (token, times) = (token(), number("times"));
            let (before, began) = (spent(std::process::id()).all, Instant::now());
            for _ in 0..times {
                assert!(guard.verify(&token).is_ok());
            }
            let taken = began.elapsed().as_secs_f64();
            let spent = spent(std::process::id()).all - before;
            json!({ "spent": spent, "taken": taken })
        }
    }
}
