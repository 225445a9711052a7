//! Other implementations read our tokens, and we read theirs.
//!
//! `EXEUNT_TEST_PYTHON` names a Python that has the packages of guard/tests/requirements.txt.

use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exeunt_guard::cwt::{self, Nonce};
use exeunt_guard::jwe::{self, ContentEncryption, DecryptingKey, DirectKey, EncryptingKey};
use exeunt_guard::jwt::{self, Algorithm, SigningKey, VerifyingKey};
use exeunt_guard::{Claims, Expected};
use serde_json::{Map, Value, json};

use crate::formats::{ISSUER, NOW, SERVICE, claims, fill, random};

const CONTENT: [ContentEncryption; 3] = [
    ContentEncryption::A128CbcHs256,
    ContentEncryption::A128Gcm,
    ContentEncryption::A256Gcm,
];

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment what the machine offers"
)]
fn python(asked: &Value) -> Map<String, Value> {
    let python = std::env::var("EXEUNT_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/independent.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(asked.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the script failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn expected() -> Expected {
    Expected::new(ISSUER, SERVICE).with_leeway(0)
}

fn secret<const N: usize>() -> ([u8; N], String) {
    let bytes = random();
    (bytes, encode(&bytes))
}

#[test]
#[ignore = "needs Python packages: run scripts/test"]
fn other_implementations_read_our_tokens() {
    let (mut keys, mut tokens) = (json!({}), json!({}));
    let signing = Algorithm::ALL.map(|one| SigningKey::generate(one, "signing").unwrap());
    for key in &signing {
        let kind = format!("signed {}", key.algorithm());
        keys[&kind] = key.public_jwk();
        tokens[&kind] = jwt::generate(&claims(), key).unwrap().into();
    }

    let ((mac, mac_text), (cipher, cipher_text)) = (secret(), secret());
    let direct = DirectKey::new("7", &mac, &cipher).unwrap();
    keys["direct"] = json!({ "kid": "7", "mac": mac_text, "cipher": cipher_text });
    tokens["direct"] = jwe::generate_direct(&claims(), &direct, random())
        .unwrap()
        .into();

    let es256 = signing
        .iter()
        .find(|key| key.algorithm() == Algorithm::ES256);
    let signed = jwt::generate(&claims(), es256.unwrap()).unwrap();
    for (name, private) in [("P-256", p256()), ("RSA", rsa())] {
        for enc in CONTENT {
            let to = EncryptingKey::from_jwk(&jwe::public_jwk(&private), enc).unwrap();
            let kind = format!("nested {name} {}", enc.name());
            tokens[&kind] = jwe::generate_nested(&signed, &to, &mut fill)
                .unwrap()
                .into();
            keys[&kind] = private.clone();
        }
    }

    let ((mac, mac_text), (cipher, cipher_text)) = (secret(), secret());
    let compact = cwt::Key::new(7, &mac, &cipher).unwrap();
    keys["cwt"] = json!({ "kid": 7, "mac": mac_text, "cipher": cipher_text });
    let nonce = Nonce::from_random(random());
    tokens["cwt"] = cwt::generate(&claims(), &compact, nonce).unwrap().into();

    let mut said = python(&json!({ "do": "read", "keys": keys, "tokens": tokens }));
    let payload = said.remove("cwt").unwrap();
    assert_eq!(payload["payload"], encode(&compact_payload()));
    assert_eq!(said.len(), Algorithm::ALL.len() + 1 + 6, "all but cwt");
    for (kind, said) in said {
        assert_eq!(
            said["claims"],
            serde_json::to_value(claims()).unwrap(),
            "{kind}"
        );
        assert_eq!(said["header"]["typ"], "at+jwt", "{kind}");
        if kind.starts_with("nested") {
            assert_eq!(said["outer"]["cty"], "JWT", "{kind}");
        }
    }
}

#[test]
#[ignore = "needs Python packages: run scripts/test"]
fn we_read_the_tokens_of_other_implementations() {
    let signing = json!({
        "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "theirs",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
    });
    let ((mac, mac_text), (cipher, cipher_text)) = (secret(), secret());
    let direct = [DirectKey::new("7", &mac, &cipher).unwrap()];
    let mut keys = json!({
        "signed ES256": signing,
        "direct": { "kid": "7", "mac": mac_text, "cipher": cipher_text },
    });
    let private = [p256(), rsa()];
    for (name, private) in ["P-256", "RSA"].iter().zip(&private) {
        for enc in CONTENT {
            keys[format!("nested {name} {}", enc.name())] = private.clone();
        }
    }
    let ((mac, mac_text), (cipher, cipher_text)) = (secret(), secret());
    let compact = [cwt::Key::new(7, &mac, &cipher).unwrap()];
    keys["cwt"] = json!({
        "kid": 7, "mac": mac_text, "cipher": cipher_text,
        "nonce": encode(&random::<12>()), "payload": encode(&compact_payload()),
    });

    let tokens = python(&json!({ "do": "make", "keys": keys, "claims": claims() }));
    let verifying = [VerifyingKey::from_jwk(&jwe::public_jwk(&signing)).unwrap()];
    let decrypting = private.map(|jwk| DecryptingKey::from_jwk(&jwk).unwrap());
    assert_eq!(tokens.len(), 1 + 1 + 6 + 1);
    for (kind, token) in tokens {
        let token = token.as_str().unwrap();
        let parsed = match kind.as_str() {
            "direct" => jwe::parse_direct(token, &direct, &expected(), NOW),
            "cwt" => cwt::parse(token, &compact, &expected(), NOW),
            "signed ES256" => jwt::parse(token, &verifying, &expected(), NOW),
            _ => jwe::parse_nested(token, &decrypting, &verifying, &expected(), NOW),
        };
        assert_eq!(parsed, Ok(claims()), "{kind}");
    }
}

fn p256() -> Value {
    DecryptingKey::generate_jwk("P-256").unwrap()
}

/// The claims as docs/tokens.md has them, written out by hand.
fn compact_payload() -> Vec<u8> {
    let Claims { iat, exp, .. } = claims();
    let time = |time: i64| u32::try_from(time).unwrap().to_be_bytes();
    let uuid = |text: &str| uuid::Uuid::parse_str(text).unwrap().into_bytes();
    let text = |text: &str| {
        let length = u8::try_from(text.len()).unwrap();
        [&[0x60 | length], text.as_bytes()].concat()
    };
    [
        &[0xaa, 0x02, 0x50][..],
        &uuid("f81d4fae-7dec-41d0-8765-00a0c91e6bf6"),
        &[0x04, 0x1a],
        &time(exp),
        &[0x06, 0x1a],
        &time(iat),
        &[0x07, 0x50],
        &uuid("0192a7b4-7a3c-7cc4-9f0e-2f6b8d1c3a5e"),
        &[0x09],
        &text("read write"),
        &[0x20, 0x50],
        &uuid("67e55044-10b1-426f-9247-bb680e5fe0c8"),
        &[0x21, 0x50],
        &uuid("0192a7b4-7a3c-7cc4-9f0e-2f6b8d1c3a5f"),
        &[0x22],
        &text("ledger"),
        &[0x25, 0x1a],
        &time(iat - 60),
        &[0x26],
        &text("urn:exeunt:acr:password"),
    ]
    .concat()
}

/// The RSA key of RFC 7520 §5.1, here for RSA-OAEP-256.
fn rsa() -> Value {
    json!({
        "kty": "RSA", "use": "enc", "alg": "RSA-OAEP-256", "kid": "RSA",
        "n": "maxhbsmBtdQ3CNrKvprUE6n9lYcregDMLYNeTAWcLj8NnPU9XIYegTHVHQjxKDSHP2l-F5jS7sppG1wgdAqZyhnWvXhYNvcM\
            7RfgKxqNx_xAHx6f3yy7s-M9PSNCwPC2lh6UAkR4I00EhV9lrypM9Pi4lBUop9t5fS9W5UNwaAllhrd-osQGPjIeI1deHTwx\
            -ZTHu3C60Pu_LJIl6hKn9wbwaUmA4cR5Bd2pgbaY7ASgsjCUbtYJaNIHSoHXprUdJZKUMAzV0WOKPfA6OPI4oypBadjvMZ4Z\
            Aj3BnXaSYsEZhaueTXvZB4eZOAjIyh2e_VOIKVMsnDrJYAVotGlvMQ",
        "e": "AQAB",
        "d": "Kn9tgoHfiTVi8uPu5b9TnwyHwG5dK6RE0uFdlpCGnJN7ZEi963R7wybQ1PLAHmpIbNTztfrheoAniRV1NCIqXaW_qS461xiD\
            Tp4ntEPnqcKsyO5jMAji7-CL8vhpYYowNFvIesgMoVaPRYMYT9TW63hNM0aWs7USZ_hLg6Oe1mY0vHTI3FucjSM86Nff4oIE\
            Nt43r2fspgEPGRrdE6fpLc9Oaq-qeP1GFULimrRdndm-P8q8kvN3KHlNAtEgrQAgTTgz80S-3VD0FgWfgnb1PNmiuPUxO8Op\
            I9KDIfu_acc6fg14nsNaJqXe6RESvhGPH2afjHqSy_Fd2vpzj85bQQ",
        "p": "2DwQmZ43FoTnQ8IkUj3BmKRf5Eh2mizZA5xEJ2MinUE3sdTYKSLtaEoekX9vbBZuWxHdVhM6UnKCJ_2iNk8Z0ayLYHL0_G21\
            aXf9-unynEpUsH7HHTklLpYAzOOx1ZgVljoxAdWNn3hiEFrjZLZGS7lOH-a3QQlDDQoJOJ2VFmU",
        "q": "te8LY4-W7IyaqH1ExujjMqkTAlTeRbv0VLQnfLY2xINnrWdwiQ93_VF099aP1ESeLja2nw-6iKIe-qT7mtCPozKfVtUYfz5H\
            rJ_XY2kfexJINb9lhZHMv5p1skZpeIS-GPHCC6gRlKo1q-idn_qxyusfWv7WAxlSVfQfk8d6Et0",
        "dp": "UfYKcL_or492vVc0PzwLSplbg4L3-Z5wL48mwiswbpzOyIgd2xHTHQmjJpFAIZ8q-zf9RmgJXkDrFs9rkdxPtAsL1WYdeCT5\
            c125Fkdg317JVRDo1inX7x2Kdh8ERCreW8_4zXItuTl_KiXZNU5lvMQjWbIw2eTx1lpsflo0rYU",
        "dq": "iEgcO-QfpepdH8FWd7mUFyrXdnOkXJBCogChY6YKuIHGc_p8Le9MbpFKESzEaLlN1Ehf3B6oGBl5Iz_ayUlZj2IoQZ82znoU\
            rpa9fVYNot87ACfzIG7q9Mv7RiPAderZi03tkVXAdaBau_9vs5rS-7HMtxkVrxSUvJY14TkXlHE",
        "qi": "kC-lzZOqoFaZCr5l0tOVtREKoVqaAYhQiqIRGL-MzS4sCmRkxm5vZlXYx6RtE1n_AagjqajlkjieGlxTTThHD8Iga6foGBMa\
            Ar5uR1hGQpSc7Gl7CF1DZkBJMTQN6EshYzZfxW08mIO8M6Rzuh0beL6fG9mkDcIyPrBXx2bQ_mM",
    })
}
