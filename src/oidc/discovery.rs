//! What the provider says of itself (Discovery 1.0 §3, RFC 8414 §2): here alone, and only what the
//! rules beside it really do.

use serde_json::{Value, json};

use crate::oidc::algorithm::{ClientAlgorithm, IdTokenAlgorithm, SigningAlgorithm};
use crate::oidc::authorization::decision::ACR_PASSWORD;
use crate::oidc::authorization::{Prompt, ResponseMode, ResponseType};
use crate::oidc::claims;
use crate::oidc::client::{ClientAuthMethod, GrantType, SubjectType};
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
/// The revocation endpoint.
pub const REVOCATION: &str = "/revoke";
/// Where services follow what was taken back (docs/revocation.md).
pub const REVOCATIONS: &str = "/revocations";
/// All of it, to begin with.
pub const REVOCATIONS_SNAPSHOT: &str = "/revocations/snapshot";
/// Status lists, each below this.
pub const STATUS_LISTS: &str = "/status-lists";
/// The introspection endpoint.
pub const INTROSPECTION: &str = "/introspect";
/// The userinfo endpoint.
pub const USERINFO: &str = "/userinfo";
/// The public keys.
pub const JWKS: &str = "/jwks";
/// The end session endpoint.
pub const END_SESSION: &str = "/end_session";
/// The page that applications frame, where Session Management is on.
pub const CHECK_SESSION: &str = "/check_session";
/// The client registration endpoint, where clients may register themselves.
pub const REGISTRATION: &str = "/register";

