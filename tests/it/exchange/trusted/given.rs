//! What is given for another's token, and what it says.

use exeunt::flows::people;
use serde_json::{Value, json};

use super::{API, CELLAR, Partner, with};
use crate::support::exchange::{JWT, acting_by, asked, claims_of, token_of};
use crate::support::ledger::json_error;
use crate::support::provider::SECRET;
use crate::support::service::Reader;

#[actix_web::test]
async fn a_trusted_issuers_token_becomes_one_of_ours_about_its_person_here() {
    let (partner, key) = Partner::with_key(|_, _| {}).await;
    let claims = partner.claims();
    let answer = partner.exchange(&key.sign(&key.header(), &claims)).await;
    let child = token_of(&answer);
    let told = claims_of(&partner.provider, &child).await;
    assert_eq!(told["sub"], partner.sub.as_str());
    assert_eq!(
        (&told["client_id"], &told["aud"]),
        (&json!("ledger"), &json!(API))
    );
    assert_eq!(
        (&told["scope"], &told["exp"]),
        (&json!("read"), &claims["exp"])
    );
    for absent in ["sid", "auth_time", "acr", "act"] {
        assert!(told.get(absent).is_none(), "{absent}");
    }
    // There is no session that it could end with; with its person it does.
    let reader = Reader::of(&partner.provider, API, SECRET);
    let told = reader.introspect(&partner.provider, &child).await.json();
    assert_eq!(told["active"], true);
    people::disable_user(partner.provider.flows(), "ada")
        .await
        .unwrap()
        .unwrap();
    let told = reader.introspect(&partner.provider, &child).await.json();
    assert_eq!(told["active"], false);
    assert!(
        reader.hears_of(&child).await,
        "though it was issued in this very second"
    );
    let late = partner.exchange(&key.sign(&key.header(), &claims)).await;
    assert_eq!(json_error(&late), "invalid_request");
    partner.provider.stop().await;
}

#[actix_web::test]
async fn a_trusted_issuers_token_says_who_acts_under_its_own_name() {
    let (partner, key) = Partner::with_key(|_, _| {}).await;
    let actor = with(&partner.claims(), "sub", json!("robot"));
    let acting = async |actor: &Value| {
        let actor = key.sign(&key.header(), actor);
        let fields = acting_by(&asked(&partner.token, CELLAR), &actor, JWT);
        partner.ledger.token(&fields).await
    };
    let child = token_of(&acting(&actor).await);
    let told = claims_of(&partner.provider, &child).await;
    assert_eq!(
        told["act"],
        json!({ "sub": "robot", "iss": partner.publisher.base })
    );
    assert_eq!(
        told["exp"], actor["exp"],
        "no longer than the actor's token"
    );
    for wrong in [
        with(&actor, "aud", json!("https://other.example")),
        with(&actor, "act", json!({ "sub": "another" })),
    ] {
        assert_eq!(json_error(&acting(&wrong).await), "invalid_request");
    }
    partner.provider.stop().await;
}
