//! Keys that clients publish at a `jwks_uri`: when they are fetched, how long they count, and what a fetch that fails
//! gives away.

use std::net::IpAddr;

use chrono::TimeDelta;
use exeunt::clock::Clock as _;
use exeunt::oidc::client::{ClientAuthMethod, ClientMetadata, GrantType};
use exeunt::random::{OsRandom, Random};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::support::client_key::ClientKey;
use crate::support::eventually;
use crate::support::ledger::HOME;
use crate::support::provider::{Provider, Wish, metadata, provider};
use crate::support::publisher::{Document, Publisher};
use crate::support::visitor::{Answer, Visitor};

const PATH: &str = "/keys";

fn signer(jwks_uri: &str) -> ClientMetadata {
    ClientMetadata {
        token_endpoint_auth_method: ClientAuthMethod::PrivateKeyJwt,
        grant_types: vec![GrantType::AuthorizationCode, GrantType::ClientCredentials],
        jwks_uri: Some(jwks_uri.to_owned()),
        ..metadata(HOME)
    }
}

/// A provider whose clock the test moves, with the client `signer`, whose keys lie there.
async fn with_keys_at(jwks_uri: &str) -> Wish {
    let wish = provider().await.manual_clock();
    wish.client("signer", signer(jwks_uri))
}

fn text(jwks: &Value) -> Document {
    Document::Text(jwks.to_string(), "")
}

/// Tries to get a token with an assertion of that client's.
async fn try_as(provider: &Provider, client_id: &str, key: &ClientKey, header: &Value) -> Answer {
    let now = provider.clock.as_ref().unwrap().now();
    let random: &dyn Random = &OsRandom;
    let claims = json!({
        "iss": client_id, "sub": client_id, "aud": provider.issuer,
        "jti": random.secret(),
        "iat": now.timestamp(), "exp": (now + TimeDelta::minutes(5)).timestamp(),
    });
    let visitor = Visitor::default();
    let url = provider.url("/token");
    let request = visitor.client().post(&url).form(&[
        ("grant_type", "client_credentials"),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
        ("client_assertion", &key.sign(header, &claims)),
    ]);
    visitor.send(&url, request).await
}

async fn try_with(provider: &Provider, key: &ClientKey) -> Answer {
    try_as(provider, "signer", key, &key.header()).await
}

