//! All causes at once.

use chrono::TimeDelta;
use exeunt::flows::{end_session, people};
use exeunt::oidc::logout::Cause;
use futures_util::future::join_all;

use super::Stage;

/// All causes at once end a session once.
#[actix_web::test]
async fn p2_of_all_causes_at_once_one_ends_the_session_and_each_application_hears_once() {
    let stage = Stage::set(Cause::Administrator).await;
    let issuer = &stage.scene.provider.issuer;
    let flows = stage.scene.provider.flows();
    let session_id = stage.scene.session_id(&stage.sid).await;
    let ends = Cause::ALL.map(|cause| end_session::end_session(flows, session_id, cause));
    let doors = async {
        let doors = [
            Cause::Logout,
            Cause::OneApplication,
            Cause::ConsentWithdrawn,
            Cause::Everywhere,
        ];
        // Some come too late to find their page, and then do nothing.
        let page = stage
            .beside
            .get(&stage.scene.provider.url("/account"))
            .await;
        join_all(doors.map(async |cause| {
            let (action, field) = match cause {
                Cause::OneApplication => ("/account/leave", ("sid", stage.sid.as_str())),
                Cause::ConsentWithdrawn => ("/account/withdraw", ("client_id", "ledger")),
                Cause::Everywhere => ("/account/end-everything", ("", "")),
                _ => {
                    let hint = stage.online.get("id_token");
                    let url = stage.ledger.end_session_url(&[("id_token_hint", &hint)]);
                    stage.reached.get(&url).await;
                    return;
                }
            };
            if page.body.contains(action) && page.body.contains(field.1) {
                let form = page.form_with(action, field);
                stage.beside.submit(&page, &form, &[]).await;
            }
        }))
        .await;
        people::delete_user(flows, "bob").await.unwrap().unwrap();
    };
    let removed = people::remove_client(flows, "ledger");
    let (ends, (), removed) = tokio::join!(join_all(ends), doors, removed);
    removed.unwrap().unwrap();
    stage.scene.provider.advance(TimeDelta::seconds(1));
    let ended = ends.into_iter().filter(|ended| *ended.as_ref().unwrap());
    assert!(ended.count() <= 1, "a session ends once");
    stage.ledger.told_of(&stage.sid, issuer).await;
    stage.scene.delivery(&stage.sid).await;
    let told = stage.ledger.told(0, issuer).await;
    let of_it = told
        .iter()
        .filter(|claims| claims["sid"] == stage.sid.as_str());
    assert_eq!(of_it.count(), 1);
    stage.scene.provider.stop().await;
}
