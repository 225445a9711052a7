use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_767_268_800;

fn key() -> Key {
    Key::new(7, &[1; 32], &[2; 16]).unwrap()
}

fn nonce() -> Nonce {
    Nonce::from_random([3; 12])
}

/// What the smallest token with a person says: subject, name of 12 characters, picture URL of 40, issued-at, expiry,
/// session identifier.
fn small() -> Claims {
    let Value::Object(more) = json!({
        "name": "Ada Lovelace",
        "picture": "https://cdn.example/people/ada/small.png",
    }) else {
        unreachable!()
    };
    Claims {
        iss: "https://id.example".into(),
        aud: vec!["https://api.example/".into()],
        sub: "f81d4fae-7dec-41d0-8765-00a0c91e6bf6".into(),
        sid: Some("67e55044-10b1-426f-9247-bb680e5fe0c8".into()),
        iat: NOW,
        exp: NOW + 600,
        more,
        ..Claims::default()
    }
}

/// Everything that a token can say.
fn large() -> Claims {
    let Value::Object(more) = json!({
        "name": "Åsa Öberg",
        "picture": "https://cdn.example/asa.png",
        "email_verified": true,
        "updated_at": 1_700_000_000,
        "nothing": null,
        "offset": -3600,
        "groups": ["a", "b", ["c"]],
        "address": { "country": "SE", "a": { "b": {} } },
        "https://claims.example/a-name-of-more-than-twenty-three-bytes": "x",
    }) else {
        unreachable!()
    };
    Claims {
        client_id: Some("ledger".into()),
        scope: Some("read write".into()),
        nbf: Some(NOW),
        jti: Some("0192a7b4-7a3c-7cc4-9f0e-2f6b8d1c3a5e".into()),
        grant: Some("0192a7b4-7a3c-7cc4-9f0e-2f6b8d1c3a5f".into()),
        auth_time: Some(NOW - 60),
        acr: Some("urn:exeunt:acr:password".into()),
        more,
        ..small()
    }
}

fn expected() -> Expected {
    Expected::new("https://id.example", "https://api.example/").with_leeway(0)
}

fn parsed(token: &str) -> Result<Claims, Refused> {
    parse(token, &[key()], &expected(), NOW)
}

#[test]
fn the_token_of_a_person_takes_at_most_220_bytes() {
    let picture = small().more["picture"].as_str().unwrap().len();
    let name = small().more["name"].as_str().unwrap().len();
    assert_eq!((name, picture), (12, 40));
    let token = generate(&small(), &key(), nonce()).unwrap();
    assert_eq!(token.len(), 219, "{token}");
    assert_eq!(parsed(&token), Ok(small()));
}

#[test]
fn a_token_says_all_that_it_was_made_of() {
    let token = generate(&large(), &key(), nonce()).unwrap();
    assert_eq!(parsed(&token), Ok(large()));
    // What is no UUID in its usual form stays as it was.
    for text in [
        "ada",
        "",
        "F81D4FAE-7DEC-41D0-8765-00A0C91E6BF6",
        "f81d4fae7dec41d0876500a0c91e6bf6",
        "{f81d4fae-7dec-41d0-8765-00a0c91e6bf6}",
        "urn:uuid:f81d4fae-7dec-41d0-8765-00a0c91e6bf6",
    ] {
        let claims = Claims {
            sub: text.into(),
            sid: Some(text.into()),
            ..small()
        };
        let token = generate(&claims, &key(), nonce()).unwrap();
        assert_eq!(parsed(&token), Ok(claims));
    }
}

