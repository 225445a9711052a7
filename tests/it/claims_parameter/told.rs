//! What is told of the person, and where.

use exeunt::oidc::client::ClientMetadata;
use serde_json::json;
use url::{Url, form_urlencoded};

use super::{asks, redeem, start, told, told_in_id_token};
use crate::support::ledger::{allow, consent_page, open, sign_in};
use crate::support::relying_party::Tokens;

#[actix_web::test]
async fn each_claim_comes_alone_where_it_was_asked_for_and_of_the_type_that_core_gives_it() {
    let (provider, party, ada) = start(|metadata| metadata.skip_consent = true).await;
    for (name, value) in [
        ("name", json!("Ada Lovelace")),
        ("given_name", json!("Ada")),
        ("family_name", json!("Lovelace")),
        ("middle_name", json!("King")),
        ("nickname", json!("the countess")),
        ("preferred_username", json!("ada")),
        ("profile", json!("https://example.org/ada")),
        ("picture", json!("https://example.org/ada.png")),
        ("website", json!("https://ada.example.org")),
        ("gender", json!("female")),
        ("birthdate", json!("1815-12-10")),
        ("zoneinfo", json!("Europe/London")),
        ("locale", json!("en-GB")),
        ("email", json!("ada@example.org")),
        ("email_verified", json!(true)),
        ("phone_number", json!("+44 20 7946 0000")),
        ("phone_number_verified", json!(false)),
        ("address", json!({ "locality": "London" })),
    ] {
        for wish in [json!(null), json!({ "essential": true })] {
            let claims = json!({ "userinfo": { name: wish } }).to_string();
            let tokens = party.tokens(&ada, &[("claims", &claims)]).await;
            assert_eq!(told(&party, &tokens).await, json!({ name: value }));
            let in_id_token = told_in_id_token(&provider, &tokens.get("id_token")).await;
            assert_eq!(in_id_token, json!({}), "{name}");
        }
        let claims = json!({ "id_token": { name: null } }).to_string();
        let tokens = party.tokens(&ada, &[("claims", &claims)]).await;
        assert_eq!(told(&party, &tokens).await, json!({}), "{name}");
        let in_id_token = told_in_id_token(&provider, &tokens.get("id_token")).await;
        assert_eq!(in_id_token, json!({ name: value }));
    }
    let claims = json!({ "userinfo": { "updated_at": null } }).to_string();
    let tokens = party.tokens(&ada, &[("claims", &claims)]).await;
    let seconds = told(&party, &tokens).await["updated_at"].as_i64().unwrap();
    assert!(seconds < 100_000_000_000, "seconds: {seconds}");
    provider.stop().await;
}

#[actix_web::test]
async fn what_nobody_knows_is_left_out_and_no_error() {
    let (provider, party, ada) = start(|metadata| metadata.skip_consent = true).await;
    let claims = json!({
        "userinfo": {
            "shoe_size": { "essential": true }, "name#de": null, "sub": null, "iss": null,
            "email": { "value": "eve@example.org", "essential": true },
            "locale": { "values": ["de", "en-GB"] },
        },
        "id_token": { "auth_time": { "essential": true }, "acr": null, "groups": null },
        "verified_claims": { "claims": {} },
    });
    let more = [
        ("claims", &*claims.to_string()),
        ("claims_locales", "de se x-nowhere"),
    ];
    let tokens = party.tokens(&ada, &more).await;
    assert_eq!(told(&party, &tokens).await, json!({ "locale": "en-GB" }));
    let id_token = tokens.id_claims(&provider.issuer).await;
    assert!(id_token["auth_time"].is_i64(), "{id_token}");
    assert!(id_token["acr"].is_string(), "{id_token}");
    assert!(id_token.get("groups").is_none(), "{id_token}");
    provider.stop().await;
}

#[actix_web::test]
async fn a_scope_and_a_claim_add_up() {
    let (provider, party, ada) = start(|metadata| metadata.skip_consent = true).await;
    let claims =
        json!({ "userinfo": { "nickname": null, "email": { "value": "eve@example.org" } } });
    let more = [("scope", "openid email"), ("claims", &*claims.to_string())];
    let tokens = party.tokens(&ada, &more).await;
    // The scope asks for the address whatever it is.
    let expected =
        json!({ "nickname": "the countess", "email": "ada@example.org", "email_verified": true });
    assert_eq!(told(&party, &tokens).await, expected);
    provider.stop().await;
}

