//! Clients' own keys: the JWKS they register and the assertions they sign (`private_key_jwt`, RFC 7523).

use aws_lc_rs::signature::{self, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::{Map, Value};

use super::strict::Parts;
use crate::oidc::algorithm::SigningAlgorithm;

/// More keys than a client in rotation needs, few enough that trying each costs nothing.
const MOST_KEYS: usize = 20;

/// Members that only a private or shared key has (RFC 7518 §6, RFC 8037 §2).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Header members that would let the token bring or point to its own key, or change how it is read.
const REFUSED_HEADERS: [&str; 8] = ["crit", "b64", "zip", "jwk", "jku", "x5u", "x5c", "enc"];

/// Why an assertion is not signed by the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// It is not a compact JWS, or a very long one.
    #[error("the client assertion is not a signed JWT")]
    Malformed,
    /// Its header asks for something that is not supported or not safe.
    #[error("the header of the client assertion has a member that is not accepted")]
    Header,
    /// Its `alg` is not one of RS256, PS256, ES256 and EdDSA.
    #[error("the client assertion must be signed with RS256, PS256, ES256 or EdDSA")]
    Algorithm,
    /// No key of the client fits its `alg` and `kid`.
    #[error("no key of the client fits the `alg` and `kid` of the assertion")]
    NoKey,
    /// None of the client's keys made the signature.
    #[error("the signature of the client assertion is wrong")]
    Signature,
    /// A claim occurs twice or has a wrong JSON type.
    #[error("a claim of the client assertion occurs twice or has a wrong type")]
    Claims,
}

/// The claims of an assertion that one of the client's keys signed. Only the signature and the JSON types are
/// checked here; issuer, subject, audience, times and `jti` are rules of their own.
pub fn verify_client_assertion(
    jwks: &Value,
    assertion: &str,
) -> Result<Map<String, Value>, AssertionError> {
    let parts = Parts::read(assertion).ok_or(AssertionError::Malformed)?;
    if REFUSED_HEADERS
        .iter()
        .any(|name| parts.header.contains_key(*name))
    {
        return Err(AssertionError::Header);
    }
    let algorithm: SigningAlgorithm = parts
        .header_text("alg")
        .and_then(SigningAlgorithm::from_name)
        .ok_or(AssertionError::Algorithm)?;
    let kid = parts.header.get("kid");
    let mut candidates = keys_of(jwks)
        .iter()
        .filter(|key| kid.is_none() || key.get("kid") == kid)
        .filter_map(|key| usable_key(key, algorithm).ok())
        .peekable();
    candidates.peek().ok_or(AssertionError::NoKey)?;
    let message = parts.message.as_bytes();
    let signed = candidates.any(|key| {
        crypto::verify(parts.signature, message, &key, library_name(algorithm)).unwrap_or(false)
    });
    if !signed {
        return Err(AssertionError::Signature);
    }
    parts.claims().ok_or(AssertionError::Claims)
}

