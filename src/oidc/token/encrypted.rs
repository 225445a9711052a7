//! Access tokens that only their service can read: what their outside tells, and what they say (docs/tokens.md).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::oidc::scope::Scope;
use crate::oidc::service::TokenFormat;
use crate::oidc::token::access_token::AccessTokenClaims;

/// No token that we make comes near this many bytes.
const LONGEST: usize = 16 * 1024;
/// How a `cwt` begins: `[{1: 1, 4: kid}, ...`, of which the name is the next byte.
const CWT: [u8; 7] = [0x83, 0x46, 0xa2, 0x01, 0x01, 0x04, 0x41];

/// The member of a header (RFC 7516 §4.3) in which we find again what a token says that we can't decrypt.
pub const REFERENCE: &str = "ref";

/// What can be told of an encrypted token without any key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outside {
    /// It is under a key that its service shares with us.
    Shared {
        /// Its form.
        format: TokenFormat,
        /// What the key is called; other services may have one of that name.
        kid: u8,
    },
    /// It is to a key of the service's own.
    Own {
        /// What the header has for us.
        reference: Option<String>,
    },
}

impl Outside {
    /// Looks at a token. None: it has not the form of an encrypted one.
    pub fn read(token: &str) -> Option<Self> {
        if token.len() > LONGEST {
            return None;
        }
        match token.bytes().filter(|byte| *byte == b'.').count() {
            0 => {
                let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
                let (begin, rest) = bytes.split_first_chunk()?;
                let kid = *rest.first()?;
                (*begin == CWT).then_some(Self::Shared {
                    format: TokenFormat::Cwt,
                    kid,
                })
            }
            4 => Self::of_header(token.split('.').next()?),
            _ => None,
        }
    }

    fn of_header(encoded: &str) -> Option<Self> {
        let header = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let header: Map<String, Value> = serde_json::from_slice(&header).ok()?;
        let text = |name: &str| header.get(name).and_then(Value::as_str);
        if text("alg")? != "dir" {
            let reference = text(REFERENCE).map(str::to_owned);
            return Some(Self::Own { reference });
        }
        let name = text("kid")?;
        let kid = name.parse::<u8>().ok()?;
        (kid.to_string() == name).then_some(Self::Shared {
            format: TokenFormat::Jwe,
            kid,
        })
    }
}

/// What an encrypted token says; of a `cwt` its service has left out what is optional here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names are the specifications'")]
pub struct CarriedClaims {
    pub iss: String,
    pub exp: i64,
    pub aud: String,
    pub sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    pub iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    pub scope: Scope,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
}

/// What we must find again of a token that is encrypted to its service's own key: its grant says the rest. Sealed for
/// ourselves, it stands in the header.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the claims'")]
pub struct Reference {
    pub jti: Uuid,
    pub grant: Uuid,
    pub sid: Option<Uuid>,
    pub iat: i64,
    pub exp: i64,
    pub aud: String,
    pub scope: Scope,
}

const WITH_SID: u8 = 1;
const WITHOUT_SID: u8 = 0;

impl Reference {
    /// That of a token which says this; none if its names are no UUIDs, as those that we give are.
    pub fn to(claims: &AccessTokenClaims) -> Option<Self> {
        Some(Self {
            jti: claims.jti.parse().ok()?,
            grant: claims.grant.parse().ok()?,
            sid: claims.sid.as_deref().map(str::parse).transpose().ok()?,
            iat: claims.iat,
            exp: claims.exp,
            aud: claims.aud.clone(),
            scope: claims.scope.clone(),
        })
    }

