//! `exeunt client`.

use super::{Stage, client};

#[test]
fn a_client_is_added_with_a_secret_that_is_shown_once_and_removed() {
    let stage = Stage::new("");
    let line = "client add wiki --redirect-uri https://wiki.example/callback";
    let added = stage.run(&format!("{line} --json")).json();
    let secret = added["client_secret"].as_str().unwrap();
    assert_eq!(secret.len(), 43);
    let again = stage.run(line);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("already"), "{again:?}");

    let shown = stage.run("client show wiki --json").json();
    assert_eq!(
        shown["metadata"]["redirect_uris"][0],
        "https://wiki.example/callback"
    );
    assert_eq!(shown["declared"], false);
    for line in [
        "client show wiki",
        "client show wiki --json",
        "client list --json",
    ] {
        assert!(!stage.run(line).out.contains(secret), "{line}");
    }
    assert_eq!(stage.run("client remove wiki").code, Some(0));
    assert!(stage.run("client show wiki --json").json()["disabled_at"].is_string());
    assert_eq!(stage.run("client remove wiki").code, Some(1));
}

#[test]
fn a_client_is_disabled_enabled_removed_and_registered_again() {
    let stage = Stage::new("");
    let add = "client add wiki --redirect-uri https://wiki.example/callback";
    let disabled_at = || stage.run("client show wiki --json").json()["disabled_at"].clone();
    assert_eq!(stage.run("client disable wiki").code, Some(1), "unknown");
    assert_eq!(stage.run(add).code, Some(0));
    assert_eq!(stage.run("client disable wiki").code, Some(0));
    assert!(disabled_at().is_string());
    assert_eq!(stage.run(add).code, Some(1), "it is there, though disabled");
    assert_eq!(stage.run("client enable wiki").code, Some(0));
    assert!(disabled_at().is_null());
    assert_eq!(stage.run("client remove wiki").code, Some(0));
    assert!(stage.run("client show wiki").out.contains("removed at"));
    assert_eq!(
        stage.run("client list --json").json(),
        serde_json::json!([])
    );
    assert_eq!(stage.run("client enable wiki").code, Some(1), "for good");
    assert_eq!(stage.run(add).code, Some(0));
    assert!(disabled_at().is_null());
}

#[test]
fn a_public_client_gets_no_secret() {
    let stage = Stage::new("");
    let line = "client add phone --public --native --redirect-uri org.example.phone:/cb --json";
    assert_eq!(
        stage.run(line).json(),
        serde_json::json!({"client_id": "phone"})
    );
}

#[test]
fn every_mistake_in_a_clients_metadata_is_told_at_once() {
    let stage = Stage::new("");
    let metadata = r#"{"redirect_uris": ["http://wiki.example/"], "scope": "profile"}"#;
    std::fs::write(stage.folder.path().join("wiki.json"), metadata).unwrap();
    let answer = stage.run("client add wiki --metadata wiki.json");
    assert_eq!(answer.code, Some(1));
    assert!(
        answer.err.contains("redirect_uris: ") && answer.err.contains("scope: "),
        "{answer:?}"
    );
}

#[test]
fn declared_clients_are_not_changed_here_and_it_is_said_where_they_live() {
    let stage = Stage::new(&client("ledger", "https://ledger.example"));
    for line in [
        "client add ledger --redirect-uri https://ledger.example/",
        "client add Ledger --redirect-uri https://ledger.example/",
        "client remove ledger",
    ] {
        let answer = stage.run(line);
        assert_eq!(answer.code, Some(1), "{line}");
        assert!(answer.err.contains("exeunt.toml:7:1"), "{answer:?}");
    }
}

#[test]
fn a_client_whose_sector_says_nothing_of_it_is_not_added() {
    let stage = Stage::new("");
    let metadata = r#"{"redirect_uris": ["https://wiki.example/"], "subject_type": "pairwise",
        "sector_identifier_uri": "https://localhost:9/sector.json"}"#;
    std::fs::write(stage.folder.path().join("wiki.json"), metadata).unwrap();
    let answer = stage.run("client add wiki --metadata wiki.json");
    assert_eq!(answer.code, Some(1), "{answer:?}");
    assert!(
        answer
            .err
            .contains("sector_identifier_uri: the document there could not be fetched"),
        "{answer:?}"
    );
    assert_eq!(
        stage.run("client list --json").json(),
        serde_json::json!([])
    );
    let without = r#"{"redirect_uris": ["https://wiki.example/"], "subject_type": "pairwise"}"#;
    std::fs::write(stage.folder.path().join("wiki.json"), without).unwrap();
    stage
        .run("client add wiki --metadata wiki.json --json")
        .json();
    let shown = stage.run("client show wiki --json").json();
    assert_eq!(shown["metadata"]["subject_type"], "pairwise");
}
