//! Hints: what an ID token says of who asks, and what a worthless one does not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use exeunt::flows::people;
use exeunt::oidc::claims::UserClaims;
use secrecy::SecretString;

use super::{WAYS, Way, agree, ask, home, never_a_redirect, scene, shows_signed_out, signed_in};
use crate::support::provider::PASSWORD;
use crate::support::scene::{Scene, by_server};
use crate::support::visitor::Visitor;

#[actix_web::test]
async fn a_hint_of_this_session_ends_it_and_leads_back() {
    let scene = scene().await;
    for way in WAYS {
        let (ada, tokens) = signed_in(&scene).await;
        let fields = [
            ("id_token_hint", &*tokens.get("id_token")),
            ("post_logout_redirect_uri", &home(&scene)),
            ("state", "bye"),
        ];
        let answer = ask(&scene, &ada, way, &fields).await;
        let there = format!("{}?state=bye", home(&scene));
        assert_eq!(answer.location().unwrap(), there, "{way:?}");
        assert!(!scene.is_signed_in(&ada).await, "{way:?}");
        assert_eq!(ada.cookie("exeunt-session"), None, "{way:?}");
    }
    scene.provider.stop().await;
}

#[actix_web::test]
async fn a_hint_without_an_address_ends_on_our_own_page_with_the_receipts() {
    let scene = scene().await;
    for way in WAYS {
        let (ada, tokens) = signed_in(&scene).await;
        let fields = [("id_token_hint", &*tokens.get("id_token"))];
        let answer = ask(&scene, &ada, way, &fields).await;
        let page = shows_signed_out(&scene, &ada, answer).await;
        assert_eq!(page.states(), ["confirmed"], "{way:?}");
        assert!(!scene.is_signed_in(&ada).await);
    }
    scene.provider.stop().await;
}

#[actix_web::test]
async fn a_logout_hint_at_somebody_else_leads_to_the_page_that_asks() {
    let scene = scene().await;
    let issuer = &scene.provider.issuer;
    for (logout_hint, asked) in [
        ("grace", true),
        ("nobody@example.org", true),
        ("ada", false),
        ("ada@example.org", false),
        ("the sub", false),
        ("the sid", false),
    ] {
        let (ada, tokens) = signed_in(&scene).await;
        let claims = tokens.id_claims(issuer).await;
        let logout_hint = match logout_hint.strip_prefix("the ") {
            Some(claim) => claims[claim].as_str().unwrap(),
            None => logout_hint,
        };
        let fields = [
            ("id_token_hint", &*tokens.get("id_token")),
            ("post_logout_redirect_uri", &home(&scene)),
            ("logout_hint", logout_hint),
        ];
        for way in if asked { &WAYS[..] } else { &WAYS[..1] } {
            let answer = ask(&scene, &ada, *way, &fields).await;
            if asked {
                assert_eq!(answer.page(), "page-confirm-sign-out", "{logout_hint}");
                assert!(scene.is_signed_in(&ada).await, "{logout_hint}");
            } else {
                assert_eq!(answer.location().unwrap(), home(&scene), "{logout_hint}");
            }
        }
    }
    // Who agrees there goes on as if there had been no hint.
    let (ada, tokens) = signed_in(&scene).await;
    let fields = [
        ("id_token_hint", &*tokens.get("id_token")),
        ("post_logout_redirect_uri", &home(&scene)),
        ("logout_hint", "grace"),
    ];
    let page = ask(&scene, &ada, Way::Get, &fields).await;
    let answer = agree(&ada, &page, "everywhere").await;
    assert_eq!(answer.location().unwrap(), home(&scene));
    assert!(!scene.is_signed_in(&ada).await);
    scene.provider.stop().await;
}

/// Attack 54: an expired hint as a dead end.
#[actix_web::test]
async fn an_expired_hint_is_as_good_as_a_fresh_one() {
    let names = ["ledger"];
    let scene = Scene::with(&names, |_, ear| by_server(ear), |wish| wish.manual_clock()).await;
    for way in WAYS {
        let (ada, tokens) = signed_in(&scene).await;
        scene.provider.advance(TimeDelta::days(2));
        let fields = [
            ("id_token_hint", &*tokens.get("id_token")),
            ("post_logout_redirect_uri", &home(&scene)),
        ];
        let answer = ask(&scene, &ada, way, &fields).await;
        assert_eq!(answer.location().unwrap(), home(&scene), "{way:?}");
    }
    scene.provider.stop().await;
}

