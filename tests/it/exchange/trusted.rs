//! Tokens of others whom we believe: signed with the test's own keys, which are found by discovery.

use chrono::TimeDelta;
use exeunt::clock::Clock as _;
use exeunt::flows::people;
use exeunt::oidc::algorithm::SigningAlgorithm;
use exeunt::oidc::token::exchange::policy::Rule;
use exeunt::oidc::token::exchange::trusted::{Subjects, TrustedIssuer};
use serde_json::{Value, json};

use super::{API, ARCHIVE, VAULT, house_of, wish, words};
use crate::support::client_key::{ClientKey, sign_with_secret, unsigned};
use crate::support::exchange::{JWT, as_service, asked, changed, claims_of, client_rule, token_of};
use crate::support::ledger::json_error;
use crate::support::provider::{Provider, SECRET};
use crate::support::publisher::{Document, Publisher};
use crate::support::relying_party::RelyingParty;
use crate::support::service::Reader;
use crate::support::visitor::Answer;

const METADATA: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/keys";
/// What the partner calls us.
const US: &str = "https://exeunt.example";

/// A partner whose tokens ledger may exchange, and batch's act by.
struct Partner {
    publisher: Publisher,
    provider: Provider,
    ledger: RelyingParty,
    sub: String,
    token: String,
}

fn trusted(issuer: &str) -> TrustedIssuer {
    TrustedIssuer {
        issuer: issuer.to_owned(),
        audience: US.to_owned(),
        algorithms: vec![SigningAlgorithm::ES256],
        subject_claim: "sub".to_owned(),
        subjects: Subjects::Named([("u-17".to_owned(), "ada".to_owned())].into()),
        private_networks: Vec::new(),
    }
}

impl Partner {
    async fn open(change: impl FnOnce(&mut Rule, &mut TrustedIssuer)) -> Self {
        let publisher = Publisher::open().await;
        let issuer = publisher.base.clone();
        let mut believed = trusted(&issuer);
        let mut rule = Rule {
            scope: Some(words("read")),
            impersonation: true,
            subject_issuers: vec![issuer.clone()],
            ..client_rule("ledger", API)
        };
        change(&mut rule, &mut believed);
        let wish = wish().await.manual_clock().configure(|config| {
            config.exchange.issuers.push(believed);
            config.exchange.rules.push(rule);
            let acting = Rule {
                delegation: true,
                actor_issuers: vec![issuer.clone()],
                ..client_rule("ledger", super::CELLAR)
            };
            config.exchange.rules.push(acting);
        });
        let house = house_of(wish).await;
        let claims = claims_of(&house.provider, &house.token()).await;
        let partner = Self {
            publisher,
            token: house.token(),
            provider: house.provider,
            ledger: house.ledger,
            sub: claims["sub"].as_str().unwrap().to_owned(),
        };
        partner.say(&partner.publisher.base);
        partner
    }

    /// Publishes metadata of this issuer.
    fn say(&self, issuer: &str) {
        let jwks_uri = format!("{}{KEYS}", self.publisher.base);
        let metadata = json!({ "issuer": issuer, "jwks_uri": jwks_uri }).to_string();
        self.publisher
            .publish(METADATA, Document::Text(metadata, ""));
    }

    fn publish(&self, keys: &[&ClientKey]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        let text = json!({ "keys": keys }).to_string();
        self.publisher.publish(KEYS, Document::Text(text, ""));
    }

    /// Sound claims about ada.
    fn claims(&self) -> Value {
        let now = self.provider.clock.as_ref().unwrap().now().timestamp();
        json!({ "iss": self.publisher.base, "sub": "u-17", "aud": US, "iat": now, "exp": now + 120 })
    }

    async fn exchange(&self, token: &str) -> Answer {
        let fields = changed(&asked(token, API), "subject_token_type", JWT);
        self.ledger.token(&fields).await
    }
}

/// The claims with one changed, or taken away where it is null.
fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

