//! Attack 79: where a house is, and what it answers, takes us nowhere that we do not go, and holds nobody up for long.

use std::time::{Duration, Instant};

use exeunt::oidc::upstream::Upstream;
use serde_json::{Value, json};
use url::Url;

use super::house;
use super::stub::{Ours, Stub, notice};
use crate::support::ledger::open;
use crate::support::publisher::{Document, Publisher};
use crate::support::visitor::{Answer, Visitor};

const DISCOVERY: &str = ".well-known/openid-configuration";

/// A house at an address of the publisher's, called as its path.
fn at(publisher: &Publisher, id: &str) -> Upstream {
    Upstream {
        id: id.to_owned(),
        ..house(&format!("{}/{id}", publisher.base))
    }
}

/// What it says of itself, with its endpoints below its address.
fn says(publisher: &Publisher, id: &str) -> Document {
    let base = format!("{}/{id}", publisher.base);
    let said = json!({
        "issuer": base, "authorization_endpoint": format!("{base}/authorize"), "token_endpoint": format!("{base}/token"),
        "jwks_uri": format!("{base}/jwks"), "userinfo_endpoint": format!("{base}/userinfo"),
    });
    Document::Text(said.to_string(), "")
}

/// Presses the button of that house.
async fn press(ours: &Ours, visitor: &Visitor, id: &str) -> Answer {
    let page = open(visitor, &ours.party.authorize_url(&[])).await;
    let form = page.form_of(&format!("#upstream-{id}")).unwrap();
    visitor.submit(&page, &form, &[]).await
}

/// Attack 79: a name that leads into the operator's own network, and a house that is written as an inner address.
#[actix_web::test]
async fn a_house_within_is_not_asked() {
    for address in [
        "169.254.169.254",
        "10.0.0.1",
        "fd00::1",
        "::ffff:192.168.0.1",
    ] {
        let upstream = house("https://id.house.example");
        let ours = Ours::with(vec![upstream], |wish| {
            wish.resolving_to(address.parse().unwrap())
        })
        .await;
        let answer = press(&ours, &Visitor::default(), "house").await;
        assert_eq!(answer.status, 502, "{address}");
        assert!(notice(&answer).contains("does not answer"), "{address}");
        ours.provider.stop().await;
    }
    for issuer in [
        "https://169.254.169.254",
        "https://10.0.0.1/op",
        "https://[fd00::1]",
    ] {
        let ours = Ours::with(vec![house(issuer)], |wish| wish).await;
        let answer = press(&ours, &Visitor::default(), "house").await;
        assert_eq!(answer.status, 502, "{issuer}");
        ours.provider.stop().await;
    }
}

/// Attacks 79, 80: redirects, bodies without end and answers that never come, at discovery and at each endpoint; the person
/// is told the same of all of them, and none of the words that lie there.
#[actix_web::test]
async fn whatever_a_house_answers_people_are_told_soon_and_nothing_else_is_asked() {
    let publisher = Publisher::open().await;
    let secret = publisher.publish("/secret", Document::Text("{}".to_owned(), ""));
    let faults = |id: &str| match id {
        "redirect" => Document::Redirect(secret.clone()),
        "endless" => Document::Endless,
        "status" => Document::Status(500),
        _ => Document::Hang,
    };
    let ids = ["redirect", "endless", "status", "hang"];
    let tokens =
        json!({ "access_token": "a", "id_token": "i", "token_type": "Bearer" }).to_string();
    let mut upstreams = Vec::new();
    for id in ids {
        publisher.publish(&format!("/{id}/{DISCOVERY}"), faults(id));
        upstreams.push(at(&publisher, id));
        let (token, keys) = (format!("token-{id}"), format!("keys-{id}"));
        publisher.publish(&format!("/{token}/{DISCOVERY}"), says(&publisher, &token));
        publisher.publish(&format!("/{token}/token"), faults(id));
        upstreams.push(at(&publisher, &token));
        publisher.publish(&format!("/{keys}/{DISCOVERY}"), says(&publisher, &keys));
        publisher.publish(
            &format!("/{keys}/token"),
            Document::Text(tokens.clone(), ""),
        );
        publisher.publish(&format!("/{keys}/jwks"), faults(id));
        upstreams.push(at(&publisher, &keys));
    }
    // A document that is the whole truth of another.
    publisher.publish(
        &format!("/liar/{DISCOVERY}"),
        says(&publisher, "token-status"),
    );
    upstreams.push(at(&publisher, "liar"));
    let ours = Ours::with(upstreams, |wish| wish).await;
    let began = Instant::now();
    for id in ids.into_iter().chain(["liar"]) {
        let answer = press(&ours, &Visitor::default(), id).await;
        assert_eq!(answer.status, 502, "{id}: {answer:?}");
        assert!(notice(&answer).contains("does not answer"), "{id}");
    }
    for id in ids {
        for kind in ["token", "keys"] {
            let (ada, id) = (Visitor::default(), format!("{kind}-{id}"));
            let sent = press(&ours, &ada, &id).await.location().unwrap();
            let question = Url::parse(&sent).unwrap();
            let state = question
                .query_pairs()
                .find(|(name, _)| name == "state")
                .unwrap()
                .1;
            let back = format!("/upstreams/{id}/callback?code=c&state={state}");
            let answer = ours.come_back(&ada, &ours.provider.url(&back)).await;
            let told = notice(&answer);
            assert!(!told.is_empty(), "{id}: {answer:?}");
            assert!(!answer.body.contains("secret words"), "{id}");
            assert!(answer.has(&format!("#upstream-{id}")), "{id}");
        }
    }
    assert_eq!(publisher.asked("/secret"), 0);
    // Three of them never answer, and five seconds is all that each gets.
    assert!(
        began.elapsed() < Duration::from_secs(40),
        "{:?}",
        began.elapsed()
    );
    ours.provider.stop().await;
}

