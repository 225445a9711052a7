//! Strict reading of compact JWS: no duplicate members, no wrong types, no surprises in size.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::oidc::json::object;

/// No token that we make or accept comes near this many bytes.
const LONGEST_TOKEN: usize = 16 * 1024;

/// A compact JWS taken apart (RFC 7515 §7.1); nothing in it is to be believed yet.
pub(super) struct Parts<'a> {
    pub(super) header: Map<String, Value>,
    pub(super) header_json: Vec<u8>,
    /// What the signature covers: the first two parts with the dot between.
    pub(super) message: &'a str,
    payload: &'a str,
    pub(super) signature: &'a str,
}

impl<'a> Parts<'a> {
    /// Takes a signed `token` apart and reads its header; `None` when it is not a compact JWS of a sensible size.
    pub(super) fn read(token: &'a str) -> Option<Self> {
        Self::take_apart(token).filter(|parts| !parts.signature.is_empty())
    }

    /// As [`Parts::read`], though nobody may have signed it (RFC 7515 §6).
    pub(super) fn take_apart(token: &'a str) -> Option<Self> {
        if token.len() > LONGEST_TOKEN {
            return None;
        }
        let (message, signature) = token.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        if payload.contains('.') {
            return None;
        }
        let header_json = URL_SAFE_NO_PAD.decode(header).ok()?;
        Some(Self {
            header: object(&header_json)?,
            header_json,
            message,
            payload,
            signature,
        })
    }

    /// The text of a header member.
    pub(super) fn header_text(&self, name: &str) -> Option<&str> {
        self.header.get(name)?.as_str()
    }

    /// The claims, each registered one of its right JSON type; `None` otherwise. Nothing in them is to be believed before
    /// the signature is known to be good.
    pub(super) fn claims(&self) -> Option<Map<String, Value>> {
        let claims = object(&URL_SAFE_NO_PAD.decode(self.payload).ok()?)?;
        claims
            .iter()
            .all(|(name, value)| has_right_type(name, value))
            .then_some(claims)
    }
}

/// Whether a registered claim is of the type that its specification gives it (RFC 7519 §4.1). One of a wrong type
/// must never count as absent, or a token with `"exp": "never"` would not expire.
fn has_right_type(name: &str, value: &Value) -> bool {
    match name {
        "exp" | "iat" | "nbf" | "auth_time" => value.as_f64().is_some_and(|time| time >= 0.0),
        "iss" | "sub" | "jti" | "sid" | "azp" | "client_id" | "nonce" | "scope" => {
            value.is_string()
        }
        "aud" => match value {
            Value::Array(audiences) => {
                !audiences.is_empty() && audiences.iter().all(Value::is_string)
            }
            other => other.is_string(),
        },
        "events" => value.is_object(),
        _ => true,
    }
}
