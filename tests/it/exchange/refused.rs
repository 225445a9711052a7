//! What is refused: of one valid request one thing is changed at a time.

use exeunt::config::RegistrationPolicy;
use exeunt::flows::services;
use exeunt::oidc::client::{ClientAuthMethod, GrantType};
use exeunt::oidc::service::{Service, TokenFormat};
use serde_json::json;

use super::{API, ARCHIVE, BARE, House, LIKE, NOBODYS, SMALL, VAULT, house, house_of, wish};
use crate::support::exchange::{
    ACCESS_TOKEN, GRANT, ID_TOKEN, JWT, acting_by, as_service, as_service_with, asked, changed,
    client_rule, own_token, rule, service_rule, signed_in, token_of,
};
use crate::support::ledger::json_error;
use crate::support::provider::metadata;
use crate::support::relying_party::RelyingParty;
use crate::support::services::service;
use crate::support::visitor::Visitor;

/// Attack 16 (CVE-2024-52287): more scope, or another audience, by exchange than there was before.
#[actix_web::test]
async fn a_request_with_one_thing_wrong_gets_nothing() {
    let house = house().await;
    let provider = &house.provider;
    let token = house.token();
    let valid = asked(&token, ARCHIVE);
    token_of(&as_service(provider, API, &valid).await);
    let (head, tail) = token.split_at(token.len() - 8);
    let forged = format!("{head}AAAAAAAA");
    assert_ne!(tail, "AAAAAAAA");
    let refresh = house.tokens.get("refresh_token");
    for (name, value, error) in [
        ("subject_token", "", "invalid_request"),
        ("subject_token", "x", "invalid_request"),
        ("subject_token", "a.b.c", "invalid_request"),
        ("subject_token", forged.as_str(), "invalid_request"),
        ("subject_token", refresh.as_str(), "invalid_request"),
        ("subject_token_type", "", "invalid_request"),
        ("subject_token_type", ID_TOKEN, "invalid_request"),
        ("subject_token_type", JWT, "invalid_request"),
        (
            "subject_token_type",
            "urn:ietf:params:oauth:token-type:saml2",
            "invalid_request",
        ),
        (
            "subject_token_type",
            "urn:ietf:params:oauth:token-type:refresh_token",
            "invalid_request",
        ),
        ("requested_token_type", ID_TOKEN, "invalid_request"),
        (
            "requested_token_type",
            "urn:ietf:params:oauth:token-type:refresh_token",
            "invalid_request",
        ),
        ("actor_token_type", ACCESS_TOKEN, "invalid_request"),
        ("actor_token", token.as_str(), "invalid_request"),
        ("resource", "", "invalid_target"),
        ("resource", API, "invalid_target"),
        ("resource", "urn:example:unknown", "invalid_target"),
        ("resource", "no uri", "invalid_target"),
        ("resource", provider.issuer.as_str(), "invalid_target"),
        ("audience", VAULT, "invalid_target"),
        ("scope", "write", "invalid_scope"),
        ("scope", "read write", "invalid_scope"),
        ("scope", "openid", "invalid_scope"),
        ("scope", "\"", "invalid_scope"),
        (
            "grant_type",
            "urn:ietf:params:oauth:grant-type:x",
            "invalid_client",
        ),
    ] {
        let answer = as_service(provider, API, &changed(&valid, name, value)).await;
        assert_eq!(json_error(&answer), error, "{name}={value}: {answer:?}");
        assert!(answer.json().get("access_token").is_none());
    }
    let twice = [&valid[..], &[("resource", VAULT)]].concat();
    assert_eq!(
        json_error(&as_service(provider, API, &twice).await),
        "invalid_target"
    );
    for (name, value) in [("actor_token", token.as_str()), ("actor_token", "x")] {
        let with_actor = changed(&valid, name, value);
        let with_actor = changed(&with_actor, "actor_token_type", ACCESS_TOKEN);
        let answer = as_service(provider, API, &with_actor).await;
        assert_eq!(json_error(&answer), "invalid_request", "{value}");
    }
    house.provider.stop().await;
}

