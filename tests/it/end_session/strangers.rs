//! What requests and pages that are not ours can do: nothing.

use super::{WAYS, Way, agree, ask, ear_base, home, scene, shows_signed_out, signed_in};
use crate::support::provider::metadata;
use crate::support::scene::Scene;
use crate::support::visitor::{Answer, Visitor, http_client};

/// Attack 50: a session ended by another site's page. (CVE-2020-10734)
#[actix_web::test]
async fn only_our_own_page_in_the_same_browser_can_agree() {
    let scene = scene().await;
    let (ada, _) = signed_in(&scene).await;
    let (mallory, _) = signed_in(&scene).await;
    let confirm = scene.provider.url("/end_session/confirm");
    let fields_of = |page: &Answer| {
        let mut fields = page.form().fields;
        fields.push(("scope".to_owned(), "everywhere".to_owned()));
        fields
    };
    let page = ask(&scene, &ada, Way::Get, &[]).await;
    let own = fields_of(&page);
    let foreign = fields_of(&ask(&scene, &mallory, Way::Get, &[]).await);
    let without_token: Vec<_> = own
        .iter()
        .filter(|(name, _)| name != "csrf")
        .cloned()
        .collect();

    for fields in [&foreign, &without_token] {
        let answer = ada
            .send(&confirm, ada.client().post(&confirm).form(fields))
            .await;
        assert!(answer.status.is_client_error(), "{answer:?}");
        assert!(scene.is_signed_in(&ada).await);
    }
    // Even if the cookie came along.
    for (name, value) in [
        ("origin", "https://elsewhere.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let request = ada.client().post(&confirm).header(name, value).form(&own);
        let answer = ada.send(&confirm, request).await;
        assert!(answer.status.is_client_error(), "{name} {value}");
        assert!(scene.is_signed_in(&ada).await, "{name} {value}");
    }
    let answer = http_client().get(&confirm).send().await.unwrap();
    assert_eq!(answer.status(), 405);
    assert_eq!(agree(&ada, &page, "everywhere").await.status, 303);
    assert!(!scene.is_signed_in(&ada).await);
    scene.provider.stop().await;
}

/// Attack 52: markup and line breaks in what a request brings.
#[actix_web::test]
async fn what_a_request_brings_is_text_on_every_page() {
    const EVIL: &str = "\"'><script>alert(1)</script>\r\nSet-Cookie: a=b";
    let describe = |_: &str, ear: &_| {
        let mut metadata = metadata(ear_base(ear));
        metadata.client_name = Some("<script>alert(2)</script>".to_owned());
        metadata
    };
    let scene = Scene::with(&["ledger"], describe, |wish| wish).await;
    let (ada, tokens) = signed_in(&scene).await;
    let hint = tokens.get("id_token");
    let pages: [&[(&str, &str)]; 3] = [
        &[
            ("client_id", "ledger"),
            ("state", EVIL),
            ("logout_hint", EVIL),
            ("ui_locales", EVIL),
        ],
        &[
            ("client_id", "ledger"),
            ("post_logout_redirect_uri", EVIL),
            ("state", EVIL),
        ],
        &[("client_id", EVIL), ("id_token_hint", EVIL)],
    ];
    for fields in pages {
        for browser in [&ada, &Visitor::default()] {
            let page = ask(&scene, browser, Way::Get, fields).await;
            assert_eq!(page.status, 200, "{}", page.body);
            assert!(!page.body.contains("<script>"), "{}", page.body);
            assert_eq!(page.header("set-cookie").matches("a=b").count(), 0);
        }
    }
    let fields = [
        ("id_token_hint", &*hint),
        ("post_logout_redirect_uri", &home(&scene)),
        ("state", EVIL),
    ];
    let answer = ask(&scene, &ada, Way::Get, &fields).await;
    let page = ada.follow(answer, &scene.provider.issuer).await;
    assert_eq!(page.parameter("state").as_deref(), Some(EVIL));
    scene.provider.stop().await;
}

/// Attack 64: the browser's Back button after a sign-out.
#[actix_web::test]
async fn no_page_of_a_sign_out_may_be_stored() {
    let scene = scene().await;
    let (ada, _) = signed_in(&scene).await;
    let page = ask(&scene, &ada, Way::Get, &[]).await;
    let answer = agree(&ada, &page, "everywhere").await;
    let last = ada.get(&answer.location().unwrap()).await;
    let status = ada.get(&scene.provider.url("/leaving/status")).await;
    let leaving = ada.get(&scene.provider.url("/leaving")).await;
    for answer in [&page, &answer, &last, &status, &leaving] {
        assert_eq!(answer.header("cache-control"), "no-store", "{}", answer.url);
    }
    scene.provider.stop().await;
}

#[actix_web::test]
async fn head_ends_nothing() {
    let scene = scene().await;
    let (ada, tokens) = signed_in(&scene).await;
    let url = scene.applications[0].end_session_url(&[("id_token_hint", &tokens.get("id_token"))]);
    let answer = ada.send(&url, ada.client().head(&url)).await;
    assert_eq!(answer.status, 200);
    assert!(scene.is_signed_in(&ada).await);
    scene.provider.stop().await;
}

/// Attack 6: one parameter twice.
#[actix_web::test]
async fn a_parameter_that_comes_twice_is_refused_and_ends_nothing() {
    let scene = scene().await;
    let (ada, tokens) = signed_in(&scene).await;
    let fields = [
        ("id_token_hint", &*tokens.get("id_token")),
        ("post_logout_redirect_uri", &home(&scene)),
        ("post_logout_redirect_uri", "https://elsewhere.example/"),
    ];
    for way in WAYS {
        let answer = ask(&scene, &ada, way, &fields).await;
        assert_eq!(answer.status, 400, "{way:?}");
        assert_eq!(answer.location(), None);
        assert!(scene.is_signed_in(&ada).await);
    }
    scene.provider.stop().await;
}

/// P1: a "signed out" page means that the fact is committed. Attack 42 (CVE-2020-15223).
#[actix_web::test]
async fn p1_nobody_is_called_signed_out_when_the_database_fails() {
    let scene = scene().await;
    let (ada, tokens) = signed_in(&scene).await;
    let page = ask(&scene, &ada, Way::Get, &[]).await;
    scene
        .sql("ALTER TABLE logout_deliveries RENAME TO out_of_reach")
        .await;
    let hint = tokens.get("id_token");
    let by_hint = ask(&scene, &ada, Way::Get, &[("id_token_hint", &hint)]).await;
    let fields = [("scope", "everywhere")];
    let by_page = ada.submit(&page, &page.form(), &fields).await;
    for answer in [by_hint, by_page] {
        assert_eq!(answer.status, 500);
        assert_eq!(answer.page(), "page-error");
        assert!(!answer.body.to_lowercase().contains("signed out"));
    }
    scene
        .sql("ALTER TABLE out_of_reach RENAME TO logout_deliveries")
        .await;
    assert!(scene.is_signed_in(&ada).await, "half an end is none");
    let answer = ask(&scene, &ada, Way::Get, &[("id_token_hint", &hint)]).await;
    let page = shows_signed_out(&scene, &ada, answer).await;
    assert_eq!(page.states(), ["confirmed"]);
    scene.provider.stop().await;
}
