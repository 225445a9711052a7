//! Claims that are asked of another house one by one (Core §5.5).

use std::collections::HashMap;

use exeunt::oidc::upstream::requested_claims::RequestedClaims;
use exeunt::oidc::upstream::{Admits, Upstream};
use serde_json::{Value, json};
use url::Url;

use super::Houses;
use super::stub::{Ours, Stub, notice};
use crate::support::ledger::{is_signed_in, open, sign_in, sign_in_page};
use crate::support::visitor::{Answer, Visitor};

/// What somebody reads who proved less than was asked for.
pub const NOT_ENOUGH: &str = "not in a way that is enough here";

/// What the parameter says in its own notation.
pub fn requested(asked: &Value) -> RequestedClaims {
    RequestedClaims::parse(&asked.to_string()).unwrap()
}

/// One of these classes is asked for, and without it nobody comes in.
pub fn essential(values: &[&str]) -> Value {
    json!({ "id_token": { "acr": { "essential": true, "values": values } } })
}

/// The stub, of which this is asked, and ours.
async fn houses(asked: &Value, scope: &str) -> (Ours, Stub) {
    let stub = Stub::open();
    let upstream = Upstream {
        request_claims: requested(asked),
        scope: scope.to_owned(),
        ..stub.upstream()
    };
    let ours = Ours::with(vec![upstream], |wish| wish).await;
    (ours, stub)
}

/// What the house is asked.
async fn question(ours: &Ours, more: &[(&str, &str)]) -> HashMap<String, String> {
    let location = ours.sent(&Visitor::default(), "house", more).await;
    let pairs: Vec<_> = Url::parse(&location)
        .unwrap()
        .query_pairs()
        .into_owned()
        .collect();
    let count = pairs.len();
    let question: HashMap<_, _> = pairs.into_iter().collect();
    assert_eq!(
        question.len(),
        count,
        "a parameter stands twice: {location}"
    );
    question
}

#[actix_web::test]
async fn the_house_is_asked_for_the_claims_that_the_configuration_names() {
    let asked = json!({
        "userinfo": { "email": { "essential": true }, "nickname": null, "a b&c=d+%20\u{e9}\"#de": { "values": ["e f", "&"] } },
        "id_token": { "acr": { "essential": true, "values": ["gold", "silver"] } },
    });
    let (ours, _stub) = houses(&asked, "openid").await;
    let told: Value = serde_json::from_str(&question(&ours, &[]).await["claims"]).unwrap();
    assert_eq!(told, asked);
    ours.provider.stop().await;
    let (ours, _stub) = houses(&json!({}), "openid").await;
    assert!(!question(&ours, &[]).await.contains_key("claims"));
    ours.provider.stop().await;
}

/// Core §5.5.1.1: `acr_values` beside a list of classes means nothing.
#[actix_web::test]
async fn the_class_that_an_application_wishes_is_asked_for_once() {
    let wish = [("acr_values", "silver bronze")];
    let (ours, _stub) = houses(&essential(&["gold", "silver"]), "openid").await;
    let asked = question(&ours, &wish).await;
    assert!(!asked.contains_key("acr_values"), "{asked:?}");
    let claims: Value = serde_json::from_str(&asked["claims"]).unwrap();
    assert_eq!(claims, essential(&["silver", "gold"]));
    ours.provider.stop().await;
    let plainly = json!({ "id_token": { "acr": null } });
    let (ours, _stub) = houses(&plainly, "openid").await;
    let asked = question(&ours, &wish).await;
    assert_eq!(asked["acr_values"], "silver bronze");
    ours.provider.stop().await;
}

