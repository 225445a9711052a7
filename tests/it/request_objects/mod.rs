//! Requests that come as JWTs (Core §6, RFC 9101): what counts, who signed it, where it was fetched, and what it may
//! never do.

mod any_object;
mod by_reference;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use exeunt::clock::{Clock as _, SystemClock};
use exeunt::oidc::algorithm::ClientAlgorithm;
use exeunt::oidc::client::{ClientAuthMethod, ClientMetadata, GrantType};
use serde_json::{Value, json};

use crate::support::client_key::{ClientKey, sign_with_secret, unsigned};
use crate::support::ledger::{HOME, assert_stays, error, ledger_with, open, sign_in};
use crate::support::provider::{Provider, SECRET};
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
