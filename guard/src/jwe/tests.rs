use std::sync::LazyLock;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::KeyPair as _;
use aws_lc_rs::signature::RsaKeyPair;

use super::agreement::Curve;
use super::*;
use crate::jwt::{Algorithm, SigningKey};

const NOW: i64 = 1_767_268_800;

fn claims() -> Claims {
    Claims {
        iss: "https://id.example".into(),
        sub: "ada".into(),
        aud: vec!["https://api.example/".into()],
        client_id: Some("ledger".into()),
        jti: Some("j1".into()),
        iat: NOW,
        exp: NOW + 600,
        ..Claims::default()
    }
}

fn expected() -> Expected {
    Expected::new("https://id.example", "https://api.example/").with_leeway(0)
}

fn random(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).unwrap();
}

/// An RSA key of a service: the private one, and the public JWK.
fn rsa() -> (DecryptingKey, Value) {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = pair.public_key();
    let jwk = json!({
        "kty": "RSA", "use": "enc", "alg": "RSA-OAEP-256", "kid": "rsa",
        "n": base64url::encode(public.modulus().big_endian_without_leading_zero()),
        "e": base64url::encode(public.exponent().big_endian_without_leading_zero()),
    });
    let private = DecryptingKey::from_pkcs8("rsa", pair.as_der().unwrap().as_ref()).unwrap();
    (private, jwk)
}

/// Every kind of key of a service: private ones, and the public JWKs.
fn keys() -> (Vec<DecryptingKey>, Vec<Value>) {
    let (private, public) = rsa();
    let (mut privates, mut publics) = (vec![private], vec![public]);
    for (curve, kid) in [(Curve::P256, "p256"), (Curve::X25519, "x25519")] {
        let jwk = DecryptingKey::generate_on(curve, kid).unwrap();
        publics.push(public_jwk(&jwk));
        privates.push(DecryptingKey::from_jwk(&jwk).unwrap());
    }
    (privates, publics)
}

/// Keys that are made once for all tests.
static KEYS: LazyLock<(Vec<DecryptingKey>, Vec<Value>)> = LazyLock::new(keys);

fn signer() -> (SigningKey, [VerifyingKey; 1]) {
    let key = SigningKey::generate(Algorithm::ES256, "signer").unwrap();
    let public = VerifyingKey::from_jwk(&key.public_jwk()).unwrap();
    (key, [public])
}

#[test]
fn a_direct_token_says_what_was_encrypted_and_shows_nothing() {
    let keys = [
        DirectKey::new("1", &[1; 16], &[2; 16]).unwrap(),
        DirectKey::new("2", &[3; 16], &[4; 16]).unwrap(),
    ];
    for key in &keys {
        let token = generate_direct(&claims(), key, [9; 16]).unwrap();
        let parsed = parse_direct(&token, &keys, &expected(), NOW);
        assert_eq!(parsed, Ok(claims()));
        let late = parse_direct(&token, &keys, &expected(), NOW + 600);
        assert_eq!(late, Err(Refused::Expired));
        let only_other = keys.iter().find(|other| other.kid() != key.kid()).unwrap();
        let other = DirectKey::new(key.kid(), &[1; 16], &[4; 16]).unwrap();
        assert_ne!(only_other.kid(), other.kid());
        let refused = parse_direct(&token, &[other], &expected(), NOW);
        assert_eq!(refused, Err(Refused::Forged));
        let refused = parse_direct(&token, &[], &expected(), NOW);
        assert_eq!(refused, Err(Refused::UnknownKey));
    }
    assert!(DirectKey::new("1", &[1; 16], &[1; 16]).is_err());
}

#[test]
fn a_direct_token_of_another_implementation_may_order_its_header_in_another_way() {
    let keys = [DirectKey::new("1", &[1; 16], &[2; 16]).unwrap()];
    let made = |header: Value| {
        let protected = base64url::encode(header.to_string().replace(':', ": "));
        let json = claims().to_json().unwrap();
        let sealed = keys[0].content.seal(&[5; 16], protected.as_bytes(), json);
        let token = compact(&protected, &[], &[5; 16], &sealed.unwrap());
        parse_direct(&token, &keys, &expected(), NOW)
    };
    let header =
        json!({ "typ": "application/at+jwt", "kid": "1", "enc": "A128CBC-HS256", "alg": "dir" });
    assert_eq!(made(header.clone()), Ok(claims()));
    let with = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        made(header)
    };
    assert_eq!(with("kid", json!("2")), Err(Refused::UnknownKey));
    assert_eq!(with("typ", json!("JWT")), Err(Refused::Type));
    assert_eq!(with("cty", json!("JWT")), Err(Refused::Type));
    assert_eq!(with("enc", json!("A128GCM")), Err(Refused::Algorithm));
    for alg in ["A128KW", "RSA1_5", "ECDH-ES", "none"] {
        assert_eq!(with("alg", json!(alg)), Err(Refused::Algorithm), "{alg}");
    }
}