#[actix_web::test]
async fn a_trusted_issuers_token_becomes_one_of_ours_about_its_person_here() {
    let partner = Partner::open(|_, _| {}).await;
    let key = ClientKey::generate();
    partner.publish(&[&key]);
    let claims = partner.claims();
    let answer = partner.exchange(&key.sign(&key.header(), &claims)).await;
    let child = token_of(&answer);
    let told = claims_of(&partner.provider, &child).await;
    assert_eq!(told["sub"], partner.sub.as_str());
    assert_eq!(
        (&told["client_id"], &told["aud"]),
        (&json!("ledger"), &json!(API))
    );
    assert_eq!(
        (&told["scope"], &told["exp"]),
        (&json!("read"), &claims["exp"])
    );
    for absent in ["sid", "auth_time", "acr", "act"] {
        assert!(told.get(absent).is_none(), "{absent}");
    }
    // There is no session that it could end with; with its person it does.
    let reader = Reader {
        identifier: API.to_owned(),
        secret: SECRET.to_owned(),
        feed: partner.provider.url("/revocations"),
    };
    let told = reader.introspect(&partner.provider, &child).await.json();
    assert_eq!(told["active"], true);
    people::disable_user(partner.provider.flows(), "ada")
        .await
        .unwrap()
        .unwrap();
    let told = reader.introspect(&partner.provider, &child).await.json();
    assert_eq!(told["active"], false);
    assert!(
        reader.hears_of(&child).await,
        "though it was issued in this very second"
    );
    let late = partner.exchange(&key.sign(&key.header(), &claims)).await;
    assert_eq!(json_error(&late), "invalid_request");
    partner.provider.stop().await;
}

/// Attack 45: tokens of another tenant, that is of others than those who are believed. Attacks 30, 31, 32: algorithms, types
/// and uses.
#[actix_web::test]
async fn a_trusted_issuers_token_with_one_thing_wrong_is_refused() {
    let partner = Partner::open(|_, _| {}).await;
    let (key, other) = (ClientKey::generate(), ClientKey::generate());
    partner.publish(&[&key]);
    let (header, claims) = (key.header(), partner.claims());
    let now = claims["iat"].as_i64().unwrap();
    token_of(&partner.exchange(&key.sign(&header, &claims)).await);
    let ours = partner.provider.issuer.as_str();
    let mut wrong = Vec::new();
    for (name, value) in [
        ("iss", json!(null)),
        ("iss", json!(ours)),
        ("iss", json!("https://other.example")),
        ("iss", json!(format!("{}/", partner.publisher.base))),
        ("aud", json!(null)),
        ("aud", json!(ours)),
        ("aud", json!(["https://other.example"])),
        ("aud", json!(1)),
        ("sub", json!(null)),
        ("sub", json!("")),
        ("sub", json!("u-18")),
        ("sub", json!("ada")),
        ("exp", json!(null)),
        ("exp", json!("9999999999")),
        ("exp", json!(now)),
        ("iat", json!(now + 120)),
        ("nbf", json!(now + 120)),
        ("iat", json!("1")),
        ("scope", json!(["read"])),
        ("events", json!({})),
        ("cnf", json!({ "jkt": "x" })),
        ("act", json!("batch")),
        ("act", json!({ "sub": "batch", "iss": ours })),
        (
            "act",
            json!({ "sub": "a", "act": { "sub": "b", "iss": ours } }),
        ),
        ("may_act", json!({ "sub": "batch" })),
        (
            "may_act",
            json!({ "sub": "ledger", "iss": "https://other.example" }),
        ),
        ("may_act", json!({ "sub": "ledger", "acr": "high" })),
        ("may_act", json!("ledger")),
    ] {
        let token = key.sign(&header, &with(&claims, name, value.clone()));
        wrong.push((format!("{name}: {value}"), token));
    }
    let public = key.jwk().to_string();
    for (what, token) in [
        ("another key", other.sign(&header, &claims)),
        ("none", unsigned(&claims)),
        (
            "HS256",
            sign_with_secret("HS256", public.as_bytes(), &claims),
        ),
        (
            "RS256",
            key.sign(&with(&header, "alg", json!("RS256")), &claims),
        ),
        (
            "a kid",
            key.sign(&with(&header, "kid", json!("k2")), &claims),
        ),
        (
            "a logout token",
            key.sign(&with(&header, "typ", json!("logout+jwt")), &claims),
        ),
        (
            "its own key",
            other.sign(&with(&header, "jwk", other.jwk()), &claims),
        ),
        (
            "crit",
            key.sign(&with(&header, "crit", json!(["x"])), &claims),
        ),
        (
            "twice",
            key.sign_text(
                &header.to_string(),
                &claims.to_string().replacen('{', "{\"sub\":\"u-17\",", 1),
            ),
        ),
    ] {
        wrong.push((what.to_owned(), token));
    }
    for (what, token) in wrong {
        let answer = partner.exchange(&token).await;
        assert_eq!(answer.status, 400, "{what}: {answer:?}");
        assert_eq!(json_error(&answer), "invalid_request", "{what}");
    }
    for (name, value) in [
        ("aud", json!([US, "https://other.example"])),
        ("may_act", json!({ "sub": "ledger" })),
        ("may_act", json!({ "sub": "ledger", "iss": ours })),
        ("scope", json!("read openid")),
        ("iat", json!(now + 30)),
    ] {
        let token = key.sign(&header, &with(&claims, name, value.clone()));
        token_of(&partner.exchange(&token).await);
    }
    // Its own words bound what ours allow.
    let small = key.sign(&header, &with(&claims, "scope", json!("write")));
    let told = partner.exchange(&small).await.json();
    assert!(told.get("scope").is_none(), "{told}");
    let acts = key.sign(&header, &with(&claims, "act", json!({ "sub": "robot" })));
    let told = claims_of(&partner.provider, &token_of(&partner.exchange(&acts).await)).await;
    assert_eq!(
        told["act"],
        json!({ "sub": "robot", "iss": partner.publisher.base })
    );
    partner.provider.stop().await;
}

