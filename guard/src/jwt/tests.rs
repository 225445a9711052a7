use serde_json::{Value, json};

use super::*;
use crate::errors::KeyError;

const NOW: i64 = 1_767_268_800;

fn claims() -> Claims {
    let Value::Object(more) = json!({ "name": "Ada Lovelace" }) else {
        unreachable!()
    };
    Claims {
        iss: "https://id.example".into(),
        sub: "ada".into(),
        aud: vec!["https://api.example/".into()],
        client_id: Some("ledger".into()),
        scope: Some("read write".into()),
        iat: NOW,
        exp: NOW + 600,
        jti: Some("j1".into()),
        grant: Some("g1".into()),
        sid: Some("s1".into()),
        auth_time: Some(NOW - 60),
        acr: Some("urn:exeunt:acr:password".into()),
        nbf: None,
        more,
    }
}

fn json_claims() -> Value {
    serde_json::to_value(claims()).unwrap()
}

fn expected() -> Expected {
    Expected::new("https://id.example", "https://api.example/").with_leeway(0)
}

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm, format!("key {algorithm}")).unwrap()
}

fn public(key: &SigningKey) -> VerifyingKey {
    VerifyingKey::from_jwk(&key.public_jwk()).unwrap()
}

/// An ES256 key, and what becomes of a token that it signed with this header and these claims.
fn parsed(header: &str, claims: &[u8]) -> Result<Claims, Refused> {
    let key = key(Algorithm::ES256);
    let token = key.sign_with_header(header, claims).unwrap();
    parse(&token, &[public(&key)], &expected(), NOW)
}

const HEADER: &str = r#"{"alg":"ES256","kid":"key ES256","typ":"at+jwt"}"#;

#[test]
fn a_token_says_what_was_signed_whatever_the_algorithm() {
    let keys = Algorithm::ALL.map(key);
    let known: Vec<VerifyingKey> = keys.iter().map(public).collect();
    for key in &keys {
        let token = generate(&claims(), key).unwrap();
        assert_eq!(parse(&token, &known, &expected(), NOW), Ok(claims()));
        let other = keys
            .iter()
            .find(|other| other.algorithm() != key.algorithm());
        let stranger = [public(other.unwrap())];
        let refused = parse(&token, &stranger, &expected(), NOW);
        assert_eq!(refused, Err(Refused::UnknownKey));
    }
}

#[test]
fn a_key_without_a_name_is_used_when_there_is_no_other() {
    let signing = key(Algorithm::ES256);
    let mut jwk = signing.public_jwk();
    jwk.as_object_mut().unwrap().remove("kid");
    let one = || VerifyingKey::from_jwk(&jwk).unwrap();
    let header = r#"{"alg":"ES256","typ":"at+jwt"}"#;
    let token = signing
        .sign_with_header(header, &claims().to_json().unwrap())
        .unwrap();
    assert!(parse(&token, &[one()], &expected(), NOW).is_ok());
    let refused = parse(&token, &[one(), one()], &expected(), NOW);
    assert_eq!(refused, Err(Refused::UnknownKey));
}

#[test]
fn a_token_is_good_until_the_second_it_expires_and_from_the_one_it_was_issued() {
    let key = key(Algorithm::EdDSA);
    let (token, keys) = (generate(&claims(), &key).unwrap(), [public(&key)]);
    let at = |now, leeway| parse(&token, &keys, &expected().with_leeway(leeway), now).map(|_| ());
    assert_eq!(at(NOW + 599, 0), Ok(()));
    assert_eq!(at(NOW + 600, 0), Err(Refused::Expired));
    assert_eq!(at(NOW + 604, 5), Ok(()));
    assert_eq!(at(NOW + 605, 5), Err(Refused::Expired));
    assert_eq!(at(NOW - 1, 0), Err(Refused::NotYet));
    assert_eq!(at(NOW - 5, 5), Ok(()));
    assert_eq!(at(NOW - 6, 5), Err(Refused::NotYet));
    assert_eq!(at(NOW + 660, 3600), Err(Refused::Expired), "60 s at most");

    let later = Claims {
        nbf: Some(NOW + 10),
        ..claims()
    };
    let token = generate(&later, &key).unwrap();
    let at = |now| parse(&token, &keys, &expected(), now).map(|_| ());
    assert_eq!(at(NOW + 9), Err(Refused::NotYet));
    assert_eq!(at(NOW + 10), Ok(()));
}

