//! A person's own door: what they see of themselves, what they end, and what nobody else can.

use exeunt::flows::people;
use exeunt::oidc::claims::UserClaims;
use exeunt::oidc::client::ClientMetadata;
use exeunt::oidc::client::GrantType::{AuthorizationCode, RefreshToken};
use exeunt::oidc::logout::{Cause, DeliveryState};
use exeunt::store::sessions;
use secrecy::SecretString;
use url::Url;

use crate::support::people::{account, change_password, press, sign_in_here};
use crate::support::provider::PASSWORD;
use crate::support::relying_party::{Ear, Reply, Tokens};
use crate::support::scene::{Scene, by_frame, by_server};
use crate::support::visitor::Visitor;

const NEW: &str = "another analytical engine";

fn describe(name: &str, ear: &Ear) -> ClientMetadata {
    ClientMetadata {
        client_name: Some(name.to_uppercase()),
        skip_consent: name != "atlas",
        scope: Some("openid email offline_access".to_owned()),
        grant_types: vec![AuthorizationCode, RefreshToken],
        ..by_server(ear)
    }
}

/// Ledger, and atlas, which asks for consent.
async fn scene() -> Scene {
    Scene::with(&["ledger", "atlas"], describe, |wish| wish).await
}

async fn add_bob(scene: &Scene) {
    let password = SecretString::from(PASSWORD);
    let (flows, claims) = (scene.provider.flows(), UserClaims::default());
    let added = people::add_user(flows, "bob", Some(&password), claims);
    added.await.unwrap().unwrap();
}

/// Consents to atlas in this browser, which is signed in.
async fn consent(scene: &Scene, visitor: &Visitor, scope: &str) -> Tokens {
    let atlas = &scene.applications[1];
    let url = atlas.authorize_url(&[("scope", scope), ("prompt", "consent")]);
    let page = visitor
        .follow(visitor.get(&url).await, &scene.provider.issuer)
        .await;
    assert_eq!(page.page(), "page-consent", "{page:?}");
    let answer = visitor
        .submit(&page, &page.form(), &[("decision", "allow")])
        .await;
    let code = answer.parameter("code").expect("there is a code");
    let answer = atlas.redeem(&code, &[]).await;
    Tokens { all: answer.json() }
}

async fn cause_of_end(scene: &Scene, sid: &str) -> Option<Cause> {
    let db = scene.provider.flows().database.read();
    let session = sessions::find(db, scene.session_id(sid).await).await;
    session.unwrap().unwrap().end_cause
}

/// Attack 10: there is no address to be sent on to; attack 67: another site's form signs nobody in.
#[actix_web::test]
async fn who_is_not_signed_in_signs_in_and_comes_to_their_account_and_nowhere_else() {
    let scene = scene().await;
    let issuer = &scene.provider.issuer;
    let ada = Visitor::default();
    for path in ["/account", "/account/password", "/account/sign-outs"] {
        let answer = ada.get(&scene.provider.url(path)).await;
        assert_eq!(
            answer.location().unwrap(),
            format!("{issuer}/account/sign-in")
        );
    }
    let url = scene
        .provider
        .url("/account/sign-in?return_to=https://evil.example&next=//evil");
    let page = ada.get(&url).await;
    assert!(!page.body.contains("evil"), "{}", page.body);
    let fields = [("username", "ada"), ("password", PASSWORD)];
    let form = page.form();
    let csrf = &form.fields[0].1;
    let stranger = Visitor::default();
    let forged = [fields[0], fields[1], ("csrf", csrf.as_str())];
    let url = scene.provider.url("/account/sign-in");
    for answer in [
        stranger.post(&url, &forged).await,
        stranger.post_from_elsewhere(&url, &forged).await,
    ] {
        assert_eq!(answer.status, 400);
        assert_eq!(stranger.cookie("exeunt-session"), None);
    }
    let before = ada.cookie("exeunt-session");
    let answer = ada.submit(&page, &form, &fields).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.location().unwrap(), format!("{issuer}/account"));
    assert_ne!(ada.cookie("exeunt-session"), before);
    let page = account(&scene, &ada).await;
    assert!(page.text(".lede").unwrap().contains("Ada Lovelace"));
    assert_eq!(page.header("cache-control"), "no-store");
    let answer = ada.get(&url).await;
    assert_eq!(answer.location().unwrap(), format!("{issuer}/account"));
    scene.provider.stop().await;
}

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

/// Attack 74: another person's session, application or consent, named in one's own form. Attack 43.
#[actix_web::test]
async fn what_is_another_persons_is_not_there() {
    let scene = scene().await;
    let issuer = &scene.provider.issuer;
    add_bob(&scene).await;
    let (ada, bob) = (Visitor::default(), Visitor::default());
    let tokens = scene.applications[0].tokens(&ada, &[]).await;
    consent(&scene, &ada, "openid email").await;
    let sid = tokens.sid(issuer).await;
    let session_id = scene.session_id(&sid).await.to_string();
    sign_in_here(&scene, &bob, "bob").await;
    consent(&scene, &bob, "openid email").await;
    let page = account(&scene, &bob).await;
    assert!(!page.body.contains(&session_id) && !page.body.contains(&sid));
    for (action, field, theirs) in [
        ("/account/end-session", "session", session_id.as_str()),
        ("/account/leave", "sid", sid.as_str()),
    ] {
        let own = page.attributes(
            &format!("form[action='{action}'] input[name={field}]"),
            "value",
        );
        let form = page.form_with(action, (field, &own[0]));
        for other in [theirs, "00000000-0000-0000-0000-000000000000", "nonsense"] {
            let answer = bob.submit(&page, &form, &[(field, other)]).await;
            assert_eq!(answer.status, 404, "{action} {other}");
        }
    }
    // Nor does a link make the page tell of it.
    for query in [
        format!("ended={session_id}"),
        format!("left={sid}"),
        "password=changed".to_owned(),
    ] {
        let page = bob
            .get(&scene.provider.url(&format!("/account?{query}")))
            .await;
        assert!(page.states().is_empty(), "{query}");
        assert!(
            query.starts_with("password") || page.text("#notice").is_none(),
            "{query}"
        );
    }
    press(&scene, &bob, "/account/withdraw", ("client_id", "atlas")).await;
    let page = account(&scene, &ada).await;
    assert_eq!(
        page.attributes("#consents .consent", "data-client"),
        ["atlas"]
    );
    assert!(scene.is_signed_in(&ada).await);
    assert_eq!(
        scene.applications[0]
            .userinfo(&tokens.get("access_token"))
            .await
            .status,
        200
    );
    scene.provider.stop().await;
}