#[test]
fn a_token_shows_nothing_and_its_key_stands_for_issuer_and_audience() {
    let token = generate(&small(), &key(), nonce()).unwrap();
    let bytes = base64url::decode(&token).unwrap();
    let shows = |text: &str| {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    assert!(!shows("Ada") && !shows("https") && !shows("example"));

    let elsewhere = Expected::new("https://other.example", "https://elsewhere.example/");
    let claims = parse(&token, &[key()], &elsewhere, NOW).unwrap();
    assert_eq!(claims.iss, "https://other.example");
    assert_eq!(claims.aud, ["https://elsewhere.example/"]);
}

#[test]
fn a_token_is_good_until_the_second_it_expires() {
    let token = generate(&large(), &key(), nonce()).unwrap();
    let at = |now| parse(&token, &[key()], &expected(), now).map(|_| ());
    assert_eq!(at(NOW + 599), Ok(()));
    assert_eq!(at(NOW + 600), Err(Refused::Expired));
    assert_eq!(at(NOW - 1), Err(Refused::NotYet));
}

#[test]
fn both_keys_and_their_name_must_be_right() {
    let token = generate(&small(), &key(), nonce()).unwrap();
    let with = |kid, mac: u8, cipher: u8| {
        let key = Key::new(kid, &[mac; 32], &[cipher; 16]).unwrap();
        parse(&token, &[key], &expected(), NOW)
    };
    assert_eq!(with(7, 1, 2), Ok(small()));
    assert_eq!(with(8, 1, 2), Err(Refused::UnknownKey));
    assert_eq!(with(7, 1, 9), Err(Refused::Forged));
    assert_eq!(with(7, 9, 2), Err(Refused::Forged), "the MAC inside");
    assert_eq!(
        parse(&token, &[], &expected(), NOW),
        Err(Refused::UnknownKey)
    );
    assert!(Key::new(7, &[2; 32], &[2; 16]).is_err());
    let rotated = [Key::new(8, &[5; 32], &[6; 16]).unwrap(), key()];
    assert_eq!(parse(&token, &rotated, &expected(), NOW), Ok(small()));
}

#[test]
fn what_the_format_cannot_carry_is_not_made_into_a_token() {
    let cannot = |name: &str, value: Value| {
        let mut claims = small();
        claims.more.insert(name.to_owned(), value);
        let made = generate(&claims, &key(), nonce());
        assert!(matches!(made, Err(GenerateError::Claims(_))), "{name}");
    };
    cannot("name", json!(1));
    cannot("picture", json!(null));
    cannot("height", json!(1.68));
    cannot("exp", json!(1));
    cannot("deep", json!([[[[[[[[1]]]]]]]]));
    let bound = {
        let mut claims = small();
        claims.more.insert("cnf".into(), json!({ "jkt": "x" }));
        generate(&claims, &key(), nonce()).unwrap()
    };
    assert_eq!(parsed(&bound), Err(Refused::Bound));
}

/// A token around this map, made with the right keys.
fn around(map: &[u8]) -> String {
    let key = key();
    let mut plain = Vec::new();
    cbor::head(&mut plain, cbor::ARRAY, 4);
    cbor::bytes(&mut plain, &MAC_PROTECTED);
    cbor::head(&mut plain, cbor::MAP, 0);
    cbor::bytes(&mut plain, map);
    cbor::bytes(&mut plain, &cose::mac(&key.mac, &MAC_PROTECTED, map));
    enveloped(&plain, &key.protected, &[])
}

/// This plain text, encrypted with the right key.
fn enveloped(plain: &[u8], protected: &[u8], behind: &[u8]) -> String {
    let mut text = plain.to_vec();
    cose::seal(&key().cipher, protected, [3; 12], &mut text).unwrap();
    let mut token = vec![0x83];
    cbor::bytes(&mut token, protected);
    token.extend([0xa1, 0x05]);
    cbor::bytes(&mut token, &[3; 12]);
    cbor::bytes(&mut token, &text);
    token.extend(behind);
    base64url::encode(token)
}

fn hex(text: &str) -> Vec<u8> {
    let text: String = text.split_whitespace().collect();
    (0..text.len() / 2)
        .map(|place| u8::from_str_radix(&text[place * 2..place * 2 + 2], 16).unwrap())
        .collect()
}

/// Attack 31: claims that are missing, of a wrong kind, or twice there.
#[test]
fn claims_come_in_the_one_form_that_they_have() {
    // sub "a", exp, iat.
    let good = "a3 02 6161 04 1a69566658 06 1a695661c0";
    assert_eq!(parsed(&around(&hex(good))).unwrap().sub, "a");
    for (map, why) in [
        ("a2 04 1a69566658 06 1a695661c0", "no sub"),
        ("a2 02 6161 06 1a695661c0", "no exp"),
        ("a2 02 6161 04 1a69566658", "no iat"),
        (
            "a4 02 6161 02 6162 04 1a69566658 06 1a695661c0",
            "sub twice",
        ),
        (
            "a4 02 6161 04 1a69566658 04 1a79566658 06 1a695661c0",
            "exp twice",
        ),
        ("a3 04 1a69566658 02 6161 06 1a695661c0", "out of order"),
        (
            "a3 1802 6161 04 1a69566658 06 1a695661c0",
            "a label in more bytes than it needs",
        ),
        (
            "a3 02 7801 61 04 1a69566658 06 1a695661c0",
            "a length in more bytes than it needs",
        ),
        (
            "a3 02 6161 04 1b0000000069566658 06 1a695661c0",
            "a time in more bytes than it needs",
        ),
        ("a3 02 6161 04 20 06 1a695661c0", "a time before 1970"),
        (
            "a3 02 6161 04 6a39393939393939393939 06 1a695661c0",
            "a time as a text",
        ),
        (
            "a3 02 6161 04 fb41e0000000000000 06 1a695661c0",
            "a floating-point time",
        ),
        (
            "a3 02 6161 04 1bffffffffffffffff 06 1a695661c0",
            "a time out of range",
        ),
        ("a3 02 6161 04 f6 06 1a695661c0", "a time that is null"),
        ("a3 02 01 04 1a69566658 06 1a695661c0", "a number for sub"),
        (
            "a3 02 4161 04 1a69566658 06 1a695661c0",
            "a sub of one byte",
        ),
        (
            "a3 02 7824 66383164346661652d376465632d343164302d383736352d303061306339316536626636 04 1a69566658 06 1a695661c0",
            "a UUID as a text",
        ),
        (
            "a4 01 6161 02 6161 04 1a69566658 06 1a695661c0",
            "iss, which is the key's",
        ),
        (
            "a4 02 6161 03 6161 04 1a69566658 06 1a695661c0",
            "aud, which is the key's",
        ),
        (
            "a4 02 6161 04 1a69566658 06 1a695661c0 08 01",
            "a label that is not known",
        ),
        (
            "a4 02 6161 04 1a69566658 06 1a695661c0 2b 01",
            "a label that is not known",
        ),
        (
            "a4 02 6161 04 1a69566658 06 1a695661c0 63657870 01",
            "exp by its name",
        ),
        (
            "a4 02 6161 04 1a69566658 06 1a695661c0 646e616d65 6161",
            "name by its name",
        ),
        (
            "a4 02 6161 04 1a69566658 06 1a695661c0 4161 01",
            "a label of bytes",
        ),
        (
            "a3 02 6161 04 1a69566658 06 1a695661c0 00",
            "something behind",
        ),
        (
            "a4 02 6161 04 1a69566658 06 1a695661c0",
            "something missing",
        ),
        (
            "bf 02 6161 04 1a69566658 06 1a695661c0 ff",
            "an indefinite length",
        ),
        ("83 02 6161 04", "no map"),
        ("", "nothing"),
    ] {
        let refused = parsed(&around(&hex(map)));
        let fits = matches!(refused, Err(Refused::Malformed | Refused::Claims(_)));
        assert!(fits, "{why}: {refused:?}");
    }
}

/// Attack 30: the structures of COSE say what is expected, and nothing else.
#[test]
fn the_envelopes_come_in_the_one_form_that_they_have() {
    let payload = profile::write(&small()).unwrap();
    let tag = cose::mac(&key().mac, &MAC_PROTECTED, &payload);
    let inside = |protected: &[u8], unprotected: &[u8], tag: &[u8], behind: &[u8]| {
        let mut plain = vec![0x84];
        cbor::bytes(&mut plain, protected);
        plain.extend(unprotected);
        cbor::bytes(&mut plain, &payload);
        cbor::bytes(&mut plain, tag);
        plain.extend(behind);
        plain
    };
    let good = inside(&MAC_PROTECTED, &[0xa0], &tag, &[]);
    let name = key().protected;
    assert_eq!(parsed(&enveloped(&good, &name, &[])), Ok(small()));
    for (plain, why) in [
        (
            inside(&[0xa1, 1, 5], &[0xa0], &tag, &[]),
            "another algorithm",
        ),
        (
            inside(&[], &[0xa1, 1, 4], &tag, &[]),
            "an unprotected algorithm",
        ),
        (
            inside(&MAC_PROTECTED, &[0xa1, 1, 4], &tag, &[]),
            "an unprotected algorithm",
        ),
        (
            inside(&MAC_PROTECTED, &[0xa0], &tag, &[0]),
            "something behind",
        ),
        (payload.clone(), "no MAC"),
        ([&[0xd1][..], &good].concat(), "a tag of CBOR"),
        (vec![], "nothing"),
    ] {
        let refused = parsed(&enveloped(&plain, &name, &[]));
        assert_eq!(refused, Err(Refused::Malformed), "{why}");
    }
    for tag in [&tag[..7], &[tag[0]], &[], &[0; 8]] {
        let plain = inside(&MAC_PROTECTED, &[0xa0], tag, &[]);
        assert_eq!(parsed(&enveloped(&plain, &name, &[])), Err(Refused::Forged));
    }
    assert_eq!(
        parsed(&enveloped(&good, &name, &[0])),
        Err(Refused::Malformed)
    );
    for protected in [
        // A256GCM, no algorithm, another order, a longer name.
        &[0xa2, 1, 3, 4, 0x41, 7][..],
        &[0xa1, 4, 0x41, 7],
        &[0xa2, 4, 0x41, 7, 1, 1],
        &[0xa2, 1, 1, 4, 0x42, 7, 7],
        &[],
    ] {
        let refused = parsed(&enveloped(&good, protected, &[]));
        assert_eq!(refused, Err(Refused::UnknownKey));
    }
    let token = base64url::decode(&enveloped(&good, &name, &[])).unwrap();
    for (place, bytes, why) in [
        (0, &[0x84][..], "a list of four"),
        (0, &[0xd0, 0x83], "a tag of CBOR"),
        (8, &[0xa2], "two unprotected members"),
        (9, &[0x06], "another unprotected member"),
        (10, &[0x4b], "a shorter nonce"),
    ] {
        let changed = [&token[..place], bytes, &token[place + 1..]].concat();
        let refused = parsed(&base64url::encode(changed));
        assert_eq!(refused, Err(Refused::Malformed), "{why}");
    }
}

#[test]
fn a_token_has_one_text() {
    let token = generate(&small(), &key(), nonce()).unwrap();
    let long = "A".repeat(LONGEST_TOKEN + 1);
    let changed = token.replacen(['-', '_'], "+", 1);
    for text in [
        "",
        &format!("{token}="),
        &format!("{token} "),
        &format!("{token}A"),
        &long,
    ] {
        assert_eq!(parsed(text), Err(Refused::Malformed), "{text:.40}");
    }
    if changed != token {
        assert_eq!(parsed(&changed), Err(Refused::Malformed));
    }
    // 219 characters hold 1314 bits, of which 164 bytes are 1312: two are left over.
    let mut last = token.clone();
    let end = last.pop().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = alphabet.find(end).unwrap();
    last.push(alphabet.chars().nth(place ^ 1).unwrap());
    assert_eq!(parsed(&last), Err(Refused::Malformed));
}
