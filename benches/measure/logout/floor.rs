//! What deliveries cost at least: the same token signed, and posted with the same client, and nothing kept.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use exeunt::clock::{Clock as _, SystemClock};
use exeunt::jose::{self, KeyRing, MasterKey, Schedule, StoredKey};
use exeunt::oidc::algorithm::SigningAlgorithm;
use exeunt::oidc::issuer::Issuer;
use exeunt::oidc::logout::logout_token::{self, LogoutTokenClaims};
use exeunt::outbound::{Guard, Limits, Outbound, Resolver, SystemResolver};
use exeunt::random::{OsRandom, Random};
use futures_util::{StreamExt as _, stream};
use serde_json::json;

use super::Spec;
use crate::process::{micros, obey};

/// The role of this program.
pub const FLOOR: &str = "floor";

/// As many as Exeunt has under way at once.
const UNDER_WAY: usize = 256;

/// Posts as often as it is asked to, until nobody needs it.
pub async fn serve(folder: &Path) {
    let spec = Arc::new(Spec::read(folder));
    let now = SystemClock.now() - TimeDelta::minutes(1);
    let master = Arc::new(MasterKey::generate(&OsRandom));
    let keys = KeyRing::new(Arc::clone(&master));
    let schedule = Schedule::at_once(now);
    let key = StoredKey::generate(SigningAlgorithm::ES256, &master, &OsRandom, schedule).unwrap();
    keys.replace(1, vec![key]).unwrap();
    let resolver: Arc<dyn Resolver> = Arc::new(SystemResolver);
    let guard = Guard::new(vec!["127.0.0.0/8".parse().unwrap()]);
    let outbound = Outbound::new(guard, &resolver, None, Limits::default()).unwrap();
    obey(&json!({}), async |request| {
        let began = micros();
        let count = usize::try_from(request["count"].as_u64().unwrap()).unwrap();
        stream::iter(0..count)
            .map(|number| {
                let (keys, outbound, spec) = (keys.clone(), outbound.clone(), Arc::clone(&spec));
                // Tasks, as Exeunt's attempts are.
                tokio::spawn(async move { post(&keys, &outbound, &spec, number).await })
            })
            .buffer_unordered(UNDER_WAY)
            .for_each(async |posted| posted.unwrap())
            .await;
        json!({ "began": began })
    })
    .await;
}

async fn post(keys: &KeyRing, outbound: &Outbound, spec: &Spec, number: usize) {
    let now = SystemClock.now();
    let random: &dyn Random = &OsRandom;
    let issuer = Issuer::parse("http://localhost:8080").unwrap();
    let (sub, sid) = (
        random.identifier().to_string(),
        random.identifier().to_string(),
    );
    let jti = random.identifier().to_string();
    let number = number % spec.ports.len();
    let client_id = super::client_id(number);
    let claims = LogoutTokenClaims::new(&issuer, &client_id, &sub, Some(&sid), &jti, now);
    let key = keys.signing_key(SigningAlgorithm::ES256, now).unwrap();
    let token = jose::sign(&key, Some(logout_token::TYPE), &claims).unwrap();
    let fields = [("logout_token", token.as_str())];
    let patience = Duration::from_secs(5);
    let uri = spec.uri(number);
    // As a delivery is tried again: a kept connection may have been closed just now.
    let mut answer = outbound.post_form(&uri, &fields, patience).await;
    if answer.is_err() {
        answer = outbound.post_form(&uri, &fields, patience).await;
    }
    assert_eq!(answer.unwrap().status, 200);
}
