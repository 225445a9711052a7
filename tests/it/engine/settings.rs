//! What each client may have otherwise.

use chrono::TimeDelta;
use exeunt::flows::end_session;
use exeunt::oidc::client::{ClientMetadata, LogoutTokenSubject};
use exeunt::oidc::duration::Lifetime;
use exeunt::oidc::logout::{Cause, DeliveryState};
use exeunt::store::deliveries;

use super::quickly_signed;
use crate::support::eventually;
use crate::support::parts::session_with;
use crate::support::relying_party::Ear;
use crate::support::scene::{Scene, by_server};
use crate::support::visitor::Visitor;

/// Attack 57: a token that names the person alone ends no session that goes on.
#[actix_web::test]
async fn each_client_is_told_of_whom_it_wants_to_be_told_of() {
    let describe = |name: &str, ear: &Ear| ClientMetadata {
        logout_token_subject: match name {
            "sid" => LogoutTokenSubject::Sid,
            "sub" => LogoutTokenSubject::Sub,
            _ => LogoutTokenSubject::SubAndSid,
        },
        ..by_server(ear)
    };
    let scene = Scene::with(&["both", "sid", "sub"], describe, |wish| wish).await;
    let issuer = &scene.provider.issuer;
    let (here, there) = (Visitor::default(), Visitor::default());
    let first = scene.sign_in_everywhere(&here).await;
    let second = scene.sign_in_everywhere(&there).await;
    for (number, tokens) in [(1, &first), (2, &second)] {
        let session_id = scene.session_id(&tokens[0].sid(issuer).await).await;
        end_session::end_session(scene.provider.flows(), session_id, Cause::Administrator)
            .await
            .unwrap();
        for (application, tokens) in scene.applications.iter().zip(tokens) {
            let told = application.told(number, issuer).await;
            let claims = &told[number - 1];
            let names = (claims.get("sub").is_some(), claims.get("sid").is_some());
            let expected = match (application.client_id.as_str(), number) {
                ("sid", _) => (false, true),
                // Once no session of theirs goes on there.
                ("sub", 2) => (true, false),
                _ => (true, true),
            };
            assert_eq!(names, expected, "{} {number}", application.client_id);
            if names.1 {
                assert_eq!(claims["sid"], *tokens.sid(issuer).await);
            }
        }
    }
    scene.provider.stop().await;
}

#[actix_web::test]
async fn each_client_has_its_own_time_until_its_notices_are_given_up() {
    let describe = |name: &str, ear: &Ear| ClientMetadata {
        logout_give_up_after: (name == "short").then_some(Lifetime(TimeDelta::minutes(3))),
        ..quickly_signed(name, ear)
    };
    let scene = Scene::with(&["short", "usual"], describe, |wish| wish).await;
    let session_id = session_with(scene.provider.flows(), &["short", "usual"]).await;
    end_session::end_session(scene.provider.flows(), session_id, Cause::Administrator)
        .await
        .unwrap();
    let db = scene.provider.flows().database.read();
    for row in deliveries::of_session(db, session_id).await.unwrap() {
        let given_up_after = match row.client_id.as_str() {
            "short" => TimeDelta::minutes(3),
            _ => TimeDelta::hours(24),
        };
        assert_eq!(row.give_up_at - row.created_at, given_up_after);
    }
    scene.provider.stop().await;
}

/// Attack 55: a private network is for those applications that live in it.
#[actix_web::test]
async fn a_named_private_network_is_reached_for_those_who_name_it_alone() {
    let describe = |name: &str, ear: &Ear| ClientMetadata {
        private_networks: match name {
            "inside" => vec!["cellar".to_owned()],
            _ => Vec::new(),
        },
        ..quickly_signed(name, ear)
    };
    let scene = Scene::with(&["inside", "outside"], describe, |wish| {
        wish.configure(|config| {
            let networks = std::mem::take(&mut config.outbound.allow_private_networks);
            config
                .outbound
                .private_networks
                .insert("cellar".to_owned(), networks);
        })
    })
    .await;
    let session_id = session_with(scene.provider.flows(), &["inside", "outside"]).await;
    end_session::end_session(scene.provider.flows(), session_id, Cause::Administrator)
        .await
        .unwrap();
    let db = scene.provider.flows().database.read();
    let tried = eventually(async || {
        let known = deliveries::of_session(db, session_id).await.unwrap();
        known.iter().all(|row| row.attempts > 0).then_some(known)
    });
    for row in tried.await.expect("both were tried") {
        let expected = match row.client_id.as_str() {
            "inside" => DeliveryState::Confirmed,
            _ => DeliveryState::Retrying,
        };
        assert_eq!(row.state, expected, "{row:?}");
    }
    assert!(scene.applications[1].ear.notices().is_empty());
    scene.provider.stop().await;
}
