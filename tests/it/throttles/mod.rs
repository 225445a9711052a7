//! How often one may try to sign in, and what one learns by trying.

mod known_browser;

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use chrono::TimeDelta;
use exeunt::flows::people;
use futures_util::future::join_all;
use reqwest::Client;

use crate::support::ledger::{
    add_grace, ledger, sign_in, sign_in_as, sign_in_page as page, start_as,
};
use crate::support::provider::PASSWORD;
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::{Answer, Visitor};

/// Attack 83 (CVE-2024-41952): who has an account here?
#[actix_web::test]
async fn an_unknown_name_a_wrong_password_and_a_person_shut_out_look_the_same() {
    let wish = ledger().await.configure(add_grace);
    let (provider, party, ada) = start_as(wish).await;
    people::disable_user(provider.flows(), "grace")
        .await
        .unwrap()
        .unwrap();
    let page = page(&party, &ada).await;
    let mut answers = Vec::new();
    for (username, password) in [("ada", "wrong"), ("nobody", "wrong"), ("grace", PASSWORD)] {
        let answer = sign_in_as(&ada, &page, username, password).await;
        let request_id = answer.text("#request-id").unwrap_or_default();
        let mut body = answer.body.replace(username, "NAME");
        if !request_id.is_empty() {
            body = body.replace(&request_id, "ID");
        }
        let cookie = answer.header("set-cookie").to_owned();
        answers.push((answer.status, cookie, body));
    }
    assert!(answers[0].2.contains("role=\"alert\""));
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:#?}"
    );
    provider.stop().await;
}

async fn attempt(page: &Answer, visitor: &Visitor, username: &str, forwarded: usize) -> u16 {
    let mut fields = page.form().fields;
    fields.retain(|(name, _)| name != "username");
    fields.push(("username".to_owned(), username.to_owned()));
    fields.push(("password".to_owned(), "wrong".to_owned()));
    let url = page.url.split('?').next().unwrap().to_owned();
    let request = visitor
        .client()
        .post(&url)
        .header("x-forwarded-for", format!("192.0.2.{forwarded}"))
        .header("forwarded", format!("for=192.0.2.{forwarded}"))
        .form(&fields);
    visitor.send(&url, request).await.status.as_u16()
}

/// Attack 84 (CVE-2024-4629, CVE-2026-47203): a parallel burst, other spellings of the name, made-up
/// addresses. Attack 83: an unknown name is throttled alike.
#[actix_web::test]
async fn a_burst_of_wrong_passwords_gets_its_share_however_it_is_sent() {
    let (provider, party, ada) = start_as(ledger().await.manual_clock()).await;
    let page = page(&party, &ada).await;
    for spellings in [["ada", "ADA", "\u{ff21}da"], ["nobody", "NOBODY", "Nobody"]] {
        let burst = (0..30).map(|turn| attempt(&page, &ada, spellings[turn % 3], turn));
        let statuses = join_all(burst).await;
        let admitted = statuses.iter().filter(|status| **status == 200).count();
        assert_eq!(admitted, 10, "{statuses:?}");
        assert!(statuses.iter().all(|status| [200, 429].contains(status)));
    }
    // The right password is not tried either, until the next attempt is due.
    let answer = sign_in_as(&ada, &page, "ada", PASSWORD).await;
    assert_eq!(answer.status, 429);
    provider.advance(TimeDelta::seconds(15));
    let answer = sign_in_as(&ada, &page, "ada", PASSWORD).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    provider.stop().await;
}

/// Attack 85: a stranger who locks a person out by guessing.
#[actix_web::test]
async fn wrong_passwords_from_one_address_do_not_keep_the_person_out_at_another() {
    let (provider, party, ada) = start_as(ledger().await.manual_clock()).await;
    let page_of_ada = page(&party, &ada).await;
    let url = provider.url("/sign-in");
    let elsewhere = client_at("127.0.0.2");
    let mut fields = page_of_ada.form().fields;
    fields.retain(|(name, _)| name != "username");
    fields.push(("username".to_owned(), "ada".to_owned()));
    fields.push(("password".to_owned(), "wrong".to_owned()));
    let mut last = 0;
    for _ in 0..15 {
        last = ada
            .send(&url, elsewhere.post(&url).form(&fields))
            .await
            .status
            .as_u16();
    }
    assert_eq!(last, 429);
    assert!(
        sign_in(&ada, &page_of_ada)
            .await
            .parameter("code")
            .is_some()
    );
    provider.stop().await;
}