/// Attack 94: what was not declared of a trusted issuer.
#[actix_web::test]
async fn a_trusted_issuer_counts_where_a_rule_names_it_and_as_far_as_it_was_declared() {
    type Change = fn(&mut Rule, &mut TrustedIssuer);
    let changes: [(&str, Change, u16); 6] = [
        ("nothing", |_, _| {}, 200),
        ("no issuer", |rule, _| rule.subject_issuers.clear(), 400),
        (
            "no impersonation",
            |rule, _| rule.impersonation = false,
            400,
        ),
        (
            "other algorithms",
            |_, trusted| trusted.algorithms = vec![SigningAlgorithm::EdDSA],
            400,
        ),
        (
            "nobody",
            |_, trusted| trusted.subjects = Subjects::Nobody,
            400,
        ),
        (
            "user names",
            |_, trusted| trusted.subjects = Subjects::Usernames,
            400,
        ),
    ];
    for (what, change, status) in changes {
        let partner = Partner::open(change).await;
        let key = ClientKey::generate();
        partner.publish(&[&key]);
        let token = key.sign(&key.header(), &partner.claims());
        let answer = partner.exchange(&token).await;
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        // Nor is it anybody else's, or good for another service.
        let fields = changed(&asked(&token, VAULT), "subject_token_type", JWT);
        for answer in [
            partner.ledger.token(&fields).await,
            as_service(&partner.provider, ARCHIVE, &fields).await,
        ] {
            assert_eq!(json_error(&answer), "invalid_request", "{what}: {answer:?}");
        }
        partner.provider.stop().await;
    }
    let partner = Partner::open(|rule, trusted| {
        (rule.impersonation, rule.delegation) = (false, true);
        trusted.subjects = Subjects::Usernames;
        trusted.subject_claim = "preferred_username".to_owned();
    })
    .await;
    let key = ClientKey::generate();
    partner.publish(&[&key]);
    let claims = with(&partner.claims(), "preferred_username", json!("Ada"));
    let answer = partner.exchange(&key.sign(&key.header(), &claims)).await;
    let told = claims_of(&partner.provider, &token_of(&answer)).await;
    assert_eq!(told["sub"], partner.sub.as_str());
    assert_eq!(told["act"], json!({ "sub": "ledger" }));
    partner.provider.stop().await;
}

