//! Tokens that only their service can read, under the keys that it shares with us or publishes.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use chrono::TimeDelta;
use exeunt::flows::service_keys::{self, NotRotated, Rotated, Start};
use exeunt::oidc::client::GrantType;
use exeunt::oidc::scope::Scope;
use exeunt::oidc::service::{Service, TokenFormat};
use exeunt_guard::jwe::DirectKey;
use exeunt_guard::{Expected, cwt, jwe};
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::traits::PublicKeyParts as _;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::reader::{decode, open_cwt, open_jwe};
use crate::support::exchange::own_token;
use crate::support::ledger::ledger_with;
use crate::support::provider::{Provider, Wish};
use crate::support::relying_party::{RelyingParty, Tokens, verify};
use crate::support::services::{API, service};
use crate::support::visitor::{Answer, Visitor};

fn of(format: TokenFormat) -> Service {
    Service {
        format,
        claims: ["name", "picture"].map(str::to_owned).to_vec(),
        ..service(API)
    }
}

async fn wish(service: Service) -> Wish {
    ledger_with(|metadata| {
        metadata.grant_types.push(GrantType::ClientCredentials);
    })
    .await
    .service(service)
    .configure(|config| {
        let ada = &mut config.users[0].claims;
        ada.name = Some("Ada Lovelace".to_owned());
        ada.picture = Some("https://pictures.example/ada-lovelace.jpg".to_owned());
    })
    .manual_clock()
}

async fn rotate(provider: &Provider, start: Start) -> Rotated {
    let made = service_keys::rotate(provider.flows(), API, start).await;
    made.unwrap().unwrap_or_else(|why| panic!("{why:?}"))
}

fn keys(made: &Rotated) -> (Vec<u8>, Vec<u8>) {
    let [mac, cipher] = [made.key.mac(), made.key.cipher()].map(|key| decode(key.expose_secret()));
    (mac, cipher)
}

async fn answer(party: &RelyingParty) -> (Answer, Value) {
    let asked = [("scope", "openid read"), ("resource", API)];
    let answer = party.sign_in(&Visitor::default(), &asked).await;
    let code = answer.parameter("code").unwrap();
    let answer = party.redeem(&code, &[("resource", API)]).await;
    let body = answer.json();
    (answer, body)
}

/// A token for the service, and the ID token's claims.
async fn token(provider: &Provider, party: &RelyingParty) -> (String, Value) {
    let (answer, all) = answer(party).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let tokens = Tokens { all };
    let id = tokens.id_claims(&provider.issuer).await;
    (tokens.get("access_token"), id)
}

fn expected(provider: &Provider) -> Expected {
    Expected::new(&provider.issuer, API)
}

fn seconds(provider: &Provider) -> i64 {
    use exeunt::clock::Clock as _;
    provider.clock.as_ref().unwrap().now().timestamp()
}

fn direct_key(made: &Rotated) -> DirectKey {
    let (mac, cipher) = keys(made);
    let (mac, cipher) = (&mac.try_into().unwrap(), &cipher.try_into().unwrap());
    DirectKey::new(made.kid.to_string(), mac, cipher).unwrap()
}

fn compact_key(made: &Rotated) -> cwt::Key {
    let (mac, cipher) = keys(made);
    let (mac, cipher) = (&mac.try_into().unwrap(), &cipher.try_into().unwrap());
    cwt::Key::new(made.kid, mac, cipher).unwrap()
}

