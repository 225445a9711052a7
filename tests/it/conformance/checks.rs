//! What the suite looks at in every ID token, token answer, userinfo answer and refusal. A warning fails here too: none
//! is due to a provider that does right.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::NaiveDate;
use exeunt::oidc::claims::BY_SCOPE;
use openidconnect::core::{
    CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeyType, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AccessToken, AccessTokenHash, AuthorizationCode, AuthorizationCodeHash, ClientId, IssuerUrl,
    JsonWebKey as _, Nonce,
};
use serde_json::Value;

use super::run::{Callback, Run};
use crate::support::visitor::Answer;

const YEAR: i64 = 365 * 24 * 3600;

/// The claims of an ID token that are about the sign-in.
const PROTOCOL_CLAIMS: [&str; 15] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "at_hash",
    "c_hash",
    "s_hash",
    "jti",
    "sid",
];

/// The parts of a JWS that are JSON.
pub fn read_jws(token: &str) -> (Value, Value) {
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "no compact JWS: {token}");
    let read = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    (read(parts[0]), read(parts[1]))
}

/// The claims of an ID token, after everything that every module checks. A relying party that is not ours verifies the
/// signature, `iss`, `aud`, `exp` and `nonce`; the rest is read here.
pub fn id_token(run: &Run<'_>, token: &str, nonce: Option<&str>) -> Value {
    let suite = run.suite;
    let verifier = CoreIdTokenVerifier::new_public_client(
        ClientId::new(run.party.client_id.clone()),
        IssuerUrl::new(suite.issuer().to_owned()).unwrap(),
        suite.keys.clone(),
    )
    .set_time_fn(suite.clock());
    let sent = nonce.map(str::to_owned);
    let same_nonce = move |found: Option<&Nonce>| {
        let found = found.map(|nonce| nonce.secret().clone());
        (found == sent)
            .then_some(())
            .ok_or(format!("nonce is {found:?}"))
    };
    let read = CoreIdToken::from_str(token).unwrap();
    if let Err(error) = read.claims(&verifier, same_nonce) {
        panic!("{run}: {error}: {token}");
    }

    let (header, claims) = read_jws(token);
    assert!(header["kid"].is_string(), "{run}: {header}");
    assert_eq!(header["alg"], "RS256", "{run}");
    let now = suite.now().timestamp();
    let moment = |name: &str| {
        let moment = claims[name].as_i64();
        moment.unwrap_or_else(|| panic!("{run}: {name}: {claims}"))
    };
    assert!(moment("exp") > now, "{run}: {claims}");
    assert!(moment("exp") < now + 50 * YEAR, "{run}: {claims}");
    assert!(
        (now - 300..=now).contains(&moment("iat")),
        "{run}: {claims}"
    );
    if claims.get("auth_time").is_some() {
        let auth_time = moment("auth_time");
        assert!((now - YEAR..=now).contains(&auth_time), "{run}: {claims}");
    }
    subject(run, &claims);
    types(run, &claims);
    only_what_was_asked_for(run, &claims);
    claims
}

/// `sub` is at most 255 printable characters of ASCII.
fn subject(run: &Run<'_>, claims: &Value) {
    let sub = claims["sub"].as_str().unwrap_or_default();
    let fits =
        (1..=255).contains(&sub.len()) && sub.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    assert!(fits, "{run}: {claims}");
}

/// Every claim that is there has its JSON type (Core §2, §5.1).
fn types(run: &Run<'_>, claims: &Value) {
    for (name, value) in claims.as_object().unwrap() {
        let fits = match name.as_str() {
            "email_verified" | "phone_number_verified" => value.is_boolean(),
            "exp" | "iat" | "auth_time" => value.is_i64(),
            // Milliseconds would lie thousands of years ahead.
            "updated_at" => value
                .as_i64()
                .is_some_and(|moment| (0..=run.suite.now().timestamp()).contains(&moment)),
            "aud" | "amr" => value.is_string() || is_texts(value),
            "address" => value
                .as_object()
                .is_some_and(|address| address.values().all(Value::is_string)),
            "birthdate" => value
                .as_str()
                .is_some_and(|date| NaiveDate::parse_from_str(date, "%Y-%m-%d").is_ok()),
            "acr" => value.as_str().is_some_and(|acr| !acr.is_empty()),
            _ => value.is_string(),
        };
        assert!(fits, "{run}: {name} is {value}");
    }
}

