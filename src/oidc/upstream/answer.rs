//! What an upstream answers: by the browser (Core §3.1.2.5, RFC 9207), at its token endpoint, and in its ID token
//! (Core §3.1.3.7).

use std::str::FromStr as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta};
use openidconnect::core::{
    CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AccessToken, AccessTokenHash, ClaimsVerificationError, ClientId, IssuerUrl, Nonce,
    SignatureVerificationError,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Upstream;
use crate::clock::Timestamp;
use crate::oidc::json;
use crate::oidc::params::Params;

/// How much their clock may differ from ours.
const SKEW: TimeDelta = TimeDelta::seconds(30);
/// The longest ID token, in bytes: it is kept with the session.
const LONGEST_ID_TOKEN: usize = 16 * 1024;
/// The longest `sub` (Core §2) and `sid` that we take.
const LONGEST_SUB: usize = 255;
/// The most characters of `acr`, and of all of `amr`.
const LONGEST_CLASS: usize = 255;

/// Why nobody signed in through an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// They did not go on there, or it did not let them in.
    Declined,
    /// It can't be reached, or says that it can't answer now.
    Unavailable,
    /// What it answered can't be believed; the log says why.
    Unbelievable,
    /// Its policy here does not let them in, or they were shut out: nobody outside can tell.
    NotAdmitted,
    /// The invitation by which they came was used, taken back, or is too old.
    InvitationOver,
    /// It signed them in, but not in a class that is essential here.
    AnotherClass,
    /// They had signed in there before they were asked to do so anew.
    NotFresh,
    /// They are somebody else here already.
    LinkedElsewhere,
    /// They signed out there while they came here.
    SignedOut,
}

/// Why an answer can't be believed, for our log. It quotes nothing that was received.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unbelievable(pub String);

fn unbelievable<T>(why: impl Into<String>) -> Result<T, Unbelievable> {
    Err(Unbelievable(why.into()))
}

/// What the browser brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Brought {
    /// A code.
    Code(String),
    /// An error.
    Error(Problem),
}

/// Reads what the browser brought back. Whose answer it is comes first (RFC 9207 §2.4, attack 14): a code or an error of
/// another's is none. `names_itself`: it says that its answers do.
///
/// # Errors
/// When it is not this upstream's, or nothing.
pub fn brought(
    params: &Params,
    upstream: &Upstream,
    names_itself: bool,
) -> Result<Brought, Unbelievable> {
    match params.get("iss") {
        Some(iss) if iss != upstream.issuer => {
            return unbelievable("its answer names another issuer");
        }
        None if names_itself => {
            return unbelievable("its answer names no issuer, though it says that its answers do");
        }
        _ => {}
    }
    match (params.get("error"), params.get("code")) {
        (Some("temporarily_unavailable" | "server_error"), None) => {
            Ok(Brought::Error(Problem::Unavailable))
        }
        (Some(_), None) => Ok(Brought::Error(Problem::Declined)),
        (None, Some(code)) if !code.is_empty() => Ok(Brought::Code(code.to_owned())),
        _ => unbelievable("its answer has neither code nor error, or both"),
    }
}

/// What a token endpoint gives for a code.
#[derive(Deserialize)]
pub struct Tokens {
    /// For userinfo.
    pub access_token: String,
    /// Who signed in; where there are no ID tokens, it is not looked at.
    pub id_token: Option<String>,
    /// How the access token is to be used (RFC 6749 §7.1).
    pub token_type: Option<String>,
}

impl Tokens {
    /// Whether the access token is one that whoever bears it may use (RFC 6750); of one of which nothing is said we
    /// take it.
    pub fn is_bearer(&self) -> bool {
        let kind = self.token_type.as_deref();
        kind.is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"))
    }
}

/// The refresh token in what a token endpoint answers, if one can be found, whatever else is wrong with that: it is good
/// there all the same.
pub fn refresh_token(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let token = answer.get("refresh_token")?.as_str()?;
    (!token.is_empty()).then(|| token.to_owned())
}

/// What an upstream vouches for.
#[derive(Debug, Clone, PartialEq)]
pub struct Vouched {
    /// Who, there.
    pub subject: String,
    /// The session's name there.
    pub sid: Option<String>,
    /// When they signed in there, if it says so.
    pub auth_time: Option<Timestamp>,
    /// The class of that sign-in. None of ours: what we say of our own sign-ins nobody else can.
    pub acr: Option<String>,
    /// How (RFC 8176), separated by spaces.
    pub amr: String,
    /// Every claim of the ID token, as it stands.
    pub claims: Map<String, Value>,
}

/// What an ID token is compared with.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Whose it is.
    pub upstream: &'a Upstream,
    /// The upstream's keys.
    pub keys: &'a CoreJsonWebKeySet,
    /// What was asked with.
    pub nonce: &'a str,
    /// What came with it.
    pub access_token: &'a str,
    /// The present.
    pub now: Timestamp,
}