    /// Its bytes, without `jti`: each part has its length before it, or always the same.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.grant.as_bytes().to_vec();
        for time in [self.iat, self.exp] {
            bytes.extend(time.to_be_bytes());
        }
        match self.sid {
            Some(sid) => {
                bytes.push(WITH_SID);
                bytes.extend(sid.as_bytes());
            }
            None => bytes.push(WITHOUT_SID),
        }
        let length = u16::try_from(self.aud.len()).unwrap_or(u16::MAX);
        bytes.extend(length.to_be_bytes());
        bytes.extend(self.aud.as_bytes());
        bytes.extend(self.scope.to_string().as_bytes());
        bytes
    }

    /// Reads such bytes.
    pub fn from_bytes(jti: Uuid, bytes: &[u8]) -> Option<Self> {
        let (grant, rest) = bytes.split_first_chunk()?;
        let (iat, rest) = rest.split_first_chunk()?;
        let (exp, rest) = rest.split_first_chunk()?;
        let (sid, rest) = match rest.split_first()? {
            (&WITH_SID, rest) => {
                let (sid, rest) = rest.split_first_chunk()?;
                (Some(Uuid::from_bytes(*sid)), rest)
            }
            (&WITHOUT_SID, rest) => (None, rest),
            _ => return None,
        };
        let (length, rest) = rest.split_first_chunk()?;
        let (aud, scope) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        Some(Self {
            jti,
            grant: Uuid::from_bytes(*grant),
            sid,
            iat: i64::from_be_bytes(*iat),
            exp: i64::from_be_bytes(*exp),
            aud: str::from_utf8(aud).ok()?.to_owned(),
            scope: Scope::parse(str::from_utf8(scope).ok()?).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn jwe(header: &Value) -> String {
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        format!("{header}..aXY.dGV4dA.dGFn")
    }

    #[test]
    fn the_outside_tells_the_form_and_the_name_of_the_key() {
        let cwt = URL_SAFE_NO_PAD.encode([&CWT[..], &[7, 0xa1]].concat());
        let shared = |format, kid| Some(Outside::Shared { format, kid });
        assert_eq!(Outside::read(&cwt), shared(TokenFormat::Cwt, 7));
        let direct = jwe(&json!({"alg": "dir", "enc": "A128CBC-HS256", "kid": "200"}));
        assert_eq!(Outside::read(&direct), shared(TokenFormat::Jwe, 200));
        let own = jwe(&json!({"alg": "ECDH-ES", "kid": "theirs", "ref": "ours"}));
        let reference = Some("ours".to_owned());
        assert_eq!(Outside::read(&own), Some(Outside::Own { reference }));
        let foreign = jwe(&json!({"alg": "ECDH-ES", "ref": 7}));
        let reference = None;
        assert_eq!(Outside::read(&foreign), Some(Outside::Own { reference }));
    }

    #[test]
    fn what_has_another_form_is_none() {
        let names = ["256", "-1", "01", "", "a"];
        let misnamed = names.map(|kid| jwe(&json!({"alg": "dir", "kid": kid})));
        let others = [
            "",
            "a.b.c",
            "a.b.c.d.e",
            "g0aiAQEEQ",
            "g0aiAQEEQQc=",
            "....",
        ];
        let long = jwe(&json!({"alg": "dir", "kid": "1", "more": "a".repeat(LONGEST)}));
        let all = others.map(str::to_owned).into_iter().chain(misnamed);
        for token in all.chain([long]) {
            assert_eq!(Outside::read(&token), None, "{token}");
        }
    }

    proptest! {
        #[test]
        fn a_reference_is_read_as_it_was_written(
            names in any::<[u128; 3]>(), has_session: bool, times in any::<[i64; 2]>(),
            aud in "[ -~]{0,300}", scope in "([a-z]{1,9} ){0,3}[a-z]{1,9}|",
        ) {
            let [jti, grant, sid] = names.map(Uuid::from_u128);
            let [iat, exp] = times;
            let scope = Scope::parse(&scope).unwrap();
            let reference = Reference { jti, grant, sid: has_session.then_some(sid), iat, exp, aud, scope };
            let bytes = reference.to_bytes();
            prop_assert_eq!(Reference::from_bytes(jti, &bytes), Some(reference));
        }

        #[test]
        fn whatever_comes_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in ".*") {
            let _ = Reference::from_bytes(Uuid::nil(), &bytes);
            let _ = Outside::read(&text);
        }
    }
}
