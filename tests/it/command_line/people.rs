//! `exeunt user`, and people whom the file declares.

use super::{Stage, client};
use crate::support::fixtures::Side;
use crate::support::provider::PASSWORD;
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::Visitor;

#[test]
fn a_person_is_disabled_enabled_and_forgotten_only_when_it_is_meant() {
    let stage = Stage::new("");
    let add = || stage.run("user add bob --no-password");
    assert_eq!(add().code, Some(0));
    let first = stage.run("user list --json").json()[0]["sub"].clone();
    assert_eq!(stage.run("user disable bob").code, Some(0));
    assert_eq!(stage.run("user enable bob").code, Some(0));
    assert!(stage.run("user list --json").json()[0]["disabled_at"].is_null());
    let unasked = stage.run("user delete bob");
    assert_eq!(unasked.code, Some(1), "nobody is there to ask");
    assert!(unasked.err.contains("--yes"), "{unasked:?}");
    assert_eq!(stage.run("user delete bob --yes").code, Some(0));
    assert_eq!(stage.run("user list --json").json(), serde_json::json!([]));
    for line in [
        "user delete bob --yes",
        "user enable bob",
        "user disable bob",
    ] {
        assert_eq!(stage.run(line).code, Some(1), "{line}");
    }
    assert_eq!(add().code, Some(0));
    assert_ne!(stage.run("user list --json").json()[0]["sub"], first);
}

#[test]
fn a_person_is_added_with_a_password_from_standard_input() {
    let stage = Stage::new("");
    let added = stage.tell(
        "user add Grace --email grace@example.org",
        "a long password\n",
    );
    assert_eq!(added.code, Some(0), "{added:?}");
    let people = stage.run("user list --json").json();
    assert_eq!(people[0]["username"], "grace");
    assert_eq!(people[0]["claims"]["email_verified"], false);
    assert!(people[0]["created_at"].as_str().unwrap().ends_with('Z'));
    for (line, input) in [
        ("user add grace", "a long password\n"),
        ("user add bob", ""),
        ("user add bob", "short\n"),
        ("user set-password nobody", "a long password\n"),
        ("user disable nobody", ""),
        ("user add ada", "a long password\n"),
    ] {
        let answer = stage.tell(line, input);
        assert_eq!(answer.code, Some(1), "{line}: {answer:?}");
        assert!(!answer.err.is_empty() && answer.out.is_empty());
    }
    assert_eq!(stage.run("user add eve --no-password").code, Some(0));
}

#[tokio::test]
async fn applying_the_file_twice_changes_nothing_and_never_undoes() {
    let stage = Stage::new(&client("ledger", "https://ledger.example"));
    let server = stage.serve().await;
    let before = stage.declared();
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains(&format!("127.0.0.1:{}", stage.port)), "{log}");

    drop(stage.serve().await.stop());
    assert_eq!(stage.declared(), before);

    // What was changed since stays; who has left the file is shut out.
    assert_eq!(
        stage
            .tell("user set-password ada", "another password\n")
            .code,
        Some(0)
    );
    assert_eq!(stage.run("user disable ada").code, Some(0));
    stage.declare(&format!(
        "[[users]]\nusername = \"ada\"\npassword = \"{PASSWORD}\"\n"
    ));
    let people = stage.run("user list --json").json();
    drop(stage.serve().await.stop());
    assert_eq!(stage.run("user list --json").json(), people);
    assert!(people[0]["disabled_at"].is_string());
    assert!(stage.run("client show ledger --json").json()["disabled_at"].is_string());
}

#[tokio::test]
async fn a_password_set_here_is_not_undone_by_the_file() {
    let stage = Stage::new(&client("ledger", "https://ledger.example"));
    drop(stage.serve().await.stop());
    assert_eq!(
        stage
            .tell("user set-password ada", "another password\n")
            .code,
        Some(0)
    );
    let server = stage.serve().await;
    let party = RelyingParty::at(&stage.issuer(), "ledger", "https://ledger.example");
    let refused = party.sign_in(&Visitor::default(), &[]).await;
    assert_eq!(refused.page(), "page-sign-in", "the declared password");
    let ada = Visitor::default();
    let page = ada.get(&party.authorize_url(&[])).await;
    let page = ada.follow(page, &stage.issuer()).await;
    let fields = [("username", "ada"), ("password", "another password")];
    let answer = ada.submit(&page, &page.form(), &fields).await;
    let answer = ada.follow(answer, &stage.issuer()).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    drop(server.stop());
}

/// Attack 89: who was in somebody's account may have linked somebody of their own.
#[tokio::test]
async fn a_new_password_may_forget_who_somebody_is_elsewhere() {
    let stage = Stage::new("");
    assert_eq!(stage.run("user add bob --no-password").code, Some(0));
    let mut side = Side::open(stage.database.as_str()).await;
    let link = "INSERT INTO identities (issuer, subject, user_id, created_at, last_used_at) \
                SELECT 'https://id.house.example', 'mallory', id, 0, 0 FROM users";
    assert_eq!(side.execute(link).await, 1);
    let kept = stage.tell("user set-password bob", "another password\n");
    assert_eq!(kept.code, Some(0), "{kept:?}");
    let words = "still come in through https://id.house.example";
    assert!(kept.out.contains(words), "{kept:?}");
    let forgotten = stage.tell("user set-password bob --unlink", "another password\n");
    assert_eq!(forgotten.code, Some(0), "{forgotten:?}");
    assert!(!forgotten.out.contains("still come in"), "{forgotten:?}");
    let left = "UPDATE identities SET last_used_at = 1";
    assert_eq!(side.execute(left).await, 0);
}
