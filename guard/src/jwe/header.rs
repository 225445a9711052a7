//! The JOSE header of an encrypted token, and its five parts (RFC 7516 §7.1).

use serde_json::Value;

use super::content::ContentEncryption;
use crate::errors::Refused;
use crate::jwt::REFUSED_MEMBERS;
use crate::{LONGEST_TOKEN, base64url, json};

/// A compact JWE taken apart.
pub(super) struct Parts<'a> {
    /// The header as it stands: what is authenticated with the content (RFC 7516 §5.1, step 14).
    pub(super) protected: &'a str,
    pub(super) encrypted_key: &'a str,
    pub(super) iv: Vec<u8>,
    pub(super) ciphertext: Vec<u8>,
    pub(super) tag: Vec<u8>,
}

impl<'a> Parts<'a> {
    pub(super) fn read(token: &'a str) -> Result<Self, Refused> {
        if token.len() > LONGEST_TOKEN {
            return Err(Refused::Malformed);
        }
        let mut parts = token.split('.');
        let mut next = || parts.next().ok_or(Refused::Malformed);
        let read = Self {
            protected: next()?,
            encrypted_key: next()?,
            iv: base64url::decode(next()?)?,
            ciphertext: base64url::decode(next()?)?,
            tag: base64url::decode(next()?)?,
        };
        match parts.next() {
            None => Ok(read),
            Some(_) => Err(Refused::Malformed),
        }
    }
}

pub(super) struct Header {
    pub(super) alg: String,
    pub(super) enc: ContentEncryption,
    pub(super) kid: Option<String>,
    pub(super) typ: Option<String>,
    pub(super) cty: Option<String>,
    pub(super) epk: Option<Value>,
    pub(super) apu: Vec<u8>,
    pub(super) apv: Vec<u8>,
}

impl Header {
    /// Members that would bring another key, compress the content or make it cost more are refused, whatever they say.
    pub(super) fn read(protected: &str) -> Result<Self, Refused> {
        let mut members = json::object(&base64url::decode(protected)?).ok_or(Refused::Malformed)?;
        if let Some(&name) = REFUSED_MEMBERS
            .iter()
            .find(|name| members.contains_key(**name))
        {
            return Err(Refused::Header(name));
        }
        let epk = members.remove("epk");
        let mut text = |name: &'static str| match members.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Refused::Header(name)),
        };
        let enc = text("enc")?.ok_or(Refused::Header("enc"))?;
        let party = |text: Option<String>| base64url::decode(&text.unwrap_or_default());
        Ok(Self {
            alg: text("alg")?.ok_or(Refused::Header("alg"))?,
            enc: ContentEncryption::from_name(&enc).ok_or(Refused::Algorithm)?,
            kid: text("kid")?,
            typ: text("typ")?,
            cty: text("cty")?,
            epk,
            apu: party(text("apu")?)?,
            apv: party(text("apv")?)?,
        })
    }
}
