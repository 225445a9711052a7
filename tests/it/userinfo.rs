//! The userinfo endpoint (Core §5.3, RFC 6750): what it tells, and whose tokens it believes.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use exeunt::flows::people;
use exeunt::oidc::claims::{Address, UserClaims};
use exeunt::oidc::client::GrantType;
use serde_json::{Value, json};

use crate::support::ledger::{json_error, ledger, ledger_with, with_refresh};
use crate::support::provider::Provider;
use crate::support::relying_party::{RelyingParty, Tokens};
use crate::support::visitor::{Answer, Visitor};

async fn begin(provider: &Provider, scope: &str) -> (RelyingParty, Tokens) {
    let party = RelyingParty::of(provider, "ledger");
    let tokens = party.tokens(&Visitor::default(), &[("scope", scope)]).await;
    (party, tokens)
}

fn assert_refused(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    let challenge = answer.header("www-authenticate");
    let wanted = format!("Bearer error=\"{error}\"");
    assert!(challenge.starts_with(&wanted), "{challenge}");
}

#[actix_web::test]
async fn each_scope_tells_its_claims_and_no_others() {
    let everything = UserClaims {
        name: Some("Ada Lovelace".to_owned()),
        birthdate: Some("1815-12-10".to_owned()),
        email: Some("ada@example.org".to_owned()),
        email_verified: Some(true),
        phone_number: Some("+44 20 7946 0000".to_owned()),
        phone_number_verified: Some(false),
        address: Some(Address {
            locality: Some("London".to_owned()),
            ..Address::default()
        }),
        ..UserClaims::default()
    };
    let provider = ledger()
        .await
        .configure(|config| config.users[0].claims = everything)
        .start()
        .await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    for (scope, names) in [
        ("openid", vec!["sub"]),
        (
            "openid profile",
            vec!["birthdate", "name", "sub", "updated_at"],
        ),
        ("openid email", vec!["email", "email_verified", "sub"]),
        ("openid address", vec!["address", "sub"]),
        (
            "openid phone",
            vec!["phone_number", "phone_number_verified", "sub"],
        ),
    ] {
        let tokens = party.tokens(&ada, &[("scope", scope)]).await;
        let answer = party.userinfo(&tokens.get("access_token")).await;
        let person = answer.json();
        let mut told: Vec<_> = person.as_object().unwrap().keys().collect();
        told.sort();
        assert_eq!(told, names, "{scope}");
        let claims = tokens.id_claims(&provider.issuer).await;
        assert_eq!(claims["sub"], person["sub"]);
        assert!(claims.get("email").is_none() && claims.get("name").is_none());
        if scope == "openid phone" {
            assert_eq!(person["phone_number_verified"], json!(false));
        }
        if scope == "openid profile" {
            assert!(person["updated_at"].as_i64().unwrap() < 100_000_000_000);
        }
    }
    provider.stop().await;
}

#[actix_web::test]
async fn the_token_comes_in_the_header_or_the_form_and_in_one_of_them_only() {
    let provider = ledger().await.start().await;
    let (_, tokens) = begin(&provider, "openid email").await;
    let token = tokens.get("access_token");
    let (visitor, url) = (Visitor::default(), provider.url("/userinfo"));
    let client = visitor.client();
    let form = [("access_token", token.as_str())];
    for request in [
        client.get(&url).bearer_auth(&token),
        client
            .get(&url)
            .header("authorization", format!("bearer {token}")),
        client.post(&url).bearer_auth(&token),
        client.post(&url).form(&form),
    ] {
        let answer = visitor.send(&url, request).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["email"], "ada@example.org");
    }
    let twice = client.post(&url).bearer_auth(&token).form(&form);
    assert_refused(&visitor.send(&url, twice).await, 400, "invalid_request");
    // A body that is no form has no token, and takes none away (RFC 6750 §2.2).
    let other = |body: String| {
        let request = client.post(&url).header("content-type", "text/plain");
        request.body(body)
    };
    let beside = other("a=1&a=1".to_owned()).bearer_auth(&token);
    assert_eq!(visitor.send(&url, beside).await.status, 200);
    let alone = visitor
        .send(&url, other(format!("access_token={token}")))
        .await;
    // Attack 6: two headers, of which a proxy may read the other.
    let headers = client.get(&url).bearer_auth(&token).bearer_auth("another");
    let two_headers = visitor.send(&url, headers).await;
    let in_query = visitor.get(&format!("{url}?access_token={token}")).await;
    let without = visitor.get(&url).await;
    for answer in [in_query, without, alone, two_headers] {
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    provider.stop().await;
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn header_and_claims(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| {
        let bytes = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
        serde_json::from_slice::<Value>(&bytes).unwrap_or_default()
    });
    (parts.next().unwrap(), parts.next().unwrap())
}

