//! Requests that come as JWTs (Core §6, RFC 9101): what counts, who signed it, where it was fetched, and what it may
//! never do.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use exeunt::clock::{Clock as _, SystemClock};
use exeunt::oidc::algorithm::ClientAlgorithm;
use exeunt::oidc::client::{ClientAuthMethod, ClientMetadata, GrantType};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::client_key::{ClientKey, sign_with_secret, unsigned};
use crate::support::ledger::{HOME, assert_stays, error, ledger_with, open, sign_in};
use crate::support::provider::{Provider, SECRET, metadata};
use crate::support::publisher::{Document, Publisher};
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::{Answer, Visitor};

/// `ledger`, which has this key, and what else it registers.
async fn start(
    key: &ClientKey,
    change: impl FnOnce(&mut ClientMetadata),
) -> (Provider, RelyingParty, Visitor) {
    let wish = ledger_with(|metadata| {
        metadata.jwks = Some(key.jwks());
        metadata.redirect_uris.push(format!("{HOME}/other"));
        change(metadata);
    });
    let provider = wish.await.start().await;
    let party = RelyingParty::of(&provider, "ledger");
    (provider, party, Visitor::default())
}

/// What is in the object of the valid example; the rest of the request stands outside.
fn inside() -> Value {
    json!({ "state": "inner-state", "nonce": "inner-nonce" })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = inside();
    claims[name] = value;
    claims
}

fn signed(key: &ClientKey, claims: &Value) -> String {
    key.sign(&key.header(), claims)
}

/// The object was refused, and the application hears of it where the parameters outside lead.
fn assert_told(answer: &Answer, expected: &str, what: &str) {
    assert_eq!(answer.status, 303, "{what}: {answer:?}");
    assert_eq!(error(answer), expected, "{what}: {answer:?}");
    assert!(answer.location().unwrap().starts_with(HOME), "{what}");
    assert_eq!(answer.parameter("state").as_deref(), Some("the-state"));
}

#[actix_web::test]
async fn what_is_inside_counts_and_outlives_sign_in_and_consent() {
    let key = ClientKey::generate();
    let (provider, party, ada) = start(&key, |metadata| metadata.skip_consent = false).await;
    let object = signed(
        &key,
        &json!({
            "iss": "ledger", "aud": provider.issuer, "client_id": "ledger", "response_type": "code",
            "state": "inner-state", "nonce": "inner-nonce", "scope": "openid email", "max_age": 600,
            "redirect_uri": format!("{HOME}/other"),
        }),
    );
    let page = open(&ada, &party.authorize_url(&[("request", &object)])).await;
    assert_eq!(page.page(), "page-sign-in");
    let consent = sign_in(&ada, &page).await;
    assert_eq!(consent.page(), "page-consent");
    let form = consent.form();
    let answer = ada.submit(&consent, &form, &[("decision", "allow")]).await;
    assert!(
        answer
            .location()
            .unwrap()
            .starts_with(&format!("{HOME}/other?"))
    );
    assert_eq!(answer.parameter("state").as_deref(), Some("inner-state"));
    let code = answer.parameter("code").unwrap();
    let at_the_other = [("redirect_uri", "https://ledger.example/other")];
    let tokens = party.redeem(&code, &at_the_other).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    assert_eq!(tokens.json()["scope"], "email openid");
    let tokens = crate::support::relying_party::Tokens { all: tokens.json() };
    let claims = tokens.id_claims(&provider.issuer).await;
    assert_eq!(claims["nonce"], "inner-nonce");
    assert!(claims["auth_time"].is_number());
    provider.stop().await;
}

/// Attack 19: parameters outside an object that it does not have stand, those that it has do not.
#[actix_web::test]
async fn a_request_may_be_signed_or_not_where_nothing_is_registered() {
    let key = ClientKey::generate();
    let (provider, party, ada) = start(&key, |_| {}).await;
    for object in [signed(&key, &inside()), unsigned(&inside())] {
        let answer = party.sign_in(&ada, &[("request", &object)]).await;
        assert_eq!(answer.parameter("state").as_deref(), Some("inner-state"));
        let code = answer.parameter("code").unwrap();
        assert_eq!(party.redeem(&code, &[]).await.status, 200);
    }
    provider.stop().await;
}

