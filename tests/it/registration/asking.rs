//! What a client is given that registers itself.

use chrono::TimeDelta;
use exeunt::clock::Clock as _;
use exeunt::config::RegistrationPolicy::Open;
use exeunt::oidc::authorization::ResponseType;
use exeunt::oidc::client::GrantType;
use serde_json::{Value, json};

use super::assert_refused;
use crate::support::client_key::ClientKey;
use crate::support::publisher::{Document, Publisher};
use crate::support::registrar::{HOME, Registered, ask, least, registering, with};
use crate::support::visitor::Visitor;

#[actix_web::test]
async fn a_client_that_registers_itself_can_sign_people_in_who_are_asked() {
    let provider = registering(Open).await.start().await;
    let answer = ask(&provider, &least(), None).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let told = answer.json();
    assert_eq!(told["client_secret_expires_at"], 0);
    assert_eq!(told["redirect_uris"], json!([format!("{HOME}/callback")]));
    assert_eq!(told["grant_types"], json!(["authorization_code"]));
    assert_eq!(told["response_types"], json!(["code"]));
    assert_eq!(told["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(told["application_type"], "web");
    assert_eq!(told["id_token_signed_response_alg"], "RS256");
    let uri = format!("{}/register/{}", provider.issuer, text(&told["client_id"]));
    assert_eq!(told["registration_client_uri"], uri);
    for secret in ["client_secret", "registration_access_token"] {
        assert_eq!(text(&told[secret]).len(), 43, "{secret}");
    }

    let client = Registered::new(&provider, &least(), None).await;
    let ada = Visitor::default();
    let asked = client.party().sign_in(&ada, &[]).await;
    assert_eq!(asked.page(), "page-consent");
    let tokens = client.tokens(&ada).await;
    let claims = tokens.id_claims(&provider.issuer).await;
    assert_eq!(claims["aud"], client.told["client_id"]);
    provider.stop().await;
}

#[actix_web::test]
async fn two_that_ask_for_the_same_are_two_clients() {
    let provider = registering(Open).await.start().await;
    let one = Registered::new(&provider, &least(), None).await;
    let other = Registered::new(&provider, &least(), None).await;
    for name in ["client_id", "client_secret", "registration_access_token"] {
        assert_ne!(one.get(name), other.get(name), "{name}");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn everything_that_may_be_registered_is_kept_and_told() {
    let provider = registering(Open)
        .await
        .configure(|config| config.registration.offer.grant_types = GrantType::ALL.to_vec())
        .start()
        .await;
    let wanted = json!({
        "client_name": "Ledger",
        "application_type": "web",
        "redirect_uris": [format!("{HOME}/callback?x=1"), "http://localhost:3000/callback"],
        "post_logout_redirect_uris": [format!("{HOME}/")],
        "response_types": ["code"],
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_method": "client_secret_post",
        "token_endpoint_auth_signing_alg": "RS256",
        "jwks": { "keys": [ec_key()] },
        "request_uris": [format!("{HOME}/request.jwt#1")],
        "request_object_signing_alg": "ES256",
        "scope": "email openid",
        "id_token_signed_response_alg": "ES256",
        "backchannel_logout_uri": format!("{HOME}/backchannel"),
        "backchannel_logout_session_required": true,
        "frontchannel_logout_uri": format!("{HOME}/frontchannel"),
        "frontchannel_logout_session_required": true,
        "initiate_login_uri": format!("{HOME}/login"),
        "client_uri": format!("{HOME}/"),
        "logo_uri": format!("{HOME}/logo.png"),
        "policy_uri": format!("{HOME}/privacy"),
        "tos_uri": format!("{HOME}/terms"),
        "contacts": ["ada@example.org"],
        "default_max_age": 3600,
        "require_auth_time": true,
    });
    let client = Registered::new(&provider, &wanted, None).await;
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(client.told[name], *value, "{name}");
    }
    provider.stop().await;
}

/// As the suite's `oidcc-registration-jwks-uri` and `oidcc-refresh-token-rp-key-rotation` do.
#[actix_web::test]
async fn a_client_registers_where_its_keys_lie_and_changes_them_there() {
    let publisher = Publisher::open().await;
    let keys = ["k1", "k2"].map(ClientKey::called);
    let publish =
        |key: &ClientKey| publisher.publish("/keys", Document::Text(key.jwks().to_string(), ""));
    let wish = registering(Open).await.manual_clock();
    let wish = wish.configure(|config| {
        config.registration.offer.grant_types = GrantType::ALL.to_vec();
    });
    let provider = wish.start().await;
    let wanted = with(&json!({
        "grant_types": ["authorization_code", "client_credentials"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": publish(&keys[0]),
    }));
    let client = Registered::new(&provider, &wanted, None).await;
    let client_id = client.get("client_id");
    for key in &keys {
        publish(key);
        provider.advance(TimeDelta::seconds(60));
        let now = provider.clock.as_ref().unwrap().now();
        let assertion = key.sign(
            &key.header(),
            &json!({
                "iss": client_id, "sub": client_id, "aud": provider.issuer, "jti": key.kid,
                "exp": (now + TimeDelta::minutes(5)).timestamp(),
            }),
        );
        let (visitor, url) = (Visitor::default(), provider.url("/token"));
        let request = visitor.client().post(&url).form(&[
            ("grant_type", "client_credentials"),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", &assertion),
        ]);
        let answer = visitor.send(&url, request).await;
        assert_eq!(answer.status, 200, "{}: {answer:?}", key.kid);
    }
    provider.stop().await;
}

#[actix_web::test]
async fn a_client_without_a_secret_is_given_none() {
    let provider = registering(Open).await.start().await;
    for wanted in [
        json!({ "token_endpoint_auth_method": "none" }),
        json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [ec_key()] } }),
    ] {
        let client = Registered::new(&provider, &with(&wanted), None).await;
        assert_eq!(client.told.get("client_secret"), None, "{wanted}");
        assert_eq!(client.told.get("client_secret_expires_at"), None);
        client.get("registration_access_token");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn what_nobody_knows_and_what_is_null_is_as_good_as_absent() {
    let provider = registering(Open).await.start().await;
    let unknown = json!({
        "a_thing_of_tomorrow": { "deep": [1, 2] },
        "client_name#de": "Hauptbuch",
        "software_id": "ledger",
        "client_name": null,
        "response_types": null,
        "jwks": null,
    });
    let client = Registered::new(&provider, &with(&unknown), None).await;
    for name in unknown.as_object().unwrap().keys() {
        let expected = if name == "response_types" {
            json!(["code"])
        } else {
            Value::Null
        };
        assert_eq!(client.told[name], expected, "{name}");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn who_names_response_types_alone_gets_the_grants_that_they_need() {
    let provider = registering(Open)
        .await
        .configure(|config| {
            config.registration.offer.grant_types = GrantType::ALL.to_vec();
            config.registration.offer.response_types = ResponseType::ALL.to_vec();
        })
        .start()
        .await;
    for (types, grants) in [
        (json!(["code"]), json!(["authorization_code"])),
        (json!(["token id_token"]), json!(["implicit"])),
        (
            json!(["code id_token"]),
            json!(["authorization_code", "implicit"]),
        ),
    ] {
        let wanted = with(&json!({ "response_types": types }));
        let client = Registered::new(&provider, &wanted, None).await;
        assert_eq!(client.told["grant_types"], grants);
        let asked = types[0].as_str().unwrap();
        let more = [("response_type", asked), ("scope", "openid")];
        let answer = client.sign_in(&Visitor::default(), &more).await;
        let brought = |name| answer.parameter(name).is_some();
        assert_eq!(brought("code"), asked.contains("code"), "{answer:?}");
        assert_eq!(brought("id_token"), asked.contains("id_token"));
    }
    provider.stop().await;
}

#[actix_web::test]
async fn only_json_is_read_and_only_post_is_there_for_programs_alone() {
    let provider = registering(Open).await.start().await;
    let (url, visitor) = (provider.url("/register"), Visitor::default());
    for media_type in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "text/json",
    ] {
        let request = visitor.client().post(&url).body(least().to_string());
        let request = request.header("content-type", media_type);
        let answer = visitor.send(&url, request).await;
        assert_refused(&answer, 415, "invalid_client_metadata");
    }
    let request = visitor.client().post(&url).body(least().to_string());
    let request = request.header("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(visitor.send(&url, request).await.status, 201);

    let long = with(&json!({ "x": "x".repeat(70_000) }));
    assert_eq!(ask(&provider, &long, None).await.status, 413);

    let client = Registered::new(&provider, &least(), None).await;
    let own = client.get("registration_client_uri").to_owned();
    for (url, allow) in [(&url, "POST"), (&own, "GET, HEAD, PUT, DELETE")] {
        let preflight = visitor
            .client()
            .request(reqwest::Method::OPTIONS, url)
            .header("origin", "https://elsewhere.example")
            .header("access-control-request-method", "POST");
        let answer = visitor.send(url, preflight).await;
        assert_eq!(answer.status, 405);
        assert_eq!(answer.header("allow"), allow);
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
    provider.stop().await;
}

/// A public key of P-256: the one of RFC 7515, appendix A.3.
fn ec_key() -> Value {
    json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
