//! `exeunt client test-logout`: what it sends, and what it says of the answer.

use super::{Stage, client};
use crate::support::relying_party::{Ear, Reply};

#[actix_web::test]
async fn a_test_sends_a_real_notice_of_no_session_and_says_what_is_wrong_with_the_answer() {
    let ear = Ear::open().await;
    let stage = Stage::new(&client("ledger", &ear.base));
    let server = stage.serve().await;
    let line = "client test-logout ledger";
    let shown = stage.run(&format!("{line} --json")).json();
    assert_eq!(shown["confirmed"], true, "{shown}");
    let claims = ear.notices()[0].claims(&stage.issuer()).await;
    assert_eq!(claims["sid"], shown["sid"]);
    assert_eq!(claims["jti"], shown["jti"]);
    for (reply, words) in [
        (Reply::Redirect, "redirects to /backchannel".to_owned()),
        (Reply::Status(404), "nothing at that URI (404)".to_owned()),
        (Reply::Status(400), "refused the notice (400)".to_owned()),
    ] {
        ear.answer(reply);
        let answer = stage.run(line);
        assert_eq!(answer.code, Some(1), "{answer:?}");
        assert!(answer.out.contains(&words), "{words}: {answer:?}");
        assert_eq!(stage.run_unread(line).code, Some(1), "{words}");
    }
    ear.close().await;
    let answer = stage.run(line);
    assert!(answer.out.contains("nothing listens there"), "{answer:?}");
    assert_eq!(stage.run_unread(line).code, Some(1));
    assert_eq!(stage.run("client test-logout nobody").code, Some(1));
    assert_eq!(
        stage.run("delivery list --json").json(),
        serde_json::json!([])
    );
    drop(server.stop());
}
