//! What checking tokens costs, each beside the least that it could: `cargo bench -p exeunt-guard`.
//! docs/benchmarks.md says how each figure is measured.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for developers: it stops at what it did not expect, and prints"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    ParsedPublicKey,
};
use exeunt_guard::cwt::{self, Nonce};
use exeunt_guard::deny_list::{DenyList, Entry, Revoked};
use exeunt_guard::jwe::{self, ContentEncryption, DecryptingKey, DirectKey, EncryptingKey};
use exeunt_guard::jwt::{self, Algorithm, SigningKey, VerifyingKey};
use exeunt_guard::{Claims, Expected};
use serde_json::json;
use uuid::Uuid;

const NOW: i64 = 1_767_268_800;
const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_millis(150);
const ENTRIES: usize = 1_000_000;

fn main() {
    let claims = claims();
    let expected = Expected::new("https://id.example", "https://api.example/");

    let signing = SigningKey::generate(Algorithm::ES256, "2026-11").unwrap();
    let verifying = [VerifyingKey::from_jwk(&signing.public_jwk()).unwrap()];
    let signed = jwt::generate(&claims, &signing).unwrap();
    let private = DecryptingKey::generate_jwk("1").unwrap();
    let public = jwe::public_jwk(&private);
    let decrypting = [DecryptingKey::from_jwk(&private).unwrap()];
    let to = EncryptingKey::from_jwk(&public, ContentEncryption::A128CbcHs256).unwrap();
    let nested = jwe::generate_nested(&signed, &to, &mut fill).unwrap();
    let direct_key = [DirectKey::new("1", &random(), &random()).unwrap()];
    let direct = jwe::generate_direct(&claims, &direct_key[0], random()).unwrap();
    let compact_key = [cwt::Key::new(1, &random(), &random()).unwrap()];
    let compact = |claims: &Claims| {
        cwt::generate(claims, &compact_key[0], Nonce::from_random(random())).unwrap()
    };
    let compact_token = compact(&claims);

    println!("| verifying | a CPU-second | the primitive alone | ratio | goal |");
    println!("|---|---:|---:|---:|---|");
    let raw = raw_verification(signed.len());
    let agreement = raw_agreement();
    row(
        "jwt ES256",
        &|| assert!(jwt::parse(&signed, &verifying, &expected, NOW).is_ok()),
        Some(&|| raw()),
        Goal::Ratio(0.85),
    );
    row(
        "jwe to a public key (ECDH-ES, ES256 inside)",
        &|| assert!(jwe::parse_nested(&nested, &decrypting, &verifying, &expected, NOW).is_ok()),
        Some(&|| {
            agreement();
            raw();
        }),
        Goal::Ratio(0.8),
    );
    row(
        "jwe direct",
        &|| assert!(jwe::parse_direct(&direct, &direct_key, &expected, NOW).is_ok()),
        None,
        Goal::PerSecond(200_000.0),
    );
    row(
        "cwt",
        &|| assert!(cwt::parse(&compact_token, &compact_key, &expected, NOW).is_ok()),
        None,
        Goal::PerSecond(200_000.0),
    );
    deny_list(&claims);

    println!("\n| size of a token | bytes |\n|---|---:|");
    let small = small();
    for (what, token) in [
        ("jwt ES256", signed.clone()),
        (
            "jwe to a public key (ECDH-ES, ES256 inside)",
            nested.clone(),
        ),
        ("jwe direct", direct.clone()),
        ("cwt, the same claims", compact_token.clone()),
        (
            "cwt, of a person: sub, sid, name, picture, iat, exp",
            compact(&small),
        ),
    ] {
        println!("| {what} | {} |", token.len());
    }
}

/// What a service would get of a person with two claims asked for.
fn claims() -> Claims {
    Claims {
        client_id: Some("ledger".into()),
        scope: Some("read write".into()),
        jti: Some(Uuid::from_bytes(random()).to_string()),
        grant: Some(Uuid::from_bytes(random()).to_string()),
        auth_time: Some(NOW - 60),
        acr: Some("urn:exeunt:acr:password".into()),
        ..small()
    }
}

fn small() -> Claims {
    let more = json!({
        "name": "Ada Lovelace",
        "picture": "https://cdn.example/people/ada/small.png",
    });
    Claims {
        iss: "https://id.example".into(),
        sub: Uuid::from_bytes(random()).to_string(),
        aud: vec!["https://api.example/".into()],
        sid: Some(Uuid::from_bytes(random()).to_string()),
        iat: NOW,
        exp: NOW + 600,
        more: more.as_object().unwrap().clone(),
        ..Claims::default()
    }
}