/// Checks an ID token: signature, issuer, audience, expiry, nonce, and that the access token beside it is its own.
///
/// # Errors
/// Why it can't be believed.
pub fn verify(id_token: &str, expected: &Expected<'_>) -> Result<Vouched, Unbelievable> {
    if id_token.len() > LONGEST_ID_TOKEN {
        return unbelievable("its ID token is too long");
    }
    let Ok(token) = CoreIdToken::from_str(id_token) else {
        return unbelievable("its ID token is none");
    };
    let upstream = expected.upstream;
    let Ok(issuer) = IssuerUrl::new(upstream.issuer.clone()) else {
        return unbelievable("its issuer is no URL");
    };
    let now = expected.now;
    let client_id = ClientId::new(upstream.client_id.clone());
    // Without the secret: a token signed with it could be of anyone who knows it.
    let verifier = CoreIdTokenVerifier::new_public_client(client_id, issuer, expected.keys.clone())
        .set_allowed_algs([
            CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
            CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
            CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
            CoreJwsSigningAlgorithm::RsaSsaPssSha256,
            CoreJwsSigningAlgorithm::EcdsaP256Sha256,
            CoreJwsSigningAlgorithm::EdDsa,
        ])
        .set_time_fn(move || now - SKEW)
        .set_issue_time_verifier_fn(move |issued_at| match issued_at <= now + SKEW {
            true => Ok(()),
            false => Err("it is of the future".to_owned()),
        });
    let claims = token
        .claims(&verifier, &Nonce::new(expected.nonce.to_owned()))
        .map_err(|why| Unbelievable(format!("its ID token {}", misfit(&why))))?;
    if let Some(hash) = claims.access_token_hash() {
        let access_token = AccessToken::new(expected.access_token.to_owned());
        let own = token
            .signing_alg()
            .ok()
            .zip(token.signing_key(&verifier).ok())
            .and_then(|(alg, key)| AccessTokenHash::from_token(&access_token, alg, key).ok());
        if own.as_ref() != Some(hash) {
            return unbelievable("the access token is not the ID token's");
        }
    }
    let Some(claims) = payload(id_token) else {
        return unbelievable("its ID token has no claims, or one of them twice");
    };
    vouched(claims, upstream)
}

/// What is wrong with an ID token, in words of our own: those of the error quote it.
fn misfit(why: &ClaimsVerificationError) -> &'static str {
    match why {
        ClaimsVerificationError::Expired(_) => "has expired",
        ClaimsVerificationError::InvalidAudience(_) => "is for another client",
        ClaimsVerificationError::InvalidIssuer(_) => "is of another issuer",
        ClaimsVerificationError::InvalidNonce(_) => {
            "answers another question: its nonce is not ours"
        }
        ClaimsVerificationError::SignatureVerification(why) => match why {
            SignatureVerificationError::DisallowedAlg(_)
            | SignatureVerificationError::UnsupportedAlg(_) => {
                "is signed by an algorithm that we do not take"
            }
            SignatureVerificationError::NoMatchingKey => {
                "is signed with a key that is not among its keys"
            }
            SignatureVerificationError::NoSignature => "is not signed",
            _ => "has a signature that does not hold",
        },
        _ => "does not hold",
    }
}

/// What the claims of an ID token that holds say.
fn vouched(claims: Map<String, Value>, upstream: &Upstream) -> Result<Vouched, Unbelievable> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    let fits = |text: &String| is_name(text);
    let Some(subject) = text("sub").filter(fits) else {
        return unbelievable("its ID token names nobody");
    };
    if let Some(azp) = text("azp")
        && azp != upstream.client_id
    {
        return unbelievable("its ID token is another client's");
    }
    let seconds = claims.get("auth_time").and_then(Value::as_i64);
    let sound = |class: &String| {
        !class.starts_with("urn:exeunt:")
            && (1..=LONGEST_CLASS).contains(&class.len())
            && is_clean(class)
    };
    let amr = claims.get("amr").and_then(Value::as_array);
    let amr: Vec<_> = amr
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter(|method| !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_graphic()))
        .collect();
    Ok(Vouched {
        sid: text("sid").filter(fits),
        auth_time: seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
        acr: text("acr").filter(sound),
        amr: Some(amr.join(" "))
            .filter(|amr| amr.len() <= LONGEST_CLASS)
            .unwrap_or_default(),
        subject,
        claims,
    })
}

/// Whether a `sub` or `sid` can be kept.
pub(super) fn is_name(text: &str) -> bool {
    (1..=LONGEST_SUB).contains(&text.len()) && is_clean(text)
}

/// PostgreSQL keeps no NUL.
fn is_clean(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// The claims of a compact JWS, whoever signed it. Of a name that stands twice, others may have read the other value.
fn payload(token: &str) -> Option<Map<String, Value>> {
    let payload = token.split('.').nth(1)?;
    json::object(&URL_SAFE_NO_PAD.decode(payload).ok()?)
}

/// Adds what userinfo says (Core §5.3.2), which must be about the same person; the ID token outranks it.
///
/// # Errors
/// When it is about somebody else, or nothing that can be read.
pub fn with_userinfo(mut vouched: Vouched, body: &[u8]) -> Result<Vouched, Unbelievable> {
    let Some(mut claims) = json::object(body) else {
        return unbelievable("its userinfo is no JSON object in which no name occurs twice");
    };
    if claims.get("sub").and_then(Value::as_str) != Some(&vouched.subject) {
        return unbelievable("its userinfo is about somebody else");
    }
    claims.append(&mut vouched.claims);
    Ok(Vouched { claims, ..vouched })
}
