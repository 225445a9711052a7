//! Front-channel logout: the frames of the leaving page, and what may be said of them.

use exeunt::oidc::logout::{Channel, DeliveryState};

use crate::support::relying_party::{Ear, Tokens};
use crate::support::scene::{Scene, by_frame, by_server};
use crate::support::visitor::{Answer, Visitor};

/// Ledger and atlas hear by frame, almanac by its server.
async fn scene() -> Scene {
    let describe = |name: &str, ear: &Ear| match name {
        "almanac" => by_server(ear),
        _ => by_frame(ear),
    };
    Scene::with(&["ledger", "atlas", "almanac"], describe, |wish| wish).await
}

/// Signs out at the first application; answers the leaving page's address.
async fn sign_out(scene: &Scene, visitor: &Visitor, tokens: &Tokens) -> String {
    let hint = tokens.get("id_token");
    let home = format!("{}/", scene.applications[0].ear.base);
    let url = scene.applications[0].end_session_url(&[
        ("id_token_hint", &hint),
        ("post_logout_redirect_uri", &home),
        ("state", "bye"),
    ]);
    let answer = visitor.get(&url).await;
    assert_eq!(answer.location().unwrap(), scene.provider.url("/leaving"));
    answer.location().unwrap()
}

fn frames(page: &Answer) -> Vec<String> {
    let mut frames = page.attributes("iframe", "src");
    frames.sort_unstable();
    frames
}

/// A part of the page's policy.
fn directive<'a>(page: &'a Answer, name: &str) -> Vec<&'a str> {
    let policy = page.header("content-security-policy");
    let directive = policy
        .split("; ")
        .find_map(|directive| directive.strip_prefix(&format!("{name} ")));
    let mut values: Vec<_> = directive
        .unwrap_or_default()
        .split_ascii_whitespace()
        .collect();
    values.sort_unstable();
    values
}

/// Attack 60: frames that say nothing, that others can open, or that let in more than they must.
#[actix_web::test]
async fn each_application_is_framed_at_its_own_address_with_iss_and_its_own_sid() {
    let scene = scene().await;
    let issuer = &scene.provider.issuer;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let page = ada.get(&sign_out(&scene, &ada, &tokens[0]).await).await;
    assert_eq!(page.page(), "page-leaving");

    let mut expected = Vec::new();
    let mut origins = Vec::new();
    for (application, tokens) in scene.applications[..2].iter().zip(&tokens) {
        let base = &application.ear.base;
        let sid = tokens.sid(issuer).await;
        let iss = issuer.replace(':', "%3A").replace('/', "%2F");
        expected.push(format!("{base}/out?tenant=7&iss={iss}&sid={sid}"));
        origins.push(base.as_str());
    }
    expected.sort_unstable();
    origins.sort_unstable();
    assert_eq!(frames(&page), expected);
    assert_eq!(directive(&page, "frame-src"), origins);
    assert_eq!(directive(&page, "connect-src"), ["'self'"]);
    assert_eq!(directive(&page, "frame-ancestors"), ["'none'"]);
    for sandbox in page.attributes("iframe", "sandbox") {
        assert_eq!(sandbox, "allow-scripts allow-same-origin");
    }
    let onward = page.attributes("#continue", "href");
    assert_eq!(
        onward,
        [format!("{}/?state=bye", scene.applications[0].ear.base)]
    );
    scene.provider.stop().await;
}

/// P7: "asked" is said once a page has framed the application, and no sooner.
#[actix_web::test]
async fn p7_an_application_is_asked_once_a_page_has_framed_it() {
    let scene = scene().await;
    let issuer = &scene.provider.issuer;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let sid = tokens[0].sid(issuer).await;
    let leaving = sign_out(&scene, &ada, &tokens[0]).await;
    let status = scene.provider.url("/leaving/status");

    let before = scene.delivery(&sid).await;
    assert_eq!(before.channel, Channel::Front);
    assert_eq!(before.state, DeliveryState::Unreachable);
    let state_of_ledger = |status: &Answer| {
        let id = format!("{}", before.id);
        let rows = status.json()["applications"].as_array().unwrap().clone();
        let row = rows.into_iter().find(|row| row["id"] == *id);
        row.expect("ledger is there")["state"].clone()
    };
    assert_eq!(state_of_ledger(&ada.get(&status).await), "ends");
    // HEAD shows no frame to anybody.
    ada.send(&leaving, ada.client().head(&leaving)).await;
    assert_eq!(scene.delivery(&sid).await.state, DeliveryState::Unreachable);

    let page = ada.get(&leaving).await;
    assert_eq!(frames(&page).len(), 2);
    let mut states = page.states();
    states.sort_unstable();
    assert_eq!(states, ["asked", "asked", "confirmed"]);
    assert_eq!(scene.delivery(&sid).await.state, DeliveryState::Asked);
    let answer = ada.get(&status).await;
    assert_eq!(state_of_ledger(&answer), "asked");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.json()["finished"], true);

    scene.provider.stop().await;
}

/// A page that was left before its frames had loaded asked nobody, and nobody can tell: the next one asks again.
#[actix_web::test]
async fn a_page_that_is_shown_again_asks_again_three_times_in_all() {
    let scene = scene().await;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let leaving = sign_out(&scene, &ada, &tokens[0]).await;
    let first = frames(&ada.get(&leaving).await);
    assert_eq!(first.len(), 2);
    for _ in 0..2 {
        assert_eq!(frames(&ada.get(&leaving).await), first);
    }
    let fourth = ada.get(&leaving).await;
    assert_eq!(frames(&fourth), Vec::<String>::new());
    assert_eq!(directive(&fourth, "frame-src"), ["'none'"]);
    assert_eq!(fourth.states(), ["confirmed", "asked", "asked"]);
    scene.provider.stop().await;
}