#[actix_web::test]
async fn a_token_under_shared_keys_is_for_the_service_alone_to_read() {
    let provider = wish(of(TokenFormat::Jwe)).await.start().await;
    let party = RelyingParty::of(&provider, "ledger");
    let made = rotate(&provider, Start::Now).await;
    let (token, id) = token(&provider, &party).await;
    let (mac, cipher) = keys(&made);
    let (header, claims) = open_jwe(&token, |header, encrypted_key| {
        assert_eq!((&header["alg"], encrypted_key), (&json!("dir"), &[][..]));
        [mac.as_slice(), cipher.as_slice()].concat()
    });
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(header["kid"], made.kid.to_string());
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    for shared in ["iss", "sub", "sid", "auth_time", "acr"] {
        assert_eq!(claims[shared], id[shared], "{shared}");
    }
    for (name, value) in [
        ("aud", API),
        ("client_id", "ledger"),
        ("scope", "read"),
        ("name", "Ada Lovelace"),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert!(claims["jti"].is_string() && claims["grant"].is_string());
    let keys = [direct_key(&made)];
    let read = jwe::parse_direct(&token, &keys, &expected(&provider), seconds(&provider));
    assert_eq!(serde_json::to_value(read.unwrap()).unwrap(), claims);
    // Nor do we take it for ours.
    assert_eq!(party.userinfo(&token).await.status, 401);
    provider.stop().await;
}

#[actix_web::test]
async fn a_short_token_says_what_its_service_asks_for_in_at_most_220_bytes() {
    let short = Service {
        scope: Scope::default(),
        ..of(TokenFormat::Cwt)
    };
    let provider = wish(short)
        .await
        .configure(|config| {
            let ada = &mut config.users[0].claims;
            ada.picture = Some(format!("https://pictures.example/{}", "a".repeat(15)));
        })
        .start()
        .await;
    let party = RelyingParty::of(&provider, "ledger");
    let made = rotate(&provider, Start::Now).await;
    let (token, id) = token(&provider, &party).await;
    assert!(token.len() <= 220, "{}", token.len());
    let (mac, cipher) = keys(&made);
    let (kid, claims) = open_cwt(&token, &mac, &cipher);
    assert_eq!(kid, made.kid);
    let iat = id["iat"].as_i64().unwrap();
    let expected_claims = json!({
        "2": id["sub"], "4": iat + 300, "6": iat, "-1": id["sid"], "-4": "Ada Lovelace",
        "-5": format!("https://pictures.example/{}", "a".repeat(15)),
    });
    assert_eq!(Value::Object(claims), expected_claims);
    let keys = [compact_key(&made)];
    let read = cwt::parse(&token, &keys, &expected(&provider), seconds(&provider)).unwrap();
    assert_eq!(read.aud, [API]);
    assert_eq!(party.userinfo(&token).await.status, 401);
    provider.stop().await;
}

#[actix_web::test]
async fn a_short_token_names_its_scope_and_where_there_is_no_session_its_grant() {
    let asks = Service {
        claims: ["client_id", "jti", "auth_time"]
            .map(str::to_owned)
            .to_vec(),
        ..of(TokenFormat::Cwt)
    };
    let provider = wish(asks).await.start().await;
    let party = RelyingParty::of(&provider, "ledger");
    let made = rotate(&provider, Start::Now).await;
    let (mac, cipher) = keys(&made);
    let labels = |token: &str| {
        let (_, claims) = open_cwt(token, &mac, &cipher);
        let mut labels: Vec<String> = claims.keys().cloned().collect();
        labels.sort();
        (labels, claims)
    };
    let (token, id) = token(&provider, &party).await;
    let (found, claims) = labels(&token);
    assert_eq!(found, ["-1", "-3", "-6", "2", "4", "6", "7", "9"]);
    assert_eq!(
        (&claims["-3"], &claims["9"]),
        (&json!("ledger"), &json!("read"))
    );
    assert_eq!(claims["-6"], id["auth_time"]);
    let (found, claims) = labels(&own_token(&party).await);
    assert_eq!(found, ["-2", "-3", "2", "4", "6", "7", "9"]);
    assert_eq!(claims["9"], "read write");
    provider.stop().await;
}

#[expect(
    clippy::disallowed_methods,
    reason = "the key is the test's, and its reader is to be another than the provider's"
)]
fn unwrapped(private: &rsa::RsaPrivateKey, encrypted_key: &[u8]) -> Vec<u8> {
    let padding = rsa::Oaep::new::<rsa::sha2::Sha256>();
    private.decrypt(padding, encrypted_key).unwrap()
}

