//! `resource` (RFC 8707): what may be asked for at the authorization endpoint, and what may be had of it at the token
//! endpoint.

use exeunt::oidc::client::{ClientMetadata, GrantType};
use exeunt::oidc::service::Service;
use serde_json::{Value, json};

use crate::support::client_key::ClientKey;
use crate::support::ledger::{error, json_error, ledger_with, open, sign_in};
use crate::support::provider::{Provider, metadata};
use crate::support::relying_party::{RelyingParty, Tokens, verify};
use crate::support::services::{API, ARCHIVE, service};
use crate::support::visitor::{Answer, Visitor};

const READ: (&str, &str) = ("scope", "openid email read");

fn archive() -> Service {
    Service {
        scope: exeunt::oidc::scope::Scope::parse("read delete").unwrap(),
        ..service(ARCHIVE)
    }
}

fn everything(metadata: &mut ClientMetadata) {
    metadata.grant_types = vec![
        GrantType::AuthorizationCode,
        GrantType::RefreshToken,
        GrantType::ClientCredentials,
        GrantType::Implicit,
    ];
    metadata.response_types = ["code", "id_token token", "code token"]
        .map(str::to_owned)
        .to_vec();
}

/// Ledger, which may have everything, Mallory, which only the archive does not know, and both services.
async fn start() -> (Provider, RelyingParty) {
    let mut mallory = metadata("https://mallory.example");
    everything(&mut mallory);
    let provider = ledger_with(everything)
        .await
        .client("mallory", mallory)
        .service(service(API))
        .service(Service {
            clients: Some(vec!["ledger".to_owned()]),
            ..archive()
        })
        .start()
        .await;
    let party = RelyingParty::of(&provider, "ledger");
    (provider, party)
}

async fn code(party: &RelyingParty, more: &[(&str, &str)]) -> String {
    let answer = party.sign_in(&Visitor::default(), more).await;
    let code = answer.parameter("code");
    code.unwrap_or_else(|| panic!("no code: {answer:?}"))
}

async fn access(provider: &Provider, answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    let tokens = Tokens { all: answer.json() };
    verify(&provider.issuer, &tokens.get("access_token"))
        .await
        .1
}

fn assert_refused(answer: &Answer, error: &str) {
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(json_error(answer), error, "{answer:?}");
}

async fn refresh(party: &RelyingParty, refresh_token: &str, more: &[(&str, &str)]) -> Answer {
    let mut fields = vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
    ];
    fields.extend_from_slice(more);
    party.token(&fields).await
}

/// Attack 16: a resource that is unknown, malformed or for others.
#[actix_web::test]
async fn a_resource_that_is_none_of_the_clients_is_refused_at_both_endpoints() {
    let (provider, ledger) = start().await;
    let mallory = RelyingParty::of(&provider, "mallory");
    let ada = Visitor::default();
    for (party, resource) in [
        (&ledger, "https://api.example"),
        (&ledger, "https://API.example/"),
        (&ledger, "https://api.example/#fragment"),
        (&ledger, "read"),
        (&ledger, "urn:example:unknown"),
        (&mallory, ARCHIVE),
    ] {
        let asked = [("resource", API), ("resource", resource)];
        let answer = open(&ada, &party.authorize_url(&asked)).await;
        assert_eq!(error(&answer), "invalid_target", "{resource}");
        assert_eq!(answer.parameter("state").as_deref(), Some("the-state"));
        let own = [("grant_type", "client_credentials"), ("resource", resource)];
        assert_refused(&party.token(&own).await, "invalid_target");
    }
    provider.stop().await;
}

/// Attack 16 (CVE-2024-52287): a resource at redemption that was not asked for when the person was there.
#[actix_web::test]
async fn a_code_is_good_for_what_was_asked_for_with_it_and_for_one_at_a_time() {
    let (provider, ledger) = start().await;
    let at_api = code(&ledger, &[READ, ("resource", API)]).await;
    for more in [
        &[("resource", ARCHIVE)][..],
        &[("resource", API), ("resource", ARCHIVE)],
        &[("resource", API), ("resource", provider.issuer.as_str())],
    ] {
        assert_refused(&ledger.redeem(&at_api, more).await, "invalid_target");
    }
    // What was refused has used nothing up.
    let answer = ledger.redeem(&at_api, &[("resource", API)]).await;
    let token = access(&provider, &answer).await;
    assert_eq!(token["aud"], API);
    assert_eq!(token["scope"], "read");
    assert_eq!(answer.json()["scope"], "read");
    assert_eq!(answer.json()["expires_in"], 300);
    assert!(answer.json()["id_token"].is_string());

    let without = code(&ledger, &[READ]).await;
    assert_refused(
        &ledger.redeem(&without, &[("resource", API)]).await,
        "invalid_target",
    );
    let token = access(&provider, &ledger.redeem(&without, &[]).await).await;
    assert_eq!(token["aud"], provider.issuer);
    assert_eq!(token["scope"], "email openid");
    provider.stop().await;
}

