//! Who is asking (Core §9, RFC 6749 §2.3, RFC 7523 §3).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::oidc::client::{Client, ClientAuthMethod};
use crate::oidc::error::OAuthError;
use crate::oidc::issuer::Issuer;
use crate::oidc::params::Params;

/// The one type of assertion that we read (RFC 7523 §2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The `typ` of an assertion that says what it is (RFC 7523bis §4).
pub const ASSERTION_JWT: &str = "client-authentication+jwt";
/// The longest that an assertion may still be good for: each `jti` is remembered until then.
pub const LONGEST_ASSERTION: TimeDelta = TimeDelta::minutes(10);
/// How far a client's clock may be ahead of ours.
pub(in crate::oidc) const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(30);
/// The most bytes of a `jti`.
const LONGEST_JTI: usize = 256;

/// What a client presents to prove who it is. No `Debug`: it holds secrets.
#[derive(Clone, PartialEq, Eq)]
pub enum PresentedCredentials {
    /// In the Authorization header.
    Basic {
        /// Who it says it is.
        client_id: String,
        /// What only that client and we know.
        client_secret: String,
    },
    /// In the form.
    Post {
        /// Who it says it is.
        client_id: String,
        /// What only that client and we know.
        client_secret: String,
    },
    /// Signed with its key; not verified yet.
    Assertion {
        /// Who it says it is: `client_id`, else the assertion's own unverified `sub`.
        client_id: String,
        /// The JWT.
        assertion: String,
    },
    /// Nothing but a name.
    None {
        /// Who it says it is.
        client_id: String,
    },
}

impl PresentedCredentials {
    /// Reads the credentials of a request from its `Authorization` header and its form: never from
    /// its query (RFC 6749 §2.3.1).
    ///
    /// # Errors
    /// `invalid_request` when there is more than one method at once; `invalid_client` when there is
    /// nothing, or what is there is malformed or has an empty secret.
    pub fn read(authorization: Option<&str>, form: &Params) -> Result<Self, OAuthError> {
        let secret = form.get("client_secret");
        let assertion = form.get("client_assertion");
        let methods = [
            authorization.is_some(),
            secret.is_some(),
            assertion.is_some(),
        ];
        if methods.into_iter().filter(|present| *present).count() > 1 {
            return Err(OAuthError::invalid_request(
                "the client authenticates in more than one way at once",
            ));
        }
        let presented = if let Some(header) = authorization {
            let (client_id, client_secret) = read_basic(header)?;
            Self::Basic {
                client_id,
                client_secret,
            }
        } else if let Some(assertion) = assertion {
            read_assertion(assertion, form)?
        } else {
            let client_id = form
                .get("client_id")
                .ok_or_else(|| OAuthError::invalid_client("the client does not say who it is"))?
                .to_owned();
            match secret {
                Some(secret) => Self::Post {
                    client_id,
                    client_secret: secret.to_owned(),
                },
                None => Self::None { client_id },
            }
        };
        match form.get("client_id") {
            Some(named) if named != presented.client_id() => Err(OAuthError::invalid_request(
                "client_id is another than the one that authenticates",
            )),
            // No client's name has a NUL, and not every database can look for one.
            _ if presented.client_id().contains('\0') => {
                Err(OAuthError::invalid_client("client_id has a NUL"))
            }
            _ => Ok(presented),
        }
    }

    /// Who the client says it is. Proven only when what is presented was verified.
    pub fn client_id(&self) -> &str {
        match self {
            Self::Basic { client_id, .. }
            | Self::Post { client_id, .. }
            | Self::Assertion { client_id, .. }
            | Self::None { client_id } => client_id,
        }
    }

    /// Whether they are of this method. What signed an assertion, nobody knows before it is verified.
    pub fn are_of(&self, method: ClientAuthMethod) -> bool {
        match self {
            Self::Basic { .. } => method == ClientAuthMethod::ClientSecretBasic,
            Self::Post { .. } => method == ClientAuthMethod::ClientSecretPost,
            Self::Assertion { .. } => matches!(
                method,
                ClientAuthMethod::ClientSecretJwt | ClientAuthMethod::PrivateKeyJwt
            ),
            Self::None { .. } => method == ClientAuthMethod::None,
        }
    }
}

/// The name and the secret of a Basic credential (RFC 6749 §2.3.1): both halves are form-encoded before they are joined.
///
/// # Errors
/// `invalid_client` when it is none, or one of them is empty.
pub fn read_basic(header: &str) -> Result<(String, String), OAuthError> {
    let malformed =
        || OAuthError::invalid_client("the Authorization header is no Basic credential");
    let (scheme, encoded) = header.split_once(' ').ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let bytes = STANDARD.decode(encoded.trim()).ok().ok_or_else(malformed)?;
    let text = String::from_utf8(bytes).ok().ok_or_else(malformed)?;
    let (name, secret) = text.split_once(':').ok_or_else(malformed)?;
    let (name, secret) = (form_decode(name), form_decode(secret));
    if name.is_empty() || secret.is_empty() {
        return Err(OAuthError::invalid_client(
            "the name or the secret is empty",
        ));
    }
    Ok((name, secret))
}