/// Attack 33: keys that are no good; attack 34: an encryption that can be broken by asking.
#[actix_web::test]
async fn a_token_to_a_services_own_key_is_a_signed_one_inside() {
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let private = rsa::RsaPrivateKey::from_pkcs8_der(der.as_ref()).unwrap();
    let encode = |number: Vec<u8>| {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(number)
    };
    let jwk = json!({
        "kty": "RSA", "kid": "service-1", "use": "enc",
        "n": encode(private.n().to_bytes_be()), "e": encode(private.e().to_bytes_be()),
    });
    let provider = wish(of(TokenFormat::Jwe))
        .await
        .configure(|config| config.services[0].jwks = vec![jwk])
        .start()
        .await;
    let party = RelyingParty::of(&provider, "ledger");
    let needless = service_keys::rotate(provider.flows(), API, Start::Now).await;
    assert!(matches!(needless.unwrap(), Err(NotRotated::NotNeeded)));
    let (token, id) = token(&provider, &party).await;
    let (header, signed) = open_jwe(&token, |header, encrypted_key| {
        assert_eq!(header["alg"], "RSA-OAEP-256");
        unwrapped(&private, encrypted_key)
    });
    assert_eq!(
        (&header["cty"], &header["kid"]),
        (&json!("JWT"), &json!("service-1"))
    );
    let (header, claims) = verify(&provider.issuer, str::from_utf8(&signed).unwrap()).await;
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(claims["aud"], API);
    assert_eq!((&claims["sub"], &claims["sid"]), (&id["sub"], &id["sid"]));
    assert_eq!(party.userinfo(&token).await.status, 401);
    provider.stop().await;
}

/// Attack 36: a key that changes takes good tokens along, or bad ones not.
#[actix_web::test]
async fn a_new_key_is_used_after_its_announcement_and_the_old_one_is_good_for_its_tokens() {
    for format in [TokenFormat::Jwe, TokenFormat::Cwt] {
        let provider = wish(of(format)).await.start().await;
        let party = RelyingParty::of(&provider, "ledger");
        let kid = async || {
            let (token, _) = token(&provider, &party).await;
            match format {
                TokenFormat::Cwt => decode(&token)[7],
                _ => {
                    let header = decode(token.split('.').next().unwrap());
                    let header: Value = serde_json::from_slice(&header).unwrap();
                    header["kid"].as_str().unwrap().parse().unwrap()
                }
            }
        };
        let first = rotate(&provider, Start::Later(TimeDelta::hours(1))).await;
        assert_eq!(
            (first.kid, kid().await),
            (1, 1),
            "the first is used at once"
        );
        let second = rotate(&provider, Start::Later(TimeDelta::hours(1))).await;
        provider.advance(TimeDelta::minutes(59));
        assert_eq!((second.kid, kid().await), (2, 1));
        provider.advance(TimeDelta::minutes(1));
        assert_eq!(kid().await, 2);
        let retire_at = async |kid: &str| {
            let db = provider.flows().database.read();
            let keys = exeunt::store::service_keys::list(db, API).await.unwrap();
            let key = keys.into_iter().find(|key| key.kid == kid).unwrap();
            key.retire_at.map(|at| at.timestamp_millis())
        };
        // The service's lifetime after the last token, and a minute for clocks.
        let expected = second.sign_from + TimeDelta::minutes(6);
        assert_eq!(retire_at("1").await, Some(expected.timestamp_millis()));
        assert_eq!(retire_at("2").await, None);
        let stolen = rotate(&provider, Start::Now).await;
        assert_eq!((stolen.kid, kid().await), (3, 3));
        let stolen_at = stolen.sign_from.timestamp_millis();
        assert_eq!(retire_at("2").await, Some(stolen_at));
        provider.stop().await;
    }
}

#[actix_web::test]
async fn a_service_without_a_key_or_with_a_worn_out_one_gets_no_token() {
    let provider = wish(of(TokenFormat::Cwt)).await.start().await;
    let party = RelyingParty::of(&provider, "ledger");
    let asked = [("scope", "openid read"), ("resource", API)];
    let code = party.sign_in(&Visitor::default(), &asked).await;
    let code = code.parameter("code").unwrap();
    let resource = [("resource", API)];
    assert_eq!(party.redeem(&code, &resource).await.status, 500);
    rotate(&provider, Start::Now).await;
    // The code was not used up.
    assert_eq!(party.redeem(&code, &resource).await.status, 200);
    provider
        .sql("UPDATE service_keys SET tokens = 268435456")
        .await;
    assert_eq!(answer(&party).await.0.status, 500);
    // Of keys that were made in one millisecond none is the newest.
    provider.advance(TimeDelta::seconds(1));
    rotate(&provider, Start::Now).await;
    assert_eq!(answer(&party).await.0.status, 200);
    // Another format has other keys.
    let provider = provider
        .restart(|config| config.services[0].service.format = TokenFormat::Jwe)
        .await;
    assert_eq!(answer(&party).await.0.status, 500);
    provider.advance(TimeDelta::seconds(1));
    assert_eq!(rotate(&provider, Start::Now).await.kid, 3);
    assert_eq!(answer(&party).await.0.status, 200);
    provider.stop().await;
}
