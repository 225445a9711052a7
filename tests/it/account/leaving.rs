//! What ends by a person's own hand, and what goes on.

use exeunt::oidc::logout::{Cause, DeliveryState};
use url::Url;

use super::{NEW, cause_of_end, consent, scene};
use crate::support::people::{account, change_password, press, sign_in_here};
use crate::support::provider::PASSWORD;
use crate::support::visitor::Visitor;

/// P2: the person ends another session of theirs, and each application hears of its own `sid`. P7.
#[actix_web::test]
async fn p2_a_session_that_its_person_ends_from_another_browser_ends_alone_and_is_told() {
    let scene = scene().await;
    let issuer = &scene.provider.issuer;
    let ledger = &scene.applications[0];
    let (here, there) = (Visitor::default(), Visitor::default());
    let kept = ledger.tokens(&here, &[]).await;
    let lost = ledger.tokens(&there, &[]).await;
    let (kept_sid, lost_sid) = (kept.sid(issuer).await, lost.sid(issuer).await);
    assert_ne!(kept_sid, lost_sid, "each session has a sid of its own");
    let session_id = scene.session_id(&lost_sid).await.to_string();
    let answer = press(
        &scene,
        &here,
        "/account/end-session",
        ("session", &session_id),
    )
    .await;
    let page = here.follow(answer, issuer).await;
    ledger.told_of(&lost_sid, issuer).await;
    assert_eq!(page.page(), "page-account");
    assert!(page.text("#notice").unwrap().contains("has ended"));
    assert_eq!(page.states().len(), 1);
    assert_eq!(page.attributes("#sessions > li", "data-here"), ["true"]);
    assert_eq!(
        cause_of_end(&scene, &lost_sid).await,
        Some(Cause::OneSession)
    );
    assert_eq!(ledger.userinfo(&lost.get("access_token")).await.status, 401);
    assert_eq!(ledger.userinfo(&kept.get("access_token")).await.status, 200);
    assert!(scene.is_signed_in(&here).await && !scene.is_signed_in(&there).await);

    let page = here.get(&scene.provider.url("/account/sign-outs")).await;
    assert_eq!(page.attributes(".sign-out", "data-cause"), ["one_session"]);
    scene.provider.stop().await;
}

/// P2: one application in one session. P1: what ended was told of before the page says so.
#[actix_web::test]
async fn p2_an_application_that_is_left_alone_is_told_and_the_session_goes_on() {
    let scene = scene().await;
    let issuer = &scene.provider.issuer;
    let ledger = &scene.applications[0];
    let ada = Visitor::default();
    let tokens = ledger.tokens(&ada, &[]).await;
    let sid = tokens.sid(issuer).await;
    let answer = press(&scene, &ada, "/account/leave", ("sid", &sid)).await;
    assert_eq!(
        answer.location().unwrap(),
        format!("{issuer}/account?left={sid}")
    );
    ledger.told_of(&sid, issuer).await;
    scene.wait_for_state(&sid, DeliveryState::Confirmed).await;
    let page = ada.get(&answer.location().unwrap()).await;
    assert_eq!(page.states(), ["confirmed"]);
    assert!(page.attributes(".parts .part", "data-client").is_empty());
    assert_eq!(
        ledger.userinfo(&tokens.get("access_token")).await.status,
        401
    );
    assert!(scene.is_signed_in(&ada).await);
    let page = ada.get(&scene.provider.url("/account/sign-outs")).await;
    assert_eq!(
        page.attributes(".sign-out", "data-cause"),
        ["one_application"]
    );
    scene.provider.stop().await;
}

/// P2: everywhere. Attack 61: a session that begins afterwards is not meant.
#[actix_web::test]
async fn p2_who_signs_out_everywhere_is_out_in_every_browser_and_may_come_back() {
    let scene = scene().await;
    let issuer = &scene.provider.issuer;
    let ledger = &scene.applications[0];
    let (here, there) = (Visitor::default(), Visitor::default());
    let all = [
        ledger.tokens(&here, &[]).await,
        ledger.tokens(&there, &[]).await,
    ];
    let old_page = account(&scene, &here).await;
    let answer = press(&scene, &here, "/account/end-everything", ("", "")).await;
    let page = here.follow(answer, issuer).await;
    assert!(
        ["page-signed-out", "page-leaving"].contains(&page.page().as_str()),
        "{page:?}"
    );
    assert_eq!(here.cookie("exeunt-session"), None);
    for (visitor, tokens) in [&here, &there].into_iter().zip(&all) {
        assert!(!scene.is_signed_in(visitor).await);
        let sid = tokens.sid(issuer).await;
        ledger.told_of(&sid, issuer).await;
        assert_eq!(cause_of_end(&scene, &sid).await, Some(Cause::Everywhere));
    }
    ledger.tokens(&here, &[]).await;
    // Attack 64, 67: the page from before is no key to what began since.
    let form = old_page.form_with("/account/end-everything", ("", ""));
    assert_eq!(here.submit(&old_page, &form, &[]).await.status, 400);
    assert!(scene.is_signed_in(&here).await);
    scene.provider.stop().await;
}