/// Attack 94: what nobody declared. Each rule lacks one thing that the valid one has.
#[actix_web::test]
async fn what_no_rule_allows_is_refused() {
    let house = house().await;
    let provider = &house.provider;
    let token = house.token();
    for (audience, error) in [
        (BARE, "invalid_request"),
        (NOBODYS, "invalid_request"),
        ("urn:example:cellar", "invalid_target"),
    ] {
        let answer = as_service(provider, API, &asked(&token, audience)).await;
        assert_eq!(
            (answer.status.as_u16(), json_error(&answer).as_str()),
            (400, error),
            "{audience}"
        );
    }
    // The rule's scope has nothing in common with the token's.
    let answer = as_service(provider, API, &asked(&token, SMALL)).await;
    assert!(answer.json().get("scope").is_none(), "{answer:?}");
    let wanted = changed(&asked(&token, SMALL), "scope", "read");
    let answer = as_service(provider, API, &wanted).await;
    assert_eq!(json_error(&answer), "invalid_scope");
    // Whom no rule names, or only for other tokens.
    let batch = RelyingParty::of(provider, "batch");
    let answer = batch.token(&asked(&token, ARCHIVE)).await;
    assert_eq!(json_error(&answer), "unauthorized_client");
    let answer = as_service(provider, BARE, &asked(&token, ARCHIVE)).await;
    assert_eq!(json_error(&answer), "unauthorized_client");
    // No ID token where the rule has none, nor any for a service.
    let id_token = house.tokens.get("id_token");
    let by_id = changed(&asked(&id_token, ARCHIVE), "subject_token_type", ID_TOKEN);
    assert_eq!(
        json_error(&house.ledger.token(&by_id).await),
        "invalid_request"
    );
    assert_eq!(
        json_error(&as_service(provider, API, &by_id).await),
        "invalid_request"
    );
    // Nobody acts where that is not declared.
    let actor = own_token(&batch).await;
    for audience in [LIKE, VAULT] {
        let fields = acting_by(&asked(&token, audience), &actor, ACCESS_TOKEN);
        let answer = as_service(provider, API, &fields).await;
        assert_eq!(json_error(&answer), "invalid_request", "{audience}");
    }
    house.provider.stop().await;
}

/// Attack 45 (CVE-2026-9097, CVE-2026-9094): a subject token that was taken back, and one that is another's. Attack 94: one
/// that is not for whoever presents it.
#[actix_web::test]
async fn a_token_that_was_taken_back_or_is_anothers_becomes_no_other() {
    let house = house().await;
    let provider = &house.provider;
    let token = house.token();
    // Another service, and another client, that may exchange tokens of their own.
    for answer in [
        as_service(provider, ARCHIVE, &asked(&token, VAULT)).await,
        RelyingParty::of(provider, "mallory")
            .token(&asked(&token, VAULT))
            .await,
    ] {
        assert_eq!(json_error(&answer), "invalid_request", "{answer:?}");
    }
    let answer = as_service_with(provider, API, "wrong", &asked(&token, ARCHIVE)).await;
    assert_eq!(
        (answer.status.as_u16(), json_error(&answer).as_str()),
        (401, "invalid_client")
    );
    assert_eq!(house.ledger.revoke(&token, &[]).await.status, 200);
    for answer in [
        as_service(provider, API, &asked(&token, ARCHIVE)).await,
        house.ledger.token(&asked(&token, ARCHIVE)).await,
    ] {
        assert_eq!(json_error(&answer), "invalid_request", "{answer:?}");
    }
    // With its grant, and with its session.
    let by_refresh = signed_in(&house.ledger, &Visitor::default()).await;
    let refresh = by_refresh.get("refresh_token");
    assert_eq!(house.ledger.revoke(&refresh, &[]).await.status, 200);
    let token = by_refresh.get("access_token");
    let answer = as_service(provider, API, &asked(&token, ARCHIVE)).await;
    assert_eq!(json_error(&answer), "invalid_request");
    let id_token = by_refresh.get("id_token");
    let by_id = changed(&asked(&id_token, VAULT), "subject_token_type", ID_TOKEN);
    assert_eq!(
        json_error(&house.ledger.token(&by_id).await),
        "invalid_request"
    );
    let (leaving, visitor) = (signed_in(&house.ledger, &house.ada).await, &house.ada);
    let id_token = leaving.get("id_token");
    let by_id = changed(&asked(&id_token, VAULT), "subject_token_type", ID_TOKEN);
    token_of(&house.ledger.token(&by_id).await);
    let mallory = RelyingParty::of(provider, "mallory");
    assert_eq!(json_error(&mallory.token(&by_id).await), "invalid_request");
    let url = house
        .ledger
        .end_session_url(&[("id_token_hint", &id_token)]);
    assert_eq!(visitor.get(&url).await.status, 303);
    let token = leaving.get("access_token");
    for answer in [
        as_service(provider, API, &asked(&token, ARCHIVE)).await,
        house.ledger.token(&by_id).await,
    ] {
        assert_eq!(json_error(&answer), "invalid_request", "{answer:?}");
    }
    house.provider.stop().await;
}

