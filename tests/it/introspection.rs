//! Introspection (RFC 7662, RFC 9701): who may ask hears of what is good, and of nothing else.

use exeunt::flows::people;
use exeunt::oidc::client::ClientMetadata;
use serde_json::{Value, json};

use crate::support::ledger::{json_error, ledger_with, with_refresh};
use crate::support::provider::{Provider, SECRET, metadata};
use crate::support::relying_party::{RelyingParty, Tokens, verify};
use crate::support::service::Reader;
use crate::support::visitor::Visitor;

const JWT: &str = "application/token-introspection+jwt";

async fn begin() -> (Provider, RelyingParty, Visitor, Tokens) {
    let mut other = metadata("https://mallory.example");
    with_refresh(&mut other);
    let wish = ledger_with(with_refresh).await.client("mallory", other);
    let provider = wish.start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let tokens = party.tokens(&ada, &[("scope", "openid email")]).await;
    (provider, party, ada, tokens)
}

fn inactive() -> Value {
    json!({ "active": false })
}

#[actix_web::test]
async fn a_client_hears_of_its_own_tokens_what_they_say() {
    let (provider, party, _, tokens) = begin().await;
    let issuer = &provider.issuer;
    let token = tokens.get("access_token");
    let (_, mut expected) = verify(issuer, &token).await;
    expected["active"] = true.into();
    expected["token_type"] = "Bearer".into();
    for hint in ["access_token", "refresh_token"] {
        let told = party.introspect(&token, &[("token_type_hint", hint)]).await;
        assert_eq!(told.status, 200);
        assert_eq!(told.json(), expected);
        assert!(told.header("cache-control").contains("no-store"));
    }
    let told = party.introspect(&tokens.get("refresh_token"), &[]).await;
    let told = told.json();
    assert_eq!(told["active"], true);
    assert_eq!(told["client_id"], "ledger");
    assert_eq!(told["scope"], "email openid");
    assert_eq!(told["sub"], tokens.id_claims(issuer).await["sub"]);
    assert!(told["exp"].as_i64() > told["iat"].as_i64());
    provider.stop().await;
}

/// Attack 29 (CVE-2024-47077): introspection by another client.
#[actix_web::test]
async fn of_what_is_not_theirs_or_not_good_everybody_hears_the_same() {
    let (provider, party, ada, tokens) = begin().await;
    let mallory = RelyingParty::of(&provider, "mallory");
    for name in ["access_token", "refresh_token"] {
        let told = mallory.introspect(&tokens.get(name), &[]).await;
        assert_eq!((told.status.as_u16(), told.json()), (200, inactive()));
    }
    // Attack 32: no ID token passes for an access token.
    for token in [&*tokens.get("id_token"), "nonsense", "a.b.c", ""] {
        let told = party.introspect(token, &[]).await;
        if token.is_empty() {
            assert_eq!(json_error(&told), "invalid_request");
            continue;
        }
        assert_eq!((told.status.as_u16(), told.json()), (200, inactive()));
    }
    let spent = tokens.get("refresh_token");
    let next = party.refresh(&spent).await;
    let next = Tokens { all: next.json() };
    assert_eq!(
        party.introspect(&spent, &[]).await.json()["active"],
        true,
        "it would still be answered"
    );
    let hint = tokens.get("id_token");
    ada.get(&party.end_session_url(&[("id_token_hint", &hint)]))
        .await;
    for tokens in [&tokens, &next] {
        for name in ["access_token", "refresh_token"] {
            let told = party.introspect(&tokens.get(name), &[]).await;
            assert_eq!(told.json(), inactive(), "{name}");
        }
    }
    provider.stop().await;
}

#[actix_web::test]
async fn of_who_is_shut_out_nothing_is_active() {
    let (provider, party, _, tokens) = begin().await;
    people::disable_user(provider.flows(), "ada")
        .await
        .unwrap()
        .unwrap();
    for name in ["access_token", "refresh_token"] {
        let told = party.introspect(&tokens.get(name), &[]).await;
        assert_eq!(told.json(), inactive(), "{name}");
    }
    provider.stop().await;
}