/// Attacks 35, 50: another person's hint, or an old one, ends nothing by itself.
#[actix_web::test]
async fn a_hint_of_an_earlier_session_or_of_another_person_asks_first() {
    let scene = scene().await;
    let bob = SecretString::from(PASSWORD);
    people::add_user(
        scene.provider.flows(),
        "bob",
        Some(&bob),
        UserClaims::default(),
    )
    .await
    .unwrap()
    .unwrap();
    for way in WAYS {
        let (ada, earlier) = signed_in(&scene).await;
        let hint = earlier.get("id_token");
        ask(&scene, &ada, Way::Get, &[("id_token_hint", &hint)]).await;
        scene.applications[0].tokens(&ada, &[]).await;

        let of_bob = Visitor::default();
        let page = of_bob.get(&scene.applications[0].authorize_url(&[])).await;
        let page = of_bob.follow(page, &scene.provider.issuer).await;
        let fields = [("username", "bob"), ("password", PASSWORD)];
        let answer = of_bob.submit(&page, &page.form(), &fields).await;
        let answer = of_bob.follow(answer, &scene.provider.issuer).await;
        assert!(answer.parameter("code").is_some());

        for browser in [&ada, &of_bob] {
            let fields = [
                ("id_token_hint", &*hint),
                ("post_logout_redirect_uri", &home(&scene)),
                ("state", "x"),
            ];
            let page = ask(&scene, browser, way, &fields).await;
            assert!(scene.is_signed_in(browser).await, "{way:?}");
            let answer = agree(browser, &page, "everywhere").await;
            let there = format!("{}?state=x", home(&scene));
            let answer = browser.follow(answer, &scene.provider.issuer).await;
            assert_eq!(answer.location().unwrap(), there, "{way:?}");
            assert!(!scene.is_signed_in(browser).await, "{way:?}");
        }
    }
    scene.provider.stop().await;
}

/// An ID token as its finder would change it.
fn tampered(id_token: &str) -> Vec<String> {
    let parts: Vec<&str> = id_token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        panic!()
    };
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let mut other = URL_SAFE_NO_PAD.decode(signature).unwrap();
    other[7] ^= 1;
    vec![
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(other)),
        format!("{header}.{payload}."),
        "not a token".to_owned(),
    ]
}

/// Attacks 30, 32, 35, 54: hints that are forged, unsigned or no ID tokens.
#[actix_web::test]
async fn a_worthless_hint_asks_first_and_never_leads_anywhere() {
    let scene = scene().await;
    let (_, tokens) = signed_in(&scene).await;
    let mut hints = tampered(&tokens.get("id_token"));
    hints.push(tokens.get("access_token"));
    for (index, hint) in hints.iter().enumerate() {
        let (ada, _) = signed_in(&scene).await;
        let fields = [
            ("id_token_hint", &**hint),
            ("client_id", "ledger"),
            ("post_logout_redirect_uri", &home(&scene)),
        ];
        let page = ask(&scene, &ada, WAYS[index % 3], &fields).await;
        assert!(scene.is_signed_in(&ada).await, "{hint}");
        let answer = agree(&ada, &page, "everywhere").await;
        shows_signed_out(&scene, &ada, answer).await;

        // Nobody is signed in any more: still nowhere to go.
        let page = ask(&scene, &ada, WAYS[index % 3], &fields).await;
        assert_eq!(page.page(), "page-signed-out", "{hint}");
    }
    scene.provider.stop().await;
}

/// Attack 32: a logout token in the place of an ID token.
#[actix_web::test]
async fn a_logout_token_is_no_hint() {
    let scene = scene().await;
    let (ada, tokens) = signed_in(&scene).await;
    let hint = tokens.get("id_token");
    ask(&scene, &ada, Way::Get, &[("id_token_hint", &hint)]).await;
    let notice = scene.applications[0].ear.wait_for(1).await.remove(0);
    let (_, logout_token) = &notice.fields[0];
    let fields = [
        ("id_token_hint", &**logout_token),
        ("post_logout_redirect_uri", &home(&scene)),
    ];
    let page = ask(&scene, &ada, Way::Get, &fields).await;
    assert_eq!(page.page(), "page-signed-out");
    scene.provider.stop().await;
}

#[actix_web::test]
async fn nobody_signed_in_a_hint_leads_back_at_once() {
    let scene = scene().await;
    let (_, tokens) = signed_in(&scene).await;
    for way in WAYS {
        let fields = [
            ("id_token_hint", &*tokens.get("id_token")),
            ("post_logout_redirect_uri", &home(&scene)),
            ("state", "s"),
        ];
        let answer = ask(&scene, &Visitor::default(), way, &fields).await;
        let there = format!("{}?state=s", home(&scene));
        assert_eq!(answer.location().unwrap(), there, "{way:?}");
    }
    scene.provider.stop().await;
}

#[actix_web::test]
async fn a_client_that_is_not_the_hints_is_told_so_and_the_person_may_sign_out() {
    let scene = scene().await;
    for way in WAYS {
        let (ada, tokens) = signed_in(&scene).await;
        let fields = [
            ("id_token_hint", &*tokens.get("id_token")),
            ("client_id", "atlas"),
            ("post_logout_redirect_uri", &home(&scene)),
        ];
        never_a_redirect(&scene, &ada, way, &fields).await;
    }
    scene.provider.stop().await;
}
