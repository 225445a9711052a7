//! How clients prove who they are (RFC 6749 §2.3, Core §9, RFC 7523).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use exeunt::clock::{Clock as _, SystemClock};
use exeunt::oidc::client::{ClientAuthMethod, ClientMetadata, GrantType};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::client_key::ClientKey;
use crate::support::ledger::{HOME, json_error, ledger_with};
use crate::support::provider::{Provider, SECRET, metadata};
use crate::support::visitor::{Answer, Visitor};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// The claims of a sound assertion.
fn claims(provider: &Provider, jti: &str) -> Value {
    let now = SystemClock.now();
    json!({
        "iss": "signer", "sub": "signer", "aud": provider.issuer, "jti": jti,
        "iat": now.timestamp(), "exp": (now + TimeDelta::minutes(5)).timestamp(),
    })
}

fn machine(method: ClientAuthMethod) -> ClientMetadata {
    ClientMetadata {
        token_endpoint_auth_method: method,
        grant_types: vec![GrantType::AuthorizationCode, GrantType::ClientCredentials],
        ..metadata(HOME)
    }
}

/// `ledger` with `client_secret_basic`, and one client for each of the other methods.
async fn start(key: &ClientKey, strict: bool) -> Provider {
    ledger_with(|metadata| metadata.grant_types.push(GrantType::ClientCredentials))
        .await
        .client("poster", machine(ClientAuthMethod::ClientSecretPost))
        .client("public", machine(ClientAuthMethod::None))
        .client("signer", {
            let mut signer = machine(ClientAuthMethod::PrivateKeyJwt);
            signer.jwks = Some(json!({ "keys": [key.jwk()] }));
            signer.strict_assertion_audience = strict;
            signer
        })
        .start()
        .await
}

async fn post(url: &str, basic: Option<(&str, &str)>, fields: &[(&str, &str)]) -> Answer {
    let visitor = Visitor::default();
    let mut request = visitor.client().post(url).form(fields);
    if let Some((name, secret)) = basic {
        request = request.basic_auth(name, Some(secret));
    }
    visitor.send(url, request).await
}

async fn assert(url: &str, assertion: &str) -> Answer {
    let fields = [
        GRANT,
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion),
    ];
    post(url, None, &fields).await
}

fn assert_refused(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 401, "{what}: {answer:?}");
    assert_eq!(json_error(answer), "invalid_client", "{what}");
}

#[actix_web::test]
async fn each_client_authenticates_in_the_way_that_it_registered() {
    let key = ClientKey::generate();
    let provider = start(&key, false).await;
    let url = provider.url("/token");
    let secret = ("client_secret", SECRET);
    let assertion = key.sign(&key.header(), &claims(&provider, "1"));
    // Times may have parts of seconds (RFC 7519 §2).
    let mut in_parts = claims(&provider, "2");
    for time in ["iat", "exp"] {
        in_parts[time] = json!(in_parts[time].as_f64().unwrap() + 0.25);
    }
    let in_parts = key.sign(&key.header(), &in_parts);
    for answer in [
        post(&url, Some(("ledger", SECRET)), &[GRANT]).await,
        post(
            &url,
            Some(("ledger", SECRET)),
            &[GRANT, ("client_id", "ledger")],
        )
        .await,
        post(&url, None, &[GRANT, ("client_id", "poster"), secret]).await,
        assert(&url, &assertion).await,
        assert(&url, &in_parts).await,
    ] {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    // A public client has come as far as its code.
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", "public"),
        ("code", "x"),
        ("redirect_uri", HOME),
    ];
    assert_eq!(
        json_error(&post(&url, None, &fields).await),
        "invalid_grant"
    );
    provider.stop().await;
}

