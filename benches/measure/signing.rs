//! Signing a token as the provider does, beside the signature alone.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use chrono::TimeDelta;
use exeunt::clock::{Clock as _, SystemClock};
use exeunt::jose::{self, KeyRing, MasterKey, Schedule, StoredKey};
use exeunt::oidc::algorithm::SigningAlgorithm;
use exeunt::oidc::issuer::Issuer;
use exeunt::oidc::scope::Scope;
use exeunt::oidc::token::access_token::{self, Access, AccessTokenClaims};
use exeunt::random::{OsRandom, Random};

use crate::process::spent_by_this_thread;
use crate::report::{Goal, Row};

const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_millis(200);

/// From a message to its signature.
type Signing = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// A row for each algorithm, and the processor seconds that one RS256 token takes.
pub fn measure() -> (Vec<Row>, f64) {
    let now = SystemClock.now();
    let master = Arc::new(MasterKey::generate(&OsRandom));
    let keys = KeyRing::new(Arc::clone(&master));
    let stored = SigningAlgorithm::ALL.map(|algorithm| {
        StoredKey::generate(algorithm, &master, &OsRandom, Schedule::at_once(now)).unwrap()
    });
    keys.replace(1, stored.into()).unwrap();
    let claims = claims();

    let mut seconds_of_rs256 = 0.0;
    let rows = SigningAlgorithm::ALL.map(|algorithm| {
        let token = || {
            let key = keys.signing_key(algorithm, now).unwrap();
            jose::sign(&key, Some(access_token::TYPE), &claims).unwrap()
        };
        let message = token().rsplit_once('.').unwrap().0.to_owned();
        let signature = raw(algorithm);
        let rounds: Vec<(f64, f64)> = (0..ROUNDS)
            .map(|_| {
                (
                    per_second(|| token().into_bytes()),
                    per_second(|| signature(message.as_bytes())),
                )
            })
            .collect();
        let row = Row::of_rounds(format!("signing {algorithm}"), &rounds, "tokens/CPU-s");
        match algorithm {
            SigningAlgorithm::RS256 => {
                seconds_of_rs256 = 1.0 / row.ours;
                row.goal(Goal::RatioAtLeast(0.9))
            }
            SigningAlgorithm::ES256 => row.goal(Goal::RatioAtLeast(0.6)),
            SigningAlgorithm::PS256 | SigningAlgorithm::EdDSA => row,
        }
    });
    (rows.into(), seconds_of_rs256)
}

/// An access token's claims, as a client gets them for itself.
fn claims() -> AccessTokenClaims {
    let issuer = Issuer::parse("https://id.example.org").unwrap();
    let scope = Scope::parse("read write").unwrap();
    let random: &dyn Random = &OsRandom;
    let (grant, jti) = (random.identifier(), random.identifier());
    let access = Access {
        client_id: "ledger",
        audience: issuer.as_str(),
        scope: &scope,
        grant: &grant.to_string(),
        jti: &jti.to_string(),
    };
    AccessTokenClaims::new(
        &issuer,
        &access,
        None,
        TimeDelta::minutes(10),
        SystemClock.now(),
    )
}

/// The library's signature with a key that is parsed already.
fn raw(algorithm: SigningAlgorithm) -> Signing {
    let rsa = |encoding: &'static dyn RsaEncoding| -> Signing {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        Box::new(move |message| {
            let mut signature = vec![0; key.public_modulus_len()];
            key.sign(encoding, &SystemRandom::new(), message, &mut signature)
                .unwrap();
            signature
        })
    };
    match algorithm {
        SigningAlgorithm::RS256 => rsa(&RSA_PKCS1_SHA256),
        SigningAlgorithm::PS256 => rsa(&RSA_PSS_SHA256),
        SigningAlgorithm::ES256 => {
            let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
            Box::new(move |message| {
                let signature = key.sign(&SystemRandom::new(), message).unwrap();
                signature.as_ref().to_vec()
            })
        }
        SigningAlgorithm::EdDSA => {
            let key = Ed25519KeyPair::generate().unwrap();
            Box::new(move |message| key.sign(message).as_ref().to_vec())
        }
    }
}

/// How often a processor second.
fn per_second(work: impl Fn() -> Vec<u8>) -> f64 {
    let (began, before) = (Instant::now(), spent_by_this_thread());
    let mut count = 0;
    while began.elapsed() < ROUND {
        for _ in 0..20 {
            black_box(work());
        }
        count += 20;
    }
    f64::from(count) / (spent_by_this_thread() - before)
}
