//! The page of ours that another provider frames when somebody signs out there.

use exeunt::oidc::logout::{Cause, DeliveryState};
use url::form_urlencoded;

use super::Stage;
use crate::support::elsewhere::Elsewhere;
use crate::support::scene::{Scene, by_frame};
use crate::support::visitor::{Answer, Visitor};

const ADA: (&str, &str) = ("ada-there", "session-there");

/// Asks for the page as a frame does: without our cookies.
async fn frame(stage: &Stage, parameters: &[(&str, &str)]) -> Answer {
    Visitor::default().get(&address(stage, parameters)).await
}

fn address(stage: &Stage, parameters: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    let path = stage.house.path("frontchannel_logout");
    format!("{}?{query}", stage.scene.provider.url(&path))
}

fn policy(answer: &Answer, name: &str) -> String {
    let policy = answer.header("content-security-policy");
    let directive = policy
        .split("; ")
        .find_map(|directive| directive.strip_prefix(&format!("{name} ")));
    directive.unwrap_or_default().to_owned()
}

/// P1, P2, attacks 50, 60, 68: framed and without a cookie, by that provider's pages alone.
#[actix_web::test]
async fn a_frame_that_names_the_session_ends_it_and_the_applications_hear_of_it() {
    let stage = Stage::set().await;
    let (scene, ledger) = (&stage.scene, &stage.scene.applications[0]);
    let (ada, beside) = (Visitor::default(), Visitor::default());
    let tokens = stage.sign_in(&ada, ADA).await;
    stage.sign_in(&beside, (ADA.0, "another")).await;
    let issuer = stage.house.issuer();
    let sound = [("iss", issuer), ("sid", ADA.1)];
    // HEAD ends nothing.
    let url = address(&stage, &sound);
    let client = Visitor::default();
    let head = client.send(&url, client.client().head(&url)).await;
    assert_eq!(head.status, 200);
    assert!(stage.is_in(&ada).await);
    let page = frame(&stage, &sound).await;
    assert_eq!(page.status, 200, "{page:?}");
    assert_eq!(page.page(), "page-signed-out-elsewhere");
    assert_eq!(policy(&page, "frame-ancestors"), issuer);
    assert_eq!(policy(&page, "frame-src"), "'none'");
    assert_eq!(policy(&page, "form-action"), "'none'");
    for (header, value) in [
        ("x-frame-options", ""),
        ("cache-control", "no-store"),
        ("set-cookie", ""),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(page.header(header), value, "{header}");
    }
    assert!(!page.has("script"));
    assert!(!stage.is_in(&ada).await);
    assert!(stage.is_in(&beside).await);
    let sid = tokens.sid(&scene.provider.issuer).await;
    ledger.told_of(&sid, &scene.provider.issuer).await;
    assert_eq!(scene.delivery(&sid).await.cause, Cause::Upstream);
    // Whether there was such a session nobody learns.
    let again = frame(&stage, &sound).await;
    let unknown = frame(&stage, &[("iss", issuer), ("sid", "unknown")]).await;
    for other in [&again, &unknown] {
        assert_eq!(other.status, page.status);
        assert_eq!(other.body, page.body);
        let header = "content-security-policy";
        assert_eq!(other.header(header), page.header(header));
    }
    stage.close().await;
}

