//! Where a sign-out leads, and where it never does.

use super::{WAYS, Way, agree, ask, home, never_a_redirect, scene, shows_signed_out, signed_in};
use crate::support::scene::{Scene, by_server};
use crate::support::visitor::Visitor;

#[actix_web::test]
async fn without_state_nothing_is_added_to_the_address() {
    let scene = scene().await;
    let (ada, tokens) = signed_in(&scene).await;
    let fields = [
        ("id_token_hint", &*tokens.get("id_token")),
        ("post_logout_redirect_uri", &home(&scene)),
    ];
    let answer = ask(&scene, &ada, Way::Get, &fields).await;
    assert_eq!(answer.location().unwrap(), home(&scene));
    scene.provider.stop().await;
}

#[actix_web::test]
async fn who_agrees_is_sent_to_an_address_that_the_named_client_registered() {
    let scene = scene().await;
    for way in WAYS {
        let (ada, _) = signed_in(&scene).await;
        let fields = [
            ("client_id", "ledger"),
            ("post_logout_redirect_uri", &*home(&scene)),
            ("state", "a&b"),
        ];
        let page = ask(&scene, &ada, way, &fields).await;
        let answer = agree(&ada, &page, "everywhere").await;
        let there = format!("{}?state=a%26b", home(&scene));
        assert_eq!(answer.location().unwrap(), there, "{way:?}");
    }
    scene.provider.stop().await;
}

/// Attack 51, and the certification suite's "no id_token_hint".
#[actix_web::test]
async fn an_address_that_no_client_vouches_for_is_never_gone_to() {
    let scene = scene().await;
    for way in WAYS {
        let (ada, _) = signed_in(&scene).await;
        let fields = [("post_logout_redirect_uri", &*home(&scene))];
        let page = ask(&scene, &ada, way, &fields).await;
        let answer = agree(&ada, &page, "everywhere").await;
        let page = shows_signed_out(&scene, &ada, answer).await;
        assert_eq!(page.attributes("#continue", "href"), Vec::<String>::new());
    }
    scene.provider.stop().await;
}

#[actix_web::test]
async fn nobody_signed_in_a_client_id_gets_a_link_and_no_redirect() {
    let scene = scene().await;
    for way in WAYS {
        let fields = [
            ("client_id", "ledger"),
            ("post_logout_redirect_uri", &*home(&scene)),
        ];
        let page = ask(&scene, &Visitor::default(), way, &fields).await;
        assert_eq!(page.page(), "page-signed-out", "{way:?}");
        assert_eq!(page.attributes("#continue", "href"), [home(&scene)]);
    }
    scene.provider.stop().await;
}

/// Attack 51: an open redirect through `post_logout_redirect_uri`.
#[actix_web::test]
async fn only_the_exact_registered_address_is_gone_to() {
    let scene = scene().await;
    let home = home(&scene);
    let base = &scene.applications[0].ear.base;
    let of_atlas = format!("{}/", scene.applications[1].ear.base);
    let userinfo = home.replace("http://", "http://good@");
    let hostile = [
        format!("{home}?foo=bar"),
        format!("{home}#x"),
        format!("{home}more"),
        base.clone(),
        format!("{home}../"),
        format!("{home}%2e%2e"),
        home.to_uppercase(),
        home.replace("127.0.0.1", "localhost"),
        userinfo,
        home.replace("http:", ""),
        "//elsewhere.example/".to_owned(),
        "https://elsewhere.example/".to_owned(),
        "javascript:alert(1)".to_owned(),
        format!("{base}/callback"),
        "*".to_owned(),
        of_atlas,
    ];
    for (index, uri) in hostile.iter().enumerate() {
        let (ada, tokens) = signed_in(&scene).await;
        let hint = tokens.get("id_token");
        let by_hint = [
            ("id_token_hint", &*hint),
            ("post_logout_redirect_uri", uri.as_str()),
        ];
        never_a_redirect(&scene, &ada, WAYS[index % 3], &by_hint).await;
        let (ada, _) = signed_in(&scene).await;
        let by_name = [
            ("client_id", "ledger"),
            ("post_logout_redirect_uri", uri.as_str()),
        ];
        never_a_redirect(&scene, &ada, WAYS[index % 3], &by_name).await;
    }
    scene.provider.stop().await;
}

/// Attack 53: a state that changes the address.
#[actix_web::test]
async fn state_is_percent_encoded_and_joins_the_addresss_own_query() {
    let describe = |_: &str, ear: &crate::support::relying_party::Ear| {
        let mut metadata = by_server(ear);
        let own = format!("{}/bye?from=exeunt&x=%2f", ear.base);
        metadata.post_logout_redirect_uris.push(own);
        metadata
    };
    let scene = Scene::with(&["ledger"], describe, |wish| wish).await;
    let registered = format!("{}/bye?from=exeunt&x=%2f", scene.applications[0].ear.base);
    for state in [
        "a b&from=evil#é\r\n",
        "100%",
        "%2f",
        "=&=",
        &"s".repeat(128),
    ] {
        let (ada, tokens) = signed_in(&scene).await;
        let fields = [
            ("id_token_hint", &*tokens.get("id_token")),
            ("post_logout_redirect_uri", &registered),
            ("state", state),
        ];
        let answer = ask(&scene, &ada, Way::Post, &fields).await;
        let location = answer.header("location").to_owned();
        assert!(
            location.starts_with(&format!("{registered}&state=")),
            "{location}"
        );
        assert_eq!(answer.parameter("state").as_deref(), Some(state));
        assert_eq!(answer.parameter("from").as_deref(), Some("exeunt"));
    }
    scene.provider.stop().await;
}
