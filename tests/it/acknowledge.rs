//! What a framed page says in the browser, as the leaving page's script reports it.

use chrono::TimeDelta;
use exeunt::oidc::logout::{Channel, DeliveryState};
use exeunt::store::deliveries::Delivery;

use crate::support::relying_party::{Ear, Reply, Tokens};
use crate::support::scene::{Scene, by_frame, by_server};
use crate::support::visitor::{Answer, Visitor};

/// Ledger hears by frame, almanac by its server, which refuses.
async fn scene() -> Scene {
    let describe = |name: &str, ear: &Ear| match name {
        "almanac" => by_server(ear),
        _ => by_frame(ear),
    };
    let scene = Scene::with(&["ledger", "almanac"], describe, |wish| wish.manual_clock()).await;
    scene.applications[1].ear.answer(Reply::Status(400));
    scene
}

/// Signs in at both and out at ledger; answers the leaving page and what it is about.
async fn left(scene: &Scene, visitor: &Visitor) -> (Answer, Vec<Tokens>) {
    let tokens = scene.sign_in_everywhere(visitor).await;
    let hint = tokens[0].get("id_token");
    let url = scene.applications[0].end_session_url(&[("id_token_hint", &hint)]);
    let leaving = visitor.get(&url).await.location().unwrap();
    let page = visitor.get(&leaving).await;
    assert_eq!(page.page(), "page-leaving");
    (page, tokens)
}

/// What the page's script would send of the delivery `id`.
fn report(page: &Answer, id: &str) -> Vec<(String, String)> {
    let csrf = page.attributes("main", "data-csrf").remove(0);
    vec![
        ("csrf".to_owned(), csrf),
        ("application".to_owned(), id.to_owned()),
    ]
}

async fn send(scene: &Scene, visitor: &Visitor, fields: &[(String, String)]) -> Answer {
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let url = scene.provider.url("/leaving/acknowledge");
    visitor.post(&url, &fields).await
}

async fn ledgers(scene: &Scene, tokens: &[Tokens]) -> Delivery {
    let sid = tokens[0].sid(&scene.provider.issuer).await;
    scene.delivery(&sid).await
}

/// P7: *confirmed* by the browser's word, which is said to be that.
#[actix_web::test]
async fn p7_an_application_whose_page_says_that_it_is_done_is_confirmed() {
    let scene = scene().await;
    let ada = Visitor::default();
    let (page, tokens) = left(&scene, &ada).await;
    let before = ledgers(&scene, &tokens).await;
    assert_eq!(before.state, DeliveryState::Asked);
    let id = before.id.to_string();
    assert_eq!(page.attributes("iframe", "data-application"), [id.as_str()]);
    assert_eq!(
        page.attributes("main", "data-issuer"),
        [scene.provider.issuer.as_str()]
    );

    scene.provider.advance(TimeDelta::seconds(1));
    let answer = send(&scene, &ada, &report(&page, &id)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let rows = answer.json()["applications"].as_array().unwrap().clone();
    let row = rows.iter().find(|row| row["id"] == *id).unwrap();
    assert_eq!(row["state"], "confirmed");
    assert_eq!(row["detail"]["before"], "It said so in your browser.");

    let after = ledgers(&scene, &tokens).await;
    assert_eq!(after.state, DeliveryState::Confirmed);
    assert_eq!(after.channel, Channel::Front);
    assert_eq!(
        after.finished_at,
        Some(before.created_at + TimeDelta::seconds(1))
    );
    // Said once, it is not said again; and nobody asks any more.
    let answer = send(&scene, &ada, &report(&page, &id)).await;
    assert_eq!(answer.status, 404);
    let again = ada.get(&page.url).await;
    assert_eq!(again.attributes("iframe", "src"), Vec::<String>::new());
    scene.provider.stop().await;
}

/// Attack 67: a report that another site, another browser or an old page makes.
#[actix_web::test]
async fn a_report_that_the_leaving_page_did_not_send_changes_nothing() {
    let scene = scene().await;
    let ada = Visitor::default();
    let (page, tokens) = left(&scene, &ada).await;
    let id = ledgers(&scene, &tokens).await.id.to_string();
    let honest = report(&page, &id);
    let url = scene.provider.url("/leaving/acknowledge");

    // Another site, with this browser's cookies and even the token.
    for (name, value) in [
        ("origin", "https://elsewhere.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let request = ada.client().post(&url).header(name, value).form(&honest);
        assert_eq!(ada.send(&url, request).await.status, 400, "{name}: {value}");
    }
    // No cookie; a cookie of nothing; no token; another token.
    let stranger = Visitor::default();
    assert_eq!(send(&scene, &stranger, &honest).await.status, 400);
    stranger.put_cookie(&leaving_cookie(&page), &"x".repeat(43));
    assert_eq!(send(&scene, &stranger, &honest).await.status, 400);
    assert_eq!(send(&scene, &ada, &honest[1..]).await.status, 400);
    let mut forged = honest.clone();
    forged[0].1 = "x".repeat(43);
    assert_eq!(send(&scene, &ada, &forged).await.status, 400);
    // Another browser's own sign-out says nothing about this one.
    let other = Visitor::default();
    let (others_page, _) = left(&scene, &other).await;
    let about_adas = report(&others_page, &id);
    assert_eq!(send(&scene, &other, &about_adas).await.status, 404);
    // GET, and HEAD, say nothing.
    assert_eq!(ada.get(&url).await.status, 405);

    assert_eq!(ledgers(&scene, &tokens).await.state, DeliveryState::Asked);
    assert_eq!(send(&scene, &ada, &honest).await.status, 200);
    scene.provider.stop().await;
}

fn leaving_cookie(page: &Answer) -> String {
    let port = url::Url::parse(&page.url).unwrap().port().unwrap();
    format!("exeunt-leaving-{port}")
}

/// P7: the browser can vouch for no application that is told by its server, and for none that it was not asked about.
#[actix_web::test]
async fn p7_the_browsers_word_counts_only_for_what_it_was_asked() {
    let scene = scene().await;
    let ada = Visitor::default();
    let (page, tokens) = left(&scene, &ada).await;
    let sid = tokens[1].sid(&scene.provider.issuer).await;
    let by_server = scene.delivery(&sid).await;
    let answer = send(&scene, &ada, &report(&page, &by_server.id.to_string())).await;
    assert_eq!(answer.status, 404);
    let after = scene.delivery(&sid).await;
    assert_eq!(after.state, DeliveryState::Refused);
    for nothing in ["", "no-such-row"] {
        assert_eq!(
            send(&scene, &ada, &report(&page, nothing)).await.status,
            404
        );
    }
    scene.provider.stop().await;
}

/// Attack 67: a report after the ten minutes in which this browser may look.
#[actix_web::test]
async fn a_report_comes_too_late_once_the_handle_has_expired() {
    let scene = scene().await;
    let ada = Visitor::default();
    let (page, tokens) = left(&scene, &ada).await;
    let id = ledgers(&scene, &tokens).await.id.to_string();
    scene.provider.advance(TimeDelta::minutes(10));
    let answer = send(&scene, &ada, &report(&page, &id)).await;
    assert_eq!(answer.status, 400);
    assert_eq!(ledgers(&scene, &tokens).await.state, DeliveryState::Asked);
    scene.provider.stop().await;
}
