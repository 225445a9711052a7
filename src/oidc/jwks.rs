//! Sets of public keys, as clients register and publish them (RFC 7517). Whether a key works is for whoever holds keys
//! to say.

use serde_json::Value;

/// Members that only a private or shared key has (RFC 7518 §6, RFC 8037 §2; `priv` of the `AKP` keys to come).
const PRIVATE_MEMBERS: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// The keys of a set: an array of objects, each of which says of what kind it is (§4.1, §5). The error says what to
/// mend, naming the key by its place.
pub fn keys(jwks: &Value) -> Result<&[Value], String> {
    let keys = jwks.get("keys").and_then(Value::as_array);
    let keys = keys.ok_or("a JWKS is an object with an array \"keys\"")?;
    for (place, key) in (1..).zip(keys) {
        if !key.is_object() {
            return Err(format!("key {place}: it is not an object"));
        }
        if !key.get("kty").is_some_and(Value::is_string) {
            return Err(format!("key {place}: it has no \"kty\""));
        }
    }
    Ok(keys)
}

/// Whether a key is of a kind that verifies signatures here. Others are passed over where one of these stands beside
/// them (§5).
pub fn is_known_kind(key: &Value) -> bool {
    let kind = key.get("kty").and_then(Value::as_str);
    matches!(kind, Some("RSA" | "EC" | "OKP"))
}

/// Whether a key has what only its owner may know.
pub fn is_private(key: &Value) -> bool {
    PRIVATE_MEMBERS.iter().any(|name| key.get(name).is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_key_of_a_set_says_of_what_kind_it_is() {
        let new = json!({ "keys": [{ "kty": "new" }, { "kty": "EC" }] });
        let keys_of_both = keys(&new).unwrap();
        assert_eq!(
            keys_of_both.iter().filter(|key| is_known_kind(key)).count(),
            1
        );
        for (jwks, word) in [
            (json!([]), "array \"keys\""),
            (json!({ "keys": {} }), "array \"keys\""),
            (json!({ "keys": ["key"] }), "key 1: it is not an object"),
            (
                json!({ "keys": [{ "kty": "EC" }, {}] }),
                "key 2: it has no \"kty\"",
            ),
            (
                json!({ "keys": [{ "kty": 1 }] }),
                "key 1: it has no \"kty\"",
            ),
        ] {
            let told = keys(&jwks).unwrap_err();
            assert!(told.contains(word), "{told}");
        }
    }

    #[test]
    fn a_key_with_any_private_member_is_private() {
        assert!(!is_private(
            &json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" })
        ));
        for name in PRIVATE_MEMBERS {
            assert!(is_private(&json!({ "kty": "RSA", name: "AQAB" })), "{name}");
        }
    }
}