#[test]
fn a_nested_token_says_what_was_signed_whatever_encrypts_it() {
    let (signing, signers) = signer();
    let (privates, publics) = &*KEYS;
    let (strangers, _) = keys();
    let signed = jwt::generate(&claims(), &signing).unwrap();
    for public in publics {
        for enc in ContentEncryption::ALL {
            let to = EncryptingKey::from_jwk(public, enc).unwrap();
            let token = generate_nested(&signed, &to, &mut random).unwrap();
            let parsed = parse_nested(&token, privates, &signers, &expected(), NOW);
            assert_eq!(parsed, Ok(claims()), "{public} {enc:?}");
            let (_, others) = signer();
            let refused = parse_nested(&token, privates, &others, &expected(), NOW);
            assert_eq!(refused, Err(Refused::Forged));
            // The same names, other keys.
            let refused = parse_nested(&token, &strangers, &signers, &expected(), NOW);
            assert_eq!(refused, Err(Refused::Forged));
            let refused = parse_nested(&token, &[], &signers, &expected(), NOW);
            assert_eq!(refused, Err(Refused::UnknownKey));
        }
    }
}

/// A nested token whose header was changed before it was encrypted, to a P-256 key or an RSA one.
fn with_header(to_rsa: bool, change: impl Fn(&mut Value)) -> Result<Claims, Refused> {
    let (signing, signers) = signer();
    let (privates, publics) = &*KEYS;
    let to = EncryptingKey::from_jwk(&publics[usize::from(!to_rsa)], ContentEncryption::A128Gcm);
    let (mut header, encrypted_key, content_key) = to.unwrap().content_key(&mut random).unwrap();
    header["enc"] = json!("A128GCM");
    header["cty"] = json!("JWT");
    header["kid"] = publics[usize::from(!to_rsa)]["kid"].clone();
    change(&mut header);
    let signed = jwt::generate(&claims(), &signing).unwrap();
    let token = encrypt(
        ContentEncryption::A128Gcm,
        &header,
        &encrypted_key,
        &content_key,
        &[7; 12],
        signed.as_bytes(),
    );
    parse_nested(&token.unwrap(), privates, &signers, &expected(), NOW)
}

/// Attack 30, attack 34 (CVE-2022-36083, CVE-2024-28176): no member makes a token cost more, decompresses anything or
/// brings another key.
#[test]
fn a_header_asks_for_no_work_and_brings_no_key() {
    for to_rsa in [false, true] {
        assert_eq!(with_header(to_rsa, |_| ()), Ok(claims()));
        for (name, value) in [
            ("zip", json!("DEF")),
            ("p2c", json!(1_000_000_000)),
            ("p2s", json!("AA")),
            ("crit", json!(["exp"])),
            ("jwk", json!({})),
            ("jku", json!("https://evil.example")),
            ("x5u", json!("https://evil.example")),
            ("x5c", json!([])),
        ] {
            let refused = with_header(to_rsa, |header| header[name] = value.clone());
            assert_eq!(refused, Err(Refused::Header(name)));
        }
    }
}

/// Attack 34: RSA1_5, passwords and everything else that is not there.
#[test]
fn an_algorithm_that_the_key_is_not_for_is_refused() {
    for to_rsa in [false, true] {
        for alg in [
            "RSA1_5",
            "RSA-OAEP",
            "PBES2-HS256+A128KW",
            "PBES2-HS512+A256KW",
            "ECDH-ES+A128KW",
            "A128KW",
            "A128GCMKW",
            "dir",
            "none",
            "",
        ] {
            let refused = with_header(to_rsa, |header| header["alg"] = json!(alg));
            assert_eq!(refused, Err(Refused::Algorithm), "{alg}");
        }
        for enc in ["A192GCM", "A256CBC-HS512", "none", ""] {
            let refused = with_header(to_rsa, |header| header["enc"] = json!(enc));
            assert_eq!(refused, Err(Refused::Algorithm), "{enc}");
        }
    }
    let swapped = with_header(false, |header| header["kid"] = json!("rsa"));
    assert_eq!(swapped, Err(Refused::Algorithm));
}