fn assert_accepted(answer: &Answer) {
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn assert_refused(answer: &Answer) {
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(answer.json()["error"], "invalid_client");
}

#[actix_web::test]
async fn a_client_signs_with_the_keys_that_it_publishes() {
    let (publisher, key) = (Publisher::open().await, ClientKey::generate());
    let others = json!({ "keys": [{ "kty": "new" }, key.jwk()] });
    let provider = with_keys_at(&publisher.publish(PATH, text(&others))).await;
    let provider = provider.start().await;
    assert_accepted(&try_with(&provider, &key).await);
    assert_accepted(&try_with(&provider, &key).await);
    assert_refused(&try_with(&provider, &ClientKey::generate()).await);
    assert_eq!(publisher.asked(PATH), 1);
    provider.stop().await;
}

#[actix_web::test]
async fn keys_count_for_as_long_as_their_server_says_within_bounds() {
    let hour = 3600;
    for (cache_control, seconds) in [
        ("max-age=600", 600),
        ("", hour),
        ("no-store", 60),
        ("max-age=1", 60),
        ("max-age=31536000", 24 * hour),
    ] {
        let (publisher, old, new) = (
            Publisher::open().await,
            ClientKey::generate(),
            ClientKey::generate(),
        );
        let publish = |key: &ClientKey| {
            publisher.publish(PATH, Document::Text(key.jwks().to_string(), cache_control))
        };
        let provider = with_keys_at(&publish(&old)).await.start().await;
        assert_accepted(&try_with(&provider, &old).await);
        // Under the name of the old one: nothing but the time says that there is another.
        publish(&new);
        provider.advance(TimeDelta::seconds(seconds - 1));
        assert_accepted(&try_with(&provider, &old).await);
        assert_refused(&try_with(&provider, &new).await);
        assert_eq!(publisher.asked(PATH), 1, "{cache_control}");
        provider.advance(TimeDelta::seconds(1));
        assert_refused(&try_with(&provider, &old).await);
        assert_accepted(&try_with(&provider, &new).await);
        assert_eq!(publisher.asked(PATH), 2, "{cache_control}");
        provider.stop().await;
    }
}

#[actix_web::test]
async fn a_key_that_is_unknown_has_them_fetched_again_at_most_once_a_minute() {
    let publisher = Publisher::open().await;
    let keys = ["k1", "k2", "k3"].map(ClientKey::called);
    let provider = with_keys_at(&publisher.publish(PATH, text(&keys[0].jwks()))).await;
    let provider = provider.start().await;
    assert_accepted(&try_with(&provider, &keys[0]).await);
    publisher.publish(PATH, text(&keys[1].jwks()));
    provider.advance(TimeDelta::seconds(59));
    assert_refused(&try_with(&provider, &keys[1]).await);
    assert_eq!(publisher.asked(PATH), 1);
    provider.advance(TimeDelta::seconds(1));
    assert_accepted(&try_with(&provider, &keys[1]).await);
    assert_eq!(publisher.asked(PATH), 2);
    // Whoever makes up names has nothing fetched in the meantime, and the client goes on.
    for _ in 0..3 {
        assert_refused(&try_with(&provider, &keys[2]).await);
        assert_accepted(&try_with(&provider, &keys[1]).await);
    }
    assert_eq!(publisher.asked(PATH), 2);
    // Where keys have no names, a signature that fits none of them may be a new one's.
    provider.advance(TimeDelta::minutes(1));
    publisher.publish(PATH, text(&keys[2].jwks()));
    let nameless = json!({ "alg": "ES256" });
    assert_accepted(&try_as(&provider, "signer", &keys[2], &nameless).await);
    assert_eq!(publisher.asked(PATH), 3);
    provider.stop().await;
}

#[actix_web::test]
async fn requests_that_need_the_same_keys_at_once_have_them_fetched_once() {
    let publisher = Publisher::open().await;
    let keys = ["k1", "k2"].map(ClientKey::called);
    let provider = with_keys_at(&publisher.publish(PATH, text(&keys[0].jwks()))).await;
    let provider = provider.start().await;
    for (turn, key) in (1..).zip(&keys) {
        publisher.hold_back();
        let all = join_all((0..20).map(|_| try_with(&provider, key)));
        let let_go = async {
            let asked = eventually(async || (publisher.asked(PATH) == turn).then_some(()));
            asked.await.expect("the keys are asked for");
            publisher.let_go();
        };
        let (answers, ()) = join(all, let_go).await;
        answers.iter().for_each(assert_accepted);
        assert_eq!(publisher.asked(PATH), turn);
        // The second time it is a name that nobody knows yet.
        publisher.publish(PATH, text(&keys[1].jwks()));
        provider.advance(TimeDelta::minutes(2));
    }
    provider.stop().await;
}

#[actix_web::test]
async fn who_goes_away_while_keys_are_fetched_takes_nothing_from_those_who_wait() {
    let (publisher, key) = (Publisher::open().await, ClientKey::generate());
    let provider = with_keys_at(&publisher.publish(PATH, text(&key.jwks()))).await;
    let provider = provider.start().await;
    publisher.hold_back();
    let asked = eventually(async || (publisher.asked(PATH) == 1).then_some(()));
    tokio::select! {
        _ = try_with(&provider, &key) => panic!("there is no answer yet"),
        asked = asked => asked.expect("the keys are asked for"),
    }
    publisher.let_go();
    assert_accepted(&try_with(&provider, &key).await);
    assert_eq!(publisher.asked(PATH), 1);
    provider.stop().await;
}

#[actix_web::test]
async fn known_keys_do_for_an_hour_more_when_their_server_fails() {
    let (publisher, key) = (Publisher::open().await, ClientKey::generate());
    let provider = with_keys_at(&publisher.publish(PATH, text(&key.jwks()))).await;
    let provider = provider.start().await;
    assert_accepted(&try_with(&provider, &key).await);
    publisher.publish(PATH, Document::Status(503));
    provider.advance(TimeDelta::minutes(119));
    assert_accepted(&try_with(&provider, &key).await);
    assert_accepted(&try_with(&provider, &key).await);
    assert_eq!(publisher.asked(PATH), 2);
    provider.advance(TimeDelta::minutes(1));
    assert_refused(&try_with(&provider, &key).await);
    // It is asked again soon, though not by every request.
    publisher.publish(PATH, text(&key.jwks()));
    assert_refused(&try_with(&provider, &key).await);
    provider.advance(TimeDelta::seconds(10));
    assert_accepted(&try_with(&provider, &key).await);
    assert_eq!(publisher.asked(PATH), 4);
    provider.stop().await;
}

/// Attack 80: what lies at an address, or whether anything does, told by the answer. Attack 76: redirects to somewhere
/// else, and answers without an end.
#[actix_web::test]
async fn whatever_is_wrong_at_a_jwks_uri_the_answer_is_the_same() {
    let (publisher, key) = (Publisher::open().await, ClientKey::generate());
    let elsewhere = publisher.publish("/elsewhere", text(&key.jwks()));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}/keys", nobody.local_addr().unwrap());
    drop(nobody);
    let mut addresses = vec![closed, "http://127.0.0.1:6379/".to_owned()];
    let large = format!("{{\"keys\":[],\"padding\":\"{}\"}}", "x".repeat(64 * 1024));
    for (number, document) in [
        Document::Status(200),
        Document::Status(403),
        Document::Status(500),
        Document::Redirect(elsewhere),
        Document::Text("secret words".to_owned(), ""),
        Document::Text(r#"{"keys":[],"keys":[]}"#.to_owned(), ""),
        Document::Text(large, ""),
        Document::Endless,
        Document::Hang,
    ]
    .into_iter()
    .enumerate()
    {
        addresses.push(publisher.publish(&format!("/{number}"), document));
    }
    let mut wish = provider().await.manual_clock();
    for (number, address) in addresses.iter().enumerate() {
        wish = wish.client(&format!("signer-{number}"), signer(address));
    }
    let provider = wish.start().await;
    let names: Vec<_> = (0..addresses.len())
        .map(|number| format!("signer-{number}"))
        .collect();
    let header = key.header();
    let tries = names
        .iter()
        .map(|client_id| try_as(&provider, client_id, &key, &header));
    for (answer, address) in join_all(tries).await.iter().zip(&addresses) {
        assert_refused(answer);
        assert_eq!(
            answer.json()["error_description"],
            "the client assertion: the keys at the client's jwks_uri can't be had",
            "{address}"
        );
    }
    assert_eq!(publisher.asked("/elsewhere"), 0);
    provider.stop().await;
}

/// Attack 76 (CVE-2026-1180): keys that lie where only the provider gets to.
#[actix_web::test]
async fn keys_are_not_fetched_from_inside() {
    let (publisher, key) = (Publisher::open().await, ClientKey::generate());
    let address = publisher.publish(PATH, text(&key.jwks()));
    let port = address.rsplit(':').next().unwrap();
    for (jwks_uri, resolved) in [
        (address.clone(), "127.0.0.1"),
        (format!("http://2130706433:{port}"), "127.0.0.1"),
        (format!("http://keys.example:{port}"), "127.0.0.1"),
        (format!("https://keys.example:{port}"), "127.0.0.1"),
        ("https://keys.example/".to_owned(), "169.254.169.254"),
        (
            "http://169.254.169.254/latest".to_owned(),
            "169.254.169.254",
        ),
        ("https://[::ffff:10.0.0.1]/".to_owned(), "10.0.0.1"),
        ("file:///etc/passwd".to_owned(), "127.0.0.1"),
        ("https://user@keys.example/".to_owned(), "127.0.0.1"),
    ] {
        let address: IpAddr = resolved.parse().unwrap();
        let wish = with_keys_at(&jwks_uri).await;
        let wish = wish.configure(|config| config.outbound.allow_private_networks.clear());
        let provider = wish.resolving_to(address).start().await;
        let answer = try_with(&provider, &key).await;
        assert_refused(&answer);
        let words = answer.json()["error_description"].to_string();
        assert!(words.contains("can't be had"), "{jwks_uri}: {words}");
        provider.stop().await;
    }
    assert_eq!(publisher.asked(PATH), 0);
}

/// Attack 76: a network that was opened for one client is open to another.
#[actix_web::test]
async fn a_named_network_is_reached_by_those_who_name_it_alone() {
    let (publisher, key) = (Publisher::open().await, ClientKey::generate());
    let jwks_uri = publisher.publish(PATH, text(&key.jwks()));
    let mut insider = signer(&jwks_uri);
    insider.private_networks = vec!["here".to_owned()];
    let wish = with_keys_at(&jwks_uri).await.client("insider", insider);
    let wish = wish.configure(|config| {
        config.outbound.allow_private_networks.clear();
        let here = vec!["127.0.0.0/8".parse().unwrap()];
        config.outbound.private_networks = [("here".to_owned(), here)].into();
    });
    let provider = wish.start().await;
    let header = key.header();
    assert_accepted(&try_as(&provider, "insider", &key, &header).await);
    assert_refused(&try_as(&provider, "signer", &key, &header).await);
    assert_eq!(publisher.asked(PATH), 1);
    provider.stop().await;
}