/// Decodes one name or value. The separators are protected, because some clients do not encode.
fn form_decode(text: &str) -> String {
    let protected = text.replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(protected.as_bytes())
        .next()
        .map(|(decoded, _)| decoded.into_owned())
        .unwrap_or_default()
}

/// RFC 7521 §4.2: `client_id` may be left out, as the assertion names the client.
fn read_assertion(assertion: &str, form: &Params) -> Result<PresentedCredentials, OAuthError> {
    if form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
        return Err(OAuthError::invalid_client(
            "client_assertion_type is not jwt-bearer",
        ));
    }
    let client_id = form
        .get("client_id")
        .map(str::to_owned)
        .or_else(|| unverified_subject(assertion))
        .ok_or_else(|| {
            OAuthError::invalid_client("the assertion does not say who the client is")
        })?;
    Ok(PresentedCredentials::Assertion {
        client_id,
        assertion: assertion.to_owned(),
    })
}

/// Whom an assertion speaks of, to know whose keys verify it.
fn unverified_subject(assertion: &str) -> Option<String> {
    let payload = assertion.split('.').nth(1)?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    Some(claims.get("sub")?.as_str()?.to_owned())
}

/// The method is the one that the client registered, and no other (Core §9).
///
/// # Errors
/// `invalid_client`.
pub fn check_method(client: &Client, presented: &PresentedCredentials) -> Result<(), OAuthError> {
    if presented.are_of(client.metadata.token_endpoint_auth_method) {
        Ok(())
    } else {
        Err(OAuthError::invalid_client(
            "the client is registered for another way of authenticating",
        ))
    }
}

/// A sound assertion, which may be used once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// Its name, which must not have been seen before.
    pub jti: String,
    /// When its name may be forgotten.
    pub expires_at: Timestamp,
}

/// Claims of other JSON types than these don't read, and are refused with the rest.
#[derive(Deserialize)]
struct AssertionClaims {
    iss: String,
    sub: String,
    aud: String,
    // Numbers of seconds, and of parts of them where the client wants (RFC 7519 §2).
    exp: f64,
    iat: Option<f64>,
    nbf: Option<f64>,
    jti: String,
}

/// The claims of an assertion whose signature was verified (RFC 7523 §3, Core §9).
///
/// `aud` must be one string: the issuer, or the token endpoint unless the client is strict
/// (RFC 7523bis). An array is refused even with one member: it could name another server as well.
///
/// # Errors
/// `invalid_client`, naming the claim.
pub fn check_assertion(
    claims: Map<String, Value>,
    client: &Client,
    issuer: &Issuer,
    token_endpoint: &str,
    now: Timestamp,
) -> Result<Assertion, OAuthError> {
    let refuse = |what: &'static str| Err(OAuthError::invalid_client(what));
    let Ok(claims) = serde_json::from_value::<AssertionClaims>(Value::Object(claims)) else {
        return refuse("the assertion lacks iss, sub, aud, exp or jti, or one has the wrong type");
    };
    if claims.iss != client.client_id || claims.sub != client.client_id {
        return refuse("iss and sub of the assertion must be the client_id");
    }
    let for_us = claims.aud == issuer.as_str()
        || claims.aud == token_endpoint && !client.metadata.strict_assertion_audience;
    if !for_us {
        return refuse("aud of the assertion must be the issuer");
    }
    let Some(expires_at) = DateTime::from_timestamp(claims.exp.ceil() as i64, 0) else {
        return refuse("exp of the assertion is no time");
    };
    if now >= expires_at {
        return refuse("the assertion has expired");
    }
    if expires_at - now > LONGEST_ASSERTION {
        return refuse("exp of the assertion is more than ten minutes ahead");
    }
    let latest = (now + CLOCK_SKEW).timestamp() as f64;
    if claims.iat.is_some_and(|iat| iat > latest) || claims.nbf.is_some_and(|nbf| nbf > latest) {
        return refuse("the assertion is from the future");
    }
    if claims.jti.is_empty() || claims.jti.len() > LONGEST_JTI || claims.jti.contains('\0') {
        return refuse("jti of the assertion is empty, too long or has a NUL");
    }
    Ok(Assertion {
        jti: claims.jti,
        expires_at,
    })
}

#[cfg(test)]
mod tests;