/// P2: a consent is withdrawn, in every session and with what was made for when the person is away.
/// Attack 46: nor does anything of it hang on another's session.
#[actix_web::test]
async fn p2_a_consent_that_is_withdrawn_takes_everything_back_and_its_application_is_told() {
    let scene = scene().await;
    let issuer = &scene.provider.issuer;
    let atlas = &scene.applications[1];
    let (here, there) = (Visitor::default(), Visitor::default());
    sign_in_here(&scene, &here, "ada").await;
    sign_in_here(&scene, &there, "ada").await;
    let online = consent(&scene, &here, "openid email").await;
    let offline = consent(&scene, &there, "openid email offline_access").await;
    let url = atlas.authorize_url(&[("scope", "openid email")]);
    let code = here.get(&url).await.parameter("code").unwrap();
    let page = account(&scene, &here).await;
    assert!(
        page.text("#consents .detail")
            .unwrap()
            .contains("See your e-mail address")
    );
    let answer = press(&scene, &here, "/account/withdraw", ("client_id", "atlas")).await;
    let page = here.follow(answer, issuer).await;
    assert!(
        page.text("#notice")
            .unwrap()
            .contains("ATLAS has no permission")
    );
    assert!(page.text("#no-consents").is_some());
    for tokens in [&online, &offline] {
        let sid = tokens.sid(issuer).await;
        atlas.told_of(&sid, issuer).await;
        assert_eq!(scene.delivery(&sid).await.cause, Cause::ConsentWithdrawn);
        assert_eq!(
            atlas.userinfo(&tokens.get("access_token")).await.status,
            401
        );
        let answer = atlas.refresh(&tokens.get("refresh_token")).await;
        assert_eq!(answer.json()["error"], "invalid_grant");
    }
    assert_eq!(
        atlas.redeem(&code, &[]).await.json()["error"],
        "invalid_grant"
    );
    assert!(scene.is_signed_in(&here).await && scene.is_signed_in(&there).await);
    let silent = atlas.authorize_url(&[("scope", "openid email"), ("prompt", "none")]);
    let answer = here.get(&silent).await;
    assert_eq!(
        answer.parameter("error").as_deref(),
        Some("consent_required")
    );
    scene.provider.stop().await;
}

/// P2: the password. Attack 65: the session goes on under another cookie. Attack 84: guessing here is
/// counted with guessing at the front door.
#[actix_web::test]
async fn p2_a_new_password_ends_the_other_sessions_and_renews_this_one() {
    let scene = scene().await;
    let issuer = &scene.provider.issuer;
    let ledger = &scene.applications[0];
    let (here, there) = (Visitor::default(), Visitor::default());
    let kept = ledger.tokens(&here, &[]).await;
    let offline = [("scope", "openid offline_access")];
    let lost = ledger.tokens(&there, &offline).await;
    let old = here.cookie("exeunt-session").unwrap();
    for (current, new) in [("wrong password", NEW), (PASSWORD, "short")] {
        let answer = change_password(&scene, &here, current, new).await;
        assert_eq!(
            (answer.status.as_u16(), answer.page().as_str()),
            (200, "page-account-password")
        );
        assert!(answer.text("#notice").is_some());
        assert!(!answer.body.contains(new) && !answer.body.contains(current));
    }
    assert!(scene.is_signed_in(&there).await);
    let answer = change_password(&scene, &here, PASSWORD, NEW).await;
    assert_eq!(answer.status, 303);
    let page = here.follow(answer, issuer).await;
    assert!(
        page.text("#notice")
            .unwrap()
            .contains("password is changed")
    );
    assert_ne!(here.cookie("exeunt-session").unwrap(), old);
    let thief = Visitor::default();
    let port = Url::parse(issuer).unwrap().port().unwrap();
    thief.put_cookie(&format!("exeunt-session-{port}"), &old);
    assert!(!scene.is_signed_in(&thief).await);
    assert!(scene.is_signed_in(&here).await && !scene.is_signed_in(&there).await);
    let sid = lost.sid(issuer).await;
    ledger.told_of(&sid, issuer).await;
    assert_eq!(
        cause_of_end(&scene, &sid).await,
        Some(Cause::PasswordChanged)
    );
    assert_eq!(ledger.refresh(&lost.get("refresh_token")).await.status, 400);
    assert_eq!(ledger.userinfo(&kept.get("access_token")).await.status, 200);
    for turn in 0..12 {
        let answer = change_password(&scene, &here, "wrong password", PASSWORD).await;
        if answer.status == 429 {
            break;
        }
        assert!(turn < 11, "nobody stops who guesses");
    }
    assert_eq!(ledger.ear.notices().len(), 1);
    scene.provider.stop().await;
}
