//! The door through which each cause comes.

use chrono::TimeDelta;
use exeunt::flows::{end_session, people};
use exeunt::oidc::logout::Cause;
use secrecy::SecretString;

use super::{LIFE, NEW, Stage};
use crate::support::people::{change_password, press};
use crate::support::provider::PASSWORD;

impl Stage {
    /// Has the cause come through its own door.
    pub async fn come(&self, cause: Cause) {
        let (scene, beside) = (&self.scene, &self.beside);
        let flows = scene.provider.flows();
        let session_id = scene.session_id(&self.sid).await;
        match cause {
            Cause::Logout => {
                let hint = self.online.get("id_token");
                let url = self.ledger.end_session_url(&[("id_token_hint", &hint)]);
                assert_eq!(self.reached.get(&url).await.status, 303);
            }
            Cause::OneSession => {
                let id = session_id.to_string();
                press(scene, beside, "/account/end-session", ("session", &id)).await;
            }
            Cause::OneApplication => {
                press(scene, beside, "/account/leave", ("sid", &self.sid)).await;
            }
            Cause::Everywhere => {
                press(scene, beside, "/account/end-everything", ("", "")).await;
            }
            Cause::Replaced => {
                let url = self.ledger.authorize_url(&[("prompt", "login")]);
                let page = self.reached.get(&url).await;
                let page = self.reached.follow(page, &scene.provider.issuer).await;
                let fields = [("username", "grace"), ("password", PASSWORD)];
                self.reached.submit(&page, &page.form(), &fields).await;
            }
            Cause::Administrator => {
                let ended = end_session::end_session(flows, session_id, cause);
                assert!(ended.await.unwrap());
            }
            Cause::UserDisabled => people::disable_user(flows, "bob").await.unwrap().unwrap(),
            Cause::UserDeleted => people::delete_user(flows, "bob").await.unwrap().unwrap(),
            Cause::PasswordChanged => {
                let answer = change_password(scene, beside, PASSWORD, NEW).await;
                assert_eq!(answer.status, 303);
            }
            Cause::PasswordReset => {
                let password = SecretString::from(NEW);
                let reset = people::reset_password(flows, "bob", &password);
                reset.await.unwrap().unwrap();
            }
            Cause::RefreshReuse => {
                let spent = self.online.get("refresh_token");
                assert_eq!(self.ledger.refresh(&spent).await.status, 200);
                scene.provider.advance(TimeDelta::seconds(11));
                assert_eq!(self.ledger.refresh(&spent).await.status, 400);
            }
            Cause::TokenRevoked => {
                let token = self.online.get("refresh_token");
                assert_eq!(self.ledger.revoke(&token, &[]).await.status, 200);
            }
            Cause::ConsentWithdrawn => {
                press(scene, beside, "/account/withdraw", ("client_id", "ledger")).await;
            }
            Cause::ClientDisabled => {
                let disabled = people::disable_client(flows, "ledger");
                disabled.await.unwrap().unwrap();
            }
            Cause::ClientDeleted => {
                let removed = people::remove_client(flows, "ledger");
                removed.await.unwrap().unwrap();
            }
            Cause::Idle | Cause::Expired => {
                scene.provider.advance(LIFE + TimeDelta::milliseconds(1));
            }
            Cause::Upstream => {
                let named = [("sid", "session-there")];
                let told = self.elsewhere.tell_of(&scene.provider, &named, "j1");
                assert_eq!(told.await.status, 200);
            }
            Cause::Restored => panic!("nothing is served meanwhile"),
        }
        // What begins in the millisecond of an order is meant too; and workers look again.
        scene.provider.advance(TimeDelta::seconds(1));
    }
}
