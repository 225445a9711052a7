//! `exeunt service`.

use serde_json::{Value, json};

use super::Stage;
use crate::support::provider::SECRET;

const API: &str = "https://api.example/";

fn declared(more: &str) -> String {
    format!("[[services]]\nidentifier = \"{API}\"\nsecret = \"{SECRET}\"\n{more}")
}

#[test]
fn a_service_is_added_with_a_secret_that_is_shown_once_and_removed() {
    let stage = Stage::new("");
    let line = format!(
        "service add {API} --name API --scope read --lifetime 5m --claim name --client ledger --client atlas"
    );
    let added = stage.run(&format!("{line} --json")).json();
    let secret = added["secret"].as_str().unwrap();
    assert_eq!(secret.len(), 43);
    let again = stage.run(&line);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("already"), "{again:?}");

    let shown = stage.run(&format!("service show {API} --json")).json();
    for (member, value) in [
        ("identifier", json!(API)),
        ("name", json!("API")),
        ("format", json!("jwt")),
        ("scope", json!("read")),
        ("lifetime", json!("5m")),
        ("claims", json!(["name"])),
        ("clients", json!(["ledger", "atlas"])),
        ("has_secret", json!(true)),
        ("declared", json!(false)),
    ] {
        assert_eq!(shown[member], value, "{member}");
    }
    for line in [
        format!("service show {API}"),
        "service list".to_owned(),
        "service list --json".to_owned(),
    ] {
        let out = stage.run(&line).out;
        assert!(out.contains(API) && !out.contains(secret), "{out}");
    }
    assert_eq!(stage.run(&format!("service remove {API}")).code, Some(0));
    for line in ["remove", "show"] {
        let answer = stage.run(&format!("service {line} {API}"));
        assert_eq!(answer.code, Some(1));
        assert!(answer.err.contains("there is no service"), "{answer:?}");
    }
}

#[test]
fn every_mistake_in_a_service_is_told_at_once() {
    let stage = Stage::new("");
    let answer = stage.run("service add api --scope exeunt.admin --claim shoe_size");
    assert_eq!(answer.code, Some(1));
    for what in ["identifier: ", "scope: ", "claim: "] {
        assert!(answer.err.contains(what), "{answer:?}");
    }
}

#[tokio::test]
async fn declared_services_are_applied_once_disabled_when_they_leave_the_file_and_not_changed_here()
{
    let stage = Stage::new(&declared("scope = \"read\"\n"));
    for line in ["add", "remove"] {
        let answer = stage.run(&format!("service {line} {API}"));
        assert_eq!(answer.code, Some(1), "{line}");
        assert!(answer.err.contains("exeunt.toml:7:1"), "{answer:?}");
    }
    stage.serve().await.stop();
    let list = || stage.run("service list --json").json();
    let first = list();
    assert_eq!(first[0]["declared"], true);
    stage.serve().await.stop();
    assert_eq!(list(), first, "applying twice changes nothing");

    stage.declare(&declared("scope = \"read write\"\n"));
    stage.serve().await.stop();
    assert_eq!(list()[0]["scope"], "read write");
    assert_eq!(list()[0]["created_at"], first[0]["created_at"]);

    stage.declare("");
    for line in ["add", "remove"] {
        let answer = stage.run(&format!("service {line} {API}"));
        assert!(answer.err.contains("not by this one"), "{answer:?}");
    }
    stage.serve().await.stop();
    assert!(list()[0]["disabled_at"].is_string());
    let add = stage.run(&format!("service add {API}"));
    assert_eq!(add.code, Some(1));

    stage.declare(&declared(""));
    stage.serve().await.stop();
    assert!(list()[0]["disabled_at"].is_null());
    stage.declare("");
    stage.serve().await.stop();
    assert_eq!(stage.run(&format!("service remove {API}")).code, Some(0));
    assert_eq!(list(), json!([]));
}

#[test]
fn the_keys_that_a_service_shares_are_shown_once_and_rotated() {
    let stage = Stage::new("");
    let add = format!("service add {API} --format cwt --json");
    let key = stage.run(&add).json()["key"].clone();
    assert_eq!(key["kid"], 1);
    let secret = |key: &Value, name: &str| key[name].as_str().unwrap().to_owned();
    assert_eq!(
        (secret(&key, "mac").len(), secret(&key, "cipher").len()),
        (43, 22)
    );
    let second = stage
        .run(&format!("service rotate-keys {API} --after 24h --json"))
        .json();
    assert_eq!(second["kid"], 2);
    assert_ne!(second["mac"], key["mac"]);
    let show = format!("service show {API}");
    let shown = stage.run(&format!("{show} --json")).json();
    assert_eq!(
        shown["keys"].as_array().unwrap().len(),
        2,
        "{}",
        shown["keys"]
    );
    let keys = [("1", "in_use"), ("2", "waiting")];
    for (place, (kid, state)) in keys.into_iter().enumerate() {
        let shown = &shown["keys"][place];
        assert_eq!(
            (&shown["kid"], &shown["state"], &shown["kind"]),
            (&json!(kid), &json!(state), &json!("shared"))
        );
    }
    for line in [&show, &format!("{show} --json"), "service list"] {
        let out = stage.run(line).out;
        for key in [&key, &second] {
            for name in ["mac", "cipher"] {
                assert!(!out.contains(&secret(key, name)), "{line}");
            }
        }
    }
    let now = stage.run(&format!("service rotate-keys {API} --now"));
    assert_eq!(now.code, Some(0), "{now:?}");
    assert!(now.out.contains("shown this once"), "{now:?}");
    let states = stage.run(&format!("{show} --json")).json();
    let states = states["keys"].as_array().unwrap().iter();
    let mut states: Vec<_> = states.map(|key| key["state"].as_str().unwrap()).collect();
    states.sort_unstable();
    assert_eq!(states, ["in_use", "retired", "retired"]);
}

#[test]
fn only_services_whose_tokens_need_one_have_a_shared_key() {
    let stage = Stage::new("");
    let added = stage.run(&format!("service add {API} --json")).json();
    assert!(added.get("key").is_none());
    let refused = stage.run(&format!("service rotate-keys {API}"));
    assert!(refused.err.contains("no shared key"), "{refused:?}");
    let unknown = stage.run("service rotate-keys urn:unknown");
    assert!(unknown.err.contains("there is no service"), "{unknown:?}");

    let keys = stage.folder.path().join("keys.json");
    std::fs::write(&keys, r#"{"keys": [{"kty": "EC"}]}"#).unwrap();
    let line = "service add urn:own --format jwe --jwks keys.json";
    let refused = stage.run(line);
    assert!(refused.err.contains("key 1"), "{refused:?}");
    let other = stage.run("service add urn:own --format cwt --jwks keys.json");
    assert!(other.err.contains("--format jwe"), "{other:?}");
    // The public key of RFC 7518, appendix C.
    let jwk = r#"{"kty": "EC", "crv": "P-256", "kid": "bob",
        "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ", "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"}"#;
    std::fs::write(&keys, format!(r#"{{"keys": [{jwk}]}}"#)).unwrap();
    let added = stage.run(&format!("{line} --json")).json();
    assert!(added.get("key").is_none());
    let shown = stage.run("service show urn:own --json").json();
    assert_eq!(
        (&shown["keys"][0]["kid"], &shown["keys"][0]["kind"]),
        (&json!("bob"), &json!("public"))
    );
}
