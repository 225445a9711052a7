//! Clients that sign with their secret (`client_secret_jwt`, Core §9): which algorithms, and what never passes for it.

use chrono::TimeDelta;
use exeunt::clock::{Clock as _, SystemClock};
use exeunt::config::Credential;
use exeunt::flows::{client_secrets, people};
use exeunt::oidc::algorithm::ClientAlgorithm;
use exeunt::oidc::client::{Client, ClientAuthMethod, ClientMetadata, GrantType, KeptSecret};
use exeunt::random::{OsRandom, Random};
use exeunt::store::clients;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::support::client_key::{ClientKey, sign_with_secret, unsigned};
use crate::support::ledger::HOME;
use crate::support::provider::{Provider, SECRET, Wish, metadata, provider};
use crate::support::visitor::{Answer, Visitor};

/// As long as HS512 wants it.
const LONG: &str = "a-secret-of-64-characters-and-more-because-it-is-a-key-for-HS512";

fn machine(method: ClientAuthMethod) -> ClientMetadata {
    ClientMetadata {
        token_endpoint_auth_method: method,
        grant_types: vec![GrantType::AuthorizationCode, GrantType::ClientCredentials],
        ..metadata(HOME)
    }
}

fn signing(change: impl FnOnce(&mut ClientMetadata)) -> ClientMetadata {
    let mut metadata = machine(ClientAuthMethod::ClientSecretJwt);
    change(&mut metadata);
    metadata
}

/// With the client `secretive`, whose secret is [`LONG`].
async fn secretive(change: impl FnOnce(&mut ClientMetadata)) -> Wish {
    let wish = provider().await.client("secretive", signing(change));
    wish.configure(|config| {
        let secret = Credential::Plain(SecretString::from(LONG));
        config.clients[0].secret = Some(secret);
    })
}

fn claims(provider: &Provider, client_id: &str) -> Value {
    let now = SystemClock.now();
    let random: &dyn Random = &OsRandom;
    json!({
        "iss": client_id, "sub": client_id, "aud": provider.issuer, "jti": random.secret(),
        "iat": now.timestamp(), "exp": (now + TimeDelta::minutes(5)).timestamp(),
    })
}

async fn post(provider: &Provider, fields: &[(&str, &str)]) -> Answer {
    let mut all = vec![("grant_type", "client_credentials")];
    all.extend_from_slice(fields);
    let (visitor, url) = (Visitor::default(), provider.url("/token"));
    visitor
        .send(&url, visitor.client().post(&url).form(&all))
        .await
}

async fn assert(provider: &Provider, assertion: &str) -> Answer {
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let fields = [
        ("client_assertion_type", kind),
        ("client_assertion", assertion),
    ];
    post(provider, &fields).await
}

fn assert_refused(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 401, "{what}: {answer:?}");
    assert_eq!(answer.json()["error"], "invalid_client", "{what}");
}