fn is_texts(value: &Value) -> bool {
    let values = value.as_array();
    values.is_some_and(|values| values.iter().all(Value::is_string))
}

/// No claim that nobody asked for. Those that scopes ask for belong to userinfo, where there is a token for it.
fn only_what_was_asked_for(run: &Run<'_>, claims: &Value) {
    let alone = run.variant.response_type == "id_token";
    for name in claims.as_object().unwrap().keys() {
        let by_scope = BY_SCOPE
            .iter()
            .any(|(_, names)| names.contains(&name.as_str()));
        let fits = PROTOCOL_CLAIMS.contains(&name.as_str()) || alone && by_scope;
        assert!(fits, "{run}: nobody asked for {name} in the ID token");
    }
}

/// The hashes of what came along: right, and there where they are `required`. Nothing is hashed that did not come.
pub fn hashes(run: &Run<'_>, claims: &Value, hashed: &[(&str, Option<&str>)], required: bool) {
    let mut keys = run.suite.keys.keys().iter();
    let key = keys.find(|key| *key.key_type() == CoreJsonWebKeyType::RSA);
    let key = key.expect("tokens are signed with RS256");
    let signing = &CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256;
    for (name, of) in hashed {
        let found = claims.get(name).map(|found| found.as_str().unwrap());
        let right = of.map(|of| match *name {
            "c_hash" => {
                let code = AuthorizationCode::new(of.to_owned());
                let hash = AuthorizationCodeHash::from_code(&code, signing, key);
                hash.unwrap().as_str().to_owned()
            }
            _ => {
                let token = AccessToken::new(of.to_owned());
                let hash = AccessTokenHash::from_token(&token, signing, key);
                hash.unwrap().as_str().to_owned()
            }
        });
        match found {
            Some(found) => assert_eq!(Some(found), right.as_deref(), "{run}: {name}"),
            None => assert!(!required || right.is_none(), "{run}: {name} is missing"),
        }
    }
}

/// A lifetime is a whole number of seconds.
pub fn seconds(run: &Run<'_>, lifetime: &Value) {
    let seconds = lifetime.as_u64();
    assert!(
        seconds.is_some_and(|seconds| seconds > 0),
        "{run}: {lifetime}"
    );
}

/// The token endpoint's answer, if it gives tokens.
pub fn tokens(run: &Run<'_>, answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{run}: {answer:?}");
    json(run, answer);
    let tokens = answer.json();
    assert!(tokens.get("error").is_none(), "{run}: {tokens}");
    let token = tokens["access_token"].as_str().unwrap_or_default();
    assert!(is_token(token), "{run}: {tokens}");
    let kind = tokens["token_type"].as_str().unwrap_or_default();
    assert!(kind.eq_ignore_ascii_case("bearer"), "{run}: {tokens}");
    seconds(run, &tokens["expires_in"]);
    assert!(answer.header("cache-control").contains("no-store"), "{run}");
    tokens
}

