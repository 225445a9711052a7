//! `exeunt session` and `exeunt keys`, beside a server that runs.

use serde_json::Value;

use super::{Stage, client};
use crate::support::eventually;
use crate::support::relying_party::{Ear, RelyingParty, Reply};
use crate::support::visitor::Visitor;

/// P2: a session that an administrator ends is announced, and what was refused is visible and can be tried again.
#[actix_web::test]
async fn sessions_are_listed_and_ended_and_their_notices_listed_shown_and_retried() {
    let ear = Ear::open().await;
    ear.answer(Reply::Status(400));
    let stage = Stage::new(&client("ledger", &ear.base));
    let server = stage.serve().await;
    let party = RelyingParty::at(&stage.issuer(), "ledger", &ear.base);
    party.tokens(&Visitor::default(), &[]).await;

    let sessions = stage.run("session list --user ada --json").json();
    assert_eq!(sessions[0]["username"], "ada");
    assert_eq!(sessions[0]["applications"], serde_json::json!(["ledger"]));
    let id = sessions[0]["id"].as_str().unwrap();
    assert!(stage.run("session list").out.contains(id));
    let ended = stage.run(&format!("session end {id}"));
    assert!(
        ended
            .out
            .starts_with("Ended 1 session; 1 application is to be told."),
        "{ended:?}"
    );
    let again = stage.run(&format!("session end {id}"));
    assert!(again.out.contains("over already"), "{again:?}");
    assert_eq!(
        stage.run("session list --json").json(),
        Value::Array(vec![])
    );
    let ended = stage.run("session list --ended --json").json();
    assert_eq!(ended[0]["end_cause"], "administrator");

    let first = |line: &'static str| {
        let stage = &stage;
        eventually(async move || Some(stage.run(line).json()[0].clone()).filter(Value::is_object))
    };
    let refused = first("delivery list --client ledger --state refused --json")
        .await
        .unwrap();
    assert_eq!(refused["last_status"], 400);
    let notice = refused["id"].as_str().unwrap();
    assert!(stage.run("delivery list --open").out.contains(notice));
    let shown = stage.run(&format!("delivery show {notice} --json")).json();
    assert_eq!(shown["tries"][0]["outcome"], "refused");
    assert!(
        stage
            .run(&format!("delivery show {notice}"))
            .out
            .contains("400")
    );

    ear.answer(Reply::Status(200));
    let retried = stage.run("delivery retry --client ledger");
    assert!(
        retried.out.starts_with("1 notice is due now."),
        "{retried:?}"
    );
    let confirmed = first("delivery list --state confirmed --json")
        .await
        .unwrap();
    assert_eq!(confirmed["attempts"], 2);
    assert_eq!(stage.run(&format!("delivery retry {notice}")).code, Some(1));
    drop(server.stop());
}

#[actix_web::test]
async fn everyones_sessions_are_ended_by_one_order() {
    let ear = Ear::open().await;
    let stage = Stage::new(&client("ledger", &ear.base));
    let server = stage.serve().await;
    let party = RelyingParty::at(&stage.issuer(), "ledger", &ear.base);
    for line in [
        "session end --client ledger",
        "session end --user ada",
        "session end --all",
    ] {
        let before = ear.notices().len();
        party.tokens(&Visitor::default(), &[]).await;
        let ended = stage.run(line);
        assert!(ended.out.starts_with("Ended "), "{ended:?}");
        ear.wait_for(before + 1).await;
    }
    assert_eq!(stage.run("session end --user nobody").code, Some(1));
    drop(server.stop());
}

#[tokio::test]
async fn a_running_server_notices_a_rotation_and_a_retirement() {
    let stage = Stage::new("");
    let server = stage.serve().await;
    let keys = stage.run("keys list --json").json();
    assert_eq!(keys[0]["state"], "signs");
    let rs256 = keys
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["algorithm"] == "RS256");
    let old = rs256.unwrap()["kid"].as_str().unwrap().to_owned();
    let last = stage.run(&format!("keys retire {old}"));
    assert_eq!(last.code, Some(1));
    assert!(last.err.contains("rotate first"), "{last:?}");

    assert!(stage.run("keys rotate").out.contains("signs from"));
    assert!(stage.run("keys list").out.contains("published, signs from"));
    assert_eq!(
        stage.run("keys rotate --algorithm RS256 --now").code,
        Some(0)
    );
    let visitor = Visitor::default();
    let jwks = format!("{}/jwks", stage.issuer());
    let gone = eventually(async || (!visitor.get(&jwks).await.body.contains(&old)).then_some(()));
    gone.await.expect("the compromised key leaves the JWKS");
    assert!(stage.run("keys list").out.contains("retired at"));
    assert_eq!(stage.run("keys retire unknown").code, Some(1));
    drop(server.stop());
}