/// Attack 16: a refresh token by which one resource becomes another, or a scope of one is had at another.
#[actix_web::test]
async fn a_refresh_token_gives_tokens_for_each_service_of_its_grant_with_that_services_scopes() {
    let (provider, ledger) = start().await;
    let asked = [
        ("scope", "openid email read write delete"),
        ("resource", API),
        ("resource", ARCHIVE),
    ];
    let code = code(&ledger, &asked).await;
    let first = ledger.redeem(&code, &[]).await;
    // Without a resource it is for us, and has nothing of the services'.
    let token = access(&provider, &first).await;
    assert_eq!(token["aud"], provider.issuer);
    assert_eq!(token["scope"], "email openid");
    let mut refresh_token = Tokens { all: first.json() }.get("refresh_token");
    for (more, scope) in [
        (&[("resource", API)][..], "read write"),
        (&[("resource", ARCHIVE)], "delete read"),
        (&[("resource", ARCHIVE), ("scope", "read write")], "read"),
    ] {
        let answer = refresh(&ledger, &refresh_token, more).await;
        let token = access(&provider, &answer).await;
        assert_eq!(token["aud"], more[0].1);
        assert_eq!(token["scope"], scope);
        refresh_token = Tokens { all: answer.json() }.get("refresh_token");
    }
    for (more, error) in [
        (
            &[("resource", API), ("resource", ARCHIVE)][..],
            "invalid_target",
        ),
        (&[("resource", "urn:example:unknown")], "invalid_target"),
        (
            &[("resource", API), ("scope", "read admin")],
            "invalid_scope",
        ),
    ] {
        assert_refused(&refresh(&ledger, &refresh_token, more).await, error);
    }
    let answer = refresh(&ledger, &refresh_token, &[]).await;
    assert_eq!(access(&provider, &answer).await["scope"], "email openid");
    provider.stop().await;
}

/// Attack 16: a grant without resources that is refreshed for one.
#[actix_web::test]
async fn a_refresh_token_of_a_grant_without_resources_gives_none_for_a_service() {
    let (provider, ledger) = start().await;
    let tokens = ledger.tokens(&Visitor::default(), &[READ]).await;
    let refresh_token = tokens.get("refresh_token");
    let refused = refresh(&ledger, &refresh_token, &[("resource", API)]).await;
    assert_refused(&refused, "invalid_target");
    // Nor was it used up, or taken for stolen.
    let answer = refresh(&ledger, &refresh_token, &[]).await;
    assert_eq!(access(&provider, &answer).await["aud"], provider.issuer);
    provider.stop().await;
}

#[actix_web::test]
async fn a_service_that_is_gone_or_takes_the_client_no_more_has_no_tokens_though_it_was_granted() {
    let (provider, ledger) = start().await;
    let asked = [READ, ("resource", API), ("resource", ARCHIVE)];
    let tokens = ledger.tokens(&Visitor::default(), &asked).await;
    let refresh_token = tokens.get("refresh_token");
    let provider = provider
        .restart(|config| {
            config.services.remove(0);
            config.services[0].service.clients = Some(vec!["mallory".to_owned()]);
        })
        .await;
    for resource in [API, ARCHIVE] {
        let answer = refresh(&ledger, &refresh_token, &[("resource", resource)]).await;
        assert_refused(&answer, "invalid_target");
    }
    let answer = refresh(&ledger, &refresh_token, &[]).await;
    assert_eq!(access(&provider, &answer).await["scope"], "email openid");
    provider.stop().await;
}