/// Attacks 6, 50, 68: by the cookie nobody is signed out, nor by anything but both parameters, each once and that provider's.
#[actix_web::test]
async fn a_frame_with_anything_wrong_ends_nothing_and_may_not_be_framed() {
    let stage = Stage::set().await;
    let ada = Visitor::default();
    stage.sign_in(&ada, ADA).await;
    let (issuer, sid) = (stage.house.issuer(), ADA.1);
    let slash = format!("{issuer}/");
    let long = "x".repeat(256);
    for parameters in [
        vec![],
        vec![("iss", issuer)],
        vec![("sid", sid)],
        vec![("iss", ""), ("sid", sid)],
        vec![("iss", issuer), ("sid", "")],
        vec![("iss", "https://marker.example"), ("sid", sid)],
        vec![("iss", slash.as_str()), ("sid", sid)],
        vec![("iss", issuer), ("sid", long.as_str())],
        vec![("iss", issuer), ("sid", "a\nb")],
        vec![("iss", issuer), ("sid", sid), ("sid", sid)],
        vec![("iss", issuer), ("iss", issuer), ("sid", sid)],
    ] {
        // With her cookies, too.
        let page = ada.get(&address(&stage, &parameters)).await;
        assert_eq!(page.status, 400, "{parameters:?}: {page:?}");
        assert_eq!(page.page(), "page-error", "{parameters:?}");
        assert_eq!(policy(&page, "frame-ancestors"), "'none'", "{parameters:?}");
        assert_eq!(page.header("x-frame-options"), "DENY", "{parameters:?}");
        assert!(!page.body.contains("marker"), "{}", page.body);
    }
    let url = address(&stage, &[("iss", issuer), ("sid", sid)]);
    let client = Visitor::default();
    let posted = client.send(&url, client.client().post(&url)).await;
    assert_eq!(posted.status, 405);
    let nowhere = client.get(&url.replace("/house/", "/stable/")).await;
    assert_eq!(nowhere.status, 404);
    assert_eq!(policy(&nowhere, "frame-ancestors"), "'none'");
    assert!(stage.is_in(&ada).await);
    stage.close().await;
}

/// P1, attack 42: while nothing can be written the page does not say that it was.
#[actix_web::test]
async fn p1_a_frame_that_could_not_be_carried_out_is_an_error() {
    let stage = Stage::set().await;
    let provider = &stage.scene.provider;
    let ada = Visitor::default();
    stage.sign_in(&ada, ADA).await;
    let sound = [("iss", stage.house.issuer()), ("sid", ADA.1)];
    provider
        .sql("ALTER TABLE logout_deliveries RENAME TO lost")
        .await;
    let page = frame(&stage, &sound).await;
    provider
        .sql("ALTER TABLE lost RENAME TO logout_deliveries")
        .await;
    assert!(page.status.is_server_error(), "{page:?}");
    assert_eq!(page.page(), "page-error");
    assert!(stage.is_in(&ada).await);
    assert_eq!(frame(&stage, &sound).await.status, 200);
    assert!(!stage.is_in(&ada).await);
    stage.close().await;
}

/// P7, attack 60: an application that only a browser can tell is asked in this one, wherever the session's end came from,
/// and as often as by any page.
#[actix_web::test]
async fn applications_that_only_a_browser_can_tell_are_framed_in_turn() {
    let house = Elsewhere::open().await;
    let scene = Scene::with(
        &["ledger"],
        |_, ear| by_frame(ear),
        |wish| {
            wish.manual_clock()
                .configure(|config| house.declare(config))
        },
    )
    .await;
    let stage = Stage { scene, house };
    let (provider, ledger) = (&stage.scene.provider, &stage.scene.applications[0]);
    let ada = Visitor::default();
    let tokens = stage.sign_in(&ada, ADA).await;
    let sid = tokens.sid(&provider.issuer).await;
    // The other provider's server was faster than its page.
    let told = stage.tell_of(&[("sid", ADA.1)], "j1").await;
    assert_eq!(told.status, 200, "{told:?}");
    assert_eq!(
        stage.scene.delivery(&sid).await.state,
        DeliveryState::Unreachable
    );
    let sound = [("iss", stage.house.issuer()), ("sid", ADA.1)];
    let iss = provider.issuer.replace(':', "%3A").replace('/', "%2F");
    let expected = format!("{}/out?tenant=7&iss={iss}&sid={sid}", ledger.ear.base);
    for _ in 0..3 {
        let page = frame(&stage, &sound).await;
        assert_eq!(page.attributes("iframe", "src"), [expected.as_str()]);
        assert_eq!(policy(&page, "frame-src"), ledger.ear.base);
        assert_eq!(policy(&page, "frame-ancestors"), stage.house.issuer());
        assert_eq!(stage.scene.delivery(&sid).await.state, DeliveryState::Asked);
    }
    let page = frame(&stage, &sound).await;
    assert_eq!(page.attributes("iframe", "src"), Vec::<String>::new());
    stage.close().await;
}