/// Checks a JWKS that a client registers. The error says what to mend, naming the key by its place.
pub fn check_client_jwks(jwks: &Value) -> Result<(), String> {
    if !jwks.get("keys").is_some_and(Value::is_array) {
        return Err("a JWKS is an object with an array \"keys\"".into());
    }
    let keys = keys_of(jwks);
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

fn keys_of(jwks: &Value) -> &[Value] {
    jwks.get("keys")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn check_shape(key: &Value) -> Result<(), &'static str> {
    let members = key.as_object().ok_or("it is not an object")?;
    if !members.get("kty").is_some_and(Value::is_string) {
        return Err("it has no \"kty\"");
    }
    if PRIVATE_MEMBERS
        .iter()
        .any(|name| members.contains_key(*name))
    {
        return Err("it has private members: register public keys only, and replace this one");
    }
    let texts = ["kid", "use", "alg"];
    if texts
        .iter()
        .any(|name| members.get(*name).is_some_and(|value| !value.is_string()))
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

const fn library_name(algorithm: SigningAlgorithm) -> Algorithm {
    match algorithm {
        SigningAlgorithm::RS256 => Algorithm::RS256,
        SigningAlgorithm::PS256 => Algorithm::PS256,
        SigningAlgorithm::ES256 => Algorithm::ES256,
        SigningAlgorithm::EdDSA => Algorithm::EdDSA,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{forge, key};
    use super::*;

    const ALL: [SigningAlgorithm; 4] = SigningAlgorithm::ALL;

    fn jwk(algorithm: SigningAlgorithm) -> Value {
        key(algorithm).public_jwk().clone()
    }

    fn assertion(algorithm: SigningAlgorithm, more: &str) -> String {
        forge(
            &key(algorithm),
            &format!(r#"{{"alg":"{algorithm}"{more}}}"#),
            r#"{"jti":"1"}"#,
        )
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

    #[test]
    fn a_client_signs_with_any_of_its_keys() {
        let jwks = set(&ALL.map(jwk));
        for algorithm in ALL {
            let kid = format!(r#","kid":"{}""#, key(algorithm).kid());
            for more in ["", kid.as_str(), r#","typ":"JWT""#] {
                let claims = verify_client_assertion(&jwks, &assertion(algorithm, more)).unwrap();
                assert_eq!(claims["jti"], "1");
            }
        }
    }

    /// Attack 30: the algorithm must be one of ours and fit the key, and the header brings no key and no `crit`.
    #[test]
    fn an_assertion_chooses_neither_its_algorithm_nor_its_key() {
        let jwks = set(&[jwk(SigningAlgorithm::RS256)]);
        let signed = |header: &str| {
            verify_client_assertion(&jwks, &forge(&key(SigningAlgorithm::RS256), header, "{}"))
        };
        assert!(signed(r#"{"alg":"RS256"}"#).is_ok());
        for alg in ["none", "HS256", "RS384", "nOnE"] {
            let refused = signed(&format!(r#"{{"alg":"{alg}"}}"#));
            assert_eq!(refused, Err(AssertionError::Algorithm), "{alg}");
        }
        for alg in ["PS256", "ES256", "EdDSA"] {
            let refused = signed(&format!(r#"{{"alg":"{alg}"}}"#));
            assert_eq!(refused, Err(AssertionError::NoKey), "{alg}");
        }
        for name in REFUSED_HEADERS {
            let refused = signed(&format!(r#"{{"alg":"RS256","{name}":{{}}}}"#));
            assert_eq!(refused, Err(AssertionError::Header), "{name}");
        }
        for kid in [r#""../key""#, r#""' OR 1=1""#, "1", "null"] {
            let refused = signed(&format!(r#"{{"alg":"RS256","kid":{kid}}}"#));
            assert_eq!(refused, Err(AssertionError::NoKey), "{kid}");
        }
        let stranger = set(&[jwk(SigningAlgorithm::PS256)]);
        let token = assertion(SigningAlgorithm::RS256, "");
        assert_eq!(
            verify_client_assertion(&stranger, &token),
            Err(AssertionError::NoKey)
        );
    }

    /// Attack 31: claims of the wrong JSON type are refused in assertions too.
    #[test]
    fn an_assertion_whose_expiry_is_no_number_is_refused() {
        let jwks = set(&[jwk(SigningAlgorithm::EdDSA)]);
        let token = forge(
            &key(SigningAlgorithm::EdDSA),
            r#"{"alg":"EdDSA"}"#,
            r#"{"exp":"9"}"#,
        );
        assert_eq!(
            verify_client_assertion(&jwks, &token),
            Err(AssertionError::Claims)
        );
    }

    /// Attack 33: an ECDSA signature of zeros is no signature.
    #[test]
    fn a_signature_of_zeros_is_refused() {
        for algorithm in ALL {
            let token = assertion(algorithm, "");
            let (message, signature) = token.rsplit_once('.').unwrap();
            let length = URL_SAFE_NO_PAD.decode(signature).unwrap().len();
            let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(vec![0; length]));
            let refused = verify_client_assertion(&set(&[jwk(algorithm)]), &token);
            assert_eq!(refused, Err(AssertionError::Signature));
        }
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
            let refused = verify_client_assertion(&jwks, &assertion(algorithm, ""));
            assert_eq!(refused, Err(AssertionError::NoKey), "{word}");
            let told = check_client_jwks(&jwks).unwrap_err();
            assert!(told.contains(word), "{told}");
        }
    }

    #[test]
    fn a_registered_jwks_is_public_well_formed_and_unambiguous() {
        use SigningAlgorithm::{ES256, EdDSA};
        check_client_jwks(&set(&[jwk(ES256), json!({ "kty": "new" })])).unwrap();
        for name in PRIVATE_MEMBERS {
            let told = check_client_jwks(&changed(EdDSA, name, json!("AQAB"))).unwrap_err();
            assert!(told.contains("private members"), "{told}");
        }
        let cases = [
            (json!([]), "array \"keys\""),
            (json!({ "keys": {} }), "array \"keys\""),
            (set(&[]), "no key in it verifies"),
            (set(&[json!("key")]), "key 1: it is not an object"),
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
}