#[actix_web::test]
async fn a_client_asks_for_a_token_of_its_own_at_a_service() {
    let (provider, ledger) = start().await;
    let own = async |more: &[(&str, &str)]| {
        let mut fields = vec![("grant_type", "client_credentials")];
        fields.extend_from_slice(more);
        ledger.token(&fields).await
    };
    let answer = own(&[("resource", API)]).await;
    let all = access(&provider, &answer).await;
    assert_eq!(
        (&all["aud"], &all["scope"], &all["sub"]),
        (&json!(API), &json!("read write"), &json!("ledger"))
    );
    assert!(all.get("sid").is_none() && answer.json().get("id_token").is_none());
    let less = access(
        &provider,
        &own(&[("resource", API), ("scope", "read")]).await,
    )
    .await;
    assert_eq!(less["scope"], "read");
    assert_ne!(less["grant"], all["grant"]);
    let there = access(
        &provider,
        &own(&[("resource", ARCHIVE), ("scope", "read")]).await,
    )
    .await;
    assert_ne!(there["grant"], less["grant"]);
    let again = access(
        &provider,
        &own(&[("resource", API), ("scope", "read")]).await,
    )
    .await;
    assert_eq!(again["grant"], less["grant"]);
    for scope in ["delete", "read email", "openid"] {
        assert_refused(
            &own(&[("resource", API), ("scope", scope)]).await,
            "invalid_scope",
        );
    }
    assert_refused(
        &own(&[("resource", API), ("resource", ARCHIVE)]).await,
        "invalid_target",
    );
    provider.stop().await;
}

#[actix_web::test]
async fn what_a_client_registered_bounds_what_it_has_at_a_service() {
    let provider = ledger_with(|metadata| {
        metadata.scope = Some("openid read".to_owned());
    })
    .await
    .service(service(API))
    .start()
    .await;
    let ledger = RelyingParty::of(&provider, "ledger");
    let asked = [("scope", "openid read write"), ("resource", API)];
    let code = code(&ledger, &asked).await;
    let answer = ledger.redeem(&code, &[("resource", API)]).await;
    assert_eq!(access(&provider, &answer).await["scope"], "read");
    provider.stop().await;
}

#[actix_web::test]
async fn resources_in_a_request_object_count_and_wait_with_the_request() {
    let key = ClientKey::generate();
    let provider = ledger_with(|metadata| metadata.jwks = Some(key.jwks()))
        .await
        .service(service(API))
        .service(archive())
        .start()
        .await;
    let ledger = RelyingParty::of(&provider, "ledger");
    let object = |resource: Value| {
        let claims = json!({ "scope": "openid read delete", "resource": resource });
        key.sign(&key.header(), &claims)
    };
    let ada = Visitor::default();
    let signed = object(json!([API, ARCHIVE]));
    let outside = [("request", signed.as_str()), ("resource", "urn:ignored")];
    let page = open(&ada, &ledger.authorize_url(&outside)).await;
    assert_eq!(page.page(), "page-sign-in", "it waits: {page:?}");
    let answer = sign_in(&ada, &page).await;
    let code = answer.parameter("code").unwrap();
    let answer = ledger.redeem(&code, &[("resource", ARCHIVE)]).await;
    assert_eq!(access(&provider, &answer).await["scope"], "delete read");
    for wrong in [json!("urn:unknown"), json!([API, "urn:unknown"])] {
        let signed = object(wrong.clone());
        let answer = open(&ada, &ledger.authorize_url(&[("request", &signed)])).await;
        assert_eq!(error(&answer), "invalid_target", "{wrong}");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn an_access_token_that_comes_through_the_browser_is_for_the_one_service_asked_for() {
    let (provider, ledger) = start().await;
    let ada = Visitor::default();
    let at_once = ("response_type", "id_token token");
    let answer = ledger
        .sign_in(&ada, &[at_once, READ, ("resource", API)])
        .await;
    let token = answer.parameter("access_token").unwrap();
    let (_, claims) = verify(&provider.issuer, &token).await;
    assert_eq!(
        (&claims["aud"], &claims["scope"]),
        (&json!(API), &json!("read"))
    );
    assert_eq!(answer.parameter("expires_in").as_deref(), Some("300"));

    let several = [at_once, READ, ("resource", API), ("resource", ARCHIVE)];
    let answer = open(&ada, &ledger.authorize_url(&several)).await;
    assert_eq!(error(&answer), "invalid_target");
    let answer = open(&ada, &ledger.authorize_url(&[at_once, READ])).await;
    let token = answer.parameter("access_token").unwrap();
    let (_, claims) = verify(&provider.issuer, &token).await;
    assert_eq!(claims["aud"], provider.issuer);
    provider.stop().await;
}
