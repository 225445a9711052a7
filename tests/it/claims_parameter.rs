//! The `claims` parameter (Core §5.5): claims asked for one by one, allowed one by one, and told where they were asked for.

use chrono::TimeDelta;
use exeunt::config::Config;
use exeunt::oidc::claims::{Address, UserClaims};
use exeunt::oidc::client::{ClientMetadata, GrantType};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::support::ledger::{
    add_grace, allow, consent_page, error, ledger_with, open, sign_in, sign_in_as,
};
use crate::support::provider::{PASSWORD, Provider};
use crate::support::relying_party::{RelyingParty, Tokens, verify};
use crate::support::visitor::{Answer, Visitor};

/// Every claim of Core §5.1 but `updated_at`, which is ours to say.
fn fill(config: &mut Config) {
    let text = |text: &str| Some(text.to_owned());
    config.users[0].claims = UserClaims {
        name: text("Ada Lovelace"),
        given_name: text("Ada"),
        family_name: text("Lovelace"),
        middle_name: text("King"),
        nickname: text("the countess"),
        preferred_username: text("ada"),
        profile: text("https://example.org/ada"),
        picture: text("https://example.org/ada.png"),
        website: text("https://ada.example.org"),
        gender: text("female"),
        birthdate: text("1815-12-10"),
        zoneinfo: text("Europe/London"),
        locale: text("en-GB"),
        updated_at: None,
        email: text("ada@example.org"),
        email_verified: Some(true),
        phone_number: text("+44 20 7946 0000"),
        phone_number_verified: Some(false),
        address: Some(Address {
            locality: text("London"),
            ..Address::default()
        }),
    };
}

fn asks(metadata: &mut ClientMetadata) {
    metadata.skip_consent = false;
    metadata.grant_types = vec![
        GrantType::AuthorizationCode,
        GrantType::RefreshToken,
        GrantType::Implicit,
    ];
    metadata.response_types = ["code", "id_token", "code id_token", "id_token token"]
        .map(str::to_owned)
        .to_vec();
}

async fn start(change: impl FnOnce(&mut ClientMetadata)) -> (Provider, RelyingParty, Visitor) {
    let provider = ledger_with(change)
        .await
        .configure(fill)
        .manual_clock()
        .start()
        .await;
    let party = RelyingParty::of(&provider, "ledger");
    (provider, party, Visitor::default())
}

