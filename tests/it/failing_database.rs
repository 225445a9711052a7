//! P1: what could not be written is never said to be so.

use exeunt::flows::keys;
use exeunt::oidc::client::ClientMetadata;

use crate::support::people::account;
use crate::support::provider::PASSWORD;
use crate::support::relying_party::Ear;
use crate::support::scene::{Scene, by_server};
use crate::support::visitor::{Answer, Visitor};

fn asks_for_consent(_: &str, ear: &Ear) -> ClientMetadata {
    ClientMetadata {
        skip_consent: false,
        scope: Some("openid".to_owned()),
        ..by_server(ear)
    }
}

/// What watches the server must learn that it can't work, and that it lives all the same.
#[actix_web::test]
async fn a_server_whose_database_is_gone_is_alive_and_not_ready() {
    let scene = Scene::of(&["ledger"]).await;
    let visitor = Visitor::default();
    let ask = async |path: &str| visitor.get(&scene.provider.url(path)).await;
    let ready = ask("/readyz").await;
    assert_eq!(
        (ready.status.as_u16(), ready.body.as_str()),
        (200, "ready\n")
    );
    let database = scene.provider.flows().database.clone();
    database.close().await;
    let url = scene.provider.url("/readyz");
    let head = visitor.send(&url, visitor.client().head(&url)).await;
    assert_eq!(head.status, 503);
    let ready = ask("/readyz").await;
    assert_eq!(
        (ready.status.as_u16(), ready.body.as_str()),
        (503, "no database\n")
    );
    assert_eq!(ask("/healthz").await.status, 200);
    scene.provider.stop().await;
}

#[actix_web::test]
async fn a_server_without_a_key_to_sign_with_is_not_ready() {
    let scene = Scene::of(&["ledger"]).await;
    let visitor = Visitor::default();
    let url = scene.provider.url("/readyz");
    assert_eq!(visitor.get(&url).await.status, 200);
    scene.sql("UPDATE signing_keys SET retire_at = 1").await;
    keys::reload_if_changed(scene.provider.flows(), -1)
        .await
        .unwrap();
    let ready = visitor.get(&url).await;
    assert_eq!(
        (ready.status.as_u16(), ready.body.as_str()),
        (503, "no keys\n")
    );
    scene.provider.stop().await;
}

fn claims_nothing(what: &str, answer: &Answer) {
    assert!(answer.status.is_server_error(), "{what}: {answer:?}");
    assert_eq!(answer.page(), "page-error", "{what}");
    assert_eq!(answer.location(), None, "{what}");
    assert_eq!(answer.header("set-cookie"), "", "{what}: the session stays");
    let body = answer.body.to_lowercase();
    assert!(
        !body.contains("signed out") && !body.contains("no such table"),
        "{what}: {body}"
    );
}

/// Attack 42 (CVE-2020-15223): a sign-out that the database lost is answered as if it had happened.
#[actix_web::test]
async fn p1_a_sign_out_that_could_not_be_written_is_an_error_and_changes_nothing() {
    let scene = Scene::with(&["ledger"], asks_for_consent, |wish| wish).await;
    let issuer = &scene.provider.issuer;
    let ledger = &scene.applications[0];
    let ada = Visitor::default();
    let page = ledger.sign_in(&ada, &[]).await;
    assert_eq!(page.page(), "page-consent");
    let answer = ada
        .submit(&page, &page.form(), &[("decision", "allow")])
        .await;
    let answer = ledger.redeem(&answer.parameter("code").unwrap(), &[]).await;
    let tokens = crate::support::relying_party::Tokens { all: answer.json() };
    let confirm = ada.get(&ledger.end_session_url(&[])).await;
    assert_eq!(confirm.page(), "page-confirm-sign-out");
    let page = account(&scene, &ada).await;
    let password = ada.get(&scene.provider.url("/account/password")).await;

    for (table, acts) in [
        (
            "logout_deliveries",
            &[
                "hint",
                "confirm",
                "end-session",
                "leave",
                "withdraw",
                "end-everything",
            ][..],
        ),
        ("logout_orders", &["end-everything", "password"][..]),
        (
            "grants",
            &["hint", "confirm", "end-session", "withdraw", "password"][..],
        ),
    ] {
        scene
            .sql(&format!("ALTER TABLE {table} RENAME TO lost"))
            .await;
        let mut answers = Vec::new();
        for act in acts {
            let answer = match *act {
                "hint" => {
                    let hint = tokens.get("id_token");
                    ada.get(&ledger.end_session_url(&[("id_token_hint", &hint)]))
                        .await
                }
                "confirm" => {
                    let fields = [("scope", "everywhere")];
                    ada.submit(&confirm, &confirm.form(), &fields).await
                }
                "password" => {
                    let fields = [
                        ("current-password", PASSWORD),
                        ("new-password", "another engine"),
                    ];
                    ada.submit(&password, &password.form(), &fields).await
                }
                act => {
                    let form = page.form_with(&format!("/account/{act}"), ("", ""));
                    ada.submit(&page, &form, &[]).await
                }
            };
            answers.push((format!("{act} without {table}"), answer));
        }
        scene
            .sql(&format!("ALTER TABLE lost RENAME TO {table}"))
            .await;
        for (what, answer) in &answers {
            claims_nothing(what, answer);
        }
        assert!(scene.is_signed_in(&ada).await, "{table}");
        let answer = ledger.userinfo(&tokens.get("access_token")).await;
        assert_eq!(answer.status, 200, "{table}");
        assert!(ledger.ear.notices().is_empty(), "{table}");
    }
    // The password is the old one, and the sign-out works once the database does.
    let form = page.form_with("/account/end-everything", ("", ""));
    assert_eq!(ada.submit(&page, &form, &[]).await.status, 303);
    ledger.told_of(&tokens.sid(issuer).await, issuer).await;
    assert!(ledger.sign_in(&ada, &[]).await.parameter("code").is_some());
    scene.provider.stop().await;
}