/// Attacks 19, 30: an object that is not signed as the client registered, or by somebody else.
#[actix_web::test]
async fn the_registered_algorithm_and_the_clients_own_keys_alone_do() {
    let (key, stranger) = (ClientKey::generate(), ClientKey::generate());
    let claims = inside();
    let public = key.jwk().to_string();
    let objects = [
        ("ES256", signed(&key, &claims)),
        ("none", unsigned(&claims)),
        ("a stranger", signed(&stranger, &claims)),
        (
            "HS256",
            sign_with_secret("HS256", SECRET.as_bytes(), &claims),
        ),
        (
            "confused",
            sign_with_secret("HS256", public.as_bytes(), &claims),
        ),
    ];
    for (registered, good) in [
        (None, &["ES256", "none"][..]),
        (Some(ClientAlgorithm::ES256), &["ES256"]),
        (Some(ClientAlgorithm::None), &["none"]),
        (Some(ClientAlgorithm::PS256), &[]),
    ] {
        let (provider, party, ada) = start(&key, |metadata| {
            metadata.request_object_signing_alg = registered;
        })
        .await;
        for (what, object) in &objects {
            let answer = open(&ada, &party.authorize_url(&[("request", object)])).await;
            if good.contains(what) {
                assert_eq!(answer.page(), "page-sign-in", "{what}: {answer:?}");
            } else {
                assert_told(&answer, "invalid_request_object", what);
            }
        }
        provider.stop().await;
    }
}