/// Attack 34: a wrong encrypted key is refused for the same reason, at the same place, as a wrong tag.
#[test]
fn a_failed_unwrap_looks_like_a_wrong_tag() {
    let (signing, signers) = signer();
    let (private, public) = rsa();
    let to = EncryptingKey::from_jwk(&public, ContentEncryption::A128CbcHs256).unwrap();
    let signed = jwt::generate(&claims(), &signing).unwrap();
    let token = generate_nested(&signed, &to, &mut random).unwrap();
    let keys = [private];
    let parts: Vec<&str> = token.split('.').collect();
    let too_short = {
        // A content encryption key of another length, rightly encrypted.
        let to = EncryptingKey::from_jwk(&public, ContentEncryption::A128Gcm).unwrap();
        base64url::encode(to.content_key(&mut random).unwrap().1)
    };
    for encrypted_key in [
        base64url::encode([0; 256]),
        base64url::encode([0xff; 256]),
        base64url::encode([1; 255]),
        base64url::encode([1; 257]),
        String::new(),
        too_short,
    ] {
        let token = [parts[0], &encrypted_key, parts[2], parts[3], parts[4]].join(".");
        let refused = parse_nested(&token, &keys, &signers, &expected(), NOW);
        assert_eq!(refused, Err(Refused::Forged));
    }
    let tag = [
        parts[0],
        parts[1],
        parts[2],
        parts[3],
        &base64url::encode([0; 16]),
    ]
    .join(".");
    let refused = parse_nested(&tag, &keys, &signers, &expected(), NOW);
    assert_eq!(refused, Err(Refused::Forged));
}

/// Attack 34: a shorter tag, another length of the vector, and padding that nobody gets to see.
#[test]
fn tags_and_vectors_have_their_whole_length() {
    let key = DirectKey::new("1", &[1; 16], &[2; 16]).unwrap();
    let token = generate_direct(&claims(), &key, [9; 16]).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let keys = [key];
    let with = |place: usize, bytes: &[u8]| {
        let mut parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
        parts[place] = base64url::encode(bytes);
        parse_direct(&parts.join("."), &keys, &expected(), NOW)
    };
    let bytes = |place: usize| base64url::decode(parts[place]).unwrap();
    for length in [0, 1, 8, 15] {
        assert_eq!(with(4, &bytes(4)[..length]), Err(Refused::Forged));
        assert_eq!(with(2, &bytes(2)[..length]), Err(Refused::Forged));
    }
    assert_eq!(
        with(4, &[&bytes(4)[..], &[0]].concat()),
        Err(Refused::Forged)
    );
    for cut in [1, 16, 32] {
        let text = bytes(3);
        assert_eq!(with(3, &text[..text.len() - cut]), Err(Refused::Forged));
    }
    assert_eq!(with(3, &[]), Err(Refused::Forged));
    assert_eq!(with(1, &[1]), Err(Refused::Malformed));
    // Rightly authenticated, wrongly padded.
    let content = &keys[0].content;
    let sealed = content
        .seal(&[9; 16], b"aad", b"0123456789".to_vec())
        .unwrap();
    assert!(content.open(&[8; 16], b"aad", sealed.0, &sealed.1).is_err());
}

/// Attack 33: points that are none of the curve, the point at infinity, and points of a small order.
#[test]
fn a_point_outside_the_curve_is_refused() {
    let epk = |epk: Value| with_header(false, |header| header["epk"] = epk.clone());
    let encode = |bytes: [u8; 32]| base64url::encode(bytes);
    for (x, y) in [
        ([0; 32], [0; 32]),
        ([1; 32], [1; 32]),
        ([0xff; 32], [0xff; 32]),
    ] {
        let point = json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) });
        assert_eq!(epk(point.clone()), Err(Refused::Forged));
        assert!(EncryptingKey::from_jwk(&point, ContentEncryption::A128Gcm).is_err());
    }
    for point in [
        json!({ "kty": "EC", "crv": "P-384", "x": encode([1; 32]), "y": encode([1; 32]) }),
        json!({ "kty": "OKP", "crv": "X25519", "x": encode([9; 32]) }),
        json!({ "kty": "EC", "crv": "P-256", "x": "AQ", "y": encode([1; 32]) }),
        json!({ "kty": "EC", "crv": "P-256", "x": encode([1; 32]), "y": encode([1; 32]), "d": "AQ" }),
        json!("point"),
    ] {
        assert_eq!(epk(point), Err(Refused::Header("epk")));
    }
    let none = with_header(false, |header| {
        header.as_object_mut().unwrap().remove("epk");
    });
    assert_eq!(none, Err(Refused::Header("epk")));

    // X25519: all of them would give a shared secret of zeros (RFC 7748 §6.1).
    for x in [[0; 32], {
        let mut one = [0; 32];
        one[0] = 1;
        one
    }] {
        let point = json!({ "kty": "OKP", "crv": "X25519", "x": encode(x) });
        assert!(EncryptingKey::from_jwk(&point, ContentEncryption::A128Gcm).is_err());
    }
}