/// POSTs from other sites are kept for the GET that brings the cookies: whoever sends many fills our database.
#[actix_web::test]
async fn posts_from_other_sites_have_a_throttle_of_their_own_for_each_address() {
    let (provider, party, ada) = start_as(ledger().await.manual_clock()).await;
    let stranger = Visitor::default();
    let end_session = provider.url("/end_session");
    let authorize = provider.url("/authorize");
    let request = request(&party);
    for turn in 0..100 {
        let answer = if turn % 2 == 0 {
            stranger.post_from_elsewhere(&end_session, &[]).await
        } else {
            stranger.post_from_elsewhere(&authorize, &request).await
        };
        assert_eq!(answer.status, 303, "{turn}");
    }
    for (url, fields) in [(&end_session, &[][..]), (&authorize, &request[..])] {
        let answer = stranger.post_from_elsewhere(url, fields).await;
        assert_eq!(answer.status, 429);
        assert_eq!(answer.page(), "page-error");
        assert_eq!(answer.header("retry-after"), "1");
    }
    // Others are not held up, nor is anything else that this address asks.
    let elsewhere = client_at("127.0.0.2").post(&end_session);
    let answer = ada
        .send(
            &end_session,
            elsewhere.header("origin", "https://elsewhere.example"),
        )
        .await;
    assert_eq!(answer.status, 303);
    let page = page(&party, &ada).await;
    assert!(sign_in(&ada, &page).await.parameter("code").is_some());
    provider.advance(TimeDelta::milliseconds(500));
    let answer = stranger.post_from_elsewhere(&authorize, &request).await;
    assert_eq!(answer.status, 303);
    provider.stop().await;
}

/// A cookie that nobody gave, or none at all, must not let a stranger fill the database by requests that wait for a person.
#[actix_web::test]
async fn requests_that_wait_for_a_person_are_counted_whatever_cookies_come_along() {
    let (provider, party, ada) = start_as(ledger().await.manual_clock()).await;
    let page_of_ada = page(&party, &ada).await;
    sign_in(&ada, &page_of_ada).await;
    let authorize = provider.url("/authorize");
    let by_get = party.authorize_url(&[]);
    let port = provider.config.listen.port();
    for turn in 1..100 {
        let stranger = Visitor::default();
        if turn % 3 == 0 {
            assert_eq!(stranger.get(&by_get).await.status, 303, "{turn}");
            continue;
        }
        let invented = ["session", "browser"][turn % 3 - 1];
        stranger.put_cookie(&format!("exeunt-{invented}-{port}"), &"x".repeat(43));
        let answer = stranger.post(&authorize, &request(&party)).await;
        assert_eq!(answer.status, 303, "{turn}");
        assert!(answer.location().unwrap().contains("/sign-in?interaction="));
    }
    let stranger = Visitor::default();
    stranger.put_cookie(&format!("exeunt-browser-{port}"), &"y".repeat(43));
    let by_post = stranger.post(&authorize, &request(&party)).await;
    for answer in [by_post, stranger.get(&by_get).await] {
        assert_eq!(answer.status, 429);
        assert_eq!(answer.page(), "page-error");
        assert_eq!(answer.header("retry-after"), "1");
    }
    // Who need not wait is not held up, nor is anybody elsewhere.
    assert!(ada.get(&by_get).await.parameter("code").is_some());
    let elsewhere = Visitor::over(client_at("127.0.0.2"));
    assert_eq!(elsewhere.get(&by_get).await.status, 303);
    provider.advance(TimeDelta::milliseconds(500));
    assert_eq!(stranger.get(&by_get).await.status, 303);
    provider.stop().await;
}

#[actix_web::test]
async fn what_waits_for_a_person_or_a_cookie_is_short_and_what_need_not_wait_may_be_longer() {
    let (provider, party, ada) = start_as(ledger().await).await;
    let authorize = provider.url("/authorize");
    let long = "x".repeat(17_000);
    let mut fields = request(&party).to_vec();
    fields.push(("padding", &long));
    let here = ada.post(&authorize, &fields).await;
    let stranger = Visitor::default();
    let name = format!("exeunt-session-{}", provider.config.listen.port());
    stranger.put_cookie(&name, &"x".repeat(43));
    for answer in [
        here,
        stranger.post(&authorize, &fields).await,
        stranger.post_from_elsewhere(&authorize, &fields).await,
        stranger
            .post_from_elsewhere(&provider.url("/end_session"), &fields)
            .await,
    ] {
        assert_eq!(answer.status, 413);
        assert_eq!(answer.page(), "page-error");
    }
    let page = page(&party, &ada).await;
    sign_in(&ada, &page).await;
    let answer = ada.post(&authorize, &fields).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    provider.stop().await;
}