/// Attack 67: acts that another site, another form or nobody asked for. Attack 72: a page that was shown to
/// somebody else.
#[actix_web::test]
async fn an_act_counts_only_from_its_own_form_in_its_own_session() {
    let scene = scene().await;
    let issuer = &scene.provider.issuer;
    add_bob(&scene).await;
    let browser = Visitor::default();
    sign_in_here(&scene, &browser, "ada").await;
    let page = account(&scene, &browser).await;
    let everything = page.form_with("/account/end-everything", ("", ""));
    let csrf = everything.fields[0].1.clone();
    let url = scene.provider.url("/account/end-everything");
    let other = browser
        .client()
        .post(&url)
        .header("origin", "https://elsewhere.example");
    let answers = [
        browser.post(&url, &[]).await,
        browser.post(&url, &[("csrf", "0")]).await,
        browser.send(&url, other.form(&[("csrf", &csrf)])).await,
        browser
            .post(
                &scene.provider.url("/account/withdraw"),
                &[("csrf", &csrf), ("client_id", "atlas")],
            )
            .await,
    ];
    for answer in answers {
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    let get = browser.get(&url).await;
    assert_eq!(get.status, 405);
    assert!(scene.is_signed_in(&browser).await);

    let login = scene.applications[0].authorize_url(&[("prompt", "login")]);
    let sign_in = browser.follow(browser.get(&login).await, issuer).await;
    let fields = [("username", "bob"), ("password", PASSWORD)];
    browser.submit(&sign_in, &sign_in.form(), &fields).await;
    assert_eq!(browser.submit(&page, &everything, &[]).await.status, 400);
    assert!(scene.is_signed_in(&browser).await, "bob goes on");
    scene.provider.stop().await;
}

/// P7: whom only a browser can tell is asked where there is a page, and elsewhere ends by itself.
#[actix_web::test]
async fn p7_an_application_behind_a_frame_is_asked_in_its_own_browser_and_not_reached_from_another()
{
    let scene = Scene::with(&["ledger"], |_, ear| by_frame(ear), |wish| wish).await;
    let issuer = &scene.provider.issuer;
    let ledger = &scene.applications[0];
    let (here, there) = (Visitor::default(), Visitor::default());
    let mine = ledger.tokens(&here, &[]).await.sid(issuer).await;
    let far = ledger.tokens(&there, &[]).await.sid(issuer).await;
    let far_id = scene.session_id(&far).await.to_string();
    let answer = press(&scene, &here, "/account/end-session", ("session", &far_id)).await;
    let page = here.follow(answer, issuer).await;
    assert_eq!(page.states(), ["ends"]);
    assert_eq!(
        page.attributes("#applications .state time", "datetime")
            .len(),
        1
    );
    assert_eq!(scene.delivery(&far).await.state, DeliveryState::Unreachable);

    let answer = press(&scene, &here, "/account/leave", ("sid", &mine)).await;
    assert_eq!(answer.location().unwrap(), format!("{issuer}/leaving"));
    let page = here.get(&answer.location().unwrap()).await;
    assert_eq!(page.states(), ["asked"]);
    assert_eq!(page.attributes("iframe", "src").len(), 1);
    assert_eq!(
        page.attributes("#continue", "href"),
        [format!("/account?left={mine}")]
    );
    assert_eq!(scene.delivery(&mine).await.state, DeliveryState::Asked);
    scene.provider.stop().await;
}

/// P7: receipts say what is known, refusals and what is tried again too.
#[actix_web::test]
async fn p7_past_sign_outs_show_each_applications_true_state() {
    let scene = scene().await;
    let issuer = &scene.provider.issuer;
    scene.applications[0].ear.answer(Reply::Status(400));
    let (here, there) = (Visitor::default(), Visitor::default());
    let lost = scene.applications[0]
        .tokens(&there, &[])
        .await
        .sid(issuer)
        .await;
    sign_in_here(&scene, &here, "ada").await;
    let session_id = scene.session_id(&lost).await.to_string();
    press(
        &scene,
        &here,
        "/account/end-session",
        ("session", &session_id),
    )
    .await;
    scene.wait_for_state(&lost, DeliveryState::Refused).await;
    let page = here.get(&scene.provider.url("/account/sign-outs")).await;
    assert_eq!(
        page.attributes(".sign-out .application", "data-state"),
        ["refused"]
    );
    assert!(
        page.text(".sign-out .detail")
            .unwrap()
            .contains("You ended it")
    );
    scene.provider.stop().await;
}