async fn redeem(party: &RelyingParty, answer: &Answer) -> Tokens {
    let code = answer.parameter("code");
    let code = code.unwrap_or_else(|| panic!("no code: {answer:?}"));
    let answer = party.redeem(&code, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    Tokens { all: answer.json() }
}

/// What userinfo tells beside `sub`.
async fn told(party: &RelyingParty, tokens: &Tokens) -> Value {
    let answer = party.userinfo(&tokens.get("access_token")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut claims = answer.json();
    claims.as_object_mut().unwrap().remove("sub").unwrap();
    claims
}

/// What an ID token tells of the person.
async fn told_in_id_token(provider: &Provider, id_token: &str) -> Value {
    let (_, mut claims) = verify(&provider.issuer, id_token).await;
    claims.as_object_mut().unwrap().retain(|name, _| {
        ![
            "iss",
            "sub",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "at_hash",
            "c_hash",
            "sid",
            "acr",
            "amr",
        ]
        .contains(&name.as_str())
    });
    claims
}

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

#[actix_web::test]
async fn the_person_sees_each_claim_and_allows_it_and_is_not_asked_again() {
    let (provider, party, ada) = start(asks).await;
    let claims = json!({
        "userinfo": { "email": null, "name": { "essential": true }, "shoe_size": null },
        "id_token": { "nickname": null, "phone_number": null },
    })
    .to_string();
    let more = [("scope", "openid phone"), ("claims", claims.as_str())];
    let page = consent_page(&party, &ada, &more).await;
    let scopes = page.attributes("#scopes li[data-scope]", "data-scope");
    assert_eq!(scopes, ["openid", "phone"]);
    // The scope says already that the number will be known.
    let shown = page.attributes("#scopes li[data-claim]", "data-claim");
    assert_eq!(shown, ["name", "nickname", "email"]);
    assert!(page.body.contains("See your full name"), "{}", page.body);
    let tokens = redeem(&party, &allow(&ada, &page).await).await;
    let known = told(&party, &tokens).await;
    assert_eq!(known["email"], "ada@example.org");
    assert_eq!(known["name"], "Ada Lovelace");
    assert!(known.get("nickname").is_none(), "{known}");
    assert_eq!(
        told_in_id_token(&provider, &tokens.get("id_token")).await,
        json!({ "nickname": "the countess", "phone_number": "+44 20 7946 0000" })
    );

    provider.advance(TimeDelta::seconds(1));
    let silent = [more[0], more[1], ("prompt", "none")];
    let again = ada.get(&party.authorize_url(&silent)).await;
    assert!(again.parameter("code").is_some(), "{again:?}");
    // Where it is told is the application's choice; what is told is hers.
    let elsewhere = json!({ "id_token": { "email": null } }).to_string();
    let silent = [("claims", elsewhere.as_str()), ("prompt", "none")];
    let again = ada.get(&party.authorize_url(&silent)).await;
    assert!(again.parameter("code").is_some(), "{again:?}");
    let other = json!({ "userinfo": { "birthdate": null } }).to_string();
    let silent = [("claims", other.as_str()), ("prompt", "none")];
    let refused = ada.get(&party.authorize_url(&silent)).await;
    assert_eq!(error(&refused), "consent_required");

    let account = ada.get(&provider.url("/account")).await;
    let allowed = account.text("#consents .consent .detail").unwrap();
    for words in [
        "See your full name",
        "See your nickname",
        "See your e-mail address",
    ] {
        assert!(allowed.contains(words), "{allowed}");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn a_claim_that_an_allowed_scope_brings_needs_no_new_consent() {
    let (provider, party, ada) = start(asks).await;
    let page = consent_page(&party, &ada, &[("scope", "openid profile")]).await;
    allow(&ada, &page).await;
    provider.advance(TimeDelta::seconds(1));
    let claims = json!({ "id_token": { "name": null } }).to_string();
    let silent = [("claims", claims.as_str()), ("prompt", "none")];
    let answer = ada.get(&party.authorize_url(&silent)).await;
    let tokens = redeem(&party, &answer).await;
    let in_id_token = told_in_id_token(&provider, &tokens.get("id_token")).await;
    assert_eq!(in_id_token, json!({ "name": "Ada Lovelace" }));
    provider.stop().await;
}

/// Attack 72: what was shown is what is allowed; a claim that was slipped into the form is not.
#[actix_web::test]
async fn a_form_can_allow_no_claim_that_the_page_did_not_show() {
    let (provider, party, ada) = start(asks).await;
    let claims = json!({ "userinfo": { "name": null } }).to_string();
    let page = consent_page(&party, &ada, &[("claims", &claims)]).await;
    let more = json!({ "userinfo": { "name": null, "email": null } }).to_string();
    let fields = [
        ("decision", "allow"),
        ("claims", more.as_str()),
        ("scope", "openid email"),
    ];
    let answer = ada.submit(&page, &page.form(), &fields).await;
    let tokens = redeem(&party, &answer).await;
    assert_eq!(
        told(&party, &tokens).await,
        json!({ "name": "Ada Lovelace" })
    );
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

/// Attack 73: a request about one person, answered with another.
#[actix_web::test]
async fn a_request_about_somebody_is_answered_about_them_or_with_login_required() {
    let provider = ledger_with(|_| {}).await.configure(add_grace).start().await;
    let (party, browser) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let tokens = party.tokens(&Visitor::default(), &[]).await;
    let sub = tokens.id_claims(&provider.issuer).await["sub"].clone();
    let about = |member: &str, wish: Value| json!({ member: { "sub": wish } }).to_string();
    let ada = about("id_token", json!({ "value": sub }));

    // Nobody: sign in, and as ada.
    let page = open(&browser, &party.authorize_url(&[("claims", &ada)])).await;
    assert_eq!(page.page(), "page-sign-in");
    let answer = sign_in_as(&browser, &page, "grace", PASSWORD).await;
    let answer = browser.follow(answer, &provider.issuer).await;
    assert_eq!(error(&answer), "login_required");
    // Grace: no silent answer, and ada may sign in.
    let silent = [("claims", ada.as_str()), ("prompt", "none")];
    let refused = browser.get(&party.authorize_url(&silent)).await;
    assert_eq!(error(&refused), "login_required");
    let page = open(&browser, &party.authorize_url(&silent[..1])).await;
    assert_eq!(page.page(), "page-sign-in");
    let tokens = redeem(&party, &sign_in(&browser, &page).await).await;
    assert_eq!(tokens.id_claims(&provider.issuer).await["sub"], sub);
    // Ada: at once.
    for claims in [
        ada,
        about("userinfo", json!({ "value": sub })),
        about(
            "id_token",
            json!({ "values": ["somebody", sub], "essential": true }),
        ),
        about("id_token", json!(null)),
    ] {
        let silent = [("claims", claims.as_str()), ("prompt", "none")];
        let answer = browser.get(&party.authorize_url(&silent)).await;
        assert!(answer.parameter("code").is_some(), "{claims}: {answer:?}");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn an_essential_acr_that_cannot_be_is_unmet_and_a_wished_one_is_passed_over() {
    let (provider, party, ada) = start(|metadata| metadata.skip_consent = true).await;
    let acr = |wish: Value| json!({ "id_token": { "acr": wish } }).to_string();
    let gold = acr(json!({ "essential": true, "values": ["gold", "silver"] }));
    for more in [vec![], vec![("prompt", "none")], vec![("prompt", "login")]] {
        let more = [&[("claims", gold.as_str())], &more[..]].concat();
        let answer = ada.get(&party.authorize_url(&more)).await;
        assert_eq!(error(&answer), "unmet_authentication_requirements");
        assert_eq!(answer.parameter("state").as_deref(), Some("the-state"));
    }
    let metadata = ada
        .get(&provider.url("/.well-known/openid-configuration"))
        .await;
    let ours = metadata.json()["acr_values_supported"][0].clone();
    for wish in [
        json!({ "values": ["gold"] }),
        json!({ "essential": true }),
        json!({ "essential": true, "values": ["gold", ours] }),
        json!({ "essential": true, "value": ours }),
    ] {
        let tokens = party.tokens(&ada, &[("claims", &acr(wish))]).await;
        assert_eq!(tokens.id_claims(&provider.issuer).await["acr"], ours);
    }
    provider.stop().await;
}

/// Attack 6: one parameter that reads in two ways.
#[actix_web::test]
async fn a_parameter_that_is_malformed_ambiguous_or_endless_goes_back_as_invalid_request() {
    let (provider, party, ada) = start(|metadata| metadata.skip_consent = true).await;
    let endless = json!({ "userinfo": { "x".repeat(9000): null } }).to_string();
    for claims in [
        "name",
        "[]",
        "{\"userinfo\":{\"name\":null}",
        r#"{"userinfo":[]}"#,
        r#"{"userinfo":{"name":1}}"#,
        r#"{"userinfo":{"name":{"essential":"yes"}}}"#,
        r#"{"userinfo":{"name":null},"userinfo":{"email":null}}"#,
        r#"{"id_token":{"sub":{"value":"a","value":"b"}}}"#,
        &endless,
    ] {
        let answer = ada.get(&party.authorize_url(&[("claims", claims)])).await;
        assert_eq!(error(&answer), "invalid_request", "{claims:.60}");
        assert_eq!(answer.parameter("state").as_deref(), Some("the-state"));
    }
    provider.stop().await;
}

#[actix_web::test]
async fn the_provider_says_that_it_reads_the_parameter_and_which_claims_there_are() {
    let (provider, _, ada) = start(|_| {}).await;
    let metadata = ada
        .get(&provider.url("/.well-known/openid-configuration"))
        .await;
    let metadata = metadata.json();
    assert_eq!(metadata["claims_parameter_supported"], true);
    let claims = metadata["claims_supported"].as_array().unwrap();
    for name in [
        "sub",
        "name",
        "email",
        "updated_at",
        "address",
        "acr",
        "auth_time",
    ] {
        assert!(claims.contains(&json!(name)), "{name}: {claims:?}");
    }
    provider.stop().await;
}