/// Attack 30 (CVE-2026-27962, CVE-2018-0114, CVE-2025-59420): tokens whose header says how, or with
/// which key, they want to be believed. Attack 31 (CVE-2026-25537): claims of another type.
#[actix_web::test]
async fn a_token_that_no_key_of_ours_has_signed_is_refused_whatever_its_header_says() {
    let provider = ledger().await.start().await;
    let (party, tokens) = begin(&provider, "openid").await;
    let token = tokens.get("access_token");
    let (header, claims) = header_and_claims(&token);
    let (message, signature) = token.rsplit_once('.').unwrap();
    let jwks = Visitor::default().get(&provider.url("/jwks")).await.json();
    let key = jwks["keys"].as_array().unwrap().iter();
    let key = key.clone().find(|key| key["kid"] == header["kid"]).unwrap();
    let with = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        header
    };
    let mut forged = vec![
        "x".to_owned(),
        "..".to_owned(),
        message.to_owned(),
        format!("{message}."),
        format!("{}.{}.", part(&with("alg", json!("none"))), part(&claims)),
        format!(
            "{}.{}.{signature}",
            part(&with("alg", json!("ES256"))),
            part(&claims)
        ),
    ];
    // The public key as an HMAC secret, in the notations that libraries have taken.
    for secret in [key["n"].as_str().unwrap().to_owned(), key.to_string()] {
        let message = format!("{}.{}", part(&with("alg", json!("HS256"))), part(&claims));
        let tag = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
            message.as_bytes(),
        );
        forged.push(format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag)));
    }
    for (name, value) in [
        ("kid", json!("../../../../dev/null")),
        ("kid", json!("' OR 1=1 --")),
        ("kid", json!("https://evil.example/key")),
        ("jwk", key.clone()),
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/cert")),
        ("crit", json!(["exp"])),
        ("typ", json!("JWT")),
    ] {
        forged.push(format!(
            "{}.{}.{signature}",
            part(&with(name, value)),
            part(&claims)
        ));
    }
    for (name, value) in [
        ("exp", json!(i64::MAX)),
        ("exp", json!("never")),
        ("exp", Value::Null),
        ("nbf", json!("0")),
        ("sub", json!("grace")),
    ] {
        let mut claims = claims.clone();
        claims[name] = value;
        forged.push(format!("{}.{}.{signature}", part(&header), part(&claims)));
    }
    for token in forged {
        assert_refused(&party.userinfo(&token).await, 401, "invalid_token");
    }
    assert_eq!(party.userinfo(&token).await.status, 200);
    provider.stop().await;
}

/// Attack 32: one kind of token in the place of another.
#[actix_web::test]
async fn no_other_token_of_ours_opens_userinfo() {
    let provider = ledger_with(|metadata| {
        with_refresh(metadata);
        metadata.grant_types.push(GrantType::ClientCredentials);
    })
    .await
    .start()
    .await;
    let (party, tokens) = begin(&provider, "openid").await;
    for name in ["id_token", "refresh_token"] {
        assert_refused(
            &party.userinfo(&tokens.get(name)).await,
            401,
            "invalid_token",
        );
    }
    let own = party.token(&[("grant_type", "client_credentials")]).await;
    let token = own.json()["access_token"].as_str().unwrap().to_owned();
    assert_refused(&party.userinfo(&token).await, 401, "invalid_token");
    provider.stop().await;
}

#[actix_web::test]
async fn a_token_without_openid_tells_nothing() {
    let provider = ledger_with(with_refresh).await.start().await;
    let (party, tokens) = begin(&provider, "openid email").await;
    let narrowed = party
        .token(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", &tokens.get("refresh_token")),
            ("scope", "email"),
        ])
        .await;
    let token = narrowed.json()["access_token"].as_str().unwrap().to_owned();
    assert_refused(&party.userinfo(&token).await, 403, "insufficient_scope");
    provider.stop().await;
}

#[actix_web::test]
async fn an_access_token_is_good_until_the_second_it_expires() {
    let provider = ledger().await.manual_clock().start().await;
    let (party, tokens) = begin(&provider, "openid").await;
    let token = tokens.get("access_token");
    provider.advance(TimeDelta::seconds(599));
    assert_eq!(party.userinfo(&token).await.status, 200);
    provider.advance(TimeDelta::seconds(1));
    assert_refused(&party.userinfo(&token).await, 401, "invalid_token");
    provider.stop().await;
}

/// A challenge names what was wrong, and what a request named stays inside its quotation marks.
#[actix_web::test]
async fn what_a_request_brings_does_not_break_out_of_the_challenge() {
    let provider = ledger().await.start().await;
    let visitor = Visitor::default();
    let name = "x\"\r\nset-cookie: a=b\u{e9}\\";
    let answer = visitor
        .post(&provider.url("/userinfo"), &[(name, "1"), (name, "2")])
        .await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("set-cookie"), "");
    let challenge = answer.header("www-authenticate");
    assert_eq!(challenge.matches('"').count(), 4, "{challenge}");
    assert!(challenge.starts_with("Bearer error=\"invalid_request\""));
    provider.stop().await;
}

/// Attack 41 (CVE-2023-22492): tokens of someone who has been shut out.
#[actix_web::test]
async fn a_person_who_is_shut_out_takes_their_tokens_along() {
    let provider = ledger().await.start().await;
    let (party, tokens) = begin(&provider, "openid").await;
    let token = tokens.get("access_token");
    people::disable_user(provider.flows(), "ada")
        .await
        .unwrap()
        .unwrap();
    let answer = party.userinfo(&token).await;
    assert_refused(&answer, 401, "invalid_token");
    assert_eq!(json_error(&answer), "invalid_token");
    provider.stop().await;
}
