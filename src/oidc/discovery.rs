//! What the provider says of itself (Discovery 1.0 §3, RFC 8414 §2): here alone, and only what the
//! rules beside it really do.

use serde_json::{Value, json};

use crate::oidc::algorithm::SigningAlgorithm;
use crate::oidc::authorization::decision::ACR_PASSWORD;
use crate::oidc::authorization::{Prompt, RESPONSE_TYPE_CODE, ResponseMode};
use crate::oidc::claims;
use crate::oidc::client::{ClientAuthMethod, GrantType};
use crate::oidc::issuer::Issuer;
use crate::oidc::scope;

/// Where the metadata lies (Discovery 1.0 §4).
pub const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
/// Where RFC 8414 §3 wants it: before the issuer's own path.
pub const OAUTH_AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";
/// The authorization endpoint.
pub const AUTHORIZATION: &str = "/authorize";
/// The token endpoint.
pub const TOKEN: &str = "/token";
/// The userinfo endpoint.
pub const USERINFO: &str = "/userinfo";
/// The public keys.
pub const JWKS: &str = "/jwks";
/// The end session endpoint.
pub const END_SESSION: &str = "/end_session";

/// The claims that tokens have beside those that scopes ask for.
const PROTOCOL_CLAIMS: [&str; 11] = [
    "sub",
    "iss",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "at_hash",
    "acr",
    "amr",
    "sid",
];

/// The provider's metadata. `algorithms` are those that the key ring can sign with, `ui_locales` the
/// languages of the pages as BCP 47 tags.
pub fn metadata(issuer: &Issuer, algorithms: &[SigningAlgorithm], ui_locales: &[&str]) -> Value {
    let claims: Vec<_> = PROTOCOL_CLAIMS
        .into_iter()
        .chain(
            claims::BY_SCOPE
                .iter()
                .flat_map(|(_, names)| names.iter().copied()),
        )
        .collect();
    json!({
        "issuer": issuer.as_str(),
        "authorization_endpoint": issuer.endpoint(AUTHORIZATION),
        "token_endpoint": issuer.endpoint(TOKEN),
        "userinfo_endpoint": issuer.endpoint(USERINFO),
        "jwks_uri": issuer.endpoint(JWKS),
        "end_session_endpoint": issuer.endpoint(END_SESSION),
        "scopes_supported": scope::STANDARD,
        "response_types_supported": [RESPONSE_TYPE_CODE],
        "response_modes_supported": ResponseMode::ALL.map(ResponseMode::as_str),
        "grant_types_supported": GrantType::ALL,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "token_endpoint_auth_methods_supported": ClientAuthMethod::ALL,
        "token_endpoint_auth_signing_alg_values_supported": SigningAlgorithm::ALL,
        "acr_values_supported": [ACR_PASSWORD],
        "claim_types_supported": ["normal"],
        "claims_supported": claims,
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": Prompt::ALL.map(Prompt::as_str),
        "ui_locales_supported": ui_locales,
        "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "frontchannel_logout_supported": true,
        "frontchannel_logout_session_supported": true,
    })
}
