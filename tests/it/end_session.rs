//! The end session endpoint: every row of its table, by GET, by POST and by another site's POST.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use exeunt::flows::people;
use exeunt::oidc::claims::UserClaims;
use secrecy::SecretString;

use crate::support::provider::{PASSWORD, metadata};
use crate::support::relying_party::Tokens;
use crate::support::scene::{Scene, by_server};
use crate::support::visitor::{Answer, Visitor, http_client};

/// How a request to sign out comes in.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Get,
    Post,
    PostFromElsewhere,
}

const WAYS: [Way; 3] = [Way::Get, Way::Post, Way::PostFromElsewhere];

/// Asks to sign out; follows what brings another site's POST back with its cookies, and nothing else.
async fn ask(scene: &Scene, visitor: &Visitor, way: Way, fields: &[(&str, &str)]) -> Answer {
    let url = scene.provider.url("/end_session");
    let answer = match way {
        Way::Get => {
            let url = scene.applications[0].end_session_url(fields);
            return visitor.get(&url).await;
        }
        Way::Post => visitor.post(&url, fields).await,
        Way::PostFromElsewhere => visitor.post_from_elsewhere(&url, fields).await,
    };
    match answer.location() {
        Some(next) if next.starts_with(&format!("{url}?")) => {
            assert_eq!(answer.status, 303);
            visitor.get(&next).await
        }
        _ => answer,
    }
}

/// Two applications that hear by back-channel.
async fn scene() -> Scene {
    Scene::of(&["ledger", "atlas"]).await
}

fn home(scene: &Scene) -> String {
    format!("{}/", scene.applications[0].ear.base)
}

/// Signs in at the first application.
async fn signed_in(scene: &Scene) -> (Visitor, Tokens) {
    let visitor = Visitor::default();
    let tokens = scene.applications[0].tokens(&visitor, &[]).await;
    (visitor, tokens)
}

/// Agrees on the page that asks; answers what comes next.
async fn agree(visitor: &Visitor, page: &Answer, scope: &str) -> Answer {
    assert_eq!(page.page(), "page-confirm-sign-out", "{page:?}");
    let answer = visitor
        .submit(page, &page.form(), &[("scope", scope)])
        .await;
    assert_eq!(answer.status, 303);
    answer
}

/// The answer leads to our own page, which says that the person is signed out.
async fn shows_signed_out(scene: &Scene, visitor: &Visitor, answer: Answer) -> Answer {
    let page = visitor.follow(answer, &scene.provider.issuer).await;
    assert_eq!(page.page(), "page-signed-out", "{page:?}");
    assert_eq!(page.text("h1").unwrap(), "You are signed out");
    page
}

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

#[actix_web::test]
async fn without_a_hint_the_page_that_asks_names_account_and_applications() {
    let scene = scene().await;
    for way in WAYS {
        let ada = Visitor::default();
        scene.sign_in_everywhere(&ada).await;
        for fields in [&[][..], &[("client_id", "ledger")], &[("state", "x")]] {
            let page = ask(&scene, &ada, way, fields).await;
            assert_eq!(page.status, 200);
            assert_eq!(page.page(), "page-confirm-sign-out");
            let text = page.text("main").unwrap();
            for word in ["Ada Lovelace", "ledger", "atlas"] {
                assert!(text.contains(word), "{way:?} {fields:?}: {text}");
            }
            let offers = page.attributes("main button", "value");
            if fields.contains(&("client_id", "ledger")) {
                assert_eq!(offers, ["everywhere", "client"]);
            } else {
                assert_eq!(offers, ["everywhere"]);
            }
            assert!(scene.is_signed_in(&ada).await);
        }
    }
    scene.provider.stop().await;
}

/// The certification suite's "no params" and "only state".
#[actix_web::test]
async fn without_parameters_the_person_is_signed_out_once_they_agree() {
    let scene = scene().await;
    for way in WAYS {
        for fields in [&[][..], &[("state", "x")], &[("client_id", "ledger")]] {
            let (ada, _) = signed_in(&scene).await;
            let page = ask(&scene, &ada, way, fields).await;
            let answer = agree(&ada, &page, "everywhere").await;
            shows_signed_out(&scene, &ada, answer).await;
            assert!(!scene.is_signed_in(&ada).await, "{way:?} {fields:?}");
        }
    }
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
async fn only_this_application_leaves_the_session_and_the_others_alone() {
    let scene = scene().await;
    let [ledger, atlas] = &scene.applications[..] else {
        panic!()
    };
    let issuer = &scene.provider.issuer;
    let ada = Visitor::default();
    let tokens = scene.sign_in_everywhere(&ada).await;
    let page = ask(&scene, &ada, Way::Get, &[("client_id", "ledger")]).await;
    let answer = agree(&ada, &page, "client").await;
    let page = ada.follow(answer, issuer).await;
    assert_eq!(page.states(), ["confirmed"]);

    let told = ledger.told(1, issuer).await;
    assert_eq!(told[0]["sid"], tokens[0].sid(issuer).await);
    assert!(atlas.ear.notices().is_empty());
    let access = |tokens: &Tokens| tokens.get("access_token");
    assert_eq!(ledger.userinfo(&access(&tokens[0])).await.status, 401);
    assert_eq!(atlas.userinfo(&access(&tokens[1])).await.status, 200);
    assert!(scene.is_signed_in(&ada).await);

    // Nothing is left to leave alone: the page no longer offers it.
    let page = ask(&scene, &ada, Way::Get, &[("client_id", "ledger")]).await;
    assert_eq!(page.attributes("main button", "value"), ["everywhere"]);
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

/// A page says what is wrong; agreeing signs out here and goes nowhere; nor does the request without a session.
async fn never_a_redirect(scene: &Scene, visitor: &Visitor, way: Way, fields: &[(&str, &str)]) {
    let page = ask(scene, visitor, way, fields).await;
    assert_eq!(page.page(), "page-confirm-sign-out", "{way:?} {fields:?}");
    assert!(page.text("#notice").is_some(), "{way:?} {fields:?}");
    assert!(page.text("details.developer").is_some());
    assert!(scene.is_signed_in(visitor).await, "{way:?} {fields:?}");
    let answer = agree(visitor, &page, "everywhere").await;
    let page = shows_signed_out(scene, visitor, answer).await;
    assert_eq!(page.attributes("#continue", "href"), Vec::<String>::new());
    assert!(!scene.is_signed_in(visitor).await);

    let page = ask(scene, &Visitor::default(), way, fields).await;
    assert_eq!(page.page(), "page-signed-out", "{way:?} {fields:?}");
    assert!(page.text("#notice").is_some());
    assert_eq!(page.attributes("#continue", "href"), Vec::<String>::new());
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

fn ear_base(ear: &crate::support::relying_party::Ear) -> &str {
    &ear.base
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