/// RFC 9701: signed for whoever asks, so that an answer can be shown to nobody else as theirs.
#[actix_web::test]
async fn who_accepts_a_jwt_gets_one_that_is_for_them_alone() {
    let (provider, party, _, tokens) = begin().await;
    let (visitor, url) = (Visitor::default(), provider.url("/introspect"));
    for (token, is_active) in [(&*tokens.get("access_token"), true), ("nonsense", false)] {
        let request = visitor.client().post(&url).form(&[("token", token)]);
        let request = request.basic_auth("ledger", Some(SECRET));
        let answer = visitor.send(&url, request.header("accept", JWT)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), JWT);
        let (header, claims) = verify(&provider.issuer, &answer.body).await;
        assert_eq!(header["typ"], "token-introspection+jwt");
        assert_eq!(claims["iss"], provider.issuer);
        assert_eq!(claims["aud"], "ledger");
        assert!(claims["iat"].is_i64());
        assert_eq!(claims.get("sub"), None);
        assert_eq!(claims.get("exp"), None);
        let told = party.introspect(token, &[]).await.json();
        assert_eq!(claims["token_introspection"], told);
        assert_eq!(told["active"], is_active);
        // Attack 32: it passes for no token of ours.
        assert_eq!(party.userinfo(&answer.body).await.status, 401);
    }
    let answer = party.introspect("nonsense", &[]).await;
    assert_eq!(answer.header("content-type"), "application/json");
    provider.stop().await;
}

#[actix_web::test]
async fn who_does_not_prove_who_they_are_hears_nothing() {
    let (provider, _, _, tokens) = begin().await;
    let (visitor, url) = (Visitor::default(), provider.url("/introspect"));
    let token = tokens.get("access_token");
    let post = || visitor.client().post(&url).form(&[("token", &*token)]);
    for request in [
        post(),
        post().basic_auth("ledger", Some("another-secret-of-24-characters")),
        post().basic_auth("nobody", Some(SECRET)),
        post().bearer_auth(&token),
    ] {
        let answer = visitor.send(&url, request).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert_eq!(json_error(&answer), "invalid_client");
    }
    provider.stop().await;
}

/// A service asks about what it was sent: its audience decides, not the client.
#[actix_web::test]
async fn a_service_hears_of_tokens_that_are_for_it_and_of_no_others() {
    const API: &str = "https://api.example/";
    let audience = |metadata: &mut ClientMetadata| {
        with_refresh(metadata);
        metadata.access_token_audience = Some(API.to_owned());
    };
    let other = metadata("https://mallory.example");
    let wish = ledger_with(audience).await.client("mallory", other);
    let provider = wish.start().await;
    let api = Reader::added(&provider, API, None).await;
    let quiet = Reader::added(&provider, "urn:quiet", None).await;
    let party = RelyingParty::of(&provider, "ledger");
    let tokens = party.tokens(&Visitor::default(), &[]).await;
    let others = RelyingParty::of(&provider, "mallory");
    let others = others.tokens(&Visitor::default(), &[]).await;
    let token = tokens.get("access_token");
    let own = party.introspect(&token, &[]).await.json();
    assert_eq!(own["active"], true);
    assert_eq!(api.introspect(&provider, &token).await.json(), own);
    for (reader, token) in [
        (&api, &tokens.get("refresh_token")),
        (&api, &tokens.get("id_token")),
        (&api, &others.get("access_token")),
        (&quiet, &token),
    ] {
        let told = reader.introspect(&provider, token).await;
        assert_eq!((told.status.as_u16(), told.json()), (200, inactive()));
    }
    let wrong = Reader {
        secret: "another".to_owned(),
        ..api.clone()
    };
    assert_eq!(wrong.introspect(&provider, &token).await.status, 401);
    assert_eq!(party.revoke(&token, &[]).await.status, 200);
    let told = api.introspect(&provider, &token).await;
    assert_eq!(told.json(), inactive());
    provider.stop().await;
}
