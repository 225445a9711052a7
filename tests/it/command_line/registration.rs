//! `exeunt client invite`, and what the command line says of clients that registered themselves.

use serde_json::{Value, json};

use super::Stage;
use crate::support::registrar::{least, send};

const BY_TOKEN: &str = "[registration]\npolicy = \"token\"\n";

#[test]
fn where_registration_is_closed_nobody_is_invited() {
    let stage = Stage::new("");
    let answer = stage.run("client invite");
    assert_eq!(answer.code, Some(1), "{answer:?}");
    assert!(answer.err.contains("policy = \"token\""), "{answer:?}");
    assert!(answer.out.is_empty(), "{answer:?}");
    let answer = stage.run("client invites");
    assert!(answer.out.starts_with("Nobody is invited"), "{answer:?}");
}

#[test]
fn an_invite_is_shown_once_listed_without_its_token_and_taken_back() {
    let stage = Stage::new(BY_TOKEN);
    let line = "client invite --uses 3 --expires-in 1h --note Ledger";
    let made = stage.run(&format!("{line} --json")).json();
    let token = made["initial_access_token"].as_str().unwrap();
    assert_eq!(token.len(), 43);
    let endpoint = format!("{}/register", stage.issuer());
    assert_eq!(made["registration_endpoint"], endpoint);
    let listed = stage.run("client invites --json").json();
    assert_eq!(listed[0]["id"], made["id"]);
    assert_eq!(listed[0]["note"], "Ledger");
    assert_eq!(
        (&listed[0]["uses"], &listed[0]["uses_left"]),
        (&json!(3), &json!(3))
    );
    for line in ["client invites", "client invites --json"] {
        assert!(!stage.run(line).out.contains(token), "{line}");
    }
    let id = made["id"].as_str().unwrap();
    assert_eq!(stage.run(&format!("client uninvite {id}")).code, Some(0));
    assert_eq!(stage.run("client invites --json").json(), json!([]));
    let again = stage.run(&format!("client uninvite {id}"));
    assert_eq!(again.code, Some(1), "{again:?}");
}

#[actix_web::test]
async fn who_registered_what_is_said_by_list_and_show() {
    let stage = Stage::new(BY_TOKEN);
    let server = stage.serve().await;
    let made = stage.run("client invite --note Grace --json").json();
    let token = made["initial_access_token"].as_str();
    let url = format!("{}/register", stage.issuer());
    let answer = send(reqwest::Method::POST, &url, token, Some(&least())).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let told = answer.json();
    let client_id = told["client_id"].as_str().unwrap();
    assert_eq!(
        stage
            .run("client add wiki --redirect-uri https://wiki.example/cb")
            .code,
        Some(0)
    );

    let listed = stage.run("client list --json").json();
    let registration = |client_id: &str| {
        let mut clients = listed.as_array().unwrap().iter();
        let client = clients.find(|client| client["client_id"] == client_id);
        client.unwrap()["registration"].clone()
    };
    assert_eq!(registration("wiki"), Value::Null);
    let by = registration(client_id);
    assert_eq!(by["note"], "Grace");
    assert_eq!(by["initial_access_token_id"], made["id"]);
    assert_eq!(by["address"], "127.0.0.1");
    let list = stage.run("client list");
    assert!(list.out.contains("registration: Grace"), "{list:?}");
    let shown = stage.run(&format!("client show {client_id}"));
    let with = format!(
        "registration with invite {} (Grace)",
        made["id"].as_str().unwrap()
    );
    assert!(shown.out.contains(&with), "{shown:?}");
    for secret in ["client_secret", "registration_access_token"] {
        let secret = told[secret].as_str().unwrap();
        assert!(!shown.out.contains(secret) && !list.out.contains(secret));
    }

    // An administrator removes it as any other.
    let removed = stage.run(&format!("client remove {client_id}"));
    assert_eq!(removed.code, Some(0), "{removed:?}");
    let url = told["registration_client_uri"].as_str().unwrap();
    let token = told["registration_access_token"].as_str();
    let answer = send(reqwest::Method::GET, url, token, None).await;
    assert_eq!(answer.status, 401);
    assert_eq!(server.stop().0, Some(0));
}

/// P3, attack 86: an invite that a restored copy of the database has not seen used.
#[actix_web::test]
async fn after_a_restore_no_invite_of_before_is_good() {
    let stage = Stage::new(BY_TOKEN);
    let made = stage.run("client invite --uses 9 --json").json();
    assert_eq!(stage.run("restored --yes").code, Some(0));
    let server = stage.serve().await;
    let url = format!("{}/register", stage.issuer());
    let token = made["initial_access_token"].as_str();
    let answer = send(reqwest::Method::POST, &url, token, Some(&least())).await;
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(server.stop().0, Some(0));
}