/// Attack 26: two ways at once, another way than registered, a secret for a client that has none, an
/// empty one. Attack 27: secrets that resemble the right one.
#[actix_web::test]
async fn no_other_way_is_accepted_and_never_two_at_once() {
    let key = ClientKey::generate();
    let provider = start(&key, false).await;
    let url = provider.url("/token");
    let (secret, almost) = (("client_secret", SECRET), &SECRET[1..]);
    let assertion = key.sign(&key.header(), &claims(&provider, "1"));
    let asserted = [
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion.as_str()),
    ];
    for (what, basic, fields) in [
        ("nobody", None, vec![]),
        ("no secret", None, vec![("client_id", "ledger")]),
        ("wrong", Some(("ledger", "wrong")), vec![]),
        ("almost", Some(("ledger", almost)), vec![]),
        ("empty", Some(("ledger", "")), vec![]),
        (
            "empty in the form",
            None,
            vec![("client_id", "poster"), ("client_secret", "")],
        ),
        (
            "post for basic",
            None,
            vec![("client_id", "ledger"), secret],
        ),
        ("basic for post", Some(("poster", SECRET)), vec![]),
        ("none for a signer", None, vec![("client_id", "signer")]),
        ("a secret for a signer", Some(("signer", SECRET)), vec![]),
        (
            "a secret for a public client",
            Some(("public", SECRET)),
            vec![],
        ),
        ("an unknown client", Some(("nobody", SECRET)), vec![]),
        ("NUL", Some(("ledger%00", SECRET)), vec![]),
        (
            "NUL in the form",
            None,
            vec![("client_id", "poster\0"), secret],
        ),
        (
            "another type",
            None,
            vec![("client_assertion_type", "x"), asserted[1]],
        ),
    ] {
        let mut all = vec![GRANT];
        all.extend(fields);
        let answer = post(&url, basic, &all).await;
        if what == "NUL in the form" {
            assert!(answer.status.is_client_error(), "{answer:?}");
            continue;
        }
        assert_refused(&answer, what);
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with("Basic"), "{what}: {challenge}");
    }
    // Of two headers a proxy may read the other one.
    let visitor = Visitor::default();
    let twice = visitor.client().post(&url).form(&[GRANT]);
    let twice = twice.basic_auth("ledger", Some(SECRET));
    let answer = visitor
        .send(&url, twice.basic_auth("public", Some("")))
        .await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(json_error(&answer), "invalid_request");
    for (what, basic, fields) in [
        ("basic and post", Some(("ledger", SECRET)), vec![secret]),
        (
            "basic and assertion",
            Some(("ledger", SECRET)),
            asserted.to_vec(),
        ),
        (
            "post and assertion",
            None,
            vec![secret, asserted[0], asserted[1]],
        ),
        (
            "two names",
            Some(("ledger", SECRET)),
            vec![("client_id", "poster")],
        ),
    ] {
        let mut all = vec![GRANT];
        all.extend(fields);
        let answer = post(&url, basic, &all).await;
        assert_eq!(
            (answer.status.as_u16(), json_error(&answer)),
            (400, "invalid_request".to_owned()),
            "{what}"
        );
    }
    provider.stop().await;
}

/// Attack 27: whether a client exists, told by the answer.
#[actix_web::test]
async fn an_unknown_client_and_a_wrong_secret_look_the_same() {
    let key = ClientKey::generate();
    let provider = start(&key, false).await;
    let url = provider.url("/token");
    let unknown = post(&url, Some(("nobody", SECRET)), &[GRANT]).await;
    let wrong = post(&url, Some(("ledger", "wrong")), &[GRANT]).await;
    assert_eq!((unknown.status, unknown.body), (wrong.status, wrong.body));
    provider.stop().await;
}

/// Attack 23 (CVE-2025-27371, CVE-2025-27370): an assertion that was meant for another server too.
#[actix_web::test]
async fn the_audience_is_one_string_that_is_ours() {
    for strict in [false, true] {
        let key = ClientKey::generate();
        let provider = start(&key, strict).await;
        let url = provider.url("/token");
        for (number, (aud, good)) in [
            (json!(provider.issuer), true),
            (json!(url), !strict),
            (json!([provider.issuer]), false),
            (json!([provider.issuer, "https://evil.example"]), false),
            (json!(format!("{}/", provider.issuer)), false),
            (json!(provider.url("/par")), false),
            (json!("https://evil.example"), false),
            (Value::Null, false),
        ]
        .into_iter()
        .enumerate()
        {
            let mut claims = claims(&provider, &number.to_string());
            claims["aud"] = aud.clone();
            let answer = assert(&url, &key.sign(&key.header(), &claims)).await;
            if good {
                assert_eq!(answer.status, 200, "{aud}: {answer:?}");
            } else {
                assert_refused(&answer, &aud.to_string());
            }
        }
        provider.stop().await;
    }
}

