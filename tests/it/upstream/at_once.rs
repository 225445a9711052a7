//! The same at the same time.

use exeunt::store::{identities, users};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::stub::{Ours, Stub};
use crate::support::ledger::open;
use crate::support::visitor::{Answer, Visitor};

/// Sends a browser for each to the house, and brings all of them back at once.
async fn come_back_at_once(ours: &Ours, stub: &Stub, people: &[Value]) -> Vec<Answer> {
    let mut backs = Vec::new();
    for claims in people {
        let visitor = Visitor::default();
        let location = ours.sent(&visitor, "house", &[]).await;
        let back = stub.answer(&location, claims, ours.now());
        backs.push((visitor, back));
    }
    let coming = backs
        .iter()
        .map(|(visitor, back)| ours.come_back(visitor, back));
    join_all(coming).await
}

#[actix_web::test]
async fn somebody_who_signs_in_twice_at_once_for_the_first_time_is_one_person() {
    let stub = Stub::open();
    let ours = Ours::with(vec![stub.upstream()], |wish| wish).await;
    let ada = json!({ "sub": "ada", "preferred_username": "ada" });
    let answers = come_back_at_once(&ours, &stub, &vec![ada; 8]).await;
    let mut subjects = Vec::new();
    for answer in &answers {
        subjects.push(ours.subject(answer).await);
    }
    subjects.dedup();
    assert_eq!(subjects.len(), 1, "{subjects:?}");
    ours.provider.stop().await;
}

/// Attack 90: who is called alike there is called otherwise here, and nobody is taken for somebody else.
#[actix_web::test]
async fn two_who_want_to_be_called_alike_are_two_people() {
    let stub = Stub::open();
    let ours = Ours::with(vec![stub.upstream()], |wish| wish).await;
    let people: Vec<Value> = ["1", "2", "3", "4"]
        .map(|sub| json!({ "sub": sub, "preferred_username": "ada" }))
        .into();
    let answers = come_back_at_once(&ours, &stub, &people).await;
    let mut subjects = Vec::new();
    for answer in &answers {
        subjects.push(ours.subject(answer).await);
    }
    subjects.sort();
    subjects.dedup();
    assert_eq!(subjects.len(), 4);
    ours.provider.stop().await;
}

/// Both tabs show two links, and each would leave the other one.
#[actix_web::test]
async fn forgetting_both_links_in_two_tabs_at_once_locks_nobody_out() {
    let (stub, barn) = (Stub::open(), Stub::open());
    let mut second = barn.upstream();
    second.id = "barn".to_owned();
    let ours = Ours::with(vec![stub.upstream(), second], |wish| wish).await;
    let account = ours.provider.url("/account");
    for _ in 0..5 {
        let ada = Visitor::default();
        ours.sign_in(&ada, &stub, &json!({ "sub": "ada" })).await;
        let page = open(&ada, &account).await;
        let form = page.form_of("#link-barn").expect("there is a button");
        let sent = ada.submit(&page, &form, &[]).await.location().unwrap();
        let back = barn.answer(&sent, &json!({ "sub": "ada" }), ours.now());
        ours.come_back(&ada, &back).await;
        let page = open(&ada, &account).await;
        let forms: Vec<_> = [&stub.base, &barn.base]
            .map(|issuer| page.form_with("/account/unlink", ("issuer", issuer)))
            .into();
        assert_eq!(forms.len(), 2, "{page:?}");
        join_all(forms.iter().map(|form| ada.submit(&page, form, &[]))).await;
        let db = ours.provider.flows().database.read();
        let left = [
            identities::find(db, &stub.base, "ada").await.unwrap(),
            identities::find(db, &barn.base, "ada").await.unwrap(),
        ];
        let left: Vec<_> = left.into_iter().flatten().collect();
        assert_eq!(left.len(), 1);
        let user = users::find(db, left[0].user_id).await.unwrap();
        assert!(user.is_some());
        // For the next turn she comes in by the house again, whichever is left.
        let forget = format!("DELETE FROM identities WHERE issuer = '{}'", left[0].issuer);
        ours.provider.sql(&forget).await;
    }
    ours.provider.stop().await;
}