/// Attack 30: no `none`, no HMAC under a public key, and no algorithm but the key's.
#[test]
fn a_token_does_not_choose_its_algorithm() {
    for alg in [
        "none", "None", "HS256", "HS384", "HS512", "RS256", "PS256", "ES384", "EdDSA", "es256",
        "ES256K", "",
    ] {
        let header = HEADER.replace(r#""alg":"ES256""#, &format!(r#""alg":"{alg}""#));
        let refused = parsed(&header, &claims().to_json().unwrap());
        assert_eq!(refused, Err(Refused::Algorithm), "{alg}");
    }
    let refused = parsed(r#"{"kid":"key ES256","typ":"at+jwt"}"#, b"{}");
    assert_eq!(refused, Err(Refused::Header("alg")));

    // HS256 with the public key as the secret, and none with nothing.
    let key = key(Algorithm::RS256);
    let jwk = key.public_jwk();
    let payload = base64url::encode(claims().to_json().unwrap());
    for (alg, secret) in [("HS256", Some(jwk["n"].as_str().unwrap())), ("none", None)] {
        let header = format!(r#"{{"alg":"{alg}","kid":"key RS256","typ":"at+jwt"}}"#);
        let message = format!("{}.{payload}", base64url::encode(header));
        let mac = secret.map(|secret| {
            let secret = base64url::decode(secret).unwrap();
            let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret);
            base64url::encode(aws_lc_rs::hmac::sign(&secret, message.as_bytes()))
        });
        let token = format!("{message}.{}", mac.unwrap_or_default());
        let refused = parse(&token, &[public(&key)], &expected(), NOW);
        assert_eq!(refused, Err(Refused::Algorithm), "{alg}");
    }
}

/// Attack 30 (CVE-2018-0114, CVE-2025-59420): the header brings no key, points to none, and asks for nothing critical.
#[test]
fn a_header_brings_no_key_and_nothing_critical() {
    let members = [
        (r#""jwk":{"kty":"EC"}"#, "jwk"),
        (r#""jku":"https://evil.example/keys""#, "jku"),
        (r#""x5u":"https://evil.example/key""#, "x5u"),
        (r#""x5c":["MIIB"]"#, "x5c"),
        (r#""crit":["exp"]"#, "crit"),
        (r#""crit":[]"#, "crit"),
        (r#""b64":false"#, "b64"),
        (r#""zip":"DEF""#, "zip"),
        (r#""enc":"A128GCM""#, "enc"),
    ];
    for (member, name) in members {
        let header = HEADER.replace('}', &format!(",{member}}}"));
        let refused = parsed(&header, &claims().to_json().unwrap());
        assert_eq!(refused, Err(Refused::Header(name)));
    }
    for kid in [
        "../../dev/null",
        "' OR 1=1 --",
        "https://evil.example/key",
        "",
        "key ES256\\u0000",
    ] {
        let header = HEADER.replace("key ES256", kid);
        let refused = parsed(&header, &claims().to_json().unwrap());
        assert_eq!(refused, Err(Refused::UnknownKey), "{kid}");
    }
    let refused = parsed(&HEADER.replace(r#""key ES256""#, "7"), b"{}");
    assert_eq!(refused, Err(Refused::Header("kid")));
    for malformed in [
        r#"{"alg":"ES256","alg":"ES256","kid":"key ES256","typ":"at+jwt"}"#,
        "[]",
        "",
    ] {
        assert_eq!(parsed(malformed, b"{}"), Err(Refused::Malformed));
    }
}

/// Attack 31 (CVE-2026-25537): a claim of the wrong JSON type counts for absent or for good.
#[test]
fn a_claim_that_is_missing_twice_there_or_of_a_wrong_type_is_refused() {
    let read = |claims: &[u8]| parsed(HEADER, claims);
    assert!(read(json_claims().to_string().as_bytes()).is_ok());
    let refused = |refused, what: &str| {
        assert!(
            matches!(refused, Err(Refused::Claims(_))),
            "{what}: {refused:?}"
        );
    };
    for (name, wrong) in [
        ("exp", json!("9999999999")),
        ("exp", json!(null)),
        ("exp", json!(1e300)),
        ("exp", json!(9_999_999_999.5)),
        ("exp", json!(-1)),
        ("exp", json!([9_999_999_999_i64])),
        ("exp", json!(u64::MAX)),
        ("iat", json!("1")),
        ("nbf", json!("1")),
        ("nbf", json!(null)),
        ("nbf", json!(true)),
        ("auth_time", json!("1")),
        ("aud", json!([])),
        ("aud", json!(null)),
        ("aud", json!({})),
        ("aud", json!(["https://api.example/", 1])),
        ("iss", json!(["https://id.example"])),
        ("sub", json!(1)),
        ("client_id", json!(null)),
        ("scope", json!(["read"])),
        ("scope", json!(null)),
        ("jti", json!(7)),
        ("grant", json!({})),
        ("sid", json!(null)),
        ("acr", json!(1)),
    ] {
        let mut claims = json_claims();
        claims[name] = wrong.clone();
        refused(
            read(claims.to_string().as_bytes()),
            &format!("{name}: {wrong}"),
        );
    }
    for name in ["iss", "sub", "aud", "client_id", "iat", "exp", "jti"] {
        let mut claims = json_claims();
        claims.as_object_mut().unwrap().remove(name);
        refused(read(claims.to_string().as_bytes()), name);
    }
    let whole = json_claims().to_string();
    for twice in [
        r#""exp":9999999999"#,
        r#""aud":"https://api.example/""#,
        r#""name":"Eve""#,
        r#""address":{"country":"GB","country":"US"}"#,
    ] {
        let claims = whole.replacen('{', &format!("{{{twice},"), 1);
        refused(read(claims.as_bytes()), twice);
    }
    for text in ["", "[]", "null", "{}", "{", &format!("{whole} x")] {
        refused(read(text.as_bytes()), text);
    }
}

/// Attack 32: an ID token, a logout token or any other JWT as an access token.
#[test]
fn another_kind_of_jwt_is_no_access_token() {
    for typ in [
        r#""JWT""#,
        r#""logout+jwt""#,
        r#""application/jwt""#,
        r#""at+jwt+x""#,
        r#""""#,
    ] {
        let header = HEADER.replace(r#""at+jwt""#, typ);
        let refused = parsed(&header, &claims().to_json().unwrap());
        assert_eq!(refused, Err(Refused::Type), "{typ}");
    }
    let untyped = r#"{"alg":"ES256","kid":"key ES256"}"#;
    assert_eq!(parsed(untyped, b"{}"), Err(Refused::Type));
    for typ in ["application/at+jwt", "AT+JWT", "Application/AT+jwt"] {
        let header = HEADER.replace("at+jwt", typ);
        assert!(
            parsed(&header, &claims().to_json().unwrap()).is_ok(),
            "{typ}"
        );
    }
}

#[test]
fn a_token_is_for_the_expected_service_alone_and_from_the_expected_issuer() {
    let with = |change: fn(&mut Claims)| {
        let mut claims = claims();
        change(&mut claims);
        parsed(HEADER, &claims.to_json().unwrap()).map(|_| ())
    };
    let several = |claims: &mut Claims| claims.aud.push("https://other.example/".into());
    assert_eq!(with(several), Ok(()));
    let other = |claims: &mut Claims| claims.aud = vec!["https://api.example".into()];
    assert_eq!(with(other), Err(Refused::Audience));
    let issuer = |claims: &mut Claims| claims.iss.push('/');
    assert_eq!(with(issuer), Err(Refused::Issuer));
    let bound = |claims: &mut Claims| {
        claims.more.insert("cnf".into(), json!({ "jkt": "x" }));
    };
    assert_eq!(with(bound), Err(Refused::Bound));
}

#[test]
fn claims_that_no_token_may_have_are_not_signed() {
    let key = key(Algorithm::ES256);
    let cannot = |change: fn(&mut Claims)| {
        let mut claims = claims();
        change(&mut claims);
        assert!(matches!(
            generate(&claims, &key),
            Err(GenerateError::Claims(_))
        ));
    };
    cannot(|claims| claims.client_id = None);
    cannot(|claims| claims.jti = None);
    cannot(|claims| claims.aud.clear());
    cannot(|claims| claims.exp = -1);
    cannot(|claims| {
        claims.more.insert("exp".into(), json!(1));
    });
}

#[test]
fn a_scope_is_a_whole_word() {
    let claims = claims();
    assert!(claims.has_scope("read") && claims.has_scope("write"));
    assert!(!claims.has_scope("rea") && !claims.has_scope("read write") && !claims.has_scope(""));
    assert!(!Claims::default().has_scope("read"));
}

/// Attack 33 (CVE-2022-21449): a signature of zeros, and others that are no signatures.
#[test]
fn a_signature_that_is_none_does_not_verify() {
    let key = key(Algorithm::ES256);
    let token = generate(&claims(), &key).unwrap();
    let message = token.rsplit_once('.').unwrap().0;
    for signature in [
        vec![0; 64],
        vec![0xff; 64],
        vec![0; 63],
        vec![0; 65],
        vec![],
    ] {
        let token = format!("{message}.{}", base64url::encode(&signature));
        let refused = parse(&token, &[public(&key)], &expected(), NOW);
        assert_eq!(refused, Err(Refused::Forged), "{signature:?}");
    }
}

/// Attack 33: keys that are no keys, weak, private, or for something else.
#[test]
fn a_bad_key_is_not_taken() {
    let jwk = |algorithm| key(algorithm).public_jwk();
    let (p256, rsa) = (jwk(Algorithm::ES256), jwk(Algorithm::RS256));
    let refused = |jwk: &Value, why: &str| {
        let told = VerifyingKey::from_jwk(jwk).unwrap_err();
        assert!(told.to_string().contains(why), "{told} is not: {why}");
        assert!(VerifyingKey::from_jwks(&json!({ "keys": [jwk] })).is_empty());
    };
    let changed = |jwk: &Value, name: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        jwk
    };
    for (name, value, why) in [
        ("y", json!(base64url::encode([1; 32])), "no valid key"),
        ("x", json!(base64url::encode([1; 31])), "wrong length"),
        ("x", json!("a+b/"), "not base64url"),
        ("d", json!("AQAB"), "private"),
        ("use", json!("enc"), "another use"),
        ("key_ops", json!(["sign"]), "another use"),
        ("key_ops", json!("verify"), "another use"),
        ("alg", json!("ES384"), "does not fit"),
        ("alg", json!("HS256"), "does not fit"),
        ("alg", json!(null), "does not fit"),
        ("crv", json!("secp256k1"), "not known"),
        ("kty", json!("oct"), "not known"),
        ("kid", json!(1), "no string"),
    ] {
        refused(&changed(&p256, name, value), why);
    }
    for (name, value, why) in [
        ("n", json!(base64url::encode([0xff; 128])), "too short"),
        ("n", json!(base64url::encode([0xff; 1025])), "too long"),
        ("e", json!("AQ"), "exponent"),
        ("e", json!("Aw"), "exponent"),
        ("e", json!("AQAA"), "exponent"),
        ("e", json!("AAEAAQ"), "exponent"),
        ("p", json!("AQAB"), "private"),
    ] {
        refused(&changed(&rsa, name, value), why);
    }
    let mut ambiguous = rsa;
    ambiguous.as_object_mut().unwrap().remove("alg");
    refused(&ambiguous, "must say its alg");
    assert!(VerifyingKey::from_jwks(&json!({})).is_empty());
}

#[test]
fn of_a_jwks_the_keys_that_verify_are_taken() {
    let keys = [Algorithm::ES256, Algorithm::EdDSA].map(|one| key(one).public_jwk());
    let mut more = vec![json!(1), json!({ "kty": "new" })];
    more.extend(keys);
    let read = VerifyingKey::from_jwks(&json!({ "keys": more }));
    let kids: Vec<_> = read.iter().map(VerifyingKey::kid).collect();
    assert_eq!(kids, [Some("key ES256"), Some("key EdDSA")]);
}

#[test]
fn a_private_key_is_of_its_algorithm() {
    let told = SigningKey::from_pkcs8(Algorithm::ES256, "1", b"no key");
    let why = KeyError("the private key is none of this algorithm");
    assert_eq!(told.err(), Some(why));
}

#[test]
fn a_token_of_a_wrong_shape_is_refused() {
    let key = key(Algorithm::EdDSA);
    let token = generate(&claims(), &key).unwrap();
    let long = format!("{token}{}", "A".repeat(LONGEST_TOKEN));
    let parts: Vec<&str> = token.split('.').collect();
    for shape in [
        "",
        ".",
        "..",
        "...",
        parts[0],
        &parts[..2].join("."),
        &format!("{token}."),
        &format!(".{token}"),
        &format!("{token}="),
        &format!(" {token}"),
        &format!("{token}\n"),
        &long,
    ] {
        let refused = parse(shape, &[public(&key)], &expected(), NOW);
        assert_eq!(refused, Err(Refused::Malformed), "{shape:.40}");
    }
}
