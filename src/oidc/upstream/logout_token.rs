//! What an upstream says when somebody has signed out there: a logout token (Back-Channel Logout 1.0 §2.4), checked as §2.6
//! wants it, and the parameters of a frame (Front-Channel Logout 1.0 §3).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta};
use openidconnect::core::{CoreJsonWebKey, CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use openidconnect::{
    JsonWebKey as _, JsonWebKeyAlgorithm, JsonWebKeyUse as _, JwsSigningAlgorithm as _,
};
use serde_json::{Map, Value};

use super::Upstream;
use super::metadata::ALGORITHMS;
use crate::clock::Timestamp;
use crate::oidc::json;
use crate::oidc::logout::logout_token::{EVENT, TYPE};
use crate::oidc::params::Params;

/// How much their clock may differ from ours.
const SKEW: TimeDelta = TimeDelta::seconds(30);
/// How long ago one may have been issued: who can't reach us tries again for a while.
pub const OLDEST: TimeDelta = TimeDelta::minutes(10);
/// The longest token, in bytes.
const LONGEST: usize = 16 * 1024;
/// The longest `sub`, `sid` and `jti`.
const LONGEST_NAME: usize = 255;
/// What may stand in `typ` (§2.4: it is recommended, and tokens of before have none or that of any JWT).
const TYPES: [&str; 2] = [TYPE, "jwt"];
/// Members of a header that change what the rest means, or that bring a key of their own (attack 30).
const REFUSED_HEADERS: [&str; 7] = ["crit", "b64", "zip", "enc", "jwk", "jku", "x5u"];

/// Why nobody is signed out by what came in: words for whoever develops the other provider. They quote nothing that was
/// received and tell nothing of who is signed in here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(pub &'static str);

/// Whose sessions are over there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedOut {
    /// The person's `sub` there.
    pub subject: Option<String>,
    /// The session's `sid` there. At least one of the two is there.
    pub sid: Option<String>,
    /// The token's own name.
    pub jti: String,
}

/// A logout token that says what one must say. Who signed it is not known yet.
#[derive(Debug)]
pub struct Unproved<'a> {
    message: &'a str,
    signature: Vec<u8>,
    algorithm: CoreJwsSigningAlgorithm,
    kid: Option<String>,
    says: SignedOut,
}

impl<'a> Unproved<'a> {
    /// Reads a token that must be this upstream's, for us, of now.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read(token: &'a str, upstream: &Upstream, now: Timestamp) -> Result<Self, Unfit> {
        if upstream.oauth2.is_some() {
            return Err(NAMES_NONE);
        }
        if token.len() > LONGEST {
            return Err(Unfit("the logout token is too long"));
        }
        let (message, signature) = token.rsplit_once('.').ok_or(NO_JWS)?;
        let (header, claims) = message.split_once('.').ok_or(NO_JWS)?;
        let [header, claims] = [header, claims].map(|part| {
            let json = URL_SAFE_NO_PAD.decode(part).ok()?;
            json::object(&json)
        });
        let header = header.ok_or(NO_JWS)?;
        let claims = claims.ok_or(NO_JWS)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_other| NO_JWS)?;
        let (algorithm, kid) = check_header(&header)?;
        Ok(Self {
            message,
            signature,
            algorithm,
            kid,
            says: check_claims(&claims, upstream, now)?,
        })
    }

    /// What it says, if one of these keys has signed it.
    pub fn signed_by(&self, keys: &CoreJsonWebKeySet) -> Option<&SignedOut> {
        let fitting: Vec<&CoreJsonWebKey> = keys
            .keys()
            .iter()
            .filter(|key| match &self.kid {
                Some(kid) => key.key_id().is_some_and(|known| known.as_str() == kid),
                None => true,
            })
            .filter(|key| is_for(key, &self.algorithm))
            .collect();
        // Of several keys the header says which one it was (Core §10.1).
        let [key] = fitting[..] else {
            return None;
        };
        let message = self.message.as_bytes();
        key.verify_signature(&self.algorithm, message, &self.signature)
            .ok()
            .map(|()| &self.says)
    }
}

/// Of one without ID tokens nobody can say which sessions are meant, and no key of its is known.
const NAMES_NONE: Unfit = Unfit("this upstream gives no ID tokens, and so names no sessions");

const NO_JWS: Unfit = Unfit("the logout token is no signed JWT");