/// The library's verification of an ES256 signature over as much text, with a key that is parsed already.
fn raw_verification(length: usize) -> impl Fn() {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let message = vec![b'x'; length];
    let signature = key.sign(&SystemRandom::new(), &message).unwrap();
    let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key().as_ref()).unwrap();
    move || public.verify_sig(&message, signature.as_ref()).unwrap()
}

/// The library's key agreement on P-256, with the other side's key as it comes in a token.
fn raw_agreement() -> impl Fn() {
    let mine = PrivateKey::generate(&ECDH_P256).unwrap();
    let theirs = PrivateKey::generate(&ECDH_P256).unwrap();
    let theirs = theirs.compute_public_key().unwrap().as_ref().to_vec();
    move || {
        let theirs = UnparsedPublicKey::new(&ECDH_P256, &theirs);
        let secret: Result<[u8; 32], ()> = agreement::agree(&mine, theirs, (), |secret| {
            secret.try_into().map_err(|_length| ())
        });
        black_box(secret).unwrap();
    }
}

#[derive(Clone, Copy)]
enum Goal {
    Ratio(f64),
    PerSecond(f64),
}

/// Both sides in turn, round by round: what disturbs one disturbs the other.
fn row(what: &str, ours: &dyn Fn(), beside: Option<&dyn Fn()>, goal: Goal) {
    let rounds: Vec<(f64, f64)> = (0..ROUNDS)
        .map(|_| (per_second(ours), beside.map_or(f64::NAN, per_second)))
        .collect();
    let ours = median(rounds.iter().map(|(ours, _)| *ours));
    let other = median(rounds.iter().map(|(_, beside)| *beside));
    let ratio = median(rounds.iter().map(|(ours, beside)| ours / beside));
    let (goal, met) = match goal {
        Goal::Ratio(least) => (format!("at least {least}"), ratio >= least),
        Goal::PerSecond(least) => (format!("at least {least:.0}"), ours >= least),
    };
    let met = if met { "met" } else { "MISSED" };
    let (other, ratio) = match beside {
        Some(_) => (format!("{other:.0}"), format!("{ratio:.2}")),
        None => Default::default(),
    };
    println!("| {what} | {ours:.0} | {other} | {ratio} | {goal}: {met} |");
}

/// Looking for everything that a token says, among a million entries of all kinds, and finding nothing.
fn deny_list(claims: &Claims) {
    let list = DenyList::new();
    for number in 0..ENTRIES {
        let name = Uuid::from_bytes(random()).to_string();
        let what = match number % 4 {
            0 => Revoked::Token(name),
            1 => Revoked::Session(name),
            2 => Revoked::Grant(name),
            _ => Revoked::Subject {
                sub: name,
                before: NOW,
            },
        };
        list.add(
            &Entry {
                what,
                until: NOW + 600,
            },
            NOW,
        );
    }
    // As many tokens as no cache holds the entries of.
    let tokens: Vec<Claims> = (0..4096)
        .map(|_| Claims {
            client_id: Some("ledger".into()),
            jti: Some(Uuid::from_bytes(random()).to_string()),
            grant: Some(Uuid::from_bytes(random()).to_string()),
            sub: Uuid::from_bytes(random()).to_string(),
            sid: Some(Uuid::from_bytes(random()).to_string()),
            ..claims.clone()
        })
        .collect();
    let look = || {
        for token in &tokens {
            assert!(!list.denies("", token, ["2026-11"]));
        }
    };
    let looks = median((0..ROUNDS).map(|_| per_second(&look))) * 4096.0;
    let nanoseconds = 1e9 / looks;
    let met = if nanoseconds < 1000.0 {
        "met"
    } else {
        "MISSED"
    };
    println!(
        "| deny-list of {} entries, {nanoseconds:.0} ns a token | {looks:.0} | | | less than 1000 ns: {met} |",
        list.len()
    );
}

/// How often a processor second of this thread.
fn per_second(work: &dyn Fn()) -> f64 {
    let (began, before) = (Instant::now(), spent_by_this_thread());
    let mut count = 0_u32;
    while began.elapsed() < ROUND {
        for _ in 0..20 {
            work();
        }
        count += 20;
    }
    f64::from(count) / (spent_by_this_thread() - before)
}

/// The processor time that this thread has had so far, in seconds: nanoseconds on a processor, with none of the waiting.
fn spent_by_this_thread() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds: f64 = text
        .split_ascii_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    nanoseconds / 1e9
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn fill(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).unwrap();
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}
