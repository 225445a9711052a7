//! Somebody signs out there while they, or somebody in their name, are on the way here.

use chrono::TimeDelta;

use super::Stage;
use crate::support::visitor::Visitor;

const ADA: &str = "ada-there";

/// Attacks 61, 62: a sign-in that was under way brings nothing back, whether the token names its session or all of hers.
#[actix_web::test]
async fn who_signed_out_there_on_the_way_here_does_not_come_in() {
    for (number, named) in [
        vec![("sid", "s-1")],
        vec![("sub", ADA), ("sid", "s-1")],
        vec![("sub", ADA)],
    ]
    .into_iter()
    .enumerate()
    {
        let stage = Stage::set().await;
        let provider = &stage.scene.provider;
        let ada = Visitor::default();
        let page = stage.sign_in_page(&ada, &[]).await;
        let sent = stage.house.leave_for(&ada, &page).await;
        provider.advance(TimeDelta::seconds(2));
        let told = stage.tell_of(&named, &format!("j{number}")).await;
        assert_eq!(told.status, 200, "{named:?}: {told:?}");
        provider.advance(TimeDelta::seconds(2));
        let answer = stage
            .house
            .send_back(provider, &ada, &sent, (ADA, "s-1"))
            .await;
        assert_eq!(answer.page(), "page-sign-in", "{named:?}: {answer:?}");
        let notice = answer.text("#notice").unwrap();
        assert!(
            notice.contains("signed out at the other provider"),
            "{notice}"
        );
        assert!(!stage.is_in(&ada).await, "{named:?}");
        // Who asks anew, in a session of then, comes in.
        stage.sign_in(&ada, (ADA, "s-2")).await;
        assert!(stage.is_in(&ada).await, "{named:?}");
        stage.close().await;
    }
}

/// Another session there, or another person, is not held up.
#[actix_web::test]
async fn who_did_not_sign_out_there_comes_in() {
    let stage = Stage::set().await;
    let provider = &stage.scene.provider;
    for (number, named) in [
        vec![("sid", "s-1")],
        vec![("sub", ADA), ("sid", "s-1")],
        vec![("sub", "grace")],
    ]
    .into_iter()
    .enumerate()
    {
        let ada = Visitor::default();
        let page = stage.sign_in_page(&ada, &[]).await;
        let sent = stage.house.leave_for(&ada, &page).await;
        let told = stage.tell_of(&named, &format!("j{number}")).await;
        assert_eq!(told.status, 200, "{named:?}: {told:?}");
        let answer = stage
            .house
            .send_back(provider, &ada, &sent, (ADA, "s-2"))
            .await;
        assert!(answer.parameter("code").is_some(), "{named:?}: {answer:?}");
    }
    stage.close().await;
}

/// Attacks 61, 62: at the very same time, whichever comes first.
#[actix_web::test]
async fn a_sign_in_and_the_sign_out_of_its_session_at_once_leave_nobody_signed_in() {
    let stage = Stage::with(|wish| wish).await;
    let provider = &stage.scene.provider;
    for round in 0..12 {
        let ada = Visitor::default();
        let sid = format!("s-{round}");
        let page = stage.sign_in_page(&ada, &[]).await;
        let sent = stage.house.leave_for(&ada, &page).await;
        let named: &[(&str, &str)] = match round % 2 {
            0 => &[("sid", &sid)],
            _ => &[("sub", ADA)],
        };
        let jti = format!("j{round}");
        let ((), told) = tokio::join!(
            async {
                stage
                    .house
                    .send_back(provider, &ada, &sent, (ADA, &sid))
                    .await;
            },
            async {
                // Sooner or later in its course.
                for _ in 0..round {
                    tokio::task::yield_now().await;
                }
                stage.tell_of(named, &jti).await
            }
        );
        assert_eq!(told.status, 200, "{told:?}");
        assert!(!stage.is_in(&ada).await, "{round}");
    }
    stage.close().await;
}
