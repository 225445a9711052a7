//! `exeunt service`.

use serde_json::json;

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