/// Attack 61: a sign-out that ends what began after it. An application that looks at its cookie alone would.
#[actix_web::test]
async fn an_application_where_somebody_signed_in_again_is_not_framed() {
    let scene = scene().await;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let leaving = sign_out(&scene, &ada, &tokens[0]).await;
    let before = ada.get(&leaving).await;
    assert_eq!(frames(&before).len(), 2);
    let here = before.text("#here").unwrap();
    assert!(here.starts_with("You are signed out here"), "{here}");
    scene.applications[0].tokens(&ada, &[]).await;
    let page = ada.get(&leaving).await;
    // P7: it is not said any more that they are signed out.
    assert_eq!(
        page.text("#here").unwrap(),
        "That sign-out is done. Somebody has signed in here again since."
    );
    let again = frames(&page);
    let atlas = &scene.applications[1].ear.base;
    assert_eq!(again.len(), 1);
    assert!(again[0].starts_with(atlas), "{again:?}");
    scene.provider.stop().await;
}

/// P7: what one page frames says nothing about an application that an earlier sign-out was about.
#[actix_web::test]
async fn p7_an_application_that_no_page_framed_is_not_said_to_be_asked() {
    let scene = scene().await;
    let issuer = &scene.provider.issuer;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let url = scene.applications[1].end_session_url(&[("client_id", "atlas")]);
    let page = ada.get(&url).await;
    let fields = [("scope", "client")];
    // Nobody follows to the leaving page.
    ada.submit(&page, &page.form(), &fields).await;
    let alone = tokens[1].sid(issuer).await;
    assert_eq!(
        scene.delivery(&alone).await.state,
        DeliveryState::Unreachable
    );

    scene
        .provider
        .flows()
        .clock
        .sleep_until(scene.delivery(&alone).await.created_at + chrono::TimeDelta::milliseconds(2))
        .await;
    let page = ada.get(&sign_out(&scene, &ada, &tokens[0]).await).await;
    assert_eq!(frames(&page).len(), 1);
    assert_eq!(
        scene.delivery(&alone).await.state,
        DeliveryState::Unreachable
    );
    let framed = tokens[0].sid(issuer).await;
    assert_eq!(scene.delivery(&framed).await.state, DeliveryState::Asked);
    scene.provider.stop().await;
}

/// Attack 60: who holds no handle sees no sign-out.
#[actix_web::test]
async fn the_leaving_cookie_alone_shows_a_sign_out() {
    let scene = scene().await;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let session = ada.cookie("exeunt-session").unwrap();
    let leaving = sign_out(&scene, &ada, &tokens[0]).await;
    let status = scene.provider.url("/leaving/status");
    assert_eq!(ada.cookie("exeunt-session"), None);
    let handle = ada.cookie("exeunt-leaving").unwrap();
    let port = url::Url::parse(&leaving).unwrap().port().unwrap();

    let with_session = Visitor::default();
    with_session.put_cookie(&format!("exeunt-session-{port}"), &session);
    let with_other = Visitor::default();
    with_other.put_cookie(&format!("exeunt-leaving-{port}"), &session);
    for stranger in [Visitor::default(), with_session, with_other] {
        assert_eq!(stranger.get(&status).await.status, 404);
        let answer = stranger.get(&leaving).await;
        assert_eq!(
            answer.location().unwrap(),
            scene.provider.url("/signed-out")
        );
        let page = stranger.get(&scene.provider.url("/signed-out")).await;
        assert_eq!(page.states(), Vec::<String>::new());
    }
    let with_handle = Visitor::default();
    with_handle.put_cookie(&format!("exeunt-leaving-{port}"), &handle);
    assert_eq!(with_handle.get(&status).await.status, 200);
    assert_eq!(with_handle.get(&leaving).await.states().len(), 3);
    scene.provider.stop().await;
}

#[actix_web::test]
async fn the_leaving_cookie_is_good_for_ten_minutes() {
    let scene = Scene::with(
        &["ledger"],
        |_, ear| by_frame(ear),
        |wish| wish.manual_clock(),
    )
    .await;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    sign_out(&scene, &ada, &tokens[0]).await;
    let status = scene.provider.url("/leaving/status");
    scene.provider.advance(chrono::TimeDelta::seconds(599));
    assert_eq!(ada.get(&status).await.status, 200);
    scene.provider.advance(chrono::TimeDelta::seconds(1));
    assert_eq!(ada.get(&status).await.status, 404);
    scene.provider.stop().await;
}

/// What another cause ends no browser can frame: the row says that the application was not reached.
#[actix_web::test]
async fn p7_a_session_that_ends_without_its_browser_reaches_no_frame() {
    let scene = scene().await;
    let issuer = &scene.provider.issuer;
    let tokens = scene.sign_in_everywhere(&Visitor::default()).await;
    let session_id = scene.session_id(&tokens[0].sid(issuer).await).await;
    let cause = exeunt::oidc::logout::Cause::Administrator;
    let flows = scene.provider.flows();
    assert!(
        exeunt::flows::end_session::end_session(flows, session_id, cause)
            .await
            .unwrap()
    );
    let by_server = tokens[2].sid(issuer).await;
    scene
        .wait_for_state(&by_server, DeliveryState::Confirmed)
        .await;
    for tokens in &tokens[..2] {
        let delivery = scene.delivery(&tokens.sid(issuer).await).await;
        assert_eq!(delivery.state, DeliveryState::Unreachable);
    }
    scene.provider.stop().await;
}
