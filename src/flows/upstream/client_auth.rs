//! We prove to an upstream who we are, at each of its endpoints for programs (Core §9).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use url::form_urlencoded::byte_serialize;

use super::secret_at;
use crate::flows::{FlowError, Provider, tokens};
use crate::oidc::algorithm::SigningAlgorithm;
use crate::oidc::upstream::{AuthMethod, Upstream};
use crate::store::upstreams::KnownUpstream;

/// The type of our assertions (draft-ietf-oauth-rfc7523bis §4), so that no other token passes for one, nor one for it.
const ASSERTION_TYPE: &str = "client-authentication+jwt";
/// What they are called at a token endpoint (RFC 7523 §2.2).
const ASSERTIONS: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// For how many seconds one is good.
const ASSERTION_SECONDS: i64 = 60;

/// What says who we are.
pub(super) struct Credentials {
    /// The header, where it stands there.
    pub authorization: Option<String>,
    /// What goes into the form.
    pub fields: Vec<(&'static str, String)>,
}

/// What says who we are, for one request.
///
/// # Errors
/// When our secret does not open, or nothing can be signed.
pub(super) fn credentials(
    provider: &Provider,
    known: &KnownUpstream,
) -> Result<Credentials, FlowError> {
    let upstream = &known.upstream;
    let client_id = upstream.client_id.clone();
    let secret = secret_at(provider, known)?;
    let secret = secret.as_ref().map_or("", SecretString::expose_secret);
    Ok(match upstream.auth_method {
        // Both in the encoding of forms first (RFC 6749 §2.3.1).
        AuthMethod::ClientSecretBasic => {
            let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!("{}:{}", encoded(&client_id), encoded(secret));
            Credentials {
                authorization: Some(format!("Basic {}", STANDARD.encode(pair))),
                fields: Vec::new(),
            }
        }
        AuthMethod::ClientSecretPost => Credentials {
            authorization: None,
            fields: vec![
                ("client_id", client_id),
                ("client_secret", secret.to_owned()),
            ],
        },
        AuthMethod::PrivateKeyJwt => Credentials {
            authorization: None,
            fields: vec![
                ("client_id", client_id),
                ("client_assertion_type", ASSERTIONS.to_owned()),
                ("client_assertion", assertion(provider, upstream)?),
            ],
        },
    })
}

/// Who we are, signed with our own key (Core §9). For this issuer alone, whatever its metadata say, so that nobody
/// has us make one for another.
fn assertion(provider: &Provider, upstream: &Upstream) -> Result<String, FlowError> {
    let now = provider.clock.now();
    let claims = json!({
        "iss": upstream.client_id,
        "sub": upstream.client_id,
        "aud": upstream.issuer,
        "jti": provider.random.secret(),
        "iat": now.timestamp(),
        "exp": now.timestamp() + ASSERTION_SECONDS,
    });
    let algorithm = SigningAlgorithm::RS256;
    tokens::sign(provider, algorithm, Some(ASSERTION_TYPE), &claims, now)
}
