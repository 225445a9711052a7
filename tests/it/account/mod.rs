//! A person's own door: what they see of themselves, what they end, and what nobody else can.

mod leaving;

use exeunt::flows::people;
use exeunt::oidc::claims::UserClaims;
use exeunt::oidc::client::ClientMetadata;
use exeunt::oidc::client::GrantType::{AuthorizationCode, RefreshToken};
use exeunt::oidc::logout::{Cause, DeliveryState};
use exeunt::store::sessions;
use secrecy::SecretString;

use crate::support::people::{account, press, sign_in_here};
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

/// A browser that was closed comes back with the session's cookie and without its own; an application gives it another while a
/// page is open. And who signs in again has another cookie of the same session.
#[actix_web::test]
async fn a_form_counts_in_its_session_whatever_cookies_come_and_go_meanwhile() {
    let scene = scene().await;
    let issuer = &scene.provider.issuer;
    let (ledger, atlas) = (&scene.applications[0], &scene.applications[1]);
    let port = scene.provider.config.issuer.port();
    let closed = |open: &Visitor| {
        let again = Visitor::default();
        let session = open.cookie("exeunt-session").unwrap();
        again.put_cookie(&format!("exeunt-session-{port}"), &session);
        again
    };
    let before = Visitor::default();
    let sid = ledger.tokens(&before, &[]).await.sid(issuer).await;
    let ada = closed(&before);
    let page = account(&scene, &ada).await;
    let confirm = ada.get(&scene.provider.url("/end_session")).await;
    assert_eq!(confirm.page(), "page-confirm-sign-out");

    assert_eq!(atlas.sign_in(&ada, &[]).await.page(), "page-consent");
    assert!(ada.cookie("exeunt-browser").is_some());
    let leave = page.form_with("/account/leave", ("sid", &sid));
    assert_eq!(ada.submit(&page, &leave, &[]).await.status, 303);
    ledger.told_of(&sid, issuer).await;

    let session = ada.cookie("exeunt-session");
    let login = ledger.authorize_url(&[("prompt", "login")]);
    let sign_in = ada.follow(ada.get(&login).await, issuer).await;
    let fields = [("username", "ada"), ("password", PASSWORD)];
    ada.submit(&sign_in, &sign_in.form(), &fields).await;
    assert_ne!(ada.cookie("exeunt-session"), session);
    let everywhere = [("scope", "everywhere")];
    let answer = ada.submit(&confirm, &confirm.form(), &everywhere).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    assert!(!scene.is_signed_in(&ada).await);

    // A page from before the browser was closed.
    let open = Visitor::default();
    ledger.tokens(&open, &[]).await;
    let page = account(&scene, &open).await;
    let everything = page.form_with("/account/end-everything", ("", ""));
    let again = closed(&open);
    assert_eq!(again.submit(&page, &everything, &[]).await.status, 303);
    assert!(!scene.is_signed_in(&open).await);
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