/// Attack 16: more by the `claims` parameter than the client may have by scopes.
#[actix_web::test]
async fn a_client_without_the_scope_email_does_not_get_the_address_by_its_claim() {
    let limited =
        |metadata: &mut ClientMetadata| metadata.scope = Some("openid profile".to_owned());
    let (provider, party, ada) = start(limited).await;
    let claims = json!({
        "userinfo": { "email": { "essential": true }, "name": null },
        "id_token": { "email": null, "address": null },
    });
    let tokens = party.tokens(&ada, &[("claims", &claims.to_string())]).await;
    assert_eq!(
        told(&party, &tokens).await,
        json!({ "name": "Ada Lovelace" })
    );
    let in_id_token = told_in_id_token(&provider, &tokens.get("id_token")).await;
    assert_eq!(in_id_token, json!({}));
    provider.stop().await;
}

#[actix_web::test]
async fn a_refresh_keeps_them_and_they_are_as_they_are_by_then() {
    let (provider, party, ada) = start(asks).await;
    let claims = json!({ "userinfo": { "name": null }, "id_token": { "email": null } }).to_string();
    let page = consent_page(&party, &ada, &[("claims", &claims)]).await;
    let tokens = redeem(&party, &allow(&ada, &page).await).await;
    let rename = r#"UPDATE users SET claims = '{"name":"Ada King","email":"king@example.org"}' WHERE username = 'ada'"#;
    provider.sql(rename).await;
    let answer = party.refresh(&tokens.get("refresh_token")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let next = Tokens { all: answer.json() };
    assert_eq!(told(&party, &next).await, json!({ "name": "Ada King" }));
    let in_id_token = told_in_id_token(&provider, &next.get("id_token")).await;
    assert_eq!(in_id_token, json!({ "email": "king@example.org" }));
    provider.stop().await;
}

#[actix_web::test]
async fn a_parked_request_keeps_them_through_sign_in_and_a_post_from_another_site() {
    let (provider, party, ada) = start(|metadata| metadata.skip_consent = true).await;
    let claims = json!({ "userinfo": { "name": { "essential": true } } }).to_string();
    let url = party.authorize_url(&[("claims", &claims)]);
    let query: Vec<(String, String)> = Url::parse(&url)
        .unwrap()
        .query_pairs()
        .into_owned()
        .collect();
    let fields: Vec<_> = query
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let parked = ada
        .post_from_elsewhere(&provider.url("/authorize"), &fields)
        .await;
    let page = ada.follow(parked, &provider.issuer).await;
    assert_eq!(page.page(), "page-sign-in");
    let tokens = redeem(&party, &sign_in(&ada, &page).await).await;
    assert_eq!(
        told(&party, &tokens).await,
        json!({ "name": "Ada Lovelace" })
    );
    provider.stop().await;
}

#[actix_web::test]
async fn through_the_browser_an_id_token_tells_what_was_asked_of_it() {
    let (provider, party, ada) = start(|metadata| {
        asks(metadata);
        metadata.skip_consent = true;
    })
    .await;
    let claims =
        json!({ "userinfo": { "nickname": null }, "id_token": { "name": { "essential": true } } });
    for (response_type, scope, expected) in [
        ("id_token", "openid", json!({ "name": "Ada Lovelace" })),
        // Without an access token what a scope asks for is in the ID token, and nobody can ask userinfo.
        (
            "id_token",
            "openid address",
            json!({ "name": "Ada Lovelace", "address": { "locality": "London" } }),
        ),
        (
            "code id_token",
            "openid address",
            json!({ "name": "Ada Lovelace" }),
        ),
        (
            "id_token token",
            "openid address",
            json!({ "name": "Ada Lovelace" }),
        ),
    ] {
        let more = [
            ("response_type", response_type),
            ("scope", scope),
            ("claims", &*claims.to_string()),
        ];
        let mut answer = open(&ada, &party.authorize_url(&more)).await;
        if answer.page() == "page-sign-in" {
            answer = sign_in(&ada, &answer).await;
        }
        let location = Url::parse(&answer.location().unwrap()).unwrap();
        let fragment = location.fragment().unwrap_or_else(|| panic!("{location}"));
        let field = |wanted: &str| {
            let mut fields = form_urlencoded::parse(fragment.as_bytes());
            fields
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.into_owned())
        };
        let in_id_token = told_in_id_token(&provider, &field("id_token").unwrap()).await;
        assert_eq!(in_id_token, expected, "{response_type}");
        if let Some(access_token) = field("access_token") {
            let person = party.userinfo(&access_token).await.json();
            assert_eq!(person["nickname"], "the countess");
        }
    }
    provider.stop().await;
}
