//! The names themselves.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{ada, payload, sub, wish};
use crate::support::relying_party::{RelyingParty, Tokens};
use crate::support::visitor::Visitor;

#[actix_web::test]
async fn a_person_has_one_name_in_each_sector_and_keeps_it() {
    let provider = wish().await.start().await;
    let browser = Visitor::default();
    let mut subs = Vec::new();
    for client_id in ["ledger", "ledger-books", "parlour", "public"] {
        let party = RelyingParty::of(&provider, client_id);
        let tokens = party.tokens(&browser, &[]).await;
        let known = sub(&provider, &party, &tokens).await;
        if client_id == "ledger" {
            let answer = party.refresh(&tokens.get("refresh_token")).await;
            let refreshed = Tokens { all: answer.json() };
            assert_eq!(sub(&provider, &party, &refreshed).await, known);
        }
        // Core §2: at most 255 characters of ASCII.
        assert!(known.is_ascii() && known.len() <= 255, "{known}");
        subs.push(known);
    }
    assert_eq!(subs[0], subs[1]);
    assert_eq!(subs.iter().collect::<BTreeSet<_>>().len(), 3, "{subs:?}");
    assert_eq!(subs[3], ada(&provider).await);

    // In another browser, at another node, and after a restart.
    let party = RelyingParty::of(&provider, "ledger");
    let tokens = party.tokens(&Visitor::default(), &[]).await;
    assert_eq!(sub(&provider, &party, &tokens).await, subs[0]);
    let node = provider.another_node().await;
    let there = format!("http://localhost:{}", node.address().port());
    let code = party
        .sign_in(&Visitor::default(), &[])
        .await
        .parameter("code")
        .unwrap();
    let answer = RelyingParty::at(&there, "ledger", "https://ledger.example")
        .redeem(&code, &[])
        .await;
    let tokens = Tokens { all: answer.json() };
    assert_eq!(payload(&tokens.get("id_token"))["sub"], subs[0]);
    node.stop().await;
    let provider = provider.restart(|_| {}).await;
    let party = RelyingParty::of(&provider, "ledger");
    let tokens = party.tokens(&Visitor::default(), &[]).await;
    assert_eq!(sub(&provider, &party, &tokens).await, subs[0]);
    provider.stop().await;
}

/// Every text in what an application is given, but for what is the same for everybody.
fn texts(tokens: &Tokens) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    for token in ["id_token", "access_token"] {
        let Value::Object(claims) = payload(&tokens.get(token)) else {
            panic!()
        };
        for (name, value) in claims {
            let common = [
                "iss",
                "acr",
                "amr",
                "scope",
                "exp",
                "iat",
                "auth_time",
                "nonce",
            ];
            // The audience of an access token is the issuer.
            if common.contains(&name.as_str()) || (token, &*name) == ("access_token", "aud") {
                continue;
            }
            texts.insert(value.to_string());
        }
    }
    texts.insert(tokens.get("refresh_token"));
    texts
}

/// Two applications that lay side by side what they were given: nothing in it, but for the moment of the sign-in, is the same.
#[actix_web::test]
async fn nothing_that_two_sectors_are_given_links_them_and_nothing_names_the_public_sub() {
    let provider = wish().await.start().await;
    let browser = Visitor::default();
    let mut given = Vec::new();
    for client_id in ["ledger", "parlour"] {
        let party = RelyingParty::of(&provider, client_id);
        given.push(party.tokens(&browser, &[]).await);
    }
    let (ledger, parlour) = (texts(&given[0]), texts(&given[1]));
    let shared: Vec<_> = ledger.intersection(&parlour).collect();
    assert!(shared.is_empty(), "{shared:?}");
    let ada = ada(&provider).await;
    for text in ledger.union(&parlour) {
        assert!(!text.contains(&ada), "{text}");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn the_provider_says_that_it_has_both_kinds() {
    let provider = wish().await.start().await;
    let url = provider.url("/.well-known/openid-configuration");
    let answer = Visitor::default().get(&url).await;
    assert_eq!(
        answer.json()["subject_types_supported"],
        json!(["public", "pairwise"])
    );
    provider.stop().await;
}
