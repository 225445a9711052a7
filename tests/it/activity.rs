//! A browser's session: its cookie, who it belongs to, how long it lasts.

use chrono::TimeDelta;

use crate::support::ledger::{is_signed_in, ledger, open, sign_in, sign_in_page as page, start_as};
use crate::support::provider::Provider;
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::Visitor;

async fn start() -> (Provider, RelyingParty, Visitor) {
    start_as(ledger().await).await
}

/// Attack 65 (CVE-2024-7341): a session whose identifier somebody knew before the sign-in.
#[actix_web::test]
async fn a_cookie_from_before_the_sign_in_is_worth_nothing_after_it() {
    let (provider, party, ada) = start().await;
    let name = format!("exeunt-session-{}", provider.config.listen.port());
    let planted = "A".repeat(43);
    ada.put_cookie(&name, &planted);
    let page_of_ada = page(&party, &ada).await;
    sign_in(&ada, &page_of_ada).await;
    let first = ada.cookie(&name).unwrap();
    assert_ne!(first, planted);

    let page = open(&ada, &party.authorize_url(&[("prompt", "login")])).await;
    sign_in(&ada, &page).await;
    let second = ada.cookie(&name).unwrap();
    assert_ne!(second, first);
    assert!(is_signed_in(&party, &ada).await);
    for known_before in [planted, first] {
        let thief = Visitor::default();
        thief.put_cookie(&name, &known_before);
        assert!(!is_signed_in(&party, &thief).await);
    }
    provider.stop().await;
}

#[actix_web::test]
async fn an_idle_session_ends_and_one_that_is_used_goes_on() {
    let wish = ledger().await.manual_clock().configure(|config| {
        config.session.idle = Some(TimeDelta::minutes(10));
        config.tokens.access = TimeDelta::hours(1);
    });
    let (provider, party, ada) = start_as(wish).await;
    let token = party.tokens(&ada, &[]).await.get("access_token");
    for _ in 0..2 {
        provider.advance(TimeDelta::minutes(9));
        assert!(is_signed_in(&party, &ada).await);
        provider.advance(TimeDelta::minutes(9));
        assert_eq!(party.userinfo(&token).await.status, 200);
    }
    provider.advance(TimeDelta::minutes(10) + TimeDelta::milliseconds(1));
    assert!(!is_signed_in(&party, &ada).await);
    assert_eq!(party.userinfo(&token).await.status, 401);
    provider.stop().await;
}

/// How exactly a use is noted follows how long a session may idle.
#[actix_web::test]
async fn a_session_that_may_idle_for_half_a_minute_goes_on_while_it_is_used_every_ten_seconds() {
    let wish = ledger().await.manual_clock().configure(|config| {
        config.session.idle = Some(TimeDelta::seconds(30));
    });
    let (provider, party, ada) = start_as(wish).await;
    let token = party.tokens(&ada, &[]).await.get("access_token");
    for call in 1..=6 {
        provider.advance(TimeDelta::seconds(10));
        assert_eq!(party.userinfo(&token).await.status, 200, "call {call}");
    }
    for call in 1..=6 {
        provider.advance(TimeDelta::seconds(10));
        let page = ada.get(&provider.url("/account")).await;
        assert_eq!(page.page(), "page-account", "look {call}");
    }
    provider.advance(TimeDelta::milliseconds(30_001));
    assert_eq!(party.userinfo(&token).await.status, 401);
    assert!(!is_signed_in(&party, &ada).await);
    provider.stop().await;
}

#[actix_web::test]
async fn to_ask_by_head_keeps_no_session_from_idling() {
    let wish = ledger().await.manual_clock().configure(|config| {
        config.session.idle = Some(TimeDelta::seconds(30));
    });
    let (provider, party, ada) = start_as(wish).await;
    let token = party.tokens(&ada, &[]).await.get("access_token");
    let (userinfo, account) = (provider.url("/userinfo"), provider.url("/account"));
    let head = async |statuses: [u16; 2]| {
        let request = ada.client().head(&userinfo).bearer_auth(&token);
        let answers = [
            ada.send(&userinfo, request).await,
            ada.send(&account, ada.client().head(&account)).await,
        ];
        assert_eq!(answers.map(|answer| answer.status.as_u16()), statuses);
    };
    for _ in 0..3 {
        provider.advance(TimeDelta::seconds(10));
        head([200, 200]).await;
    }
    provider.advance(TimeDelta::milliseconds(1));
    head([401, 303]).await;
    assert!(!is_signed_in(&party, &ada).await);
    provider.stop().await;
}

#[actix_web::test]
async fn a_session_lasts_until_the_second_it_expires() {
    let wish = ledger().await.manual_clock().configure(|config| {
        config.session.absolute = TimeDelta::hours(1);
    });
    let (provider, party, ada) = start_as(wish).await;
    let page = page(&party, &ada).await;
    sign_in(&ada, &page).await;
    provider.advance(TimeDelta::milliseconds(3_599_999));
    assert!(is_signed_in(&party, &ada).await);
    provider.advance(TimeDelta::milliseconds(1));
    assert!(!is_signed_in(&party, &ada).await);
    provider.stop().await;
}
