//! Each cause ends what it must, at once, and tells every application.

use chrono::TimeDelta;
use exeunt::flows::{end_session, people};
use exeunt::oidc::logout::Cause;
use exeunt::store::orders::{Order, OrderScope};
use exeunt::store::{commit, orders, users};
use secrecy::SecretString;

use super::scene;
use crate::support::provider::{PASSWORD, Wish};
use crate::support::relying_party::Tokens;
use crate::support::scene::Scene;
use crate::support::visitor::Visitor;

/// How a row of the matrix ends ada's session.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Logout,
    Administrator,
    EveryoneOut,
    AllOfOnePerson,
    UserDisabled,
    PasswordReset,
}

impl End {
    async fn come(self, scene: &Scene, visitor: &Visitor, tokens: &Tokens) {
        let flows = scene.provider.flows();
        let sid = tokens.sid(&scene.provider.issuer).await;
        let session_id = scene.session_id(&sid).await;
        match self {
            Self::Logout => {
                let hint = tokens.get("id_token");
                let url = scene.applications[0].end_session_url(&[("id_token_hint", &hint)]);
                assert_eq!(visitor.get(&url).await.status, 303);
            }
            Self::Administrator => {
                let ended = end_session::end_session(flows, session_id, Cause::Administrator);
                assert!(ended.await.unwrap());
            }
            Self::EveryoneOut => {
                let ordered = end_session::end_many(flows, OrderScope::All, Cause::Administrator);
                ordered.await.unwrap();
            }
            Self::AllOfOnePerson => {
                let ada = users::find_by_username(flows.database.read(), "ada").await;
                let scope = OrderScope::User(ada.unwrap().unwrap().id);
                let ordered = end_session::end_many(flows, scope, Cause::Administrator);
                ordered.await.unwrap();
            }
            Self::UserDisabled => people::disable_user(flows, "ada").await.unwrap().unwrap(),
            Self::PasswordReset => {
                let password = SecretString::from("another analytical engine");
                let reset = people::reset_password(flows, "ada", &password);
                reset.await.unwrap().unwrap();
            }
        }
    }

    fn spares_other_browsers(self) -> bool {
        matches!(self, Self::Logout | Self::Administrator)
    }

    fn spares_offline_access(self) -> bool {
        !matches!(self, Self::UserDisabled | Self::PasswordReset)
    }
}

/// The matrix of causes and artefacts: what is over is over at once, whether or not a worker was there yet.
/// P2: each cause tells every application. Attacks 41, 46.
#[actix_web::test]
async fn p2_each_cause_ends_what_it_must_at_once_and_tells_every_application() {
    for end in [
        End::Logout,
        End::Administrator,
        End::EveryoneOut,
        End::AllOfOnePerson,
        End::UserDisabled,
        End::PasswordReset,
    ] {
        let scene = scene(|wish| wish).await;
        let issuer = &scene.provider.issuer;
        let [ledger, atlas] = &scene.applications[..] else {
            panic!()
        };
        let (here, there) = (Visitor::default(), Visitor::default());
        let tokens = ledger.tokens(&here, &[]).await;
        let offline = [("scope", "openid offline_access")];
        let offline = atlas.tokens(&here, &offline).await;
        let elsewhere = ledger.tokens(&there, &[]).await;
        let code = ledger.sign_in(&here, &[]).await.parameter("code").unwrap();
        let half_done = ledger.authorize_url(&[("prompt", "login")]);
        let half_done = here.follow(here.get(&half_done).await, issuer).await;

        end.come(&scene, &here, &tokens).await;

        assert!(!scene.is_signed_in(&here).await, "{end:?}: cookie");
        let answer = ledger.redeem(&code, &[]).await;
        assert_eq!(answer.json()["error"], "invalid_grant", "{end:?}: code");
        for (application, tokens) in [(ledger, &tokens), (atlas, &offline)] {
            let answer = application.userinfo(&tokens.get("access_token")).await;
            assert_eq!(answer.status, 401, "{end:?}: access token");
        }
        let answer = ledger.refresh(&tokens.get("refresh_token")).await;
        assert_eq!(
            answer.json()["error"],
            "invalid_grant",
            "{end:?}: refresh token"
        );
        let answer = atlas.refresh(&offline.get("refresh_token")).await;
        if end.spares_offline_access() {
            let next = Tokens { all: answer.json() };
            assert_eq!(next.id_claims(issuer).await.get("sid"), None, "{end:?}");
            let answer = atlas.userinfo(&next.get("access_token")).await;
            assert_eq!(answer.status, 200, "{end:?}: offline access");
        } else {
            assert_eq!(
                answer.json()["error"],
                "invalid_grant",
                "{end:?}: offline access"
            );
        }
        let spared = end.spares_other_browsers();
        assert_eq!(
            scene.is_signed_in(&there).await,
            spared,
            "{end:?}: other browser"
        );
        let answer = ledger.userinfo(&elsewhere.get("access_token")).await;
        assert_eq!(answer.status == 200, spared, "{end:?}: other browser");

        ledger.told_of(&tokens.sid(issuer).await, issuer).await;
        atlas.told_of(&offline.sid(issuer).await, issuer).await;
        if !spared {
            ledger.told_of(&elsewhere.sid(issuer).await, issuer).await;
        }
        // A sign-in that was half done goes on only for who can still sign in.
        let fields = [("username", "ada"), ("password", PASSWORD)];
        let answer = here.submit(&half_done, &half_done.form(), &fields).await;
        let answer = here.follow(answer, issuer).await;
        let may = !matches!(end, End::UserDisabled | End::PasswordReset);
        assert_eq!(
            answer.parameter("code").is_some(),
            may,
            "{end:?}: half-done sign-in"
        );
        scene.provider.stop().await;
    }
}

