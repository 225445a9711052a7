//! What the provider says of itself.

use serde_json::Value;
use unic_langid::LanguageIdentifier;
use url::Url;

use super::house::Suite;

/// Every name that the suite's schema knows and that a provider like this may have. Another is a warning there.
const KNOWN: &[&str] = &[
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "jwks_uri",
    "registration_endpoint",
    "scopes_supported",
    "response_types_supported",
    "response_modes_supported",
    "grant_types_supported",
    "acr_values_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
    "userinfo_signing_alg_values_supported",
    "request_object_signing_alg_values_supported",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "display_values_supported",
    "claim_types_supported",
    "claims_supported",
    "service_documentation",
    "claims_locales_supported",
    "ui_locales_supported",
    "claims_parameter_supported",
    "request_parameter_supported",
    "request_uri_parameter_supported",
    "require_request_uri_registration",
    "op_policy_uri",
    "op_tos_uri",
    "code_challenge_methods_supported",
    "prompt_values_supported",
    "authorization_response_iss_parameter_supported",
    "end_session_endpoint",
    "check_session_iframe",
    "frontchannel_logout_supported",
    "frontchannel_logout_session_supported",
    "backchannel_logout_supported",
    "backchannel_logout_session_supported",
    "revocation_endpoint",
    "revocation_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_signing_alg_values_supported",
    "introspection_endpoint",
    "introspection_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_signing_alg_values_supported",
    "introspection_signing_alg_values_supported",
];

/// A list of texts of the metadata; none if it is absent.
fn list<'a>(metadata: &'a Value, name: &str) -> Option<Vec<&'a str>> {
    let listed = metadata.get(name)?.as_array().unwrap().iter();
    Some(listed.map(|value| value.as_str().unwrap()).collect())
}

/// Status, type, and https wherever an endpoint is named.
pub async fn is_published_well(suite: &Suite) {
    let url = format!("{}/.well-known/openid-configuration", suite.issuer());
    let answer = suite.browser().get(&url).await;
    assert_eq!(answer.status, 200);
    let kind = answer.header("content-type");
    assert_eq!(kind.split(';').next(), Some("application/json"));
    let metadata = answer.json();
    for (name, value) in metadata.as_object().unwrap() {
        if name.ends_with("_endpoint") || name.ends_with("_uri") || name.ends_with("_iframe") {
            let url = Url::parse(value.as_str().unwrap()).unwrap();
            assert_eq!(url.scheme(), "https", "{name}");
        }
    }
}

#[actix_web::test]
async fn oidcc_discovery_endpoint_verification() {
    let suite = Suite::open("oidcc-discovery-endpoint-verification").await;
    is_published_well(&suite).await;
    let metadata = &suite.metadata;

    let issuer = Url::parse(metadata["issuer"].as_str().unwrap()).unwrap();
    assert_eq!(metadata["issuer"], suite.issuer());
    assert_eq!(issuer.scheme(), "https");
    assert_eq!((issuer.query(), issuer.fragment()), (None, None));

    // The three that the dynamic plan wants, and the hybrid plan's.
    for response_type in super::plans::RESPONSE_TYPES {
        suite.assert_lists("response_types_supported", response_type);
    }
    for grant_type in ["authorization_code", "implicit", "refresh_token"] {
        suite.assert_lists("grant_types_supported", grant_type);
    }
    suite.assert_lists("scopes_supported", "openid");
    for scope in list(metadata, "scopes_supported").unwrap() {
        let legal = |byte: u8| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~');
        assert!(!scope.is_empty() && scope.bytes().all(legal), "{scope}");
    }
    let subject_types = list(metadata, "subject_types_supported").unwrap();
    for subject_type in subject_types {
        assert!(["public", "pairwise"].contains(&subject_type));
    }
    suite.assert_lists("subject_types_supported", "public");
    suite.assert_lists("id_token_signing_alg_values_supported", "RS256");
    for name in [
        "userinfo_signing_alg_values_supported",
        "request_object_signing_alg_values_supported",
    ] {
        let known = list(metadata, name);
        assert!(known.is_none_or(|known| known.contains(&"RS256")), "{name}");
    }
    let claims = list(metadata, "claims_supported").unwrap();
    assert!(claims.contains(&"sub"));
    for name in ["ui_locales_supported", "claims_locales_supported"] {
        for tag in list(metadata, name).unwrap_or_default() {
            let read: LanguageIdentifier = tag.parse().unwrap();
            assert_eq!(read.to_string(), tag, "{name}");
        }
    }
    suite.assert_lists("code_challenge_methods_supported", "S256");
    for name in metadata.as_object().unwrap().keys() {
        assert!(KNOWN.contains(&name.as_str()), "{name} is not known");
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_rp_initiated_logout_discovery_endpoint_verification() {
    let suite = Suite::open("oidcc-rp-initiated-logout-discovery-endpoint-verification").await;
    is_published_well(&suite).await;
    suite.endpoint("end_session_endpoint");
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_frontchannel_logout_discovery_endpoint_verification() {
    let suite = Suite::open("oidcc-frontchannel-logout-discovery-endpoint-verification").await;
    is_published_well(&suite).await;
    suite.endpoint("end_session_endpoint");
    assert_eq!(suite.metadata["frontchannel_logout_supported"], true);
    let with_session = &suite.metadata["frontchannel_logout_session_supported"];
    assert_eq!(*with_session, true);
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_backchannel_logout_discovery_endpoint_verification() {
    let suite = Suite::open("oidcc-backchannel-logout-discovery-endpoint-verification").await;
    is_published_well(&suite).await;
    suite.endpoint("end_session_endpoint");
    assert_eq!(suite.metadata["backchannel_logout_supported"], true);
    let with_session = &suite.metadata["backchannel_logout_session_supported"];
    assert_eq!(*with_session, true);
    suite.close().await;
}