#[actix_web::test]
async fn who_signed_in_there_in_an_essential_class_comes_in_and_nobody_else_does() {
    let (ours, stub) = houses(&essential(&["gold", "silver"]), "openid profile").await;
    for acr in ["gold", "silver"] {
        let ada = Visitor::default();
        let answer = ours
            .sign_in(&ada, &stub, &json!({ "sub": "ada", "acr": acr }))
            .await;
        assert_eq!(ours.told(&answer).await.0["acr"], acr);
    }
    // Userinfo says nothing of the sign-in, whatever it says.
    let gold = json!({ "sub": "ada", "acr": "gold" });
    stub.behave(|manner| manner.userinfo = Some((200, gold.to_string())));
    let asked = stub.asked("/userinfo");
    for acr in [
        Value::Null,
        json!(""),
        json!("Gold"),
        json!("gold silver"),
        json!(["gold"]),
        json!(true),
        json!("bronze"),
        json!("urn:exeunt:acr:password"),
    ] {
        let ada = Visitor::default();
        let answer = ours
            .sign_in(&ada, &stub, &json!({ "sub": "ada", "acr": acr }))
            .await;
        // What is no text is no `acr` (Core §2).
        let (status, told) = match acr {
            Value::Null | Value::String(_) => (403, NOT_ENOUGH),
            _ => (200, "could not be checked"),
        };
        assert_eq!(answer.status, status, "{acr}");
        assert!(notice(&answer).contains(told), "{acr}: {answer:?}");
        assert!(!is_signed_in(&ours.party, &ada).await, "{acr}");
        // There is a way back, and on it a better way in.
        let form = answer.form_of("#upstream-house").unwrap();
        let sent = ada.submit(&answer, &form, &[]).await;
        let back = stub.answer(&sent.location().unwrap(), &gold, ours.now());
        let answer = ours.come_back(&ada, &back).await;
        assert!(answer.parameter("code").is_some(), "{acr}: {answer:?}");
    }
    let ada = Visitor::default();
    let answer = ours.sign_in(&ada, &stub, &json!({ "sub": "ada" })).await;
    assert!(notice(&answer).contains(NOT_ENOUGH), "{answer:?}");
    // Who is not let in is not asked about further.
    assert_eq!(stub.asked("/userinfo"), asked + 8);
    ours.provider.stop().await;
}

#[actix_web::test]
async fn a_link_is_made_with_a_sign_in_of_an_essential_class_alone() {
    let stub = Stub::open();
    let upstream = Upstream {
        request_claims: requested(&essential(&["gold"])),
        admits: Admits::Nobody,
        ..stub.upstream()
    };
    let ours = Ours::with(vec![upstream], |wish| wish).await;
    let ada = Visitor::default();
    let page = sign_in_page(&ours.party, &ada).await;
    sign_in(&ada, &page).await;
    for (acr, linked) in [("bronze", false), ("gold", true)] {
        let page = open(&ada, &ours.provider.url("/account")).await;
        let form = page.form_of("#link-house").expect("there is a button");
        let sent = ada.submit(&page, &form, &[]).await;
        let claims = json!({ "sub": "ada", "acr": acr });
        let back = stub.answer(&sent.location().unwrap(), &claims, ours.now());
        let answer = ours.come_back(&ada, &back).await;
        assert_eq!(answer.has("#links .link"), linked, "{acr}: {answer:?}");
        let told = answer.text("#notice").unwrap_or_default();
        assert_eq!(
            told.contains("Nothing was linked"),
            !linked,
            "{acr}: {told}"
        );
        assert_eq!(told.contains(NOT_ENOUGH), !linked, "{acr}: {told}");
    }
    ours.provider.stop().await;
}

#[actix_web::test]
async fn a_class_that_is_wished_and_not_essential_keeps_nobody_out() {
    for asked in [
        json!({ "id_token": { "acr": { "values": ["gold"] } } }),
        json!({ "id_token": { "acr": { "essential": true } } }),
        json!({ "id_token": { "acr": null } }),
        json!({ "userinfo": { "acr": { "essential": true, "value": "gold" } } }),
    ] {
        let (ours, stub) = houses(&asked, "openid").await;
        let answer = ours
            .sign_in(
                &Visitor::default(),
                &stub,
                &json!({ "sub": "ada", "acr": "bronze" }),
            )
            .await;
        assert_eq!(ours.told(&answer).await.0["acr"], "bronze", "{asked}");
        ours.provider.stop().await;
    }
}

#[actix_web::test]
async fn userinfo_is_asked_where_the_scope_or_a_claim_asks_for_something_of_it() {
    let told = async |ours: &Ours, stub: &Stub| {
        let ada = Visitor::default();
        let location = ours
            .sent(&ada, "house", &[("scope", "openid profile")])
            .await;
        let back = stub.answer(&location, &json!({ "sub": "ada" }), ours.now());
        let answer = ours.come_back(&ada, &back).await;
        ours.told(&answer).await.1["nickname"].clone()
    };
    let in_id_token = json!({ "id_token": { "nickname": null } });
    let in_userinfo = json!({ "userinfo": { "nickname": null } });
    for (asked, scope, expected, times) in [
        (json!({}), "openid", Value::Null, 0),
        (in_id_token, "openid", Value::Null, 0),
        (in_userinfo.clone(), "openid", json!("The Countess"), 1),
        (in_userinfo, "openid profile", json!("The Countess"), 1),
    ] {
        let (ours, stub) = houses(&asked, scope).await;
        let said = json!({ "sub": "ada", "nickname": "The Countess" });
        stub.behave(|manner| manner.userinfo = Some((200, said.to_string())));
        assert_eq!(told(&ours, &stub).await, expected, "{asked} {scope}");
        assert_eq!(stub.asked("/userinfo"), times, "{asked} {scope}");
        ours.provider.stop().await;
    }
}

