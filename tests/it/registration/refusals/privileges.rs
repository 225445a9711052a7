//! What only an administrator or the policy gives.

use exeunt::config::RegistrationPolicy::Open;
use exeunt::oidc::client::GrantType;
use serde_json::json;

use super::{assert_refused, description, start};
use crate::support::registrar::{Registered, ask, least, registering, with};
use crate::support::relying_party::verify;
use crate::support::visitor::Visitor;

/// Attack 93 (CVE-2021-27582): mass assignment: a client that writes settings of ours into its request.
#[actix_web::test]
async fn a_client_cannot_give_itself_what_only_an_administrator_gives() {
    let provider = registering(Open)
        .await
        .configure(|config| {
            let cellar = vec!["10.20.0.0/16".parse().unwrap()];
            let networks = &mut config.outbound.private_networks;
            networks.insert("cellar".to_owned(), cellar);
        })
        .start()
        .await;
    let ours = json!({
        "skip_consent": true,
        "require_pkce": true,
        "strict_assertion_audience": true,
        "access_token_audience": "https://api.example.org",
        "logout_token_subject": "sub",
        "logout_give_up_after": "1s",
        "private_networks": ["cellar"],
        "client_id": "chosen",
        "client_secret": "chosen-by-the-client-itself-and-long",
        "client_secret_hash": "0123456789012345678901234567890123456789012",
        "client_id_issued_at": 0,
        "client_secret_expires_at": 9,
        "registration_access_token": "chosen",
        "registration_client_uri": "https://elsewhere.example/",
        "declared": true,
        "disabled_at": 1,
        "metadata": { "skip_consent": true },
    });
    let mut client = Registered::new(&provider, &with(&ours), None).await;
    for (round, scope) in [("registered", "openid"), ("updated", "openid email")] {
        for (name, value) in ours.as_object().unwrap() {
            assert_ne!(client.told[name], *value, "{round}: {name}");
        }
        let ada = Visitor::default();
        let asked = client.party().sign_in(&ada, &[("scope", scope)]).await;
        assert_eq!(asked.page(), "page-consent", "{round}");
        let secret = client.told["client_secret"].clone();
        let tokens = client.tokens(&ada).await;
        let (_, access) = verify(&provider.issuer, &tokens.get("access_token")).await;
        assert_eq!(access["aud"], provider.issuer, "{round}");

        let mut wanted = client.update(&ours);
        wanted["client_id"] = client.told["client_id"].clone();
        wanted.as_object_mut().unwrap().remove("client_secret");
        let answer = client.manage(reqwest::Method::PUT, Some(&wanted)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        client.told = answer.json();
        client.told["client_secret"] = secret;
    }
    // An address in a network that it named would otherwise do.
    let inside = json!({
        "backchannel_logout_uri": "https://10.20.0.7/backchannel",
        "private_networks": ["cellar"],
    });
    let answer = ask(&provider, &with(&inside), None).await;
    assert_refused(&answer, 400, "invalid_client_metadata");
    provider.stop().await;
}

/// Attack 93: grants and response types that the policy does not give.
#[actix_web::test]
async fn what_the_policy_does_not_offer_is_not_to_be_had() {
    let provider = start().await;
    for (field, wanted) in [
        (
            "grant_types",
            json!({ "grant_types": ["authorization_code", "client_credentials"] }),
        ),
        (
            "grant_types",
            json!({ "grant_types": ["client_credentials"], "response_types": [] }),
        ),
        (
            "grant_types",
            json!({ "grant_types": ["authorization_code", "implicit"], "response_types": ["code", "id_token"] }),
        ),
        ("grant_types", json!({ "response_types": ["id_token"] })),
        ("grant_types", json!({ "response_types": ["code token"] })),
    ] {
        let answer = ask(&provider, &with(&wanted), None).await;
        assert_refused(&answer, 400, "invalid_client_metadata");
        assert!(description(&answer).contains(field), "{answer:?}");
    }
    let client = Registered::new(&provider, &least(), None).await;
    let wanted = client.update(&json!({ "grant_types": ["client_credentials"] }));
    let answer = client.manage(reqwest::Method::PUT, Some(&wanted)).await;
    assert_refused(&answer, 400, "invalid_client_metadata");
    provider.stop().await;
}

/// Attack 93: a scope that an API takes for our word.
#[actix_web::test]
async fn only_scopes_about_people_are_to_be_had_and_never_those_of_administrators() {
    let provider = registering(Open)
        .await
        .configure(|config| config.registration.offer.grant_types = GrantType::ALL.to_vec())
        .start()
        .await;
    for scope in ["exeunt.admin", "openid exeunt.admin.read"] {
        let wanted = json!({
            "scope": scope,
            "grant_types": ["authorization_code", "client_credentials"],
        });
        let answer = ask(&provider, &with(&wanted), None).await;
        assert_refused(&answer, 400, "invalid_client_metadata");
    }
    let wanted = json!({
        "scope": "openid payments.write email",
        "grant_types": ["authorization_code", "client_credentials"],
    });
    let client = Registered::new(&provider, &with(&wanted), None).await;
    assert_eq!(client.told["scope"], "email openid");
    for scope in ["payments.write", "exeunt.admin"] {
        let fields = [("grant_type", "client_credentials"), ("scope", scope)];
        let answer = client.token(&fields).await;
        let granted = answer.json()["scope"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(!granted.contains(scope), "{answer:?}");
    }
    provider.stop().await;
}