/// §2.6: the algorithm is one of those that ID tokens may have, and never "none"; attack 32: another kind of token is none
/// of these.
fn check_header(
    header: &Map<String, Value>,
) -> Result<(CoreJwsSigningAlgorithm, Option<String>), Unfit> {
    if header
        .keys()
        .any(|name| REFUSED_HEADERS.contains(&name.as_str()))
    {
        return Err(Unfit("the logout token's header has what we do not take"));
    }
    let typ = match header.get("typ") {
        None => None,
        Some(Value::String(typ)) => Some(typ.to_ascii_lowercase()),
        Some(_) => return Err(Unfit("the logout token's typ is no string")),
    };
    // RFC 7515 §4.1.9.
    let short = typ
        .as_deref()
        .map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
    if short.is_some_and(|short| !TYPES.contains(&short)) {
        return Err(Unfit("the token's typ is that of another kind of token"));
    }
    let kid = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) => Some(kid.clone()),
        Some(_) => return Err(Unfit("the logout token's kid is no string")),
    };
    let alg = header.get("alg").and_then(Value::as_str);
    let algorithm = alg
        .filter(|alg| ALGORITHMS.contains(alg))
        .and_then(|alg| serde_json::from_value(alg.into()).ok())
        .ok_or(Unfit("the logout token's alg is none that we take"))?;
    Ok((algorithm, kid))
}

/// §2.6: `iss`, `aud`, `iat` and `exp` as in ID tokens, the event, who or which session, no nonce, and a name of its own.
fn check_claims(
    claims: &Map<String, Value>,
    upstream: &Upstream,
    now: Timestamp,
) -> Result<SignedOut, Unfit> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(&upstream.issuer) {
        return Err(Unfit("the logout token's iss is not this upstream's"));
    }
    let is_ours = |aud: &Value| aud.as_str() == Some(&upstream.client_id);
    let is_for_us = match claims.get("aud") {
        Some(Value::Array(all)) => matches!(&all[..], [only] if is_ours(only)),
        Some(only) => is_ours(only),
        None => false,
    };
    if !is_for_us {
        return Err(Unfit("the logout token's aud is not us alone"));
    }
    let moment = |name: &str| {
        let seconds = claims.get(name).and_then(Value::as_i64)?;
        DateTime::from_timestamp(seconds, 0)
    };
    let issued_at = moment("iat").ok_or(Unfit("the logout token has no iat"))?;
    if issued_at > now + SKEW {
        return Err(Unfit("the logout token's iat is in the future"));
    }
    if issued_at < now - OLDEST - SKEW {
        return Err(Unfit("the logout token's iat is too long ago"));
    }
    let expires_at = moment("exp").ok_or(Unfit("the logout token has no exp"))?;
    if expires_at <= now - SKEW {
        return Err(Unfit("the logout token has expired"));
    }
    let event = claims.get("events").and_then(|events| events.get(EVENT));
    if !event.is_some_and(Value::is_object) {
        return Err(Unfit("the logout token's events do not say logout"));
    }
    if claims.contains_key("nonce") {
        return Err(Unfit("a logout token has no nonce"));
    }
    let named = SignedOut {
        subject: name_in(claims, "sub", "the logout token's sub is no name")?,
        sid: name_in(claims, "sid", "the logout token's sid is no name")?,
        jti: name_in(claims, "jti", "the logout token's jti is no name")?
            .ok_or(Unfit("the logout token has no jti"))?,
    };
    if named.subject.is_none() && named.sid.is_none() {
        return Err(Unfit("the logout token has neither sub nor sid"));
    }
    Ok(named)
}

/// A claim that names something, if it is there.
fn name_in(
    claims: &Map<String, Value>,
    claim: &str,
    otherwise: &'static str,
) -> Result<Option<String>, Unfit> {
    match claims.get(claim) {
        None => Ok(None),
        Some(Value::String(name)) if is_name(name) => Ok(Some(name.clone())),
        Some(_) => Err(Unfit(otherwise)),
    }
}

/// As long as what we keep of sign-ins, and nothing that not every database can keep.
fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Whether the key is there for signatures of this algorithm (RFC 7517 §4.1, §4.2, §4.4).
fn is_for(key: &CoreJsonWebKey, algorithm: &CoreJwsSigningAlgorithm) -> bool {
    let is_of_its_type = algorithm.key_type().as_ref() == Some(key.key_type());
    let signs = key.key_use().is_none_or(|usage| usage.allows_signature());
    let alg_fits = match key.signing_alg() {
        JsonWebKeyAlgorithm::Unspecified => true,
        JsonWebKeyAlgorithm::Algorithm(own) => own == algorithm,
        JsonWebKeyAlgorithm::Unsupported => false,
    };
    is_of_its_type && signs && alg_fits
}

/// The `sid` of a frame that the upstream has a browser load (Front-Channel Logout 1.0 §3). Both parameters are needed:
/// who does not know what only the upstream and the person's browser know ends nothing.
///
/// # Errors
/// What is missing or another's.
pub fn framed<'a>(params: &'a Params, upstream: &Upstream) -> Result<&'a str, Unfit> {
    if upstream.oauth2.is_some() {
        return Err(NAMES_NONE);
    }
    match params.get("iss") {
        None => return Err(Unfit("iss is missing")),
        Some(iss) if iss != upstream.issuer => return Err(Unfit("iss is not this upstream's")),
        Some(_) => {}
    }
    match params.get("sid") {
        None => Err(Unfit("sid is missing")),
        Some(sid) if is_name(sid) => Ok(sid),
        Some(_) => Err(Unfit("sid is no name of a session")),
    }
}
