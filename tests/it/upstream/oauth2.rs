//! A house that gives no ID tokens: its userinfo says who somebody is.

use serde_json::{Value, json};
use url::Url;

use super::stub::{Ours, Stub, notice};
use crate::support::ledger::{assert_stays, is_signed_in};
use crate::support::provider::SECRET;
use crate::support::visitor::Visitor;

async fn houses() -> (Ours, Stub) {
    let stub = Stub::open();
    let ours = Ours::with(vec![stub.plain_upstream()], |wish| wish).await;
    (ours, stub)
}

/// Attack 14: state, PKCE and an address of its own are all there, and what only an OpenID Provider knows is not asked.
#[actix_web::test]
async fn who_is_somebody_at_a_house_without_id_tokens_comes_to_the_application() {
    let (ours, stub) = houses().await;
    let ada = Visitor::default();
    let location = ours.sent(&ada, "house", &[]).await;
    let question = Url::parse(&location).unwrap();
    let names: Vec<String> = question
        .query_pairs()
        .map(|(name, _)| name.into())
        .collect();
    assert!(names.contains(&"code_challenge".to_owned()), "{location}");
    assert!(!names.contains(&"nonce".to_owned()), "{location}");
    let back = stub.answer(&location, &json!({ "id": 7, "name": "Ada" }), ours.now());
    // Nobody else finishes it, and nobody twice.
    assert_stays(&Visitor::default().get(&back).await, "another browser");
    let answer = ours.come_back(&ada, &back).await;
    assert_stays(&ada.get(&back).await, "twice");
    let redeemed = stub.redeemed();
    assert_eq!(redeemed.len(), 1);
    assert!(!redeemed[0].contains_key("client_secret") && SECRET.len() > 24);
    let (claims, _) = ours.told(&answer).await;
    assert_eq!(
        (&claims["acr"], &claims["amr"]),
        (&Value::Null, &Value::Null)
    );
    assert!(is_signed_in(&ours.party, &ada).await);
    // The same number as a text is the same person, and another number another one.
    for (id, same) in [(json!(7), true), (json!("7"), true), (json!(70), false)] {
        let again = ours
            .sign_in(&Visitor::default(), &stub, &json!({ "id": id }))
            .await;
        assert_eq!(ours.subject(&again).await == claims["sub"], same, "{id}");
    }
    // Whatever may lie there is not what it says of itself.
    assert_eq!(stub.asked("/.well-known/openid-configuration"), 0);
    ours.provider.stop().await;
}

#[actix_web::test]
async fn userinfo_or_tokens_with_anything_wrong_with_them_let_nobody_in() {
    let (ours, stub) = houses().await;
    let sound = || Some((200, json!({ "id": 7 }).to_string()));
    for (userinfo, tokens) in [
        (Some((200, json!({ "sub": "7" }).to_string())), json!({})),
        (Some((200, json!({ "id": "" }).to_string())), json!({})),
        (Some((200, json!({ "id": null }).to_string())), json!({})),
        (Some((200, json!({ "id": 7.5 }).to_string())), json!({})),
        (Some((200, json!([{ "id": 7 }]).to_string())), json!({})),
        (Some((200, "id=7".to_owned())), json!({})),
        (Some((401, json!({ "id": 7 }).to_string())), json!({})),
        (Some((204, json!({ "id": 7 }).to_string())), json!({})),
        (sound(), json!({ "token_type": "mac" })),
        (sound(), json!({ "access_token": null })),
        (sound(), json!({ "access_token": "another's" })),
    ] {
        stub.behave(|manner| {
            manner.userinfo = userinfo.clone();
            manner.tokens = tokens.clone();
        });
        let ada = Visitor::default();
        let answer = ours.sign_in(&ada, &stub, &json!({ "id": 7 })).await;
        let why = format!("{userinfo:?} {tokens}");
        assert!(notice(&answer).contains("could not be checked"), "{why}");
        assert!(!is_signed_in(&ours.party, &ada).await, "{why}");
    }
    stub.behave(|manner| {
        manner.userinfo = Some((503, String::new()));
        manner.tokens = json!({});
    });
    let answer = ours
        .sign_in(&Visitor::default(), &stub, &json!({ "id": 7 }))
        .await;
    assert_eq!(answer.status, 502);
    assert!(notice(&answer).contains("does not answer"));
    ours.provider.stop().await;
}

