//! What is given for a token, and what it says.

use exeunt::flows::services;
use exeunt::oidc::service::{Service, TokenFormat};
use exeunt_guard::{Expected, cwt};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::{API, ARCHIVE, CELLAR, House, LIKE, VAULT, house, house_of, wish};
use crate::support::exchange::{
    ACCESS_TOKEN, ID_TOKEN, JWT, acting_by, as_service, asked, changed, claims_of, service_rule,
    token_of,
};
use crate::support::visitor::http_client;

/// A service that was sent a token gets one for another, which says who acts for whom.
#[actix_web::test]
async fn a_service_acts_for_the_person_whose_token_it_was_sent() {
    let house = house().await;
    let token = house.token();
    let answer = as_service(&house.provider, API, &asked(&token, ARCHIVE)).await;
    assert!(answer.header("cache-control").contains("no-store"));
    let child = token_of(&answer);
    let told = answer.json();
    assert_eq!(told["issued_token_type"], ACCESS_TOKEN);
    assert_eq!(told["token_type"], "Bearer");
    assert_eq!(told["scope"], "read");
    assert!(told.get("refresh_token").is_none() && told.get("id_token").is_none());
    let (before, after) = (
        claims_of(&house.provider, &token).await,
        claims_of(&house.provider, &child).await,
    );
    for same in [
        "iss",
        "sub",
        "client_id",
        "grant",
        "sid",
        "auth_time",
        "acr",
        "iat",
    ] {
        assert_eq!(before[same], after[same], "{same}");
        assert!(!after[same].is_null(), "{same}");
    }
    assert_eq!(after["aud"], ARCHIVE);
    assert_eq!(after["act"], json!({ "sub": API }));
    assert_ne!(before["jti"], after["jti"]);
    // The archive is told so too, when it asks; a client that asks about its own as well.
    let archive = house.reader(ARCHIVE);
    let told = archive.introspect(&house.provider, &child).await.json();
    assert_eq!(
        (&told["active"], &told["act"]),
        (&json!(true), &after["act"])
    );
    assert!(!house.is_active(API, &child).await);
    // It opens nothing here.
    assert_eq!(house.ledger.userinfo(&child).await.status, 401);
    house.provider.stop().await;
}

#[actix_web::test]
async fn a_client_gets_less_for_a_token_of_its_own_and_nobody_acts_for_it() {
    let house = house().await;
    let token = house.token();
    let fields = asked(&token, ARCHIVE);
    let child = token_of(&house.ledger.token(&fields).await);
    let claims = claims_of(&house.provider, &child).await;
    assert_eq!(
        (&claims["aud"], &claims["scope"]),
        (&json!(ARCHIVE), &json!("read"))
    );
    assert!(claims.get("act").is_none());
    // audience says the same as resource, and both may stand there.
    for fields in [
        changed(&changed(&fields, "resource", ""), "audience", ARCHIVE),
        changed(&fields, "audience", ARCHIVE),
        changed(&fields, "requested_token_type", ACCESS_TOKEN),
        changed(&fields, "scope", "read"),
    ] {
        token_of(&house.ledger.token(&fields).await);
    }
    let answer = house
        .ledger
        .token(&changed(&fields, "requested_token_type", JWT))
        .await;
    assert_eq!(answer.json()["issued_token_type"], JWT);
    house.provider.stop().await;
}

/// Attack 94: also where nobody acts, a token comes of so many exchanges and no more.
#[actix_web::test]
async fn a_token_comes_of_few_exchanges() {
    let house = house().await;
    let mut token = house.token();
    for _ in 0..4 {
        token = token_of(&house.ledger.token(&asked(&token, ARCHIVE)).await);
    }
    let answer = house.ledger.token(&asked(&token, ARCHIVE)).await;
    assert_eq!(answer.status, 400);
    let told = answer.json();
    assert_eq!(told["error"], "invalid_request");
    let why = told["error_description"].as_str().unwrap();
    assert!(why.contains("too many exchanges"), "{why}");
    house.provider.stop().await;
}

#[actix_web::test]
async fn who_may_pass_for_the_person_is_not_named() {
    let house = house().await;
    let token = house.token();
    let child = token_of(&as_service(&house.provider, API, &asked(&token, LIKE)).await);
    let claims = claims_of(&house.provider, &child).await;
    assert!(claims.get("act").is_none(), "{claims}");
    assert_eq!(claims["client_id"], "ledger");
    house.provider.stop().await;
}

#[actix_web::test]
async fn who_acts_is_whom_the_actor_token_names() {
    let house = house().await;
    let (_, actor) = house.batch().await;
    let token = house.token();
    let fields = acting_by(&asked(&token, ARCHIVE), &actor, ACCESS_TOKEN);
    let child = token_of(&as_service(&house.provider, API, &fields).await);
    let claims = claims_of(&house.provider, &child).await;
    assert_eq!(claims["act"], json!({ "sub": "batch" }));
    house.provider.stop().await;
}