/// Attack 32: one kind of token in the place of another.
#[actix_web::test]
async fn no_kind_of_token_passes_for_another() {
    let house = house().await;
    let (access, id) = (house.token(), house.tokens.get("id_token"));
    for (token, kind) in [
        (&access, ID_TOKEN),
        (&access, JWT),
        (&id, ACCESS_TOKEN),
        (&id, JWT),
    ] {
        let fields = changed(&asked(token, VAULT), "subject_token_type", kind);
        let answer = house.ledger.token(&fields).await;
        assert_eq!(json_error(&answer), "invalid_request", "{kind}");
    }
    house.provider.stop().await;
}

/// A service that shares a key with us could have made its tokens itself: they are worth nothing here.
#[actix_web::test]
async fn what_a_service_could_have_forged_is_not_exchanged() {
    for format in [TokenFormat::Jwe, TokenFormat::Cwt] {
        let sealed = "urn:example:sealed";
        let wish = wish().await.configure(|config| {
            config.exchange.rules.push(service_rule(sealed, ARCHIVE));
        });
        let House {
            provider,
            ledger,
            ada,
            ..
        } = house_of(wish).await;
        let wanted = Service {
            format,
            ..service(sealed)
        };
        let added = services::add(provider.flows(), wanted, &[]).await;
        let secret = added.unwrap().unwrap().secret;
        let more = [("scope", "openid read"), ("resource", sealed)];
        let code = ledger.sign_in(&ada, &more).await.parameter("code").unwrap();
        let answer = ledger.redeem(&code, &[("resource", sealed)]).await;
        let token = token_of(&answer);
        for answer in [
            as_service_with(&provider, sealed, &secret, &asked(&token, ARCHIVE)).await,
            ledger.token(&asked(&token, ARCHIVE)).await,
        ] {
            assert_eq!(json_error(&answer), "invalid_request", "{answer:?}");
            assert!(answer.body.contains("signed"), "{answer:?}");
        }
        provider.stop().await;
    }
}

/// Attack 93: a client that gives itself the grant. Who registers itself may exchange nothing, whatever it asks for.
#[actix_web::test]
async fn nobody_registers_for_the_grant() {
    let wish = wish().await.configure(|config| {
        config.registration.policy = RegistrationPolicy::Open;
        config.registration.offer.grant_types = GrantType::ALL.to_vec();
    });
    let House {
        provider, tokens, ..
    } = house_of(wish).await;
    let (visitor, url) = (Visitor::default(), provider.url("/register"));
    let register = async |grants: serde_json::Value| {
        let body = json!({ "redirect_uris": ["https://new.example/cb"], "grant_types": grants });
        let request = visitor.client().post(&url);
        let request = request.header("content-type", "application/json");
        visitor.send(&url, request.body(body.to_string())).await
    };
    let answer = register(json!(["authorization_code", GRANT])).await;
    assert_eq!(json_error(&answer), "invalid_client_metadata", "{answer:?}");
    let told = register(json!(["authorization_code"])).await.json();
    let [id, secret] = ["client_id", "client_secret"].map(|name| told[name].as_str().unwrap());
    let token = tokens.get("access_token");
    let url = provider.url("/token");
    let request = visitor.client().post(&url).form(&asked(&token, ARCHIVE));
    let answer = visitor
        .send(&url, request.basic_auth(id, Some(secret)))
        .await;
    assert_eq!(json_error(&answer), "unauthorized_client", "{answer:?}");
    provider.stop().await;
}

/// Whoever finds a token of a public client could exchange it in its name.
#[actix_web::test]
async fn a_public_client_exchanges_nothing() {
    let mut public = metadata("https://public.example");
    public.token_endpoint_auth_method = ClientAuthMethod::None;
    let wish = wish().await.client("public", public).configure(|config| {
        config.exchange.rules.push(client_rule("public", ARCHIVE));
        let nobody = rule(
            exeunt::oidc::token::exchange::policy::Party::Client("nobody".to_owned()),
            ARCHIVE,
        );
        config.exchange.rules.push(nobody);
    });
    let House {
        provider, tokens, ..
    } = house_of(wish).await;
    let token = tokens.get("access_token");
    let (visitor, url) = (Visitor::default(), provider.url("/token"));
    for (name, error) in [
        ("public", "unauthorized_client"),
        ("nobody", "invalid_client"),
    ] {
        let fields = changed(&asked(&token, ARCHIVE), "client_id", name);
        let answer = visitor
            .send(&url, visitor.client().post(&url).form(&fields))
            .await;
        assert_eq!(json_error(&answer), error, "{name}: {answer:?}");
    }
    provider.stop().await;
}
