//! What is not believed: a token that is not sound, and an issuer beyond what was declared of it.

use exeunt::oidc::algorithm::SigningAlgorithm;
use exeunt::oidc::token::exchange::policy::Rule;
use exeunt::oidc::token::exchange::trusted::{Subjects, TrustedIssuer};
use serde_json::json;

use super::{ARCHIVE, Partner, US, VAULT, with};
use crate::support::client_key::{ClientKey, sign_with_secret, unsigned};
use crate::support::exchange::{JWT, as_service, asked, changed, claims_of, token_of};
use crate::support::ledger::json_error;

/// Attack 45: tokens of another tenant, that is of others than those who are believed. Attacks 30, 31, 32: algorithms, types
/// and uses.
#[actix_web::test]
async fn a_trusted_issuers_token_with_one_thing_wrong_is_refused() {
    let (partner, key) = Partner::with_key(|_, _| {}).await;
    let other = ClientKey::generate();
    let (header, claims) = (key.header(), partner.claims());
    let now = claims["iat"].as_i64().unwrap();
    token_of(&partner.exchange(&key.sign(&header, &claims)).await);
    let ours = partner.provider.issuer.as_str();
    let mut wrong = Vec::new();
    for (name, value) in [
        ("iss", json!(null)),
        ("iss", json!(ours)),
        ("iss", json!("https://other.example")),
        ("iss", json!(format!("{}/", partner.publisher.base))),
        ("aud", json!(null)),
        ("aud", json!(ours)),
        ("aud", json!(["https://other.example"])),
        ("aud", json!(1)),
        ("sub", json!(null)),
        ("sub", json!("")),
        ("sub", json!("u-18")),
        ("sub", json!("ada")),
        ("exp", json!(null)),
        ("exp", json!("9999999999")),
        ("exp", json!(now)),
        ("iat", json!(now + 120)),
        ("nbf", json!(now + 120)),
        ("iat", json!("1")),
        ("scope", json!(["read"])),
        ("events", json!({})),
        ("cnf", json!({ "jkt": "x" })),
        ("act", json!("batch")),
        ("act", json!({ "sub": "batch", "iss": ours })),
        (
            "act",
            json!({ "sub": "a", "act": { "sub": "b", "iss": ours } }),
        ),
        ("may_act", json!({ "sub": "batch" })),
        (
            "may_act",
            json!({ "sub": "ledger", "iss": "https://other.example" }),
        ),
        ("may_act", json!({ "sub": "ledger", "acr": "high" })),
        ("may_act", json!("ledger")),
    ] {
        let token = key.sign(&header, &with(&claims, name, value.clone()));
        wrong.push((format!("{name}: {value}"), token));
    }
    let public = key.jwk().to_string();
    for (what, token) in [
        ("another key", other.sign(&header, &claims)),
        ("none", unsigned(&claims)),
        (
            "HS256",
            sign_with_secret("HS256", public.as_bytes(), &claims),
        ),
        (
            "RS256",
            key.sign(&with(&header, "alg", json!("RS256")), &claims),
        ),
        (
            "a kid",
            key.sign(&with(&header, "kid", json!("k2")), &claims),
        ),
        (
            "a logout token",
            key.sign(&with(&header, "typ", json!("logout+jwt")), &claims),
        ),
        (
            "its own key",
            other.sign(&with(&header, "jwk", other.jwk()), &claims),
        ),
        (
            "crit",
            key.sign(&with(&header, "crit", json!(["x"])), &claims),
        ),
        (
            "twice",
            key.sign_text(
                &header.to_string(),
                &claims.to_string().replacen('{', "{\"sub\":\"u-17\",", 1),
            ),
        ),
    ] {
        wrong.push((what.to_owned(), token));
    }
    for (what, token) in wrong {
        let answer = partner.exchange(&token).await;
        assert_eq!(answer.status, 400, "{what}: {answer:?}");
        assert_eq!(json_error(&answer), "invalid_request", "{what}");
    }
    for (name, value) in [
        ("aud", json!([US, "https://other.example"])),
        ("may_act", json!({ "sub": "ledger" })),
        ("may_act", json!({ "sub": "ledger", "iss": ours })),
        ("scope", json!("read openid")),
        ("iat", json!(now + 30)),
    ] {
        let token = key.sign(&header, &with(&claims, name, value.clone()));
        token_of(&partner.exchange(&token).await);
    }
    // Its own words bound what ours allow.
    let small = key.sign(&header, &with(&claims, "scope", json!("write")));
    let told = partner.exchange(&small).await.json();
    assert!(told.get("scope").is_none(), "{told}");
    let acts = key.sign(&header, &with(&claims, "act", json!({ "sub": "robot" })));
    let told = claims_of(&partner.provider, &token_of(&partner.exchange(&acts).await)).await;
    assert_eq!(
        told["act"],
        json!({ "sub": "robot", "iss": partner.publisher.base })
    );
    partner.provider.stop().await;
}

/// Attack 94: what was not declared of a trusted issuer.
#[actix_web::test]
async fn a_trusted_issuer_counts_where_a_rule_names_it_and_as_far_as_it_was_declared() {
    type Change = fn(&mut Rule, &mut TrustedIssuer);
    let changes: [(&str, Change, u16); 6] = [
        ("nothing", |_, _| {}, 200),
        ("no issuer", |rule, _| rule.subject_issuers.clear(), 400),
        (
            "no impersonation",
            |rule, _| rule.impersonation = false,
            400,
        ),
        (
            "other algorithms",
            |_, trusted| trusted.algorithms = vec![SigningAlgorithm::EdDSA],
            400,
        ),
        (
            "nobody",
            |_, trusted| trusted.subjects = Subjects::Nobody,
            400,
        ),
        (
            "user names",
            |_, trusted| trusted.subjects = Subjects::Usernames,
            400,
        ),
    ];
    for (what, change, status) in changes {
        let (partner, key) = Partner::with_key(change).await;
        let token = key.sign(&key.header(), &partner.claims());
        let answer = partner.exchange(&token).await;
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        // Nor is it anybody else's, or good for another service.
        let fields = changed(&asked(&token, VAULT), "subject_token_type", JWT);
        for answer in [
            partner.ledger.token(&fields).await,
            as_service(&partner.provider, ARCHIVE, &fields).await,
        ] {
            assert_eq!(json_error(&answer), "invalid_request", "{what}: {answer:?}");
        }
        partner.provider.stop().await;
    }
    let (partner, key) = Partner::with_key(|rule, trusted| {
        (rule.impersonation, rule.delegation) = (false, true);
        trusted.subjects = Subjects::Usernames;
        trusted.subject_claim = "preferred_username".to_owned();
    })
    .await;
    let claims = with(&partner.claims(), "preferred_username", json!("Ada"));
    let answer = partner.exchange(&key.sign(&key.header(), &claims)).await;
    let told = claims_of(&partner.provider, &token_of(&answer)).await;
    assert_eq!(told["sub"], partner.sub.as_str());
    assert_eq!(told["act"], json!({ "sub": "ledger" }));
    partner.provider.stop().await;
}