/// Attack 14: neither is taken for the other: an ID token that comes along is not believed, and says nothing.
#[actix_web::test]
async fn an_id_token_that_comes_along_is_not_looked_at() {
    let (ours, stub) = houses().await;
    let ada = Visitor::default();
    let first = ours.sign_in(&ada, &stub, &json!({ "id": 7 })).await;
    let subject = ours.subject(&first).await;
    stub.behave(|manner| manner.gives_id_tokens = true);
    stub.behave(|manner| manner.userinfo = Some((200, json!({ "id": 7 }).to_string())));
    let claims = json!({ "id": 8, "sub": "8", "sid": "s", "acr": "gold", "amr": ["hwk"] });
    let second = ours.sign_in(&Visitor::default(), &stub, &claims).await;
    let (told, _) = ours.told(&second).await;
    assert_eq!(told["sub"], subject.as_str());
    assert_eq!((&told["acr"], &told["amr"]), (&Value::Null, &Value::Null));
    ours.provider.stop().await;
}

/// Attack 73: what userinfo calls the time and the class of a sign-in is not about this one.
#[actix_web::test]
async fn a_sign_in_of_which_nobody_says_when_it_was_is_never_new() {
    let (ours, stub) = houses().await;
    let now = ours.now();
    let claims = json!({ "id": 7, "auth_time": now + 60, "acr": "gold", "amr": ["hwk"] });
    for more in [("prompt", "login"), ("max_age", "0"), ("max_age", "3600")] {
        let ada = Visitor::default();
        let location = ours.sent(&ada, "house", &[more]).await;
        let back = stub.answer(&location, &claims, now);
        let answer = ours.come_back(&ada, &back).await;
        // Asked again, and not round and round.
        assert_eq!(answer.page(), "page-sign-in", "{more:?}: {answer:?}");
    }
    let answer = ours.sign_in(&Visitor::default(), &stub, &claims).await;
    let (told, _) = ours.told(&answer).await;
    assert_eq!((&told["acr"], &told["amr"]), (&Value::Null, &Value::Null));
    ours.provider.stop().await;
}

/// Attacks 6, 62: one that gives no ID tokens names no sessions either, whatever is said in its name.
#[actix_web::test]
async fn a_house_without_id_tokens_signs_nobody_out() {
    let (ours, stub) = houses().await;
    let ada = Visitor::default();
    ours.sign_in(&ada, &stub, &json!({ "id": 7, "sid": "s" }))
        .await;
    let url = |door: &str| ours.provider.url(&format!("/upstreams/house/{door}"));
    let frame = format!("{}?iss={}&sid=s", url("frontchannel_logout"), stub.base);
    assert_eq!(Visitor::default().get(&frame).await.status, 400);
    let server = url("backchannel_logout");
    let server = ada
        .client()
        .post(&server)
        .form(&[("logout_token", "a.b.c")]);
    let told = server.send().await.unwrap();
    assert_eq!(told.status(), 400);
    let why: Value = told.json().await.unwrap();
    assert!(why.to_string().contains("gives no ID tokens"), "{why}");
    assert!(is_signed_in(&ours.party, &ada).await);
    ours.provider.stop().await;
}

/// Attack 14 (mix-up): an answer that names another house is none; and what was asked of the one kind is not answered by
/// the other.
#[actix_web::test]
async fn an_answer_is_taken_from_the_house_that_was_asked_and_as_it_was_asked() {
    let (ours, stub) = houses().await;
    for (iss, taken) in [("https://evil.example", false), (stub.base.as_str(), true)] {
        let ada = Visitor::default();
        let location = ours.sent(&ada, "house", &[]).await;
        let back = stub.answer(&location, &json!({ "id": 7 }), ours.now());
        let mut back = Url::parse(&back).unwrap();
        back.query_pairs_mut().append_pair("iss", iss);
        let answer = ours.come_back(&ada, back.as_str()).await;
        assert_eq!(
            answer.parameter("code").is_some(),
            taken,
            "{iss}: {answer:?}"
        );
    }
    let ada = Visitor::default();
    let location = ours.sent(&ada, "house", &[]).await;
    let back = stub.answer(&location, &json!({ "id": 7, "sub": "7" }), ours.now());
    stub.behave(|manner| manner.gives_id_tokens = true);
    let provider = ours
        .provider
        .restart(|config| config.upstreams[0].upstream = stub.upstream())
        .await;
    let redeemed = stub.redeemed().len();
    assert_stays(&ada.get(&back).await, "an OpenID Provider by now");
    assert_eq!(stub.redeemed().len(), redeemed);
    provider.stop().await;
}
