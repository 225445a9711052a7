//! Clients' own public keys: the JWKS that they register or publish (RFC 7517).

use aws_lc_rs::signature::{self, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::Value;

use crate::oidc::algorithm::SigningAlgorithm;
use crate::oidc::json::object;
use crate::oidc::jwks;

/// More keys than a client in rotation needs, few enough that trying each costs nothing.
const MOST_KEYS: usize = 20;

/// The bytes at a client's `jwks_uri` as a JWKS, if they are one: keys that do not do are passed over when they are
/// needed, since clients publish keys for others too.
pub fn read_client_jwks(json: &[u8]) -> Option<Value> {
    let published = Value::Object(object(json)?);
    let is_small = jwks::keys(&published).ok()?.len() <= MOST_KEYS;
    is_small.then_some(published)
}

/// The keys of the set that fit an algorithm and, where one is named, a `kid`.
pub(super) fn candidates<'a>(
    jwks: &'a Value,
    kid: Option<&'a Value>,
    algorithm: SigningAlgorithm,
) -> impl Iterator<Item = DecodingKey> + 'a {
    jwks::keys(jwks)
        .unwrap_or_default()
        .iter()
        .filter(move |key| kid.is_none() || key.get("kid") == kid)
        .filter_map(move |key| usable_key(key, algorithm).ok())
}

/// Checks a JWKS that a client registers. The error says what to mend, naming the key by its place.
pub fn check_client_jwks(jwks: &Value) -> Result<(), String> {
    let keys = jwks::keys(jwks)?;
    if keys.len() > MOST_KEYS {
        return Err(format!("a JWKS may have at most {MOST_KEYS} keys"));
    }
    let mut kids = Vec::new();
    let mut usable = 0;
    for (place, key) in (1..).zip(keys) {
        check_shape(key).map_err(|wrong| format!("key {place}: {wrong}"))?;
        if let Some(kid) = key.get("kid") {
            if kids.contains(&kid) {
                return Err(format!("key {place}: its \"kid\" occurs twice"));
            }
            kids.push(kid);
        }
        // Keys for encryption and of other kinds are ignored, as RFC 7517 §5 asks; weak ones are named.
        let fitting = fitting_algorithms(key);
        if let Some(algorithm) = fitting.first() {
            usable_key(key, *algorithm).map_err(|wrong| format!("key {place}: {wrong}"))?;
            usable += 1;
        }
    }
    match usable {
        0 => Err("no key in it verifies RS256, PS256, ES256 or EdDSA signatures".into()),
        _ => Ok(()),
    }
}

fn check_shape(key: &Value) -> Result<(), &'static str> {
    if jwks::is_private(key) {
        return Err("it has private members: register public keys only, and replace this one");
    }
    let texts = ["kid", "use", "alg"];
    if texts
        .iter()
        .any(|name| key.get(*name).is_some_and(|value| !value.is_string()))
    {
        return Err("\"kid\", \"use\" and \"alg\" must be strings");
    }
    Ok(())
}

/// The algorithms that a key is for, by its `kty`, `crv`, `use`, `key_ops` and `alg`.
fn fitting_algorithms(key: &Value) -> Vec<SigningAlgorithm> {
    let text = |name| key.get(name).and_then(Value::as_str);
    let for_signatures = key.get("use").is_none_or(|wanted| wanted == "sig")
        && key.get("key_ops").is_none_or(|operations| {
            operations
                .as_array()
                .is_some_and(|operations| operations.iter().any(|one| one == "verify"))
        });
    if !for_signatures {
        return Vec::new();
    }
    let by_kind: &[SigningAlgorithm] = match (text("kty"), text("crv")) {
        (Some("RSA"), None) => &[SigningAlgorithm::RS256, SigningAlgorithm::PS256],
        (Some("EC"), Some("P-256")) => &[SigningAlgorithm::ES256],
        (Some("OKP"), Some("Ed25519")) => &[SigningAlgorithm::EdDSA],
        _ => &[],
    };
    by_kind
        .iter()
        .copied()
        .filter(|algorithm| key.get("alg").is_none_or(|alg| alg == algorithm.as_str()))
        .collect()
}

/// The key, ready to verify `algorithm`; the error says why it cannot.
fn usable_key(key: &Value, algorithm: SigningAlgorithm) -> Result<DecodingKey, &'static str> {
    check_shape(key)?;
    if !fitting_algorithms(key).contains(&algorithm) {
        return Err("it is not a key for this algorithm");
    }
    let member = |name: &str| {
        key.get(name)
            .and_then(Value::as_str)
            .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
            .ok_or("a member of the key is missing or not base64url")
    };
    match algorithm {
        SigningAlgorithm::RS256 | SigningAlgorithm::PS256 => {
            let (modulus, exponent) = (member("n")?, member("e")?);
            check_rsa(&modulus, &exponent)?;
            Ok(DecodingKey::from_rsa_raw_components(&modulus, &exponent))
        }
        SigningAlgorithm::ES256 => {
            let point = [vec![4], member("x")?, member("y")?].concat();
            ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, &point)
                .map_err(|_rejected| "it is not a point on P-256")?;
            Ok(DecodingKey::from_ec_der(&point))
        }
        SigningAlgorithm::EdDSA => {
            let public = member("x")?;
            ParsedPublicKey::new(&signature::ED25519, &public)
                .map_err(|_rejected| "it is not an Ed25519 key")?;
            Ok(DecodingKey::from_ed_der(&public))
        }
    }
}