#[actix_web::test]
async fn a_client_that_signs_with_its_secret_signs_its_objects_with_it_too() {
    let key = ClientKey::generate();
    let (provider, party, ada) = start(&key, |metadata| {
        metadata.token_endpoint_auth_method = ClientAuthMethod::ClientSecretJwt;
    })
    .await;
    for (object, good) in [
        (
            sign_with_secret("HS256", SECRET.as_bytes(), &inside()),
            true,
        ),
        (signed(&key, &inside()), true),
        (sign_with_secret("HS256", &[b'x'; 40], &inside()), false),
        (
            sign_with_secret("HS256", key.jwk().to_string().as_bytes(), &inside()),
            false,
        ),
    ] {
        let answer = open(&ada, &party.authorize_url(&[("request", &object)])).await;
        assert_eq!(answer.page() == "page-sign-in", good, "{answer:?}");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn published_keys_sign_objects_too() {
    let (publisher, key) = (Publisher::open().await, ClientKey::generate());
    let document = Document::Text(key.jwks().to_string(), "");
    let jwks_uri = publisher.publish("/keys", document);
    let (provider, party, ada) = start(&key, |metadata| {
        (metadata.jwks, metadata.jwks_uri) = (None, Some(jwks_uri));
    })
    .await;
    let url = party.authorize_url(&[("request", &signed(&key, &inside()))]);
    assert_eq!(open(&ada, &url).await.page(), "page-sign-in");
    assert_eq!(publisher.asked("/keys"), 1);
    provider.stop().await;
}

/// Attack 7: the redirect URI that counts is the one inside, and before it is known to be registered there is no
/// redirect: not to it, and not to the one outside.
#[actix_web::test]
async fn the_redirect_uri_inside_wins_or_nothing_is_redirected() {
    let key = ClientKey::generate();
    let (provider, party, ada) = start(&key, |_| {}).await;
    let sound = format!("{HOME}/other");
    for (inner, outer, leads_to) in [
        (json!(sound), "https://evil.example/", Some(&sound)),
        (json!(sound), "", Some(&sound)),
        (json!(sound), party.redirect_uri.as_str(), Some(&sound)),
        (
            json!("https://evil.example/"),
            party.redirect_uri.as_str(),
            None,
        ),
        (json!(""), party.redirect_uri.as_str(), None),
        (Value::Null, "https://evil.example/", None),
    ] {
        let mut claims = with("prompt", json!("none"));
        if !inner.is_null() {
            claims["redirect_uri"] = inner.clone();
        }
        for object in [signed(&key, &claims), unsigned(&claims)] {
            let more = [("request", object.as_str()), ("redirect_uri", outer)];
            let answer = ada.get(&party.authorize_url(&more)).await;
            match leads_to {
                Some(uri) => {
                    assert_eq!(error(&answer), "login_required");
                    assert!(answer.location().unwrap().starts_with(uri), "{answer:?}");
                }
                None => assert_stays(&answer, &inner.to_string()),
            }
        }
    }
    // What is not sound does not say where it leads; outside, nothing registered is said either.
    let more = [("request", "x"), ("redirect_uri", "https://evil.example/")];
    let answer = ada.get(&party.authorize_url(&more)).await;
    assert_stays(&answer, "a broken object");
    assert!(answer.body.contains("invalid_request_object"));
    provider.stop().await;
}

#[actix_web::test]
async fn response_mode_and_prompt_count_inside() {
    let key = ClientKey::generate();
    let (provider, party, ada) = start(&key, |_| {}).await;
    let object = signed(&key, &with("response_mode", json!("form_post")));
    let answer = party.sign_in(&ada, &[("request", &object)]).await;
    assert_eq!(answer.status, 200);
    let form = answer.form();
    assert_eq!(form.action, party.redirect_uri);
    let field = |name: &str| form.fields.iter().any(|(known, _)| known == name);
    assert!(field("code") && field("state"));
    // Asked to sign in again, once.
    let object = signed(&key, &with("prompt", json!("login")));
    let url = party.authorize_url(&[("request", &object)]);
    let page = open(&ada, &url).await;
    assert_eq!(page.page(), "page-sign-in");
    assert!(sign_in(&ada, &page).await.parameter("code").is_some());
    provider.stop().await;
}

/// Attack 19: objects for another provider, of another client, of another time, of another kind, in one another.
/// Attack 6: a member twice. Attack 31: members of another type.
#[actix_web::test]
async fn an_object_that_is_not_sound_is_refused_and_the_application_told() {
    let key = ClientKey::generate();
    let (provider, party, ada) = start(&key, |_| {}).await;
    let now = SystemClock.now();
    let at = |minutes: i64| json!((now + TimeDelta::minutes(minutes)).timestamp());
    let good = [
        ("aud", json!(["https://other.example", provider.issuer])),
        ("exp", at(5)),
        ("nbf", at(0)),
        ("iss", json!("ledger")),
        ("unknown", json!({ "a": [1] })),
    ];
    for (name, value) in good {
        let object = signed(&key, &with(name, value));
        let answer = open(&ada, &party.authorize_url(&[("request", &object)])).await;
        assert_eq!(answer.page(), "page-sign-in", "{name}: {answer:?}");
    }
    for (name, value) in [
        ("aud", json!("https://other.example")),
        ("aud", json!(provider.url("/token"))),
        ("aud", json!(1)),
        ("iss", json!("wiki")),
        ("iss", json!(1)),
        ("exp", at(-1)),
        ("exp", json!("never")),
        ("nbf", at(2)),
        ("client_id", json!("wiki")),
        ("response_type", json!("id_token")),
        ("request", json!("x")),
        ("request_uri", json!(format!("{HOME}/r"))),
        ("scope", json!(["openid"])),
        ("state", json!("a\0b")),
        ("prompt", json!(null)),
        ("claims", json!([])),
    ] {
        let object = signed(&key, &with(name, value.clone()));
        let answer = open(&ada, &party.authorize_url(&[("request", &object)])).await;
        assert_told(
            &answer,
            "invalid_request_object",
            &format!("{name} {value}"),
        );
    }
    let header = key.header().to_string();
    let mut of_another_kind = key.header();
    of_another_kind["typ"] = json!("client-authentication+jwt");
    let sound = signed(&key, &inside());
    let (message, _) = sound.rsplit_once('.').unwrap();
    for object in [
        key.sign_text(&header, r#"{"state":"a","state":"b"}"#),
        key.sign_text(&header, "[]"),
        key.sign_text(&header, ""),
        key.sign_text(r#"{"alg":"ES256","alg":"none"}"#, "{}"),
        key.sign(&of_another_kind, &inside()),
        format!("{message}.{}", URL_SAFE_NO_PAD.encode([0; 64])),
        format!("{message}."),
        format!("{sound}.{sound}"),
        "x".to_owned(),
    ] {
        let answer = open(&ada, &party.authorize_url(&[("request", &object)])).await;
        assert_told(&answer, "invalid_request_object", &object);
    }
    let both = [
        ("request", sound.as_str()),
        ("request_uri", "https://x.example"),
    ];
    let answer = open(&ada, &party.authorize_url(&both)).await;
    assert_told(&answer, "invalid_request", "both");
    provider.stop().await;
}

/// Attacks 19, 32: an object that somebody overheard does not authenticate its client.
#[actix_web::test]
async fn an_object_is_no_assertion() {
    let key = ClientKey::generate();
    let (provider, ..) = start(&key, |metadata| {
        metadata.token_endpoint_auth_method = ClientAuthMethod::PrivateKeyJwt;
        metadata.grant_types.push(GrantType::ClientCredentials);
    })
    .await;
    let now = SystemClock.now();
    let claims = json!({
        "iss": "ledger", "sub": "ledger", "aud": provider.issuer, "jti": "1", "state": "s",
        "exp": (now + TimeDelta::minutes(5)).timestamp(),
    });
    let (visitor, url) = (Visitor::default(), provider.url("/token"));
    for (typ, status) in [("oauth-authz-req+jwt", 401), ("JWT", 200)] {
        let mut header = key.header();
        header["typ"] = json!(typ);
        let assertion = key.sign(&header, &claims);
        let request = visitor.client().post(&url).form(&[
            ("grant_type", "client_credentials"),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", &assertion),
        ]);
        assert_eq!(visitor.send(&url, request).await.status, status, "{typ}");
    }
    provider.stop().await;
}

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

/// Values of every kind, for members of every kind.
fn any_claims() -> impl Strategy<Value = Value> {
    let names = [
        "client_id",
        "response_type",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "prompt",
        "max_age",
        "claims",
        "response_mode",
        "id_token_hint",
        "ui_locales",
        "resource",
        "code_challenge",
        "exp",
        "aud",
        "iss",
        "nbf",
        "x",
    ];
    let value = prop_oneof![
        Just(json!("openid")),
        Just(json!("code")),
        Just(json!("none")),
        Just(json!(format!("{HOME}/other"))),
        Just(json!("form_post")),
        any::<String>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::collection::vec(any::<String>(), 0..3).prop_map(Value::from),
        Just(json!({ "userinfo": { "name": null } })),
        Just(Value::Null),
    ];
    prop::collection::btree_map(prop::sample::select(names.to_vec()), value, 0..5)
        .prop_map(|members| json!(members))
}

fn any_object(key: &ClientKey) -> impl Strategy<Value = String> {
    let base64 = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
    let bytes = || prop::collection::vec(any::<u8>(), 0..60);
    prop_oneof![
        any::<String>(),
        "[A-Za-z0-9._-]{0,200}",
        (bytes(), bytes(), bytes()).prop_map(move |(a, b, c)| format!(
            "{}.{}.{}",
            base64(a),
            base64(b),
            base64(c)
        )),
        any::<String>().prop_map(|claims| {
            let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
            format!("{header}.{}.", URL_SAFE_NO_PAD.encode(claims))
        }),
        any_claims().prop_map(|claims| unsigned(&claims)),
        any_claims().prop_map(|claims| signed(key, &claims)),
    ]
}

#[actix_web::test]
async fn whatever_comes_as_an_object_there_is_a_page_or_a_redirect_to_the_application() {
    let key = ClientKey::generate();
    let (provider, party, ada) = start(&key, |_| {}).await;
    party.sign_in(&ada, &[]).await;
    let objects = any_object(&key);
    let mut runner = TestRunner::default();
    for _ in 0..runner.config().cases {
        let object = objects.new_tree(&mut runner).unwrap().current();
        let answer = ada.get(&party.authorize_url(&[("request", &object)])).await;
        let led = answer.location().unwrap_or_default();
        match answer.status.as_u16() {
            303 => assert!(
                led.starts_with(&format!("{HOME}/")) || led.starts_with(&provider.issuer),
                "{object}: {answer:?}"
            ),
            200 => assert!(answer.form().action.starts_with(HOME), "{object}"),
            400 => assert_eq!(answer.page(), "page-error", "{object}"),
            _ => panic!("{object}: {answer:?}"),
        }
    }
    provider.stop().await;
}
