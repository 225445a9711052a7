//! The key ring and our own tokens, from outside: what is signed can be read by others, and nothing else passes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::Jwk};
use serde_json::{Value, json};

use super::*;
use crate::clock::Timestamp;
use crate::oidc::algorithm::SigningAlgorithm;
use crate::random::SeededRandom;

const ACCESS: Option<&str> = Some("at+jwt");

/// One key for each algorithm, made once: RSA keys take their time.
static STORED: LazyLock<Vec<StoredKey>> = LazyLock::new(|| {
    SigningAlgorithm::ALL
        .into_iter()
        .zip(1..)
        .map(|(algorithm, seed)| generate(algorithm, seed))
        .collect()
});

fn noon() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

fn master() -> MasterKey {
    MasterKey::generate(&SeededRandom::new(1))
}

fn generate(algorithm: SigningAlgorithm, seed: u64) -> StoredKey {
    let random = SeededRandom::new(seed);
    StoredKey::generate(algorithm, &master(), &random, Schedule::at_once(noon())).unwrap()
}

fn ring_of(stored: Vec<StoredKey>) -> KeyRing {
    let ring = KeyRing::new(Arc::new(master()));
    ring.replace(1, stored).unwrap();
    ring
}

fn ring() -> KeyRing {
    ring_of(STORED.clone())
}

pub(super) fn key(algorithm: SigningAlgorithm) -> Arc<SigningKey> {
    ring().signing_key(algorithm, noon()).unwrap()
}

fn claims() -> Value {
    json!({ "iss": "https://op.example", "aud": ["app"], "exp": 4_000_000_000_u64, "sid": "s" })
}