/// RFC 7518 §3.3 asks for 2048 bits. An exponent below 65537 gains nothing today and has helped forgers before; one
/// above 33 bits, or a huge modulus, only makes verifying expensive.
fn check_rsa(modulus: &[u8], exponent: &[u8]) -> Result<(), &'static str> {
    let bits = match modulus.split_first() {
        Some((first, rest)) if *first != 0 => rest.len() * 8 + first.ilog2() as usize + 1,
        _ => return Err("its modulus is empty or begins with zeros"),
    };
    if !(2048..=8192).contains(&bits) {
        return Err("an RSA key must have 2048 to 8192 bits");
    }
    let value = exponent
        .iter()
        .try_fold(0_u64, |value, byte| {
            value.checked_mul(256)?.checked_add(u64::from(*byte))
        })
        .filter(|value| value % 2 == 1 && (65537..1 << 33).contains(value));
    value.map_or(
        Err("its RSA exponent must be odd, at least 65537 and below 2^33"),
        |_sound| Ok(()),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::key;
    use super::*;

    fn jwk(algorithm: SigningAlgorithm) -> Value {
        key(algorithm).public_jwk().clone()
    }

    fn set(keys: &[Value]) -> Value {
        json!({ "keys": keys })
    }

    /// The JWKS with one member of its only key changed.
    fn changed(algorithm: SigningAlgorithm, name: &str, value: Value) -> Value {
        let mut key = jwk(algorithm);
        key[name] = value;
        set(&[key])
    }

    /// Attack 33: keys that are weak, off their curve, or meant for encryption do not verify, and are named when
    /// they are registered.
    #[test]
    fn weak_and_misused_keys_are_refused() {
        use SigningAlgorithm::{ES256, EdDSA, RS256};
        let short = |bytes: usize| json!(URL_SAFE_NO_PAD.encode(vec![0xc1; bytes]));
        let cases = [
            (RS256, changed(RS256, "n", short(128)), "2048 to 8192 bits"),
            (RS256, changed(RS256, "n", short(255)), "2048 to 8192 bits"),
            (RS256, changed(RS256, "n", short(2048)), "2048 to 8192 bits"),
            (
                RS256,
                changed(RS256, "n", json!("AMHB")),
                "begins with zeros",
            ),
            (RS256, changed(RS256, "e", json!("AQ")), "exponent"),
            (RS256, changed(RS256, "e", json!("Aw")), "exponent"),
            (RS256, changed(RS256, "e", json!("AQAA")), "exponent"),
            (RS256, changed(RS256, "e", short(9)), "exponent"),
            (RS256, changed(RS256, "e", json!("=")), "not base64url"),
            (
                ES256,
                changed(ES256, "y", short(32)),
                "not a point on P-256",
            ),
            (
                ES256,
                changed(ES256, "x", short(31)),
                "not a point on P-256",
            ),
            (EdDSA, changed(EdDSA, "x", short(31)), "not an Ed25519 key"),
            (
                RS256,
                changed(RS256, "use", json!("enc")),
                "no key in it verifies",
            ),
            (
                RS256,
                changed(RS256, "key_ops", json!(["encrypt"])),
                "no key in it verifies",
            ),
            (
                RS256,
                changed(RS256, "kty", json!("oct")),
                "no key in it verifies",
            ),
            (
                ES256,
                changed(ES256, "crv", json!("P-384")),
                "no key in it verifies",
            ),
        ];
        for (algorithm, jwks, word) in cases {
            assert!(
                candidates(&jwks, None, algorithm).next().is_none(),
                "{word}"
            );
            let told = check_client_jwks(&jwks).unwrap_err();
            assert!(told.contains(word), "{told}");
        }
    }

    #[test]
    fn a_registered_jwks_is_public_well_formed_and_unambiguous() {
        use SigningAlgorithm::{ES256, EdDSA};
        check_client_jwks(&set(&[jwk(ES256), json!({ "kty": "new" })])).unwrap();
        let told = check_client_jwks(&changed(EdDSA, "d", json!("AQAB"))).unwrap_err();
        assert!(told.contains("private members"), "{told}");
        let cases = [
            (set(&[]), "no key in it verifies"),
            (set(&[jwk(EdDSA), json!({})]), "key 2: it has no \"kty\""),
            (
                set(&[jwk(EdDSA), jwk(EdDSA)]),
                "key 2: its \"kid\" occurs twice",
            ),
            (changed(EdDSA, "kid", json!(1)), "must be strings"),
            (set(&vec![jwk(EdDSA); 21]), "at most 20"),
        ];
        for (jwks, word) in cases {
            let told = check_client_jwks(&jwks).unwrap_err();
            assert!(told.contains(word), "{told}");
        }
    }

    /// Attack 33: of keys that a client publishes for others too, those that do are used, and no other.
    #[test]
    fn of_a_published_jwks_the_keys_that_do_are_used() {
        use SigningAlgorithm::{ES256, EdDSA};
        let private = changed(ES256, "d", json!("AQAB"))["keys"][0].clone();
        let published = set(&[json!({ "kty": "new" }), private, jwk(EdDSA)]);
        let jwks = read_client_jwks(published.to_string().as_bytes()).unwrap();
        assert_eq!(candidates(&jwks, None, ES256).count(), 0);
        assert_eq!(candidates(&jwks, None, EdDSA).count(), 1);
        assert!(read_client_jwks(br#"{"keys":[]}"#).is_some());
        let many = set(&vec![jwk(EdDSA); 21]).to_string();
        for none in [
            "",
            "[]",
            "{}",
            r#"{"keys":{}}"#,
            r#"{"keys":[],"keys":[]}"#,
            r#"{"keys":[1]}"#,
            r#"{"keys":[{}]}"#,
            &many,
        ] {
            assert_eq!(read_client_jwks(none.as_bytes()), None, "{none:.40}");
        }
    }
}
