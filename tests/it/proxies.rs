//! What a proxy says of who asks, and what anyone else says of it.

use chrono::TimeDelta;
use exeunt::config::ForwardedHeader;

use crate::support::ledger::{ledger, open, sign_in_as};
use crate::support::provider::{PASSWORD, Provider};
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::{Answer, Visitor};

/// A client at a proxy, which says that it heard from this address.
pub fn from(address: &str) -> reqwest::Client {
    client("127.0.0.1", &[("x-forwarded-for", address)])
}

#[expect(
    clippy::disallowed_methods,
    reason = "the outside of the provider, not its way out"
)]
fn client(at: &str, headers: &[(&'static str, &str)]) -> reqwest::Client {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .local_address(Some(at.parse().unwrap()))
        .default_headers(headers.collect())
        .build()
        .unwrap()
}

/// The proxy is at 127.0.0.1; 127.0.0.2 is nobody's.
async fn behind_a_proxy(header: ForwardedHeader) -> (Provider, RelyingParty, Answer, Visitor) {
    let wish = ledger().await.manual_clock().configure(|config| {
        config.proxies.trusted = vec![
            "127.0.0.1/32".parse().unwrap(),
            "10.0.0.0/8".parse().unwrap(),
        ];
        config.proxies.header = header;
    });
    let provider = wish.start().await;
    let party = RelyingParty::of(&provider, "ledger");
    let ada = Visitor::default();
    let page = open(&ada, &party.authorize_url(&[])).await;
    (provider, party, page, ada)
}

/// How many of thirty wrong passwords for ada are tried, each sent by another client.
async fn admitted(
    page: &Answer,
    ada: &Visitor,
    client: impl Fn(usize) -> reqwest::Client,
) -> usize {
    let mut fields = page.form().fields;
    fields.retain(|(name, _)| name != "username");
    fields.push(("username".to_owned(), "ada".to_owned()));
    fields.push(("password".to_owned(), "wrong".to_owned()));
    let url = page.url.split('?').next().unwrap().to_owned();
    let mut admitted = 0;
    for turn in 0..30 {
        let answer = ada.send(&url, client(turn).post(&url).form(&fields)).await;
        assert!([200, 429].contains(&answer.status.as_u16()), "{answer:?}");
        admitted += usize::from(answer.status == 200);
    }
    admitted
}

/// Attack 84: addresses that somebody makes up, turn by turn, before the one that the proxy adds.
#[actix_web::test]
async fn made_up_addresses_before_the_proxys_own_word_gain_no_attempts() {
    let (provider, _, page, ada) = behind_a_proxy(ForwardedHeader::XForwardedFor).await;
    let rotating = |turn: usize| {
        let chain = format!("198.51.100.{turn}, 192.0.2.1, 10.0.0.9");
        let forwarded = format!("for=198.51.100.{turn}");
        client(
            "127.0.0.1",
            &[("x-forwarded-for", &chain), ("forwarded", &forwarded)],
        )
    };
    assert_eq!(admitted(&page, &ada, rotating).await, 10);
    // Somebody else behind the same proxy has attempts of their own.
    assert_eq!(admitted(&page, &ada, |_| from("192.0.2.2")).await, 10);
    provider.stop().await;
}

/// Attack 84: the same header from who is no proxy of ours.
#[actix_web::test]
async fn a_stranger_who_writes_what_proxies_write_is_not_believed() {
    let (provider, party, page, ada) = behind_a_proxy(ForwardedHeader::XForwardedFor).await;
    let rotating = |turn: usize| {
        let chain = format!("198.51.100.{turn}");
        client("127.0.0.2", &[("x-forwarded-for", &chain)])
    };
    assert_eq!(admitted(&page, &ada, rotating).await, 10);
    // Nor is anyone kept out in whose name it was done.
    let url = page.url.split('?').next().unwrap();
    let mut fields = page.form().fields;
    fields.retain(|(name, _)| name != "username");
    fields.push(("username".to_owned(), "ada".to_owned()));
    fields.push(("password".to_owned(), PASSWORD.to_owned()));
    let request = from("198.51.100.1").post(url).form(&fields);
    let answer = ada.send(url, request).await;
    let answer = ada.follow(answer, &provider.issuer).await;
    assert!(answer.location().unwrap().starts_with(&party.redirect_uri));
    provider.stop().await;
}

/// Attack 84: the header that our proxy does not write, and so passes on as a stranger wrote it.
#[actix_web::test]
async fn where_proxies_write_forwarded_the_other_header_is_not_read() {
    let (provider, _, page, ada) = behind_a_proxy(ForwardedHeader::Forwarded).await;
    let rotating = |turn: usize| {
        let forwarded = format!(
            "for=198.51.100.{turn}, for=\"[2001:db8::1]:{}\"",
            1000 + turn
        );
        let chain = format!("198.51.100.{turn}");
        client(
            "127.0.0.1",
            &[("forwarded", &forwarded), ("x-forwarded-for", &chain)],
        )
    };
    assert_eq!(admitted(&page, &ada, rotating).await, 10);
    provider.stop().await;
}

#[actix_web::test]
async fn people_behind_one_proxy_do_not_use_up_each_others_attempts() {
    let (provider, party, page, ada) = behind_a_proxy(ForwardedHeader::XForwardedFor).await;
    // One address has 100 attempts of whatever names at once.
    let guesser = Visitor::over(from("192.0.2.1"));
    let guessers = open(&guesser, &party.authorize_url(&[])).await;
    for turn in 0..101 {
        let name = format!("nobody {turn}");
        let answer = sign_in_as(&guesser, &guessers, &name, "wrong").await;
        assert_eq!(answer.status == 429, turn == 100, "{turn}");
    }
    let grace = Visitor::over(from("192.0.2.2"));
    let own = open(&grace, &party.authorize_url(&[])).await;
    let answer = sign_in_as(&grace, &own, "ada", PASSWORD).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    provider.advance(TimeDelta::milliseconds(500));
    let answer = sign_in_as(&ada, &page, "ada", PASSWORD).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    provider.stop().await;
}