#[actix_web::test]
async fn a_trusted_issuers_token_says_who_acts_under_its_own_name() {
    let partner = Partner::open(|_, _| {}).await;
    let key = ClientKey::generate();
    partner.publish(&[&key]);
    let actor = with(&partner.claims(), "sub", json!("robot"));
    let acting = async |actor: &Value| {
        let actor = key.sign(&key.header(), actor);
        let fields = [
            asked(&partner.token, super::CELLAR),
            vec![("actor_token", actor.as_str()), ("actor_token_type", JWT)],
        ]
        .concat();
        partner.ledger.token(&fields).await
    };
    let child = token_of(&acting(&actor).await);
    let told = claims_of(&partner.provider, &child).await;
    assert_eq!(
        told["act"],
        json!({ "sub": "robot", "iss": partner.publisher.base })
    );
    assert_eq!(
        told["exp"], actor["exp"],
        "no longer than the actor's token"
    );
    for wrong in [
        with(&actor, "aud", json!("https://other.example")),
        with(&actor, "act", json!({ "sub": "another" })),
    ] {
        assert_eq!(json_error(&acting(&wrong).await), "invalid_request");
    }
    partner.provider.stop().await;
}

/// Attack 36: keys come and go there too.
#[actix_web::test]
async fn a_trusted_issuers_new_key_is_found_and_its_old_one_forgotten() {
    let partner = Partner::open(|_, _| {}).await;
    let (old, new) = (ClientKey::called("old"), ClientKey::called("new"));
    partner.publish(&[&old]);
    let sign = |key: &ClientKey| key.sign(&key.header(), &partner.claims());
    token_of(&partner.exchange(&sign(&old)).await);
    partner.publish(&[&new]);
    // Not more often than once a minute, whoever sends tokens of keys that nobody knows.
    assert_eq!(partner.exchange(&sign(&new)).await.status, 400);
    assert_eq!(partner.publisher.asked(KEYS), 1);
    partner.provider.advance(TimeDelta::minutes(1));
    token_of(&partner.exchange(&sign(&new)).await);
    assert_eq!(partner.publisher.asked(KEYS), 2);
    assert_eq!(partner.exchange(&sign(&old)).await.status, 400);
    partner.provider.stop().await;
}

/// What can't be checked is not believed, and is said to be for now.
#[actix_web::test]
async fn while_a_trusted_issuers_keys_cant_be_had_nothing_of_it_is_believed() {
    let partner = Partner::open(|_, _| {}).await;
    let key = ClientKey::generate();
    let broken = || Document::Status(500);
    let other = || Document::Text("{}".to_owned(), "");
    let again = || partner.provider.advance(TimeDelta::seconds(11));
    let unavailable = async |what: &str| {
        let token = key.sign(&key.header(), &partner.claims());
        let answer = partner.exchange(&token).await;
        assert_eq!(answer.status, 503, "{what}: {answer:?}");
        assert_eq!(json_error(&answer), "temporarily_unavailable", "{what}");
        assert_eq!(answer.header("retry-after"), "10");
        assert!(!answer.body.contains("secret words"));
    };
    for (what, document) in [("broken", broken()), ("empty", other())] {
        partner.publisher.publish(METADATA, document);
        unavailable(what).await;
        again();
    }
    partner.say(&partner.publisher.base);
    for (what, document) in [("no keys", broken()), ("no set", other())] {
        partner.publisher.publish(KEYS, document);
        unavailable(what).await;
        again();
    }
    partner.publish(&[&key]);
    let token = key.sign(&key.header(), &partner.claims());
    token_of(&partner.exchange(&token).await);
    partner.provider.stop().await;
    // Metadata that is another's would bring another's keys.
    let partner = Partner::open(|_, _| {}).await;
    partner.publish(&[&key]);
    partner.say("https://other.example");
    let token = key.sign(&key.header(), &partner.claims());
    assert_eq!(partner.exchange(&token).await.status, 503);
    partner.provider.stop().await;
}