fn request(party: &RelyingParty) -> [(&'static str, &str); 4] {
    [
        ("response_type", "code"),
        ("client_id", "ledger"),
        ("redirect_uri", party.redirect_uri.as_str()),
        ("scope", "openid"),
    ]
}

/// Tries to sign in from this address, without a password: what is counted is counted before any work is done.
async fn attempt_from(page: &Answer, visitor: &Visitor, address: &str, username: &str) -> u16 {
    let mut fields = page.form().fields;
    fields.retain(|(name, _)| name != "username");
    fields.push(("username".to_owned(), username.to_owned()));
    fields.push(("password".to_owned(), String::new()));
    let url = page.url.split('?').next().unwrap().to_owned();
    let request = client_at(address).post(&url).form(&fields);
    visitor.send(&url, request).await.status.as_u16()
}

/// Attack 84: one name, from one address and from many.
#[actix_web::test]
async fn one_name_is_tried_a_hundred_times_from_everywhere_and_then_every_five_seconds() {
    let (provider, party, visitor) = start_as(ledger().await.manual_clock()).await;
    let page = page(&party, &visitor).await;
    for address in 10..20 {
        for turn in 0..10 {
            let status = attempt_from(&page, &visitor, &format!("127.0.0.{address}"), "ada").await;
            assert_eq!(status, 200, "{address} {turn}");
        }
    }
    let fresh = "127.0.0.20";
    assert_eq!(attempt_from(&page, &visitor, fresh, "ada").await, 429);
    assert_eq!(attempt_from(&page, &visitor, fresh, "grace").await, 200);
    provider.advance(TimeDelta::milliseconds(4_999));
    assert_eq!(attempt_from(&page, &visitor, fresh, "ada").await, 429);
    provider.advance(TimeDelta::milliseconds(1));
    assert_eq!(attempt_from(&page, &visitor, fresh, "ada").await, 200);
    assert_eq!(attempt_from(&page, &visitor, fresh, "ada").await, 429);
    provider.stop().await;
}

/// A person, or a test suite in the place of one, who signs in in a new browser each time. Attack 84: what others try at the
/// name is counted all the same.
#[actix_web::test]
async fn who_signs_in_takes_nothing_from_what_may_be_tried_at_their_name() {
    let (provider, party, stranger) = start_as(ledger().await.manual_clock()).await;
    let page_of_stranger = page(&party, &stranger).await;
    let guess = async |turn: usize| {
        let address = format!("127.0.0.{}", 10 + turn / 10);
        attempt_from(&page_of_stranger, &stranger, &address, "ada").await
    };
    for turn in 0..99 {
        assert_eq!(guess(turn).await, 200, "{turn}");
    }
    for _ in 0..3 {
        let ada = Visitor::default();
        let page = page(&party, &ada).await;
        let answer = sign_in(&ada, &page).await;
        assert!(answer.parameter("code").is_some(), "{answer:?}");
    }
    assert_eq!(guess(99).await, 200);
    assert_eq!(guess(100).await, 429);
    provider.stop().await;
}

/// Attack 84: many names from one address.
#[actix_web::test]
async fn one_address_tries_a_hundred_names_and_then_one_each_half_second() {
    let (provider, party, visitor) = start_as(ledger().await.manual_clock()).await;
    let page = page(&party, &visitor).await;
    let (busy, other) = ("127.0.0.10", "127.0.0.11");
    for turn in 0..100 {
        let status = attempt_from(&page, &visitor, busy, &format!("name-{turn}")).await;
        assert_eq!(status, 200, "{turn}");
    }
    assert_eq!(attempt_from(&page, &visitor, busy, "ada").await, 429);
    assert_eq!(attempt_from(&page, &visitor, other, "ada").await, 200);
    provider.advance(TimeDelta::milliseconds(499));
    assert_eq!(attempt_from(&page, &visitor, busy, "ada").await, 429);
    provider.advance(TimeDelta::milliseconds(1));
    assert_eq!(attempt_from(&page, &visitor, busy, "ada").await, 200);
    assert_eq!(attempt_from(&page, &visitor, busy, "ada").await, 429);
    provider.stop().await;
}

/// Attack 84: many names from many addresses: no more is hashed than the machine can.
#[actix_web::test]
async fn everybody_together_tries_four_hundred_times_and_then_forty_times_a_second() {
    let (provider, party, visitor) = start_as(ledger().await.manual_clock()).await;
    let page = page(&party, &visitor).await;
    for turn in 0..400 {
        let (address, name) = (10 + turn / 80, format!("name-{turn}"));
        let status = attempt_from(&page, &visitor, &format!("127.0.0.{address}"), &name).await;
        assert_eq!(status, 200, "{turn}");
    }
    let fresh = "127.0.0.20";
    assert_eq!(attempt_from(&page, &visitor, fresh, "ada").await, 429);
    provider.advance(TimeDelta::milliseconds(24));
    assert_eq!(attempt_from(&page, &visitor, fresh, "ada").await, 429);
    provider.advance(TimeDelta::milliseconds(1));
    assert_eq!(attempt_from(&page, &visitor, fresh, "grace").await, 200);
    assert_eq!(attempt_from(&page, &visitor, fresh, "grace").await, 429);
    provider.stop().await;
}

/// A client that connects from this address. There is one for each, because making one reads every root certificate; it
/// keeps no connections, because each belongs to the runtime of one test.
#[expect(
    clippy::disallowed_methods,
    reason = "the outside of the provider, not its way out"
)]
fn client_at(address: &str) -> Client {
    static CLIENTS: LazyLock<Mutex<HashMap<String, Client>>> = LazyLock::new(Mutex::default);
    let mut clients = CLIENTS.lock().unwrap();
    let make = || {
        Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .no_proxy()
            .local_address(Some(address.parse().unwrap()))
            .build()
            .unwrap()
    };
    clients
        .entry(address.to_owned())
        .or_insert_with(make)
        .clone()
}
