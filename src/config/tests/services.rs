//! Services.

use chrono::TimeDelta;

use super::{parse, places, refusal};
use crate::oidc::service::TokenFormat;

#[test]
fn services_are_read_and_say_the_defaults_where_the_file_says_nothing() {
    let text = "[tokens]\naccess = '3m'\n[[services]]\nidentifier = 'https://api.example/'\n\
                [[services]]\nidentifier = 'urn:example:ledger'\nname = 'Books'\nformat = 'cwt'\nscope = 'write read'\n\
                lifetime = '30s'\nclaims = ['name']\nclients = []\nsecret = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'";
    let config = parse(text, &[]).unwrap();
    let [plain, full] = &config.services[..] else {
        panic!("two services");
    };
    assert_eq!(plain.service.lifetime, TimeDelta::minutes(3));
    assert_eq!(plain.service.format, TokenFormat::Jwt);
    assert!(plain.service.scope.is_empty() && plain.service.claims.is_empty());
    assert_eq!(plain.service.clients, None);
    assert!(plain.secret.is_none() && full.secret.is_some());
    let full = &full.service;
    assert_eq!((full.name(), full.format), ("Books", TokenFormat::Cwt));
    assert_eq!(full.scope.to_string(), "read write");
    assert_eq!(full.lifetime, TimeDelta::seconds(30));
    assert_eq!(full.clients, Some(Vec::new()));
}

#[test]
fn services_that_will_not_do_are_told() {
    let text = "[[services]]\nscope = 'exeunt.admin'\n\
                [[services]]\nidentifier = 'https://api.example/#x'\n\
                [[services]]\nidentifier = 'http://localhost:8080'\n\
                [[services]]\nidentifier = 'urn:a'\nformat = 'saml'\nlifetime = '2d'\nclaims = ['shoe_size', 5]\n\
                clients = ['a b']\nsecret = 'geheim'\nname = ''\nscop = 'x'\n\
                [[services]]\nidentifier = 'urn:a'\nsecret_hash = 'geheim'\nscope = 'a\"b'\n";
    let refused = refusal(text);
    assert!(!refused.contains("geheim"), "{refused}");
    insta::assert_snapshot!(refused, @r#"
    exeunt.toml:1:1: [[services]] identifier is missing. Give the service the URI that applications send as resource.
    exeunt.toml:2:9: [[services]] scope does not fit: exeunt.admin is for our own administration. Write the service's own words with spaces between them, such as "read write".
    exeunt.toml:4:14: [[services]] identifier does not fit: must not have a fragment. Write the service's own address, such as https://api.example/, letter by letter as applications send it.
    exeunt.toml:6:14: [[services]] identifier does not fit: this is the issuer's own: tokens for us need no service. Write the service's own address, such as https://api.example/, letter by letter as applications send it.
    exeunt.toml:9:10: service urn:a: format is no format we know: "saml". Known are jwt, jwe, cwt.
    exeunt.toml:10:12: service urn:a: lifetime is too long: 2d. Give at most 1d.
    exeunt.toml:11:11: service urn:a: claims does not fit: "shoe_size" is no claim about a person. Known are those of OpenID Connect Core §5.1: name, picture, email, locale and so on.
    exeunt.toml:11:24: service urn:a: claims holds a number, not a text. Write each between quotation marks.
    exeunt.toml:12:12: service urn:a: clients holds no client_id: "a b". Write the client_id of an application.
    exeunt.toml:13:10: service urn:a: secret has 6 characters, which is too short. Give at least 24 random characters: openssl rand -base64 32
    exeunt.toml:14:8: service urn:a: name does not fit: must be 1 to 128 printable characters. Write what people call it.
    exeunt.toml:15:1: service urn:a: scop is not a key we know. Did you mean scope?
    exeunt.toml:17:14: service urn:a: identifier is taken: exeunt.toml:7:1. Give each service an identifier of its own.
    exeunt.toml:18:15: service urn:a: secret_hash is not the hash of a secret. It has 43 characters of base64url; a secret itself goes into secret.
    exeunt.toml:19:9: service urn:a: scope does not fit: the scope has a character that no scope may have. Write the service's own words with spaces between them, such as "read write".
    "#);
}

#[test]
fn a_services_public_keys_are_for_jwe_and_must_be_such() {
    let service = |format: &str, jwks: &str| {
        format!("[[services]]\nidentifier = 'urn:a'\nformat = '{format}'\njwks = {jwks}\n")
    };
    // The public key of RFC 7518, appendix C.
    let key = "{ kty = 'EC', crv = 'P-256', x = 'weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ', \
               y = 'e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck' }";
    let good = format!("{{ keys = [{key}] }}");
    let config = parse(&service("jwe", &good), &[]).unwrap();
    assert_eq!(config.services[0].jwks.len(), 1);
    insta::assert_snapshot!(refusal(&service("cwt", &good)), @r#"exeunt.toml:4:8: service urn:a: jwks is for tokens that only the service can read. Write format = "jwe", or leave it away."#);
    let private = good.replace("kty", "d = 'AA', kty");
    for wrong in [
        "{}",
        "{ keys = [] }",
        "{ keys = [{ kty = 'EC' }] }",
        &private,
    ] {
        let places = places(&service("jwe", wrong));
        assert_eq!(places, ["exeunt.toml:4:8 service urn:a: jwks"], "{wrong}");
    }
}
