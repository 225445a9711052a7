//! What is told of a provider's clock and metadata.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::said;
use crate::oidc::upstream::AuthMethod;
use crate::oidc::upstream::metadata::{Metadata, clock_problem};

#[test]
fn clocks_that_are_more_than_a_minute_apart_are_told() {
    for (seconds, word) in [
        (0, ""),
        (60, ""),
        (-60, ""),
        (61, "61 seconds ahead"),
        (-300, "300 seconds behind"),
    ] {
        let said = clock_problem(TimeDelta::seconds(seconds)).unwrap_or_default();
        assert_eq!(said.is_empty(), word.is_empty(), "{seconds}: {said}");
        assert!(said.contains(word), "{seconds}: {said}");
    }
}

#[test]
fn what_a_provider_says_of_itself_is_told_in_words() {
    let said = |more: Value| {
        let mut document = json!({
            "issuer": "https://id.house.example", "authorization_endpoint": "https://id.house.example/a",
            "token_endpoint": "https://id.house.example/t", "jwks_uri": "https://id.house.example/j",
        });
        document.as_object_mut().unwrap().extend(said(more));
        Metadata::read(document.to_string().as_bytes()).unwrap()
    };
    let all = json!({
        "userinfo_endpoint": "https://id.house.example/u", "end_session_endpoint": "https://id.house.example/e",
        "code_challenge_methods_supported": ["S256"], "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": true, "backchannel_logout_session_supported": true,
        "frontchannel_logout_supported": true, "frontchannel_logout_session_supported": true,
    });
    assert_eq!(said(all.clone()).shortcomings(), Vec::<String>::new());
    for (name, word) in [
        ("userinfo_endpoint", "userinfo"),
        ("end_session_endpoint", "end session"),
        ("code_challenge_methods_supported", "PKCE"),
        ("authorization_response_iss_parameter_supported", "9207"),
        ("backchannel_logout_supported", "tell servers"),
        (
            "backchannel_logout_session_supported",
            "logout tokens name no session",
        ),
        ("frontchannel_logout_supported", "tell browsers"),
        (
            "frontchannel_logout_session_supported",
            "frames in the browser name no session",
        ),
    ] {
        let mut less = all.clone();
        less.as_object_mut().unwrap().remove(name);
        let told = said(less).shortcomings();
        assert_eq!(told.len(), 1, "{name}: {told:?}");
        assert!(told[0].contains(word), "{name}: {told:?}");
    }
    // What is only told on keeps nobody out, whatever it is.
    let mut odd = all.clone();
    odd["acr_values_supported"] = json!(["gold", 1]);
    odd["claims_supported"] = "email".into();
    let odd = said(odd);
    assert_eq!(
        (odd.acr_values_supported, odd.claims_supported),
        (None, None)
    );
    // Nobody is sent there, so it is as good as none.
    let mut unfit = all.clone();
    unfit["end_session_endpoint"] = "http://id.house.example/e".into();
    let told = said(unfit).shortcomings();
    assert!(told[0].contains("none over https"), "{told:?}");
    let issuer = "https://id.house.example";
    let method = AuthMethod::ClientSecretBasic;
    assert_eq!(said(all).misfits(issuer, method), Vec::<String>::new());
    for (more, word) in [
        (
            json!({ "issuer": "https://id.house.example/" }),
            "calls itself",
        ),
        (
            json!({ "id_token_signing_alg_values_supported": ["HS256"] }),
            "HS256",
        ),
        (
            json!({ "token_endpoint_auth_methods_supported": ["private_key_jwt"] }),
            "private_key_jwt",
        ),
        (
            json!({ "authorization_endpoint": "javascript:alert(1)" }),
            "its authorization_endpoint: it is no https URL",
        ),
        (
            json!({ "token_endpoint": "http://id.house.example/t" }),
            "its token_endpoint: it is no https URL",
        ),
        (json!({ "jwks_uri": "/j" }), "its jwks_uri: no absolute URI"),
        (
            json!({ "userinfo_endpoint": "https://id.house.example/u#x" }),
            "its userinfo_endpoint: must not have a fragment",
        ),
    ] {
        let told = said(more).misfits(issuer, method);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains(word), "{told:?}");
    }
}