/// The end of everyone's part in one application leaves the sessions alone.
#[actix_web::test]
async fn p2_an_application_that_everyone_must_leave_is_told_of_each_and_alone() {
    let scene = scene(|wish| wish).await;
    let issuer = &scene.provider.issuer;
    let [ledger, atlas] = &scene.applications[..] else {
        panic!()
    };
    let mut all = Vec::new();
    for _ in 0..3 {
        let visitor = Visitor::default();
        let tokens = scene.sign_in_everywhere(&visitor).await;
        all.push((visitor, tokens));
    }
    let scope = OrderScope::Client("ledger".to_owned());
    let flows = scene.provider.flows();
    end_session::end_many(flows, scope, Cause::Administrator)
        .await
        .unwrap();
    for (visitor, tokens) in &all {
        ledger.told_of(&tokens[0].sid(issuer).await, issuer).await;
        let answer = ledger.userinfo(&tokens[0].get("access_token")).await;
        assert_eq!(answer.status, 401);
        let answer = atlas.userinfo(&tokens[1].get("access_token")).await;
        assert_eq!(answer.status, 200);
        assert!(scene.is_signed_in(visitor).await);
    }
    assert!(atlas.ear.notices().is_empty());
    scene.provider.stop().await;
}

/// P2, P3: an order about an application ends what was before it, and nothing that was given after it, though no worker
/// has come to it yet.
#[actix_web::test]
async fn p2_who_comes_back_to_an_application_before_the_worker_does_keeps_what_they_are_given() {
    let scene = scene(Wish::manual_clock).await;
    let issuer = &scene.provider.issuer;
    let ledger = &scene.applications[0];
    let flows = scene.provider.flows();
    let ada = Visitor::default();
    let before = ledger.tokens(&ada, &[]).await;
    let now = flows.clock.now();
    let order = Order {
        id: flows.random.row_id(now),
        scope: OrderScope::Client("ledger".to_owned()),
        cause: Cause::Administrator,
        before: now + TimeDelta::milliseconds(1),
    };
    let tx = flows.database.begin().await.unwrap();
    orders::insert(&tx, &order).await.unwrap();
    commit(tx).await.unwrap();
    let answer = ledger.userinfo(&before.get("access_token")).await;
    assert_eq!(answer.status, 401);

    scene.provider.advance(TimeDelta::milliseconds(10));
    let after = ledger.tokens(&ada, &[]).await;
    let good = async || {
        let answer = ledger.userinfo(&after.get("access_token")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    good().await;
    let answer = ledger.refresh(&after.get("refresh_token")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let (old, new) = (before.sid(issuer).await, after.sid(issuer).await);
    assert_ne!(old, new);
    scene.provider.advance(TimeDelta::seconds(2));
    ledger.told_of(&old, issuer).await;
    good().await;
    let told = ledger.told(1, issuer).await;
    assert!(told.iter().all(|claims| claims["sid"] != new));
    scene.provider.stop().await;
}