/// Attack 24 (GHSA-3p3g-vpw6-4w66, CVE-2020-15222): an assertion that somebody overheard: used
/// again, many times at once, at another node, after a restart.
#[actix_web::test]
async fn an_assertion_is_good_for_one_use_wherever_and_whenever_it_comes() {
    let key = ClientKey::generate();
    let provider = start(&key, false).await;
    let node = provider.another_node().await;
    let urls = [
        provider.url("/token"),
        format!("http://{}/token", node.address()),
    ];
    let assertion = key.sign(&key.header(), &claims(&provider, "once"));
    let attempts = (0..20).map(|turn| assert(&urls[turn % 2], &assertion));
    let answers = join_all(attempts).await;
    let (won, lost): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1);
    for answer in lost {
        assert_refused(&answer, "again");
    }
    node.stop().await;
    let provider = provider.restart(|_| {}).await;
    assert_refused(&assert(&urls[0], &assertion).await, "after a restart");
    let same_name_again = key.sign(&key.header(), &claims(&provider, "once"));
    assert_refused(&assert(&urls[0], &same_name_again).await, "signed again");
    provider.stop().await;
}

/// Attack 25: assertions without an end, with a far one, from the future, or about another client.
/// Attack 31 (CVE-2026-25537): times of another JSON type.
#[actix_web::test]
async fn an_assertion_says_who_for_how_long_and_by_what_name() {
    let key = ClientKey::generate();
    let provider = start(&key, false).await;
    let url = provider.url("/token");
    let now = SystemClock.now();
    let at = |minutes: i64| json!((now + TimeDelta::minutes(minutes)).timestamp());
    for (number, (name, value)) in [
        ("exp", Value::Null),
        ("exp", at(-1)),
        ("exp", at(11)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(at(5).to_string())),
        ("iat", at(2)),
        ("iat", json!("now")),
        ("nbf", at(2)),
        ("iss", json!("ledger")),
        ("sub", json!("ledger")),
        ("sub", Value::Null),
        ("jti", Value::Null),
        ("jti", json!("")),
        ("jti", json!("x".repeat(5000))),
        ("jti", json!("a\0b")),
        ("sub", json!("signer\0")),
    ]
    .into_iter()
    .enumerate()
    {
        let mut claims = claims(&provider, &number.to_string());
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
        let answer = assert(&url, &key.sign(&key.header(), &claims)).await;
        assert_refused(&answer, &format!("{name} {value:.20}"));
    }
    provider.stop().await;
}

/// Attack 30 (CVE-2026-27962, CVE-2018-0114, CVE-2025-59420): keys and rules that the assertion brings itself.
#[actix_web::test]
async fn only_a_registered_key_signs_for_a_client() {
    let (key, stranger) = (ClientKey::generate(), ClientKey::generate());
    let provider = start(&key, false).await;
    let url = provider.url("/token");
    let claims = |number: usize| claims(&provider, &format!("n{number}"));
    for (number, (name, value)) in [
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("RS256")),
        ("alg", json!("es256")),
        ("kid", json!("k2")),
        ("kid", json!("../k1")),
        ("crit", json!(["exp"])),
        ("jku", json!("https://evil.example/jwks")),
    ]
    .into_iter()
    .enumerate()
    {
        let mut header = key.header();
        header[name] = value.clone();
        let answer = assert(&url, &key.sign(&header, &claims(number))).await;
        assert_refused(&answer, &format!("{name} {value}"));
    }
    let mut with_own_key = key.header();
    with_own_key["jwk"] = stranger.jwk();
    for header in [key.header(), with_own_key] {
        assert_refused(
            &assert(&url, &stranger.sign(&header, &claims(100))).await,
            "a stranger",
        );
    }
    let sound = key.sign(&key.header(), &claims(100));
    let (message, _) = sound.rsplit_once('.').unwrap();
    // Attack 33 (CVE-2022-21449): a signature of zeros.
    let zeros = URL_SAFE_NO_PAD.encode([0; 64]);
    for assertion in [
        format!("{message}."),
        format!("{message}.{zeros}"),
        message.to_owned(),
    ] {
        assert_refused(&assert(&url, &assertion).await, &assertion);
    }
    assert_eq!(assert(&url, &sound).await.status, 200);
    provider.stop().await;
}
