//! A browser that a person has used before, and strangers who guess at their name.

use chrono::TimeDelta;

use super::{attempt_from, page, start_as};
use crate::support::ledger::{add_grace, ledger, open, sign_in, sign_in_as};
use crate::support::provider::PASSWORD;
use crate::support::visitor::{Answer, Visitor};

/// Who signed in in the same millisecond is not asked again.
const A_MOMENT: TimeDelta = TimeDelta::milliseconds(1);

/// Spends what may be tried at ada's name, from ten addresses.
async fn burn_the_name(page: &Answer, stranger: &Visitor) {
    for turn in 0..100 {
        let address = format!("127.0.0.{}", 10 + turn / 10);
        attempt_from(page, stranger, &address, "ada").await;
    }
    assert_eq!(attempt_from(page, stranger, "127.0.0.30", "ada").await, 429);
}

/// Attack 85: strangers who guess at a name from many addresses, to keep the person out.
#[actix_web::test]
async fn who_has_signed_in_in_a_browser_gets_in_there_whatever_strangers_try_at_their_name() {
    let wish = ledger().await.configure(add_grace).manual_clock();
    let (provider, party, ada) = start_as(wish).await;
    let first = page(&party, &ada).await;
    let answer = sign_in_as(&ada, &first, "ada", PASSWORD).await;
    let cookies = answer.headers.get_all("set-cookie");
    let known = cookies.iter().map(|cookie| cookie.to_str().unwrap());
    let known: Vec<_> = known.filter(|cookie| cookie.contains("known")).collect();
    assert_eq!(known.len(), 1, "{answer:?}");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=15552000"] {
        assert!(known[0].contains(attribute), "{known:?}");
    }
    let name = format!("exeunt-known-{}", provider.config.listen.port());
    let of_ada = ada.cookie(&name).unwrap();
    let grace = Visitor::default();
    let page_of_grace = page(&party, &grace).await;
    sign_in_as(&grace, &page_of_grace, "grace", PASSWORD).await;
    let of_grace = grace.cookie(&name).unwrap();

    let stranger = Visitor::default();
    let page_of_stranger = page(&party, &stranger).await;
    burn_the_name(&page_of_stranger, &stranger).await;
    // Elsewhere, or with another's cookie or one that is made up, nobody is let in, with the right password either.
    let (secret, proof) = of_ada.split_once('.').unwrap();
    let of_another_secret = format!("{}.{proof}", "x".repeat(secret.len()));
    for cookie in ["", &of_grace, &of_another_secret, &"x".repeat(87)] {
        let visitor = Visitor::default();
        visitor.put_cookie(&name, cookie);
        let page = page(&party, &visitor).await;
        let answer = sign_in_as(&visitor, &page, "ada", PASSWORD).await;
        assert_eq!(answer.status, 429, "{cookie}");
    }
    // In her browser she may mistype as often as ever, and no more often.
    let again = party.authorize_url(&[("prompt", "login")]);
    provider.advance(A_MOMENT);
    let page_of_ada = open(&ada, &again).await;
    for _ in 0..9 {
        let answer = sign_in_as(&ada, &page_of_ada, "ada", "mistyped").await;
        assert_eq!(answer.status, 200);
    }
    let answer = sign_in_as(&ada, &page_of_ada, "ada", PASSWORD).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    provider.advance(A_MOMENT);
    let page_of_ada = open(&ada, &again).await;
    for turn in 0..11 {
        let answer = sign_in_as(&ada, &page_of_ada, "ada", "mistyped").await;
        assert_eq!(answer.status, if turn < 10 { 200 } else { 429 }, "{turn}");
    }
    provider.stop().await;
}

/// Attack 85: somebody who knew the password once, and so has cookies of known browsers, as many as they like.
#[actix_web::test]
async fn a_new_password_makes_every_browser_unknown_but_the_one_where_it_was_set() {
    let (provider, party, ada) = start_as(ledger().await.manual_clock()).await;
    let first = page(&party, &ada).await;
    sign_in(&ada, &first).await;
    let elsewhere = Visitor::default();
    let page_elsewhere = page(&party, &elsewhere).await;
    sign_in(&elsewhere, &page_elsewhere).await;
    let stranger = Visitor::default();
    let page_of_stranger = page(&party, &stranger).await;
    burn_the_name(&page_of_stranger, &stranger).await;

    provider.advance(A_MOMENT);
    let new = "a difference engine";
    let form = ada.get(&provider.url("/account/password")).await;
    let fields = [("current-password", PASSWORD), ("new-password", new)];
    let answer = ada.submit(&form, &form.form(), &fields).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let again = party.authorize_url(&[("prompt", "login")]);
    provider.advance(A_MOMENT);
    let page = open(&ada, &again).await;
    let answer = sign_in_as(&ada, &page, "ada", new).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    let page = open(&elsewhere, &again).await;
    let answer = sign_in_as(&elsewhere, &page, "ada", new).await;
    assert_eq!(answer.status, 429);
    provider.stop().await;
}
