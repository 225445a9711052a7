//! Objects that are fetched from where the client says (`request_uri`).

use chrono::TimeDelta;
use exeunt::oidc::algorithm::ClientAlgorithm;
use serde_json::json;

use super::{assert_told, inside, signed, start};
use crate::support::client_key::{ClientKey, unsigned};
use crate::support::ledger::{HOME, ledger_with, open, sign_in};
use crate::support::provider::metadata;
use crate::support::publisher::{Document, Publisher};
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::Visitor;

#[actix_web::test]
async fn an_object_at_a_registered_address_is_fetched_once_in_a_whole_journey() {
    let (publisher, key) = (Publisher::open().await, ClientKey::generate());
    let document = Document::Text(format!("\n{}\n", signed(&key, &inside())), "no-store");
    let request_uri = format!("{}#version-1", publisher.publish("/request", document));
    let (provider, party, ada) = start(&key, |metadata| {
        metadata.skip_consent = false;
        metadata.request_uris = vec![request_uri.clone()];
        metadata.request_object_signing_alg = Some(ClientAlgorithm::ES256);
    })
    .await;
    let more = [("request_uri", request_uri.as_str()), ("state", "")];
    let page = open(&ada, &party.authorize_url(&more)).await;
    let consent = sign_in(&ada, &page).await;
    let form = consent.form();
    // It is not needed again, and would not be there.
    publisher.publish("/request", Document::Status(404));
    let answer = ada.submit(&consent, &form, &[("decision", "allow")]).await;
    assert_eq!(answer.parameter("state").as_deref(), Some("inner-state"));
    assert!(answer.parameter("code").is_some());
    assert_eq!(publisher.asked("/request"), 1);
    provider.stop().await;
}

#[actix_web::test]
async fn a_post_from_another_site_brings_an_object_along_that_is_fetched_once() {
    let (publisher, key) = (Publisher::open().await, ClientKey::generate());
    let document = Document::Text(unsigned(&inside()), "no-store");
    let request_uri = publisher.publish("/request", document);
    let (provider, party, ada) = start(&key, |metadata| {
        metadata.request_uris = vec![request_uri.clone()];
    })
    .await;
    let fields = [
        ("client_id", "ledger"),
        ("response_type", "code"),
        ("scope", "openid"),
        ("redirect_uri", party.redirect_uri.as_str()),
        ("request_uri", request_uri.as_str()),
    ];
    let url = provider.url("/authorize");
    let parked = ada.post_from_elsewhere(&url, &fields).await;
    publisher.publish("/request", Document::Status(404));
    let page = ada.follow(parked, &provider.issuer).await;
    assert_eq!(page.page(), "page-sign-in");
    let answer = sign_in(&ada, &page).await;
    assert_eq!(answer.parameter("state").as_deref(), Some("inner-state"));
    assert_eq!(publisher.asked("/request"), 1);
    provider.stop().await;
}

#[actix_web::test]
async fn the_fragment_is_the_version_and_without_it_the_server_says_how_long() {
    let publisher = Publisher::open().await;
    let publish = |state: &str, cache_control| {
        let claims = json!({ "state": state, "prompt": "none" });
        publisher.publish("/r", Document::Text(unsigned(&claims), cache_control))
    };
    let address = publish("1", "max-age=600");
    let versions = ["#1", "#2", ""].map(|version| format!("{address}{version}"));
    let wish = ledger_with(|metadata| metadata.request_uris = versions.to_vec());
    let provider = wish.await.manual_clock().start().await;
    let party = RelyingParty::of(&provider, "ledger");
    let ada = Visitor::default();
    let state = async |version: &str| {
        let url = party.authorize_url(&[("request_uri", version)]);
        ada.get(&url).await.parameter("state").unwrap()
    };
    assert_eq!(state(&versions[0]).await, "1");
    publish("2", "");
    provider.advance(TimeDelta::seconds(599));
    assert_eq!(state(&versions[0]).await, "1");
    assert_eq!(state(&versions[1]).await, "2");
    assert_eq!(state(&versions[2]).await, "2");
    publish("3", "no-store");
    provider.advance(TimeDelta::seconds(59));
    assert_eq!(state(&versions[2]).await, "2");
    provider.advance(TimeDelta::seconds(1));
    assert_eq!(state(&versions[2]).await, "3");
    // A crowd that comes at once has it fetched once all the same.
    publish("4", "no-store");
    assert_eq!(state(&versions[2]).await, "3");
    provider.advance(TimeDelta::seconds(5));
    assert_eq!(state(&versions[2]).await, "4");
    provider.stop().await;
}

