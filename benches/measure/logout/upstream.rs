//! A logout token of another provider comes in: how soon the first application of ours hears.

use std::sync::Arc;

use chrono::TimeDelta;
use exeunt::clock::{Clock as _, SystemClock};
use exeunt::config::{DeclaredUpstream, Place};
use exeunt::jose::{self, KeyRing, MasterKey, Schedule, StoredKey};
use exeunt::oidc::algorithm::SigningAlgorithm;
use exeunt::oidc::logout::logout_token::{EVENT, TYPE};
use exeunt::oidc::upstream::leaving::SignOut;
use exeunt::oidc::upstream::requested_claims::RequestedClaims;
use exeunt::oidc::upstream::{Admits, AuthMethod, SCOPE, Upstream};
use exeunt::random::{OsRandom, Random};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::burst::millis;
use super::{Stage, client_id};
use crate::load::Connection;
use crate::process::micros;
use crate::report::{Goal, Row, median};
use crate::servers::CLIENT_SECRET;
use crate::tokens::encoded;

const ROUNDS: usize = 21;
/// What we are called there.
const CLIENT_ID: &str = "exeunt";

/// The row of sessions with so many applications.
pub async fn measure(name: &str, stage: &mut Stage, count: usize) -> Row {
    let rounds = ROUNDS + 1;
    let all: Vec<String> = (0..count).map(client_id).collect();
    let now = i64::try_from(micros() / 1000).unwrap();
    stage.side.insert_sessions(rounds, &all, now).await;
    // The identifiers that `insert_sessions` gave them.
    let session_id = stage.side.id(17, "i");
    let issuer = issuer(stage.spec.ports[0]);
    stage
        .side
        .insert(
            rounds,
            "session_upstreams (session_id, issuer, subject, sid, sealed_id_token)",
            &format!("{session_id}, '{issuer}', 'crowd-' || i, 'session-' || i, ''"),
        )
        .await;
    let house = stage.house.port();
    let mut connection = Connection::open(house).await;
    let mut firsts = Vec::new();
    for round in 1..=rounds {
        stage.reset();
        let wanted = json!({ "do": "token", "sid": format!("session-{round}") });
        let signed = stage.applications.ask(&wanted);
        let body = encoded(&[("logout_token", signed["token"].as_str().unwrap())]);
        let length = body.len();
        let request = format!(
            "POST /upstreams/elsewhere/backchannel_logout HTTP/1.1\r\nHost: localhost:{house}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let began = micros();
        let (head, body) = connection.ask(&request).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}{body}");
        let (first, _) = stage.wait_for(count);
        stage.drain();
        // The first one fetches the keys.
        if round > 1 {
            firsts.push(millis(began, first));
        }
    }
    Row::alone(
        format!(
            "{name}: from an upstream's logout token to the first of {count} attempts' arrivals"
        ),
        median(firsts.into_iter()),
        "ms",
    )
    .goal(Goal::LessThan(15.0))
}

/// The other provider's issuer: it lives at the first application's port.
fn issuer(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// As the provider that is measured knows it.
pub fn declared(port: u16) -> DeclaredUpstream {
    let upstream = Upstream {
        id: "elsewhere".to_owned(),
        issuer: issuer(port),
        client_id: CLIENT_ID.to_owned(),
        auth_method: AuthMethod::ClientSecretBasic,
        scope: SCOPE.to_owned(),
        request_claims: RequestedClaims::default(),
        label: "Elsewhere".to_owned(),
        logo: None,
        domains: Vec::new(),
        admits: Admits::Nobody,
        refreshes_claims: false,
        claims: std::collections::BTreeMap::new(),
        private_networks: Vec::new(),
        sign_out: SignOut::default(),
        oauth2: None,
    };
    DeclaredUpstream {
        upstream,
        secret: Some(SecretString::from(CLIENT_SECRET)),
        place: Place::Program,
    }
}

/// The other provider, as far as it is needed.
#[derive(Clone)]
pub struct Elsewhere {
    keys: KeyRing,
    issuer: String,
}

impl Elsewhere {
    /// With an ES256 key, at this port.
    pub fn at(port: u16) -> Self {
        let master = Arc::new(MasterKey::generate(&OsRandom));
        let keys = KeyRing::new(Arc::clone(&master));
        let schedule = Schedule::at_once(SystemClock.now() - TimeDelta::minutes(1));
        let key = StoredKey::generate(SigningAlgorithm::ES256, &master, &OsRandom, schedule);
        keys.replace(1, vec![key.unwrap()]).unwrap();
        Self {
            keys,
            issuer: issuer(port),
        }
    }

    /// What it says of itself.
    pub fn metadata(&self) -> Value {
        let issuer = &self.issuer;
        json!({
            "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/jwks"),
        })
    }

    /// Its keys, as JSON.
    pub fn jwks(&self) -> String {
        self.keys.jwks(SystemClock.now()).unwrap().json.to_string()
    }

    /// A logout token that names a session.
    pub fn token(&self, sid: &str) -> String {
        let now = SystemClock.now();
        let random: &dyn Random = &OsRandom;
        let claims = json!({
            "iss": self.issuer, "aud": CLIENT_ID, "iat": now.timestamp(), "exp": now.timestamp() + 120,
            "jti": random.identifier().to_string(), "sid": sid, "events": { EVENT: {} },
        });
        let key = self.keys.signing_key(SigningAlgorithm::ES256, now).unwrap();
        jose::sign(&key, Some(TYPE), &claims).unwrap()
    }
}