/// Attack 32: what is inside must be an access token, and say so outside.
#[test]
fn a_nested_token_says_that_it_nests() {
    for cty in [json!("at+jwt"), json!("text/plain"), json!("")] {
        let refused = with_header(false, |header| header["cty"] = cty.clone());
        assert_eq!(refused, Err(Refused::Type));
    }
    for cty in ["jwt", "application/JWT"] {
        assert_eq!(
            with_header(false, |header| header["cty"] = json!(cty)),
            Ok(claims())
        );
    }
    let (privates, publics) = &*KEYS;
    let to = EncryptingKey::from_jwk(&publics[1], ContentEncryption::A128Gcm).unwrap();
    let (signing, signers) = signer();
    let id_token = signing.sign("JWT", &claims().to_json().unwrap()).unwrap();
    for (inside, why) in [
        (id_token.as_str(), Refused::Type),
        ("not a token", Refused::Malformed),
        (r#"{"iss":"https://id.example"}"#, Refused::Malformed),
    ] {
        let token = generate_nested(inside, &to, &mut random).unwrap();
        let refused = parse_nested(&token, privates, &signers, &expected(), NOW);
        assert_eq!(refused, Err(why));
    }
}

/// Attack 33: keys that are no keys, weak, private, or for something else.
#[test]
fn a_bad_key_is_not_taken() {
    let (_, publics) = &*KEYS;
    let enc = ContentEncryption::default();
    for (place, name, value) in [
        (0, "n", json!(base64url::encode([0xff; 128]))),
        (0, "e", json!("AQ")),
        (0, "alg", json!("RSA1_5")),
        (0, "alg", json!("RSA-OAEP")),
        (0, "use", json!("sig")),
        (0, "d", json!("AQAB")),
        (1, "alg", json!("ECDH-ES+A128KW")),
        (1, "key_ops", json!(["verify"])),
        (1, "crv", json!("P-521")),
        (1, "y", json!(base64url::encode([1; 32]))),
        (2, "x", json!("AQ")),
        (2, "kid", json!(1)),
    ] {
        let mut jwk = publics[place].clone();
        jwk[name] = value.clone();
        assert!(
            EncryptingKey::from_jwk(&jwk, enc).is_err(),
            "{name} {value}"
        );
    }
    let jwk = DecryptingKey::generate_jwk("1").unwrap();
    let other = DecryptingKey::generate_jwk("1").unwrap();
    let mut mixed = jwk.clone();
    mixed["d"] = other["d"].clone();
    assert!(DecryptingKey::from_jwk(&mixed).is_err());
    assert!(DecryptingKey::from_jwk(&public_jwk(&jwk)).is_err());
    assert!(DecryptingKey::from_pkcs8("1", b"no key").is_err());
    assert!(EncryptingKey::from_jwk(&jwk, enc).is_err(), "a private key");
}

#[test]
fn a_token_of_a_wrong_shape_is_refused() {
    let key = DirectKey::new("1", &[1; 16], &[2; 16]).unwrap();
    let token = generate_direct(&claims(), &key, [9; 16]).unwrap();
    let long = format!("{token}{}", "A".repeat(crate::LONGEST_TOKEN));
    for shape in [
        "",
        "....",
        ".....",
        &format!("{token}."),
        &format!("{token}="),
        &long,
    ] {
        let refused = parse_direct(shape, std::slice::from_ref(&key), &expected(), NOW);
        assert_eq!(refused, Err(Refused::Malformed), "{shape:.40}");
    }
}