/// Attack 75 (CVE-2020-10770): the provider is made to ask whom a stranger likes. Attack 80: and tells what it found.
#[actix_web::test]
async fn only_registered_addresses_are_asked_and_what_fails_there_is_not_told() {
    let (publisher, key) = (Publisher::open().await, ClientKey::generate());
    let sound = Document::Text(unsigned(&inside()), "");
    let elsewhere = publisher.publish("/elsewhere", sound);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut addresses = vec![
        format!("http://{}/r", closed.local_addr().unwrap()),
        "https://169.254.169.254/latest".to_owned(),
        "http://127.0.0.1:6379/".to_owned(),
        "file:///etc/passwd".to_owned(),
    ];
    drop(closed);
    for (number, document) in [
        Document::Status(200),
        Document::Status(401),
        Document::Status(500),
        Document::Redirect(elsewhere.clone()),
        Document::Text("secret words".to_owned(), ""),
        Document::Text("a.b".to_owned(), ""),
        Document::Text(format!("e30.{}.", "A".repeat(16 * 1024)), ""),
        Document::Endless,
        Document::Hang,
    ]
    .into_iter()
    .enumerate()
    {
        addresses.push(publisher.publish(&format!("/{number}"), document));
    }
    let (provider, party, ada) = start(&key, |metadata| {
        metadata.request_uris = addresses.clone();
    })
    .await;
    let tries = addresses.iter().map(|address| {
        let url = party.authorize_url(&[("request_uri", address)]);
        let ada = &ada;
        async move { ada.get(&url).await }
    });
    for (answer, address) in futures_util::future::join_all(tries)
        .await
        .iter()
        .zip(&addresses)
    {
        assert_told(answer, "invalid_request_uri", address);
        assert_eq!(
            answer.parameter("error_description").as_deref(),
            Some("the request object at request_uri can't be had"),
            "{address}"
        );
    }
    for unregistered in [
        elsewhere.clone(),
        format!("{}#x", addresses[4]),
        format!("{}?x", addresses[4]),
        "https://evil.example/".to_owned(),
        "urn:ietf:params:oauth:request_uri:x".to_owned(),
    ] {
        let url = party.authorize_url(&[("request_uri", &unregistered)]);
        assert_told(&ada.get(&url).await, "invalid_request_uri", &unregistered);
    }
    assert_eq!(publisher.asked("/elsewhere"), 0);
    assert_eq!(publisher.asked("/0"), 1);
    provider.stop().await;
}

/// Attack 75: an address of the operator's own network, which the client registered before that was closed.
#[actix_web::test]
async fn objects_are_not_fetched_from_inside() {
    let publisher = Publisher::open().await;
    let address = publisher.publish("/r", Document::Text(unsigned(&inside()), ""));
    let port = address.rsplit(':').next().unwrap();
    let addresses = [
        address.clone(),
        format!("https://objects.example:{port}"),
        format!("http://2130706433:{port}"),
    ];
    let wish = ledger_with(|metadata| metadata.request_uris = addresses.to_vec());
    let wish = wish.await.resolving_to("127.0.0.1".parse().unwrap());
    let wish = wish.configure(|config| config.outbound.allow_private_networks.clear());
    let provider = wish.client("wiki", metadata(HOME)).start().await;
    let party = RelyingParty::of(&provider, "ledger");
    for address in &addresses {
        let url = party.authorize_url(&[("request_uri", address)]);
        let answer = Visitor::default().get(&url).await;
        assert_told(&answer, "invalid_request_uri", address);
    }
    // Another client may not even name it.
    let wiki = RelyingParty::of(&provider, "wiki");
    let url = wiki.authorize_url(&[("request_uri", &address)]);
    assert_told(
        &Visitor::default().get(&url).await,
        "invalid_request_uri",
        "wiki",
    );
    assert_eq!(publisher.asked("/r"), 0);
    provider.stop().await;
}