/// Attack 94: who acts for whom, without end.
#[actix_web::test]
async fn those_who_act_for_one_another_are_all_named_and_are_not_many() {
    let wish = wish().await.configure(|config| config.exchange.depth = 2);
    let House {
        provider, tokens, ..
    } = house_of(wish).await;
    let exchange = async |by: &str, token: &str, audience: &str| {
        as_service(&provider, by, &asked(token, audience)).await
    };
    let first = token_of(&exchange(API, &tokens.get("access_token"), ARCHIVE).await);
    let second = token_of(&exchange(ARCHIVE, &first, VAULT).await);
    let claims = claims_of(&provider, &second).await;
    assert_eq!(
        claims["act"],
        json!({ "sub": ARCHIVE, "act": { "sub": API } })
    );
    let third = exchange(VAULT, &second, CELLAR).await;
    assert_eq!(third.status, 400);
    assert_eq!(third.json()["error"], "invalid_request");
    assert!(third.body.contains("too long"), "{third:?}");
    provider.stop().await;
}

/// An ID token stands for what its person allowed the client in that session.
#[actix_web::test]
async fn an_id_token_gives_what_the_rule_and_its_person_allow() {
    let house = house().await;
    let id_token = house.tokens.get("id_token");
    let fields = changed(&asked(&id_token, VAULT), "subject_token_type", ID_TOKEN);
    let child = token_of(&house.ledger.token(&fields).await);
    let claims = claims_of(&house.provider, &child).await;
    let (id, access) = (
        house.tokens.id_claims(&house.provider.issuer).await,
        claims_of(&house.provider, &house.token()).await,
    );
    for same in ["sub", "sid", "auth_time", "acr", "exp", "iat"] {
        assert_eq!(claims[same], id[same], "{same}");
    }
    assert_eq!(claims["grant"], access["grant"]);
    assert_eq!(
        (&claims["client_id"], &claims["scope"]),
        (&json!("ledger"), &json!("read"))
    );
    assert!(house.is_active(VAULT, &child).await);
    house.provider.stop().await;
}

/// A token lives as long as what it came from at most, and as its service wants at most.
#[actix_web::test]
async fn no_token_outlives_the_one_that_it_came_from() {
    let house = house_of(wish().await.manual_clock()).await;
    let token = house.token();
    let before = claims_of(&house.provider, &token).await;
    let exp = |claims: &Value| claims["exp"].as_i64().unwrap();
    for audience in [VAULT, ARCHIVE] {
        house.provider.advance(chrono::TimeDelta::minutes(2));
        let answer = as_service(&house.provider, API, &asked(&token, audience)).await;
        let after = claims_of(&house.provider, &token_of(&answer)).await;
        assert_eq!(exp(&after), exp(&before), "{audience}");
        let left = answer.json()["expires_in"].as_i64().unwrap();
        assert!((0..=180).contains(&left), "{left}");
    }
    house.provider.advance(chrono::TimeDelta::minutes(1));
    let answer = as_service(&house.provider, API, &asked(&token, VAULT)).await;
    assert_eq!(answer.status, 400, "it has expired");
    house.provider.stop().await;
}

/// A short token says who acts, and by which name it is taken back, though its service asks for neither.
#[actix_web::test]
async fn a_short_token_says_who_acts_too() {
    let short = "urn:example:short";
    let wish = wish().await.configure(|config| {
        config.exchange.rules.push(service_rule(API, short));
    });
    let house = house_of(wish).await;
    let wanted = Service {
        identifier: short.to_owned(),
        format: TokenFormat::Cwt,
        ..crate::support::services::service(short)
    };
    let added = services::add(house.provider.flows(), wanted, &[]).await;
    let added = added.unwrap().unwrap();
    let made = added.key.unwrap();
    let [mac, cipher] = [made.key.mac(), made.key.cipher()].map(|key| {
        use base64::Engine as _;
        let text = key.expose_secret();
        base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(text)
            .unwrap()
    });
    let (mac, cipher) = (mac.try_into().unwrap(), cipher.try_into().unwrap());
    let key = cwt::Key::new(made.kid, &mac, &cipher).unwrap();
    let token = house.token();
    let answer = as_service(&house.provider, API, &asked(&token, short)).await;
    let child = token_of(&answer);
    let now = chrono::DateTime::parse_from_rfc2822(answer.header("date")).unwrap();
    let expected = Expected::new(&house.provider.issuer, short);
    let claims = cwt::parse(&child, &[key], &expected, now.timestamp()).unwrap();
    assert_eq!(claims.more["act"], json!({ "sub": API }));
    assert!(claims.jti.is_some());
    let jwt = changed(&asked(&token, short), "requested_token_type", JWT);
    assert_eq!(as_service(&house.provider, API, &jwt).await.status, 400);
    house.provider.stop().await;
}

#[actix_web::test]
async fn the_grant_is_named_where_somebody_may_use_it() {
    for (rules, is_named) in [(true, true), (false, false)] {
        let wish = wish().await.configure(|config| {
            if !rules {
                config.exchange.rules.clear();
            }
        });
        let provider = wish.start().await;
        let url = provider.url("/.well-known/openid-configuration");
        let answer = http_client().get(url).send().await.unwrap();
        let told: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let grants = told["grant_types_supported"].as_array().unwrap();
        let grant = json!(crate::support::exchange::GRANT);
        assert_eq!(grants.contains(&grant), is_named);
        provider.stop().await;
    }
}