/// A compact JWS with any header and payload, well signed by `key`.
pub(super) fn forge(key: &SigningKey, header: &str, payload: &str) -> String {
    let message = [header, payload]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let signature = key.signature(message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The message and the whole of a compact JWS with any header and no claims, which this secret signed as the header's
/// `alg` wants it.
pub(super) fn mac(secret: &[u8], header: &str) -> (String, String) {
    let message = [header, "{}"]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let algorithm = match header {
        _ if header.contains("384") => hmac::HMAC_SHA384,
        _ if header.contains("512") => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    let tag = hmac::sign(&hmac::Key::new(algorithm, secret), message.as_bytes());
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag));
    (message, token)
}

fn with_signature(token: &str, signature: &[u8]) -> String {
    let (message, _) = token.rsplit_once('.').unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn an_independent_reader_verifies_what_every_algorithm_signs() {
    for algorithm in SigningAlgorithm::ALL {
        let key = key(algorithm);
        let token = sign(&key, ACCESS, &claims()).unwrap();
        let jwk: Jwk = serde_json::from_value(key.public_jwk().clone()).unwrap();
        let name: Algorithm = algorithm.as_str().parse().unwrap();
        let mut validation = Validation::new(name);
        validation.set_audience(&["app"]);
        let read = jsonwebtoken::decode::<Value>(
            &token,
            &DecodingKey::from_jwk(&jwk).unwrap(),
            &validation,
        )
        .unwrap();
        assert_eq!(read.claims, claims());
        assert_eq!(read.header.typ.as_deref(), ACCESS);
        assert_eq!(read.header.kid.as_deref(), Some(key.kid()));
        let thumbprint = jwk.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256);
        assert_eq!(thumbprint.unwrap(), key.kid());
    }
}

#[test]
fn our_own_tokens_are_read_back_with_their_claims() {
    for algorithm in SigningAlgorithm::ALL {
        for typ in [None, ACCESS] {
            let token = sign(&key(algorithm), typ, &claims()).unwrap();
            let read = verify_own(&ring(), &token, typ, noon()).unwrap();
            assert_eq!(Value::Object(read), claims());
        }
    }
}

/// Attack 30: only the header that the key itself writes is accepted: no `none`, no other algorithm, no `crit`, no
/// key that the token brings or points to, no `kid` that is a path, a query or a URL.
#[test]
fn a_header_that_we_would_not_write_is_refused() {
    let key = key(SigningAlgorithm::RS256);
    let kid = key.kid();
    let header = |text: &str| verify_own(&ring(), &forge(&key, text, "{}"), None, noon());
    assert!(header(&format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#)).is_ok());
    for alg in [
        "none", "None", "HS256", "PS256", "ES256", "EdDSA", "RS384", "",
    ] {
        let refused = header(&format!(r#"{{"alg":"{alg}","kid":"{kid}"}}"#));
        assert_eq!(refused, Err(JwsError::Header), "{alg}");
    }
    for more in [
        r#""crit":["exp"]"#,
        r#""crit":[],"b64":false"#,
        r#""jwk":{"kty":"RSA","n":"AQAB","e":"AQAB"}"#,
        r#""jku":"https://evil.example/jwks""#,
        r#""x5u":"https://evil.example/cert""#,
        r#""zip":"DEF""#,
    ] {
        let refused = header(&format!(r#"{{"alg":"RS256","kid":"{kid}",{more}}}"#));
        assert_eq!(refused, Err(JwsError::Header), "{more}");
    }
    for kid in [
        "../../etc/passwd",
        "' OR 1=1 --",
        "https://evil.example",
        "",
        "unknown",
    ] {
        let refused = header(&format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#));
        assert_eq!(refused, Err(JwsError::UnknownKey), "{kid}");
    }
    assert_eq!(header(r#"{"alg":"RS256"}"#), Err(JwsError::UnknownKey));
    let twice = format!(r#"{{"alg":"none","alg":"RS256","kid":"{kid}"}}"#);
    assert_eq!(header(&twice), Err(JwsError::Malformed));
}

/// Attack 30: an HMAC made with the public key as its secret is not a signature.
#[test]
fn a_public_key_is_not_taken_for_a_shared_secret() {
    let key = key(SigningAlgorithm::RS256);
    let secret = key.public_jwk().to_string();
    let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    for alg in ["HS256", "RS256"] {
        let header = format!(r#"{{"alg":"{alg}","kid":"{}"}}"#, key.kid());
        let token = forge(&key, &header, "{}");
        let (message, _) = token.rsplit_once('.').unwrap();
        let token = with_signature(&token, hmac::sign(&secret, message.as_bytes()).as_ref());
        assert!(verify_own(&ring(), &token, None, noon()).is_err());
    }
}

/// Attack 31: a registered claim of the wrong JSON type is an error, never an absent claim.
#[test]
fn claims_of_the_wrong_type_are_refused() {
    let key = key(SigningAlgorithm::EdDSA);
    let header = format!(r#"{{"alg":"EdDSA","kid":"{}"}}"#, key.kid());
    let read = |payload: &str| verify_own(&ring(), &forge(&key, &header, payload), None, noon());
    for sound in [
        r#"{"exp":1.5}"#,
        r#"{"aud":"a"}"#,
        r#"{"aud":["a","b"]}"#,
        r#"{"x":[1,null]}"#,
    ] {
        assert!(read(sound).is_ok(), "{sound}");
    }
    for wrong in [
        r#"{"exp":"4000000000"}"#,
        r#"{"exp":null}"#,
        r#"{"nbf":[]}"#,
        r#"{"iat":true}"#,
        r#"{"exp":-1}"#,
        r#"{"exp":1e999}"#,
        r#"{"aud":[]}"#,
        r#"{"aud":[1]}"#,
        r#"{"aud":{"a":1}}"#,
        r#"{"sub":1}"#,
        r#"{"exp":1,"exp":4000000000}"#,
        r#"{"act":{"sub":"a","sub":"b"}}"#,
        r#"["exp"]"#,
        "null",
        "{} {}",
    ] {
        assert_eq!(read(wrong), Err(JwsError::Claims), "{wrong}");
    }
}

/// Attack 32: a token of one type is not accepted where another is expected.
#[test]
fn a_token_of_another_type_is_refused() {
    let types = [None, ACCESS, Some("logout+jwt"), Some("JWT")];
    let key = key(SigningAlgorithm::ES256);
    for signed in types {
        let token = sign(&key, signed, &claims()).unwrap();
        for expected in types.into_iter().filter(|expected| *expected != signed) {
            let refused = verify_own(&ring(), &token, expected, noon());
            assert_eq!(refused, Err(JwsError::Header));
        }
    }
}

/// Attack 33: neither zero, nor another key's, nor an altered signature is accepted, for any algorithm.
#[test]
fn a_wrong_signature_is_refused() {
    for algorithm in SigningAlgorithm::ALL {
        let key = key(algorithm);
        let token = sign(&key, None, &claims()).unwrap();
        let good = key.signature(b"another message").unwrap();
        for signature in [vec![0; good.len()], vec![0xff; good.len()], good, vec![1]] {
            let token = with_signature(&token, &signature);
            let refused = verify_own(&ring(), &token, None, noon());
            assert_eq!(refused, Err(JwsError::Signature), "{algorithm}");
        }
        let (header, rest) = token.split_once('.').unwrap();
        let (_, signature) = rest.split_once('.').unwrap();
        let payload = URL_SAFE_NO_PAD.encode(r#"{"sub":"admin"}"#);
        let altered = format!("{header}.{payload}.{signature}");
        let refused = verify_own(&ring(), &altered, None, noon());
        assert_eq!(refused, Err(JwsError::Signature));
    }
}

#[test]
fn what_is_no_compact_jws_is_refused() {
    let token = sign(&key(SigningAlgorithm::EdDSA), None, &claims()).unwrap();
    let (message, _) = token.rsplit_once('.').unwrap();
    for wrong in [
        String::new(),
        "..".into(),
        format!("{message}."),
        message.into(),
        format!("{token}.{token}"),
        format!("{token}="),
        format!(" {token}"),
        format!("{token}{}", "A".repeat(20_000)),
    ] {
        assert_eq!(
            verify_own(&ring(), &wrong, None, noon()),
            Err(JwsError::Malformed)
        );
    }
}

/// Attack 36: through a rotation there is always a key that signs, what the old one signed stays good until its
/// last token has expired, and a retired key is refused and no longer published.
#[test]
fn a_rotation_leaves_no_gap_and_ends_with_the_old_key_refused() {
    let (max_age, life) = (TimeDelta::minutes(15), TimeDelta::minutes(10));
    let mut old = generate(SigningAlgorithm::ES256, 2);
    let mut new = generate(SigningAlgorithm::ES256, 3);
    new.schedule = Schedule::announced(noon(), max_age);
    old.schedule = old.schedule.superseded_by(&new.schedule, life);
    let ring = ring_of(vec![old.clone(), new.clone()]);
    let signer = |at| ring.signing_key(SigningAlgorithm::ES256, at).unwrap();
    let published = |at| {
        let jwks: Value = serde_json::from_str(&ring.jwks(at).unwrap().json).unwrap();
        let keys = jwks["keys"].as_array().unwrap().clone();
        keys.iter()
            .map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let (switch, end) = (noon() + max_age, noon() + max_age + life);
    let just_before = TimeDelta::milliseconds(1);
    assert_eq!(signer(switch - just_before).kid(), old.kid);
    assert_eq!(signer(switch).kid(), new.kid);
    assert_eq!(published(noon()), [old.kid.clone(), new.kid.clone()]);
    assert_eq!(published(end - just_before), [old.kid, new.kid.clone()]);
    assert_eq!(published(end), [new.kid]);
    let last = sign(&signer(switch - just_before), None, &claims()).unwrap();
    assert!(verify_own(&ring, &last, None, end - just_before).is_ok());
    assert_eq!(
        verify_own(&ring, &last, None, end),
        Err(JwsError::UnknownKey)
    );
}

/// Attack 36: an empty JWKS is never served.
#[test]
fn a_ring_without_published_keys_has_no_jwks() {
    assert_eq!(KeyRing::new(Arc::new(master())).jwks(noon()), None);
    let mut stored = STORED[3].clone();
    stored.schedule.retire_at = Some(noon() + TimeDelta::minutes(1));
    let ring = ring_of(vec![stored]);
    assert_eq!(ring.jwks(noon() - TimeDelta::milliseconds(1)), None);
    assert!(ring.jwks(noon()).is_some());
    assert_eq!(ring.jwks(noon() + TimeDelta::minutes(1)), None);
}

#[test]
fn the_jwks_shows_public_members_alone() {
    let jwks: Value = serde_json::from_str(&ring().jwks(noon()).unwrap().json).unwrap();
    let keys = jwks["keys"].as_array().unwrap();
    assert_eq!(keys.len(), SigningAlgorithm::ALL.len());
    let known = ["alg", "crv", "e", "kid", "kty", "n", "use", "x", "y"];
    for key in keys {
        assert!(
            key.as_object()
                .unwrap()
                .keys()
                .all(|name| known.contains(&name.as_str()))
        );
        assert_eq!(key["use"], "sig");
    }
    check_client_jwks(&jwks).unwrap();
}

#[test]
fn a_key_opens_only_under_its_master_key_and_as_what_its_row_says() {
    let stored = &STORED[3];
    let other = MasterKey::generate(&SeededRandom::new(2));
    assert!(matches!(
        SigningKey::open(stored, &other),
        Err(KeyError::Sealed { .. })
    ));
    let swapped = StoredKey {
        kid: STORED[2].kid.clone(),
        ..stored.clone()
    };
    assert!(matches!(
        SigningKey::open(&swapped, &master()),
        Err(KeyError::Sealed { .. })
    ));
    let ring = ring();
    let before = ring.jwks(noon());
    assert!(ring.replace(1, vec![swapped]).is_err());
    assert_eq!(ring.jwks(noon()), before);
}

#[test]
fn a_public_key_altered_in_the_database_is_not_published() {
    let mut stored = STORED[3].clone();
    stored.public_jwk["x"] = json!("AAAA");
    let published = ring_of(vec![stored]).jwks(noon()).unwrap();
    assert!(!published.json.contains("AAAA"));
}

/// Attack 37: the `rsa` crate, whose timing leaks, makes keys; it never signs or decrypts with one. Every source is read:
/// a new one is no way around.
#[test]
fn the_rsa_crate_only_makes_keys() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for folder in ["src", "guard/src"] {
        sources_below(&root.join(folder), &mut sources);
    }
    sources.sort();
    let mut uses = Vec::new();
    for path in sources {
        let name = path.strip_prefix(root).unwrap().display();
        for taken in taken_from_rsa(&std::fs::read_to_string(&path).unwrap()) {
            uses.push(format!("{name}: {taken}"));
        }
    }
    assert_eq!(
        uses,
        [
            "src/jose/keys.rs: rsa::pkcs8::EncodePrivateKey",
            "src/jose/keys.rs: rsa::rand_core",
            "src/jose/keys.rs: rsa::RsaPrivateKey::new",
        ]
    );
    for (source, taken) in [
        ("let plain = ::rsa::Oaep::new();", "rsa::Oaep::new"),
        ("use rsa as other;", "rsa"),
        ("use {rsa::traits, std::fmt};", "rsa::traits,"),
    ] {
        assert_eq!(taken_from_rsa(source), [taken]);
    }
    for source in [
        "use aws_lc_rs::rsa::KeySize;",
        "let key = rsa(jwk::rsa(jwk)?);",
    ] {
        assert!(taken_from_rsa(source).is_empty(), "{source}");
    }
}

/// Every source below `folder` but unit tests in files of their own.
fn sources_below(folder: &Path, sources: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_stem().is_some_and(|name| name == "tests") {
            continue;
        }
        if path.is_dir() {
            sources_below(&path, sources);
        } else if path.extension().is_some_and(|found| found == "rs") {
            sources.push(path);
        }
    }
}

/// What a source takes from the `rsa` crate. What others call so is not it, nor is a function.
fn taken_from_rsa(source: &str) -> Vec<String> {
    let goes_on = |c: char| c.is_alphanumeric() || c == '_';
    let mut taken = Vec::new();
    let code = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    for line in code {
        for (at, name) in line.match_indices("rsa") {
            let (before, after) = (&line[..at], &line[at + name.len()..]);
            let is_longer = before.ends_with(goes_on) || after.starts_with(goes_on);
            let outer = before.strip_suffix("::");
            let is_of_others = outer.is_some_and(|outer| outer.ends_with(goes_on));
            if !is_longer && !is_of_others && !after.starts_with('(') {
                let path = after.split(['(', ';', ' ']).next().unwrap();
                taken.push(format!("{name}{path}"));
            }
        }
    }
    taken
}

#[test]
fn a_signing_key_never_prints_more_than_its_name() {
    let key = key(SigningAlgorithm::EdDSA);
    assert_eq!(
        format!("{key:?}"),
        format!("SigningKey(EdDSA {})", key.kid())
    );
}