/// Attack 24: one that was used before, of this kind too.
#[actix_web::test]
async fn a_client_signs_with_its_secret_once() {
    let provider = secretive(|_| {}).await.start().await;
    for alg in ["HS256", "HS384", "HS512"] {
        let claims = claims(&provider, "secretive");
        let assertion = sign_with_secret(alg, LONG.as_bytes(), &claims);
        assert_eq!(assert(&provider, &assertion).await.status, 200, "{alg}");
        assert_refused(&assert(&provider, &assertion).await, "again");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn a_secret_signs_with_no_algorithm_that_it_is_too_short_for() {
    let wish = provider().await.client("secretive", signing(|_| {}));
    let provider = wish.start().await;
    for (alg, good) in [("HS256", true), ("HS384", false), ("HS512", false)] {
        let claims = claims(&provider, "secretive");
        let answer = assert(
            &provider,
            &sign_with_secret(alg, SECRET.as_bytes(), &claims),
        )
        .await;
        assert_eq!(answer.status == 200, good, "{alg}: {answer:?}");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn the_registered_algorithm_is_the_only_one() {
    let key = ClientKey::generate();
    let wish = secretive(|metadata| {
        metadata.token_endpoint_auth_signing_alg = Some(ClientAlgorithm::HS512);
    });
    let wish = wish.await.client("signer", {
        let mut signer = machine(ClientAuthMethod::PrivateKeyJwt);
        signer.jwks = Some(key.jwks());
        signer.token_endpoint_auth_signing_alg = Some(ClientAlgorithm::PS256);
        signer
    });
    let provider = wish.start().await;
    for (alg, good) in [("HS256", false), ("HS384", false), ("HS512", true)] {
        let claims = claims(&provider, "secretive");
        let answer = assert(&provider, &sign_with_secret(alg, LONG.as_bytes(), &claims)).await;
        assert_eq!(answer.status == 200, good, "{alg}: {answer:?}");
    }
    let assertion = key.sign(&key.header(), &claims(&provider, "signer"));
    assert_refused(&assert(&provider, &assertion).await, "ES256 for PS256");
    provider.stop().await;
}

/// Attack 30 (CVE-2026-27962): what everybody may read is taken for the secret, and the other way round. Attack 26:
/// other ways of authenticating than the registered one.
#[actix_web::test]
async fn no_public_key_passes_for_a_secret_and_no_secret_for_a_key() {
    let key = ClientKey::generate();
    let wish = secretive(|metadata| metadata.jwks = Some(key.jwks())).await;
    let wish = wish
        .client("signer", {
            let mut signer = machine(ClientAuthMethod::PrivateKeyJwt);
            signer.jwks = Some(key.jwks());
            signer
        })
        .client("basic", machine(ClientAuthMethod::ClientSecretBasic));
    let provider = wish.start().await;
    let (jwk, jwks) = (key.jwk(), key.jwks().to_string());
    for public in [
        jwk.to_string(),
        jwks,
        jwk["x"].as_str().unwrap().to_owned(),
        String::new(),
        "\0".repeat(64),
    ] {
        for client_id in ["signer", "secretive"] {
            for alg in ["HS256", "HS512"] {
                let claims = claims(&provider, client_id);
                let assertion = sign_with_secret(alg, public.as_bytes(), &claims);
                assert_refused(&assert(&provider, &assertion).await, &public);
            }
        }
    }
    // It has a key too, for its request objects: here it is registered to sign with its secret.
    let assertion = key.sign(&key.header(), &claims(&provider, "secretive"));
    assert_refused(&assert(&provider, &assertion).await, "a key");
    assert_refused(
        &assert(&provider, &unsigned(&claims(&provider, "secretive"))).await,
        "unsigned",
    );
    let of_another = sign_with_secret("HS256", LONG.as_bytes(), &claims(&provider, "signer"));
    assert_refused(&assert(&provider, &of_another).await, "another's secret");
    // The hash of a secret is no key, and nor is the secret of a client that does not sign.
    let assertion = sign_with_secret("HS256", SECRET.as_bytes(), &claims(&provider, "basic"));
    assert_refused(&assert(&provider, &assertion).await, "basic");
    let fields = [("client_id", "secretive"), ("client_secret", LONG)];
    assert_refused(&post(&provider, &fields).await, "in the form");
    provider.stop().await;
}

async fn kept(provider: &Provider) -> (KeptSecret, i64) {
    let db = provider.flows().database.read();
    let known = clients::find(db, "secretive").await.unwrap().unwrap();
    (
        known.client.secret.unwrap(),
        known.updated_at.timestamp_millis(),
    )
}

/// Attack 27: secrets at rest.
#[actix_web::test]
async fn a_secret_that_signs_is_sealed_and_stays_as_it_is_while_the_file_does() {
    let provider = secretive(|_| {}).await.manual_clock().start().await;
    let before = kept(&provider).await;
    let KeptSecret::Sealed(sealed) = &before.0 else {
        panic!("{before:?}");
    };
    assert!(!sealed.contains(LONG));
    provider.advance(TimeDelta::minutes(1));
    let provider = provider.restart(|_| {}).await;
    assert_eq!(kept(&provider).await, before);
    let provider = provider
        .restart(|config| {
            let other = Credential::Plain(SecretString::from(LONG.to_uppercase()));
            config.clients[0].secret = Some(other);
        })
        .await;
    assert_ne!(kept(&provider).await, before);
    provider.stop().await;
}

#[actix_web::test]
async fn the_file_may_change_how_a_secret_is_used() {
    let wish = provider()
        .await
        .client("secretive", machine(ClientAuthMethod::ClientSecretPost));
    let provider = wish.start().await;
    let fields = [("client_id", "secretive"), ("client_secret", SECRET)];
    let to = |method| {
        move |config: &mut exeunt::config::Config| {
            config.clients[0].metadata.token_endpoint_auth_method = method;
        }
    };
    assert_eq!(post(&provider, &fields).await.status, 200);
    let provider = provider
        .restart(to(ClientAuthMethod::ClientSecretJwt))
        .await;
    let assertion = sign_with_secret("HS256", SECRET.as_bytes(), &claims(&provider, "secretive"));
    assert_eq!(assert(&provider, &assertion).await.status, 200);
    assert_refused(&post(&provider, &fields).await, "signs now");
    let provider = provider
        .restart(to(ClientAuthMethod::ClientSecretPost))
        .await;
    assert_eq!(post(&provider, &fields).await.status, 200);
    assert!(matches!(kept(&provider).await.0, KeptSecret::Hashed(_)));
    provider.stop().await;
}

#[actix_web::test]
async fn a_client_that_begins_to_sign_needs_a_new_secret_and_one_that_stops_keeps_it() {
    use ClientAuthMethod::{ClientSecretBasic, ClientSecretJwt, ClientSecretPost, None};
    let provider = provider().await.start().await;
    let flows = provider.flows();
    let with = |method| {
        let metadata = machine(method);
        let (plain, kept) = client_secrets::issue(flows, "secretive", &metadata).unwrap();
        let client = Client {
            client_id: "secretive".to_owned(),
            secret: Some(kept),
            metadata,
        };
        (plain, client)
    };
    let (_, hashed) = with(ClientSecretBasic);
    let carried =
        |client: &Client, method| client_secrets::carry_over(flows, client, method).unwrap();
    assert_eq!(carried(&hashed, ClientSecretPost), hashed.secret);
    assert_eq!(carried(&hashed, ClientSecretJwt), Option::None);
    let (plain, sealed) = with(ClientSecretJwt);
    assert_eq!(carried(&sealed, ClientSecretJwt), sealed.secret);
    assert_eq!(carried(&sealed, None), Option::None);
    assert!(plain.len() >= 64);
    let again = Client {
        secret: carried(&sealed, ClientSecretPost),
        metadata: machine(ClientSecretPost),
        ..sealed
    };
    people::add_client(flows, again).await.unwrap().unwrap();
    let fields = [("client_id", "secretive"), ("client_secret", &plain)];
    assert_eq!(post(&provider, &fields).await.status, 200);
    provider.stop().await;
}
