//! What is known of somebody who comes from another house, and for how long it holds.

use chrono::TimeDelta;
use exeunt::flows::people;
use exeunt::store::{identities, users};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::stub::{Ours, Stub, notice};
use crate::support::client_key::ClientKey;
use crate::support::visitor::Visitor;

/// What the application is told of who is called this there now.
async fn name(ours: &Ours, stub: &Stub, name: &str) -> Value {
    let claims = json!({ "sub": "ada", "name": name });
    let visitor = Visitor::default();
    let page = ours
        .sent(&visitor, "house", &[("scope", "openid profile")])
        .await;
    let back = stub.answer(&page, &claims, ours.now());
    let answer = ours.come_back(&visitor, &back).await;
    ours.told(&answer).await.1["name"].clone()
}

#[actix_web::test]
async fn what_the_house_says_is_taken_over_each_time() {
    let stub = Stub::open();
    let ours = Ours::with(vec![stub.upstream()], |wish| wish).await;
    assert_eq!(name(&ours, &stub, "Ada").await, "Ada");
    assert_eq!(name(&ours, &stub, "Countess").await, "Countess");
    // Once she has a password she is ours.
    let db = ours.provider.flows().database.read();
    let known = identities::find(db, &stub.base, "ada")
        .await
        .unwrap()
        .unwrap();
    let ada = users::find(db, known.user_id).await.unwrap().unwrap();
    let password = SecretString::from("the analytical engine");
    let given = people::reset_password(ours.provider.flows(), &ada.username, &password).await;
    given.unwrap().unwrap();
    assert_eq!(name(&ours, &stub, "Somebody").await, "Countess");
    ours.provider.stop().await;
}

#[actix_web::test]
async fn what_the_house_says_is_taken_over_the_first_time_only_where_the_file_says_so() {
    let stub = Stub::open();
    let mut upstream = stub.upstream();
    upstream.refreshes_claims = false;
    let ours = Ours::with(vec![upstream], |wish| wish).await;
    assert_eq!(name(&ours, &stub, "Ada").await, "Ada");
    assert_eq!(name(&ours, &stub, "Countess").await, "Ada");
    ours.provider.stop().await;
}

/// A key that the house took up is known within a minute, and one that it does not publish never.
#[actix_web::test]
async fn a_house_may_sign_with_another_key_from_one_day_to_the_next() {
    let stub = Stub::open();
    let ours = Ours::with(vec![stub.upstream()], |wish| wish.manual_clock()).await;
    let ada = json!({ "sub": "ada" });
    let first = ours.sign_in(&Visitor::default(), &stub, &ada).await;
    let subject = ours.subject(&first).await;
    let another = ClientKey::called("k2");
    stub.behave(|manner| {
        manner.published = another.jwks();
        manner.key = another;
    });
    ours.provider.advance(TimeDelta::minutes(1));
    let second = ours.sign_in(&Visitor::default(), &stub, &ada).await;
    assert_eq!(ours.subject(&second).await, subject);
    stub.behave(|manner| manner.key = ClientKey::called("k3"));
    ours.provider.advance(TimeDelta::minutes(1));
    let asked = stub.asked("/jwks");
    for _ in 0..5 {
        let answer = ours.sign_in(&Visitor::default(), &stub, &ada).await;
        assert!(
            notice(&answer).contains("could not be checked"),
            "{answer:?}"
        );
    }
    // Nor does that make us ask and ask.
    assert_eq!(stub.asked("/jwks"), asked + 1);
    ours.provider.stop().await;
}

/// Attack 90: subjects are compared letter by letter, and names in their one form.
#[actix_web::test]
async fn people_who_are_called_alike_are_nobody_but_themselves() {
    let stub = Stub::open();
    let ours = Ours::with(vec![stub.upstream()], |wish| wish).await;
    let mut subjects = Vec::new();
    for (sub, called) in [
        ("ada", "ada"),
        ("Ada", "ADA"),
        ("ada ", "ada"),
        ("a\u{301}da", "\u{e1}da"),
        ("\u{e1}da", "a\u{301}da"),
    ] {
        let claims = json!({ "sub": sub, "preferred_username": called });
        let answer = ours.sign_in(&Visitor::default(), &stub, &claims).await;
        subjects.push(ours.subject(&answer).await);
        let again = ours.sign_in(&Visitor::default(), &stub, &claims).await;
        assert_eq!(
            Some(&ours.subject(&again).await),
            subjects.last(),
            "{sub:?}"
        );
    }
    subjects.sort();
    subjects.dedup();
    assert_eq!(subjects.len(), 5);
    let people = users::list(ours.provider.flows().database.read())
        .await
        .unwrap();
    let of_house = people
        .iter()
        .filter(|user| user.username.starts_with("house:"));
    assert_eq!(of_house.count(), 5, "{people:?}");
    ours.provider.stop().await;
}