/// The characters of a bearer token (RFC 6750 §2.1).
pub fn is_token(text: &str) -> bool {
    let text = text.trim_end_matches('=');
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

/// At least 128 bits long, and of more than 96 bits of entropy as the suite reckons it: Shannon's, over the characters.
pub fn hard_to_guess(run: &Run<'_>, secret: &str) {
    let mut counts = [0_u32; 256];
    for byte in secret.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let length = f64::from(u32::try_from(secret.len()).unwrap());
    let each: f64 = counts
        .into_iter()
        .filter(|count| *count > 0)
        .map(|count| f64::from(count) / length)
        .map(|share| -share * share.log2())
        .sum();
    assert!(secret.len() * 8 >= 128, "{run}: {secret}");
    assert!(each * length > 96.0, "{run}: {secret}");
}

/// The body is JSON and says so.
pub fn json(run: &Run<'_>, answer: &Answer) {
    let kind = answer.header("content-type");
    let kind = kind.split(';').next().unwrap_or_default();
    assert_eq!(kind, "application/json", "{run}");
}

/// What userinfo tells, which must be about whom the ID token is about.
pub fn userinfo(run: &Run<'_>, answer: &Answer, id_claims: &Value) -> Value {
    assert_eq!(answer.status, 200, "{run}: {answer:?}");
    json(run, answer);
    let told = answer.json();
    about_the_same(run, &told, id_claims);
    told
}

/// The claims about a person have their types, are consistent, and about whom the ID token is about.
pub fn about_the_same(run: &Run<'_>, told: &Value, id_claims: &Value) {
    subject(run, told);
    types(run, told);
    assert_eq!(told["sub"], id_claims["sub"], "{run}");
    // Neither aggregated nor distributed claims (Core §5.6.2): then none of the two may stand alone.
    assert!(told.get("_claim_names").is_none(), "{run}: {told}");
    assert!(told.get("_claim_sources").is_none(), "{run}: {told}");
}

/// A refusal at the redirect URI, for one of these reasons.
pub fn refusal(run: &Run<'_>, callback: &Callback, allowed: &[&str]) {
    let error = callback.expect("error");
    assert!(allowed.contains(&error), "{run}: {:?}", callback.fields);
    let known = [
        "error",
        "error_description",
        "error_uri",
        "state",
        "session_state",
        "iss",
    ];
    for (name, value) in &callback.fields {
        assert!(known.contains(&name.as_str()), "{run}: {name}={value}");
    }
    if let Some(text) = callback.get("error_description") {
        is_legal_text(run, text);
    }
    if let Some(uri) = callback.get("error_uri") {
        url::Url::parse(uri).unwrap();
    }
}

/// A refusal in JSON: of the token endpoint, of registration.
pub fn json_refusal(run: &Run<'_>, answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status, status, "{run}: {answer:?}");
    json(run, answer);
    let refusal = answer.json();
    assert_eq!(refusal["error"], error, "{run}: {refusal}");
    if let Some(text) = refusal.get("error_description") {
        is_legal_text(run, text.as_str().unwrap());
    }
}

/// Registration is refused, for one of these reasons.
pub fn not_registered(module: &str, answer: &Answer, allowed: &[&str]) {
    assert_eq!(answer.status, 400, "{module}: {answer:?}");
    let kind = answer.header("content-type");
    assert!(kind.starts_with("application/json"), "{module}: {kind}");
    let refusal = answer.json();
    let error = refusal["error"].as_str().unwrap_or_default();
    assert!(allowed.contains(&error), "{module}: {refusal}");
}

/// RFC 6749 §4.1.2.1: printable ASCII without the double quote and the backslash.
fn is_legal_text(run: &Run<'_>, text: &str) {
    let legal = |byte: u8| matches!(byte, b' '..=b'!' | b'#'..=b'[' | b']'..=b'~');
    assert!(text.bytes().all(legal), "{run}: {text:?}");
}

/// A page of the provider that says what is wrong; the person is sent nowhere.
pub fn error_page(run: &Run<'_>, answer: &Answer) {
    assert_eq!(answer.location(), None, "{run}: {answer:?}");
    assert!(answer.status.is_client_error(), "{run}: {answer:?}");
    assert_eq!(answer.page(), "page-error", "{run}: {answer:?}");
    assert!(answer.forms().is_empty(), "{run}: {answer:?}");
}

/// The standard claims that scopes ask for, but for those that are not there.
pub fn missing_claims(scopes: &[&str], claims: &Value) -> BTreeSet<&'static str> {
    BY_SCOPE
        .iter()
        .filter(|(scope, _)| scopes.contains(scope))
        .flat_map(|(_, names)| names.iter().copied())
        .filter(|name| claims.get(name).is_none_or(Value::is_null))
        .collect()
}