/// The claims that tokens have beside those that scopes ask for.
const PROTOCOL_CLAIMS: [&str; 12] = [
    "sub",
    "iss",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "at_hash",
    "c_hash",
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
    let id_token_algorithms: Vec<_> = algorithms
        .iter()
        .map(|algorithm| IdTokenAlgorithm::Signed(*algorithm))
        .chain([IdTokenAlgorithm::None])
        .collect();
    let signed = ClientAlgorithm::ALL
        .into_iter()
        .filter(|algorithm| *algorithm != ClientAlgorithm::None);
    let signed: Vec<_> = signed.collect();
    let proven: Vec<_> = ClientAuthMethod::ALL
        .into_iter()
        .filter(|method| *method != ClientAuthMethod::None)
        .collect();
    json!({
        "issuer": issuer.as_str(),
        "authorization_endpoint": issuer.endpoint(AUTHORIZATION),
        "token_endpoint": issuer.endpoint(TOKEN),
        "userinfo_endpoint": issuer.endpoint(USERINFO),
        "revocation_endpoint": issuer.endpoint(REVOCATION),
        "introspection_endpoint": issuer.endpoint(INTROSPECTION),
        "jwks_uri": issuer.endpoint(JWKS),
        "end_session_endpoint": issuer.endpoint(END_SESSION),
        "scopes_supported": scope::STANDARD,
        "response_types_supported": ResponseType::ALL.map(ResponseType::as_str),
        "response_modes_supported": ResponseMode::ALL.map(ResponseMode::as_str),
        "grant_types_supported": GrantType::ALL,
        "subject_types_supported": SubjectType::ALL,
        "id_token_signing_alg_values_supported": id_token_algorithms,
        "userinfo_signing_alg_values_supported": algorithms,
        "token_endpoint_auth_methods_supported": ClientAuthMethod::ALL,
        "token_endpoint_auth_signing_alg_values_supported": signed,
        "revocation_endpoint_auth_methods_supported": ClientAuthMethod::ALL,
        "revocation_endpoint_auth_signing_alg_values_supported": signed,
        "introspection_endpoint_auth_methods_supported": proven,
        "introspection_endpoint_auth_signing_alg_values_supported": signed,
        "introspection_signing_alg_values_supported": [SigningAlgorithm::RS256],
        "acr_values_supported": [ACR_PASSWORD],
        "claim_types_supported": ["normal"],
        "claims_supported": claims,
        "claims_parameter_supported": true,
        "request_parameter_supported": true,
        "request_uri_parameter_supported": true,
        "require_request_uri_registration": true,
        "request_object_signing_alg_values_supported": ClientAlgorithm::ALL,
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

/// What it says too where Session Management is on (Session Management 1.0 §3.3; `end_session_endpoint` is there).
pub fn add_session_management(metadata: &mut Value, issuer: &Issuer) {
    metadata["check_session_iframe"] = json!(issuer.endpoint(CHECK_SESSION));
}

/// Says where clients register themselves (Registration 1.0 §3), of a provider where they may.
pub fn add_registration(metadata: &mut Value, issuer: &Issuer) {
    metadata["registration_endpoint"] = issuer.endpoint(REGISTRATION).into();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::authorization::tests::issuer;

    fn published() -> Value {
        let algorithms = [SigningAlgorithm::RS256, SigningAlgorithm::ES256];
        metadata(&issuer(), &algorithms, &["en", "de"])
    }

    #[test]
    fn the_metadata_is_what_the_rules_support() {
        insta::assert_json_snapshot!(published(), @r#"
        {
          "acr_values_supported": [
            "urn:exeunt:acr:password"
          ],
          "authorization_endpoint": "https://id.example/authorize",
          "authorization_response_iss_parameter_supported": true,
          "backchannel_logout_session_supported": true,
          "backchannel_logout_supported": true,
          "claim_types_supported": [
            "normal"
          ],
          "claims_parameter_supported": true,
          "claims_supported": [
            "sub",
            "iss",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "at_hash",
            "c_hash",
            "acr",
            "amr",
            "sid",
            "name",
            "family_name",
            "given_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
            "email",
            "email_verified",
            "address",
            "phone_number",
            "phone_number_verified"
          ],
          "code_challenge_methods_supported": [
            "S256"
          ],
          "end_session_endpoint": "https://id.example/end_session",
          "frontchannel_logout_session_supported": true,
          "frontchannel_logout_supported": true,
          "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "implicit"
          ],
          "id_token_signing_alg_values_supported": [
            "RS256",
            "ES256",
            "none"
          ],
          "introspection_endpoint": "https://id.example/introspect",
          "introspection_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "client_secret_jwt",
            "private_key_jwt"
          ],
          "introspection_endpoint_auth_signing_alg_values_supported": [
            "RS256",
            "PS256",
            "ES256",
            "EdDSA",
            "HS256",
            "HS384",
            "HS512"
          ],
          "introspection_signing_alg_values_supported": [
            "RS256"
          ],
          "issuer": "https://id.example",
          "jwks_uri": "https://id.example/jwks",
          "prompt_values_supported": [
            "none",
            "login",
            "consent",
            "select_account"
          ],
          "request_object_signing_alg_values_supported": [
            "none",
            "RS256",
            "PS256",
            "ES256",
            "EdDSA",
            "HS256",
            "HS384",
            "HS512"
          ],
          "request_parameter_supported": true,
          "request_uri_parameter_supported": true,
          "require_request_uri_registration": true,
          "response_modes_supported": [
            "query",
            "fragment",
            "form_post"
          ],
          "response_types_supported": [
            "code",
            "id_token",
            "id_token token",
            "code id_token",
            "code token",
            "code id_token token"
          ],
          "revocation_endpoint": "https://id.example/revoke",
          "revocation_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "client_secret_jwt",
            "private_key_jwt",
            "none"
          ],
          "revocation_endpoint_auth_signing_alg_values_supported": [
            "RS256",
            "PS256",
            "ES256",
            "EdDSA",
            "HS256",
            "HS384",
            "HS512"
          ],
          "scopes_supported": [
            "openid",
            "profile",
            "email",
            "address",
            "phone",
            "offline_access"
          ],
          "subject_types_supported": [
            "public",
            "pairwise"
          ],
          "token_endpoint": "https://id.example/token",
          "token_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "client_secret_jwt",
            "private_key_jwt",
            "none"
          ],
          "token_endpoint_auth_signing_alg_values_supported": [
            "RS256",
            "PS256",
            "ES256",
            "EdDSA",
            "HS256",
            "HS384",
            "HS512"
          ],
          "ui_locales_supported": [
            "en",
            "de"
          ],
          "userinfo_endpoint": "https://id.example/userinfo",
          "userinfo_signing_alg_values_supported": [
            "RS256",
            "ES256"
          ]
        }
        "#);
    }

    #[test]
    fn every_endpoint_lies_under_the_issuer() {
        let published = published();
        let endpoints = published.as_object().unwrap().iter();
        let urls: Vec<_> = endpoints
            .filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri")
            .map(|(_, url)| url.as_str().unwrap())
            .collect();
        assert_eq!(urls.len(), 7);
        assert!(
            urls.iter()
                .all(|url| url.starts_with("https://id.example/")),
            "{urls:?}"
        );
    }
}