/// Attack 79: what a house says of itself sends nobody, and none of our secrets, where others listen, or runs a script.
#[actix_web::test]
async fn nobody_is_sent_where_no_endpoint_may_be() {
    let publisher = Publisher::open().await;
    let names = [
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "userinfo_endpoint",
    ];
    let addresses = [
        "http://marker.example/e",
        "javascript:alert(1)",
        "https://marker.example/e#x",
    ];
    publisher.publish(&format!("/sound/{DISCOVERY}"), says(&publisher, "sound"));
    let mut upstreams = Vec::new();
    for name in names {
        for (number, address) in addresses.into_iter().enumerate() {
            let id = format!("{}-{number}", name.replace('_', "-"));
            let Document::Text(said, _) = says(&publisher, &id) else {
                unreachable!("it says a text");
            };
            let mut said: Value = serde_json::from_str(&said).unwrap();
            said[name] = address.into();
            let said = Document::Text(said.to_string(), "");
            publisher.publish(&format!("/{id}/{DISCOVERY}"), said);
            upstreams.push(at(&publisher, &id));
        }
    }
    let ids: Vec<_> = upstreams.iter().map(|known| known.id.clone()).collect();
    upstreams.push(at(&publisher, "sound"));
    let ours = Ours::with(upstreams, |wish| wish).await;
    let sent = press(&ours, &Visitor::default(), "sound").await;
    assert_eq!(sent.status, 303, "{sent:?}");
    for id in ids {
        let answer = press(&ours, &Visitor::default(), &id).await;
        assert_eq!(answer.status, 502, "{id}: {answer:?}");
        assert!(notice(&answer).contains("does not answer"), "{id}");
    }
    ours.provider.stop().await;
}

/// Attack 79: a house may live in a network of its own, which opens it for nobody else.
#[actix_web::test]
async fn a_private_network_is_open_to_the_house_that_names_it() {
    let publisher = Publisher::open().await;
    publisher.publish(&format!("/in/{DISCOVERY}"), says(&publisher, "in"));
    publisher.publish(&format!("/out/{DISCOVERY}"), says(&publisher, "out"));
    let mut within = at(&publisher, "in");
    within.private_networks = vec!["cellar".to_owned()];
    let ours = Ours::with(vec![within, at(&publisher, "out")], |wish| {
        wish.configure(|config| {
            let network = config.outbound.allow_private_networks.drain(..).collect();
            config
                .outbound
                .private_networks
                .insert("cellar".to_owned(), network);
        })
    })
    .await;
    let sent = press(&ours, &Visitor::default(), "in").await;
    assert_eq!(sent.status, 303, "{sent:?}");
    assert_eq!(press(&ours, &Visitor::default(), "out").await.status, 502);
    assert_eq!(publisher.asked(&format!("/out/{DISCOVERY}")), 0);
    ours.provider.stop().await;
}

/// Attacks 79, 14: where there are no ID tokens, endpoints within are not asked either.
#[actix_web::test]
async fn endpoints_within_are_not_asked() {
    let stub = Stub::open();
    let mut upstream = stub.plain_upstream();
    let told = upstream.oauth2.as_mut().unwrap();
    told.token_endpoint = "https://169.254.169.254/token".to_owned();
    let ours = Ours::with(vec![upstream], |wish| wish).await;
    let answer = ours
        .sign_in(&Visitor::default(), &stub, &json!({ "id": 7 }))
        .await;
    assert_eq!(answer.status, 502, "{answer:?}");
    assert_eq!(stub.asked("/userinfo"), 0);
    ours.provider.stop().await;
}
