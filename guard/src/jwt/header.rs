//! The JOSE header of a signed token, read strictly.

use serde_json::Value;

use crate::base64url;
use crate::errors::Refused;
use crate::json;

/// Members that would let a token bring or point to its own key, or change how it is read (RFC 7515 §4.1.2 to
/// §4.1.11, RFC 7797, RFC 7516 §4.1.3).
pub(crate) const REFUSED_MEMBERS: [&str; 11] = [
    "crit", "b64", "zip", "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "p2s", "p2c",
];

pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    typ: Option<String>,
}

impl Header {
    pub(super) fn read(encoded: &str) -> Result<Self, Refused> {
        let mut members = json::object(&base64url::decode(encoded)?).ok_or(Refused::Malformed)?;
        let not_accepted = REFUSED_MEMBERS
            .iter()
            .chain(&["enc"])
            .find(|name| members.contains_key(**name));
        if let Some(&name) = not_accepted {
            return Err(Refused::Header(name));
        }
        let mut text = |name: &'static str| match members.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Refused::Header(name)),
        };
        Ok(Self {
            alg: text("alg")?.ok_or(Refused::Header("alg"))?,
            kid: text("kid")?,
            typ: text("typ")?,
        })
    }

    /// RFC 7515 §4.1.9: `typ` is a media type, whose "application/" may be left out; names of media types know no case.
    pub(super) fn check_type(&self, wanted: &str) -> Result<(), Refused> {
        match self.typ.as_deref() {
            Some(said) if is_media_type(said, wanted) => Ok(()),
            _ => Err(Refused::Type),
        }
    }
}

pub(crate) fn is_media_type(said: &str, wanted: &str) -> bool {
    let prefix = "application/";
    let short = match said.get(..prefix.len()) {
        Some(start) if start.eq_ignore_ascii_case(prefix) => &said[prefix.len()..],
        _ => said,
    };
    short.eq_ignore_ascii_case(wanted)
}
