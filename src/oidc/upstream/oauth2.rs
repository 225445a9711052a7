//! Providers without ID tokens (plain OAuth 2.0): what we are told of one, since it says nothing of itself, and whom its
//! userinfo names.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::{Unbelievable, Vouched, is_name};
use crate::oidc::json;

/// The claim that names who somebody is, where nothing else is said.
pub const SUBJECT: &str = "sub";

/// What we are told of a provider that can't be found by discovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuth2 {
    /// Where people are sent (RFC 6749 §3.1).
    pub authorization_endpoint: String,
    /// Where the code is redeemed (RFC 6749 §3.2).
    pub token_endpoint: String,
    /// What says, by the access token, who somebody is: a JSON object.
    pub userinfo_endpoint: String,
    /// What it calls the identifier of theirs that never changes.
    pub subject_claim: String,
}

/// Who somebody is, as userinfo says it. The access token that it was asked with came for our own code, so it is nobody
/// else's. Of when and how they signed in nobody says anything, whatever the claims are called.
///
/// # Errors
/// When it names nobody, or is nothing that can be read.
pub fn vouched(body: &[u8], provider: &OAuth2) -> Result<Vouched, Unbelievable> {
    let Some(claims) = json::object(body) else {
        let why = "its userinfo is no JSON object in which no name occurs twice";
        return Err(Unbelievable(why.to_owned()));
    };
    let subject = match claims.get(&provider.subject_claim) {
        Some(Value::String(text)) => Some(text.clone()),
        // A fraction or an exponent is written in more ways than one.
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => {
            Some(number.to_string())
        }
        _ => None,
    };
    let Some(subject) = subject.filter(|subject| is_name(subject)) else {
        return Err(Unbelievable("its userinfo names nobody".to_owned()));
    };
    Ok(Vouched {
        subject,
        sid: None,
        auth_time: None,
        acr: None,
        amr: String::new(),
        claims,
    })
}
