//! How a service proves who it is: HTTP Basic, as `client_secret_basic` has it (RFC 6749 §2.3.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use exeunt::config::{Credential, DeclaredService, Place};
use exeunt::flows::{self, authenticate_service, services as acts};
use exeunt::oidc::scope::Scope;
use exeunt::oidc::service::{Service, TokenFormat};
use secrecy::SecretString;

use crate::support::provider::{SECRET, provider};

const API: &str = "https://api.example/v1?a=b";

fn service(identifier: &str) -> Service {
    Service {
        identifier: identifier.to_owned(),
        name: None,
        format: TokenFormat::Jwt,
        scope: Scope::default(),
        lifetime: TimeDelta::minutes(5),
        claims: Vec::new(),
        clients: None,
    }
}

/// Both halves form-encoded.
fn basic(identifier: &str, secret: &str) -> String {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let (identifier, secret): (String, String) = (encode(identifier), encode(secret));
    format!(
        "Basic {}",
        STANDARD.encode(format!("{identifier}:{secret}"))
    )
}

async fn told(provider: &flows::Provider, header: Option<&str>) -> Result<String, String> {
    let answer = authenticate_service(provider, header).await.unwrap();
    answer
        .map(|service| service.identifier)
        .map_err(|refusal| refusal.to_string())
}

/// Attack 27: secrets that are stored as they are, or compared so that their beginnings can be guessed. Attack 83: an
/// answer that tells who is known.
#[actix_web::test]
async fn a_service_is_who_its_secret_says_and_all_others_are_answered_alike() {
    let declared = DeclaredService {
        service: service(API),
        secret: Some(Credential::Plain(SecretString::from(SECRET))),
        place: Place::Program,
    };
    let without_secret = DeclaredService {
        service: service("urn:quiet"),
        secret: None,
        place: Place::Program,
    };
    let wish = provider().await;
    let (provider, _folder) = wish
        .configure(|config| config.services = vec![declared, without_secret])
        .open()
        .await;
    flows::declare::apply(&provider).await.unwrap();
    let good = basic(API, SECRET);
    assert_eq!(told(&provider, Some(&good)).await, Ok(API.to_owned()));
    let refused = told(&provider, Some(&basic(API, "wrong"))).await;
    assert!(refused.clone().unwrap_err().starts_with("invalid_client"));
    for (identifier, secret) in [
        ("https://nobody.example/", SECRET),
        ("urn:quiet", SECRET),
        ("https://api.example/", SECRET),
        ("a\0b", SECRET),
        (API, &SECRET[1..]),
        (API, &format!("{SECRET}x")),
    ] {
        let answer = told(&provider, Some(&basic(identifier, secret))).await;
        assert_eq!(answer, refused, "{identifier:?}");
    }
    for header in [
        None,
        Some(""),
        Some("Bearer x"),
        Some("Basic !"),
        Some(&*basic(API, "")),
        Some(&*basic("", SECRET)),
    ] {
        assert!(told(&provider, header).await.is_err(), "{header:?}");
    }
    provider.database.close().await;
}

#[actix_web::test]
async fn the_secret_that_is_made_for_a_service_is_good_until_it_is_removed() {
    let (provider, _folder) = provider().await.open().await;
    let secret = acts::add(&provider, service(API)).await.unwrap().unwrap();
    let header = basic(API, &secret);
    assert_eq!(told(&provider, Some(&header)).await, Ok(API.to_owned()));
    acts::remove(&provider, API).await.unwrap().unwrap();
    assert!(told(&provider, Some(&header)).await.is_err());
    provider.database.close().await;
}
