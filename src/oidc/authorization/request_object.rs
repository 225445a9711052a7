//! Request objects: an authorization request, or part of one, as a JWT (Core §6, RFC 9101).
//!
//! What is inside counts before what is beside it (§6.3.3). A request whose object is not sound may be answered where
//! the parameters beside it lead, if that is registered; where the object leads, nobody knows before it is.

use serde_json::{Map, Value};

use super::ResponseType;
use crate::clock::Timestamp;
use crate::oidc::algorithm::ClientAlgorithm;
use crate::oidc::client::Client;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::issuer::Issuer;
use crate::oidc::params::{self, Params};
use crate::oidc::token::client_auth::CLOCK_SKEW;

/// The `typ` of an object that says what it is (RFC 9101 §4).
pub const TYPE: &str = "oauth-authz-req+jwt";

/// Claims about the JWT itself; they are no parameters of the request.
const OF_THE_JWT: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// Parameters whose value is a text, and nothing else: of another type it means something else than it says.
const TEXTS: [&str; 16] = [
    "client_id",
    "response_type",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "response_mode",
    "display",
    "prompt",
    "ui_locales",
    "claims_locales",
    "id_token_hint",
    "login_hint",
    "acr_values",
    "code_challenge",
    "code_challenge_method",
];

/// How a request brings its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier<'a> {
    /// `request`: here it is (§6.1).
    Value(&'a str),
    /// `request_uri`: it lies there (§6.2), at one of the addresses that the client registered.
    Reference(&'a str),
}

impl<'a> Carrier<'a> {
    /// What the request brings; none if it has no object.
    ///
    /// An address is compared as it was registered, its fragment included: that is the version of what lies there
    /// (§6.2), and to send it somewhere else than registered would make us ask whomever a stranger likes.
    ///
    /// # Errors
    /// `invalid_request` when both are there, `invalid_request_uri` when the address is not registered.
    pub fn of(params: &'a Params, client: &Client) -> Result<Option<Self>, OAuthError> {
        match (params.get("request"), params.get("request_uri")) {
            (None, None) => Ok(None),
            (Some(object), None) => Ok(Some(Self::Value(object))),
            (Some(_), Some(_)) => Err(OAuthError::invalid_request(
                "request and request_uri stand beside each other",
            )),
            (None, Some(uri)) if client.metadata.request_uris.iter().any(|one| one == uri) => {
                Ok(Some(Self::Reference(uri)))
            }
            (None, Some(_)) => Err(OAuthError::new(
                ErrorCode::InvalidRequestUri,
                "request_uri is not one of the request_uris that the client registered",
            )),
        }
    }
}

/// Whether the client may sign its objects so: with the algorithm that it registered, or with any of
/// `request_object_signing_alg_values_supported`, `none` included, if it registered nothing (Registration §2). An unsigned
/// one is then worth as much as the query that it comes in. The conformance suite registers nothing and sends unsigned ones
/// wherever `none` is listed.
///
/// # Errors
/// `invalid_request_object`.
pub fn check_algorithm(client: &Client, algorithm: ClientAlgorithm) -> Result<(), OAuthError> {
    match client.metadata.request_object_signing_alg {
        Some(registered) if registered != algorithm => Err(refuse(format!(
            "its alg must be {}, as the client registered",
            registered.as_str()
        ))),
        _ => Ok(()),
    }
}

/// The whole request: what the object says, and what it leaves unsaid as `outer` has it. `claims` were signed by the
/// client, or need not be.
///
/// # Errors
/// `invalid_request_object`.
pub fn merge(
    outer: &Params,
    claims: &Map<String, Value>,
    client: &Client,
    issuer: &Issuer,
    now: Timestamp,
) -> Result<Params, OAuthError> {
    check_validity(claims, client, issuer, now)?;
    let inner = parameters(claims)?;
    check_agreement(outer, &inner, client)?;
    let of_both = outer
        .pairs()
        .filter(|(name, _)| !matches!(*name, "request" | "request_uri"))
        // Even where the object says that there is nothing: an empty value is one that wins.
        .filter(|(name, _)| !claims.contains_key(*name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .chain(inner);
    let merged = Params::from_pairs(of_both).map_err(|refusal| refuse(&refusal.description))?;
    if merged.to_text().len() > params::MOST_BYTES {
        return Err(refuse("it makes the request too long"));
    }
    Ok(merged)
}

/// Where these are there, they must be right (RFC 7519 §4.1, Core §6.1): an object for another provider, of another
/// client or of another time is none for us.
fn check_validity(
    claims: &Map<String, Value>,
    client: &Client,
    issuer: &Issuer,
    now: Timestamp,
) -> Result<(), OAuthError> {
    if claims
        .get("iss")
        .is_some_and(|iss| *iss != *client.client_id)
    {
        return Err(refuse("its iss must be the client_id"));
    }
    let for_us = |aud: &Value| match aud {
        Value::Array(all) => all.iter().any(|one| *one == *issuer.as_str()),
        one => *one == *issuer.as_str(),
    };
    if !claims.get("aud").is_none_or(for_us) {
        return Err(refuse("its aud must be, or name, the issuer"));
    }
    let time = |name| claims.get(name).and_then(Value::as_f64);
    let seconds = |moment: Timestamp| moment.timestamp() as f64;
    if time("exp").is_some_and(|exp| exp <= seconds(now)) {
        return Err(refuse("it has expired"));
    }
    if time("nbf").is_some_and(|nbf| nbf > seconds(now + CLOCK_SKEW)) {
        return Err(refuse("it is not valid yet"));
    }
    Ok(())
}

/// The parameters in the object, as a query would have them.
fn parameters(claims: &Map<String, Value>) -> Result<Vec<(String, String)>, OAuthError> {
    let mut pairs = Vec::new();
    for (name, value) in claims {
        let mut add = |text: String| pairs.push((name.clone(), text));
        match (name.as_str(), value) {
            ("request" | "request_uri", _) => {
                return Err(refuse("it has a request object of its own"));
            }
            (name, _) if OF_THE_JWT.contains(&name) => {}
            (_, Value::String(text)) => add(text.clone()),
            ("max_age", Value::Number(number)) => add(number.to_string()),
            ("claims" | "registration", Value::Object(_)) => add(value.to_string()),
            ("resource", Value::Array(all)) => {
                for one in all {
                    let one = one.as_str().ok_or_else(|| wrong_type(name))?;
                    add(one.to_owned());
                }
            }
            ("max_age" | "claims" | "registration" | "resource", _) => {
                return Err(wrong_type(name));
            }
            (name, _) if TEXTS.contains(&name) => return Err(wrong_type(name)),
            // Unknown parameters are ignored (RFC 6749 §3.1).
            _ => {}
        }
    }
    Ok(pairs)
}

/// What OAuth needs stands outside, and the object must not say otherwise (Core §6.1): whose keys have been asked and
/// what kind of answer is expected was decided by it.
fn check_agreement(
    outer: &Params,
    inner: &[(String, String)],
    client: &Client,
) -> Result<(), OAuthError> {
    let inner = |name: &str| {
        let found = inner.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    if inner("client_id").is_some_and(|client_id| client_id != client.client_id) {
        return Err(refuse("its client_id is not that of the request"));
    }
    // Their values may stand in any order.
    let same = |one: &str, other: &str| {
        one == other
            || ResponseType::from_name(one)
                .is_some_and(|known| Some(known) == ResponseType::from_name(other))
    };
    match (outer.get("response_type"), inner("response_type")) {
        (Some(outer), Some(inner)) if !same(outer, inner) => {
            Err(refuse("its response_type is not that of the request"))
        }
        _ => Ok(()),
    }
}

/// `invalid_request_object`, about "the request object".
pub fn refuse(what: impl AsRef<str>) -> OAuthError {
    OAuthError::new(
        ErrorCode::InvalidRequestObject,
        format!("the request object: {}", what.as_ref()),
    )
}

fn wrong_type(name: &str) -> OAuthError {
    refuse(format!("{name} in it has a wrong type"))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::oidc::authorization::tests::{client, issuer};

    const OUTER: &str = "client_id=ledger&response_type=code&scope=openid&redirect_uri=https://a.example/cb\
                         &state=outer&request=x";

    fn now() -> Timestamp {
        "2026-01-01T12:00:00Z".parse().unwrap()
    }

    fn merge_into(outer: &str, claims: &Value) -> Result<Params, OAuthError> {
        let outer = Params::parse(outer.as_bytes()).unwrap();
        let claims = claims.as_object().unwrap();
        merge(&outer, claims, &client(), &issuer(), now())
    }

    fn refused(claims: &Value) -> bool {
        match merge_into(OUTER, claims) {
            Ok(_) => false,
            Err(refusal) => {
                assert_eq!(refusal.error, ErrorCode::InvalidRequestObject);
                true
            }
        }
    }

    #[test]
    fn what_is_inside_wins_and_what_it_leaves_unsaid_is_taken_from_outside() {
        let merged = merge_into(
            OUTER,
            &json!({
                "state": "inner", "nonce": "n", "max_age": 60, "redirect_uri": "https://b.example/",
                "claims": { "userinfo": { "name": null } }, "resource": ["x", "y"],
                "iss": "ledger", "aud": "https://id.example", "exp": now().timestamp() + 1, "unknown": [1],
            }),
        )
        .unwrap();
        for (name, value) in [
            ("client_id", "ledger"),
            ("scope", "openid"),
            ("state", "inner"),
            ("nonce", "n"),
            ("max_age", "60"),
            ("redirect_uri", "https://b.example/"),
            ("claims", r#"{"userinfo":{"name":null}}"#),
        ] {
            assert_eq!(merged.get(name), Some(value), "{name}");
        }
        assert_eq!(merged.all("resource").collect::<Vec<_>>(), ["x", "y"]);
        for name in ["request", "request_uri", "iss", "aud", "exp", "unknown"] {
            assert_eq!(merged.get(name), None, "{name}");
        }
        let emptied = merge_into(OUTER, &json!({ "state": "" })).unwrap();
        assert_eq!(emptied.get("state"), None);
    }

    #[test]
    fn client_and_response_type_are_those_outside() {
        assert!(!refused(
            &json!({ "client_id": "ledger", "response_type": "code" })
        ));
        assert!(refused(&json!({ "client_id": "wiki" })));
        assert!(refused(&json!({ "client_id": "" })));
        assert!(refused(&json!({ "response_type": "id_token" })));
        let hybrid = OUTER.replace("=code&", "=code+id_token&");
        let ordered = json!({ "response_type": "id_token code" });
        assert!(merge_into(&hybrid, &ordered).is_ok());
        let bare = merge_into(
            "client_id=ledger&request=x",
            &json!({ "response_type": "code" }),
        );
        assert_eq!(bare.unwrap().get("response_type"), Some("code"));
    }

    /// Attack 19: an object for another provider, of another client, of another time, or one in another.
    #[test]
    fn an_object_says_nothing_false_of_itself() {
        let at = |seconds: i64| json!(now().timestamp() + seconds);
        for (name, value, good) in [
            ("iss", json!("ledger"), true),
            ("iss", json!("wiki"), false),
            ("aud", json!("https://id.example"), true),
            (
                "aud",
                json!(["https://other.example", "https://id.example"]),
                true,
            ),
            ("aud", json!("https://id.example/"), false),
            ("aud", json!(["https://other.example"]), false),
            ("exp", at(1), true),
            ("exp", at(0), false),
            ("exp", at(-60), false),
            ("nbf", at(30), true),
            ("nbf", at(31), false),
            ("request", json!("x"), false),
            ("request", json!(null), false),
            ("request_uri", json!("https://a.example"), false),
            ("state", json!("a\0b"), false),
            ("max_age", json!("60"), true),
            ("max_age", json!([60]), false),
            ("resource", json!([1]), false),
            ("claims", json!("{}"), true),
            ("claims", json!([]), false),
            ("nonce", json!("n".repeat(params::MOST_BYTES)), false),
        ] {
            let claims = json!({ name: value });
            assert_eq!(!refused(&claims), good, "{name} {value:.60}");
        }
        for name in TEXTS {
            for value in [
                json!(null),
                json!(1),
                json!(true),
                json!(["openid"]),
                json!({}),
            ] {
                assert!(refused(&json!({ name: value })), "{name} {value}");
            }
        }
    }

    /// Attack 75 (CVE-2020-10770): an address that the client never registered.
    #[test]
    fn a_request_uri_is_one_that_is_registered_letter_by_letter() {
        let mut client = client();
        client.metadata.request_uris = vec!["https://a.example/r#v1".to_owned()];
        let of = |text: &str| {
            let params = Params::parse(text.as_bytes()).unwrap();
            Carrier::of(&params, &client)
                .map(|carrier| carrier.is_some())
                .map_err(|refusal| refusal.error)
        };
        assert_eq!(of("request_uri=https://a.example/r%23v1"), Ok(true));
        assert_eq!(of("request=x"), Ok(true));
        assert_eq!(of("request=&request_uri="), Ok(false));
        for uri in [
            "https://a.example/r",
            "https://a.example/r%23",
            "https://a.example/r%23v2",
            "https://a.example/r%23v1%23",
            "https://a.example/r?%23v1",
            "https://A.example/r%23v1",
            "https://a.example:443/r%23v1",
            "https://evil.example/r%23v1",
            "http://169.254.169.254/",
            "urn:x",
            "x",
        ] {
            let refused = of(&format!("request_uri={uri}"));
            assert_eq!(refused, Err(ErrorCode::InvalidRequestUri), "{uri}");
        }
        let both = of("request=x&request_uri=https://a.example/r%23v1");
        assert_eq!(both, Err(ErrorCode::InvalidRequest));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..3)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_an_object_says_the_request_is_for_the_same_client_and_reads_again(
            known in prop::collection::btree_map(
                prop::sample::select(TEXTS.iter().chain(&OF_THE_JWT).copied().collect::<Vec<_>>()), any_json(), 0..4),
            unknown in prop::collection::btree_map(any::<String>(), any_json(), 0..3),
        ) {
            let known = known.into_iter().map(|(name, value)| (name.to_owned(), value));
            let claims: Map<String, Value> = unknown.into_iter().chain(known).collect();
            if let Ok(merged) = merge_into(OUTER, &Value::Object(claims)) {
                prop_assert_eq!(merged.get("client_id"), Some("ledger"));
                prop_assert_eq!(merged.get("response_type"), Some("code"));
                prop_assert_eq!(merged.get("request"), None);
                prop_assert_eq!(&Params::parse(merged.to_text().as_bytes()).unwrap(), &merged);
            }
        }
    }

    #[test]
    fn an_object_that_expires_later_is_good_until_then() {
        let exp = (now() + TimeDelta::seconds(1)).timestamp();
        let (outer, client, issuer) = (Params::default(), client(), issuer());
        let claims = json!({ "exp": exp });
        let at = |moment| {
            merge(
                &outer,
                claims.as_object().unwrap(),
                &client,
                &issuer,
                moment,
            )
            .is_ok()
        };
        assert!(at(now()));
        assert!(!at(now() + TimeDelta::seconds(1)));
    }
}