/// A claim need not be one of ours to let somebody in by it.
#[actix_web::test]
async fn a_claim_that_was_asked_for_lets_people_in_by_its_value() {
    let stub = Stub::open();
    let upstream = Upstream {
        request_claims: requested(&json!({ "userinfo": { "groups": { "essential": true } } })),
        scope: "openid".to_owned(),
        admits: Admits::Claim {
            name: "groups".to_owned(),
            value: "staff".to_owned(),
        },
        ..stub.upstream()
    };
    let ours = Ours::with(vec![upstream], |wish| wish).await;
    for (groups, comes_in) in [("guests", false), ("staff", true)] {
        let said = json!({ "sub": "ada", "groups": [groups] });
        stub.behave(|manner| manner.userinfo = Some((200, said.to_string())));
        let ada = Visitor::default();
        let answer = ours.sign_in(&ada, &stub, &json!({ "sub": "ada" })).await;
        assert_eq!(
            answer.parameter("code").is_some(),
            comes_in,
            "{groups}: {answer:?}"
        );
    }
    ours.provider.stop().await;
}

/// Nobody who knows no ID tokens knows this question.
#[actix_web::test]
async fn a_house_without_id_tokens_is_asked_by_scope_alone() {
    let stub = Stub::open();
    let upstream = Upstream {
        request_claims: requested(&essential(&["gold"])),
        ..stub.plain_upstream()
    };
    let ours = Ours::with(vec![upstream], |wish| wish).await;
    assert!(!question(&ours, &[]).await.contains_key("claims"));
    ours.provider.stop().await;
}

/// What the application is told by userinfo.
async fn userinfo(houses: &Houses, answer: &Answer) -> Value {
    let code = answer.parameter("code");
    let code = code.unwrap_or_else(|| panic!("no code: {answer:?}"));
    let tokens = houses.party.redeem(&code, &[]).await.json();
    let token = tokens["access_token"].as_str().unwrap().to_owned();
    houses.party.userinfo(&token).await.json()
}

/// A second provider of ours supports the parameter.
#[actix_web::test]
async fn what_the_other_house_is_asked_for_one_by_one_is_known_here() {
    let asked = json!({ "userinfo": { "email": null, "email_verified": { "essential": true } } });
    for (asked, known) in [(json!({}), false), (asked, true)] {
        let upstream = |upstream: &mut Upstream| {
            upstream.scope = "openid".to_owned();
            upstream.request_claims = requested(&asked);
        };
        let houses = Houses::with(upstream, |wish| wish).await;
        let all = [("scope", "openid profile email")];
        let answer = houses.sign_in(&Visitor::default(), &all).await;
        let told = userinfo(&houses, &answer).await;
        let email = if known {
            json!("ada@example.org")
        } else {
            Value::Null
        };
        assert_eq!(told["email"], email, "{told}");
        assert_eq!(
            told["email_verified"].as_bool().unwrap_or_default(),
            known,
            "{told}"
        );
        assert_eq!(told["name"], Value::Null, "{told}");
        houses.close().await;
    }
}

#[actix_web::test]
async fn the_other_house_refuses_by_itself_who_is_not_in_an_essential_class() {
    let password = "urn:exeunt:acr:password";
    let ask = |acr: &'static str| {
        move |upstream: &mut Upstream| upstream.request_claims = requested(&essential(&[acr]))
    };
    let houses = Houses::with(ask(password), |wish| wish).await;
    let ada = Visitor::default();
    let answer = houses.sign_in(&ada, &[]).await;
    let claims = houses.id_claims(&answer).await;
    // It is enough, and all the same none of ours.
    assert_eq!(claims["acr"], Value::Null, "{claims}");
    houses.close().await;
    let houses = Houses::with(ask("gold"), |wish| wish).await;
    let ada = Visitor::default();
    let back = houses.leave_for(&ada, &[]).await;
    let answer = houses.come_back(&ada, back).await;
    assert!(
        notice(&answer).contains("did not sign you in"),
        "{answer:?}"
    );
    assert!(answer.has("#upstream-house"), "{answer:?}");
    assert!(!is_signed_in(&houses.party, &ada).await);
    houses.close().await;
}
