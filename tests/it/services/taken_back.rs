//! What becomes of a token for a service when it is taken back.

use exeunt::flows::services;
use exeunt::oidc::service::{Service, TokenFormat};
use serde_json::json;

use crate::support::ledger::ledger_with;
use crate::support::provider::Provider;
use crate::support::relying_party::{RelyingParty, Tokens};
use crate::support::service::Reader;
use crate::support::services::{API, service};
use crate::support::visitor::Visitor;

async fn begin(format: TokenFormat) -> (Provider, RelyingParty, Reader, String) {
    let provider = ledger_with(|_| {}).await.start().await;
    let wanted = Service {
        format,
        claims: vec!["name".to_owned()],
        ..service(API)
    };
    let added = services::add(provider.flows(), wanted, &[]).await;
    let reader = Reader::of(&provider, API, &added.unwrap().unwrap().secret);
    let party = RelyingParty::of(&provider, "ledger");
    let asked = [("scope", "openid profile read"), ("resource", API)];
    let answer = party.sign_in(&Visitor::default(), &asked).await;
    let code = answer.parameter("code").unwrap();
    let answer = party.redeem(&code, &[("resource", API)]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = Tokens { all: answer.json() }.get("access_token");
    (provider, party, reader, token)
}

/// P1, P3: whom it was made for and whoever asks here hear that a token is no longer good, whatever else it tells.
#[actix_web::test]
async fn p3_a_token_for_a_service_is_good_there_until_it_is_taken_back() {
    let (provider, party, reader, token) = begin(TokenFormat::Jwt).await;
    let told = reader.introspect(&provider, &token).await.json();
    assert_eq!((&told["active"], &told["aud"]), (&json!(true), &json!(API)));
    assert_eq!(told["scope"], "read");
    // It is for the service, not for us.
    assert_eq!(party.userinfo(&token).await.status, 401);
    assert_eq!(party.revoke(&token, &[]).await.status, 200);
    let told = reader.introspect(&provider, &token).await.json();
    assert_eq!(told, json!({ "active": false }));
    assert!(reader.hears_of(&token).await);
    provider.stop().await;
}
