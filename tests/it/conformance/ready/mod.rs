//! What an operator takes to run the suite itself: `docs/conformance.toml` for the provider and `docs/conformance.json` for
//! the suite, whose scripted browser is driven here as the suite drives it, but for scripts.

mod scripted;

use chrono::TimeDelta;
use exeunt::config::Credential;
use secrecy::ExposeSecret as _;
use url::Url;

use self::scripted::Ready;
use super::plans::variants_of;
use crate::support::{files_below, repository};

#[actix_web::test]
async fn the_two_files_name_the_same_clients_and_the_same_person() {
    let ready = Ready::open().await;
    let secret = |client_id: &str| {
        let clients = &ready.written.clients;
        let client = clients.iter().find(|client| client.client_id == client_id);
        match &client.unwrap_or_else(|| panic!("no {client_id}")).secret {
            Some(Credential::Plain(secret)) => secret.expose_secret().to_owned(),
            other => panic!("{client_id}: {other:?}"),
        }
    };
    for role in ["client", "client2", "client_secret_post"] {
        let client = &ready.plan[role];
        let client_id = client["client_id"].as_str().unwrap();
        assert_eq!(client["client_secret"], secret(client_id), "{role}");
    }
    for client in &ready.written.clients {
        let metadata = &client.metadata;
        let outward = [
            &metadata.backchannel_logout_uri,
            &metadata.frontchannel_logout_uri,
        ];
        let uris = metadata
            .redirect_uris
            .iter()
            .chain(&metadata.post_logout_redirect_uris)
            .chain(outward.into_iter().flatten());
        for uri in uris {
            assert!(uri.starts_with(&ready.suite("")), "{uri}");
        }
    }
    assert_eq!(ready.written.users.len(), 1);
    let discovery = format!("{}/.well-known/openid-configuration", ready.issuer);
    assert_eq!(ready.plan["server"]["discoveryUrl"], discovery);
    assert_eq!(
        ready.plan["server"]["login_hint"],
        ready.written.users[0].username
    );
    ready.close().await;
}

#[actix_web::test]
async fn the_provider_of_the_file_has_what_every_plan_asks_for() {
    let ready = Ready::open().await;
    let visitor = ready.visitor();
    let published = visitor
        .get(ready.plan["server"]["discoveryUrl"].as_str().unwrap())
        .await
        .json();
    let listed = |name: &str| published[name].as_array().unwrap().len();
    assert_eq!(listed("response_types_supported"), 6);
    for name in ["registration_endpoint", "check_session_iframe"] {
        assert!(published[name].is_string(), "{name}");
    }
    let tokens = ready.tokens(&visitor).await;
    let url = published["userinfo_endpoint"].as_str().unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    let request = ready.client.get(url).bearer_auth(token);
    let told = visitor.send(url, request).await.json();
    let not_told = ["iss", "aud", "exp", "iat", "auth_time", "nonce", "acr"];
    let not_told = not_told.iter().chain(&["amr", "at_hash", "c_hash", "sid"]);
    let not_told: Vec<_> = not_told.collect();
    for claim in published["claims_supported"].as_array().unwrap() {
        let claim = claim.as_str().unwrap();
        let known = !told[claim].is_null();
        assert!(known || not_told.contains(&&claim), "{claim} is missing");
    }
    let more = serde_json::json!({
        "redirect_uris": [ready.suite("callback")],
        "grant_types": ["implicit"],
        "response_types": ["id_token token"],
    });
    let url = published["registration_endpoint"].as_str().unwrap();
    let answer = visitor.send(url, ready.client.post(url).json(&more)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    ready.close().await;
}

#[actix_web::test]
async fn the_suites_browser_signs_in_with_every_client_and_takes_the_pictures_that_are_asked_for() {
    let ready = Ready::open().await;
    let visitor = ready.visitor();
    for client in &ready.written.clients {
        let url = ready.authorize_url(&client.client_id, &[]);
        for _ in 0..2 {
            let end = ready.drive(&visitor, &url).await;
            assert!(end.url.starts_with(&ready.suite("callback?")));
            assert!(end.page.parameter("code").is_some(), "{:?}", end.page);
            assert_eq!(end.pictures, 0);
        }
    }
    ready.clock.advance(TimeDelta::seconds(2));
    for again in [("prompt", "login"), ("max_age", "1")] {
        let url = ready.authorize_url("one", &[again]);
        let end = ready.drive(&visitor, &url).await;
        assert!(end.page.parameter("code").is_some(), "{:?}", end.page);
        assert_eq!(end.pictures, 1, "{again:?}");
        ready.clock.advance(TimeDelta::seconds(2));
    }
    let url = ready.authorize_url("one", &[("response_mode", "form_post")]);
    let end = ready.drive(&visitor, &url).await;
    assert_eq!(end.url, ready.suite("callback"));
    assert_eq!(end.page.attributes("[name=code]", "value").len(), 1);
    let elsewhere = ready.suite("callback/elsewhere");
    let url = ready.authorize_url("one", &[("redirect_uri", &elsewhere)]);
    let end = ready.drive(&visitor, &url).await;
    assert_eq!((end.page.page().as_str(), end.pictures), ("page-error", 1));
    ready.close().await;
}

#[actix_web::test]
async fn the_suites_browser_looks_at_the_sign_in_page_where_a_link_or_a_logo_is_to_be_seen() {
    let ready = Ready::open().await;
    let modules = ready.plan["override"].as_object().unwrap();
    for (module, other) in modules {
        let url = ready.authorize_url("one", &[]);
        let visitor = ready.visitor();
        let end = ready.drive_by(&other["browser"], &visitor, &url).await;
        assert_eq!(end.page.page(), "page-sign-in", "{module}");
        assert_eq!(end.pictures, 1, "{module}");
        variants_of(module);
    }
    ready.close().await;
}

#[actix_web::test]
async fn the_suites_browser_signs_out_and_shows_that_nobody_is_signed_in() {
    let ready = Ready::open().await;
    let visitor = ready.visitor();
    let url = format!("{}/end_session", ready.issuer);
    let back = ready.suite("post_logout_redirect");
    // (what is asked, whether a picture of the question is taken as well)
    let with = |fields: &[(&str, &str)]| -> String {
        Url::parse_with_params(&url, fields).unwrap().into()
    };
    for (asked, pictures) in [
        (url.clone(), 1),
        (with(&[("state", "bye")]), 1),
        (
            with(&[("post_logout_redirect_uri", &back), ("state", "bye")]),
            2,
        ),
        (
            with(&[
                ("id_token_hint", "nonsense"),
                ("post_logout_redirect_uri", &back),
            ]),
            2,
        ),
    ] {
        ready.id_token(&visitor).await;
        let end = ready.drive(&visitor, &asked).await;
        assert_eq!(end.page.page(), "page-signed-out", "{asked}");
        assert_eq!(end.pictures, pictures, "{asked}");
    }
    let hint = ready.id_token(&visitor).await;
    let asked = with(&[
        ("id_token_hint", &hint),
        ("post_logout_redirect_uri", &back),
        ("state", "bye"),
    ]);
    let end = ready.drive(&visitor, &asked).await;
    assert_eq!(end.url, format!("{back}?state=bye"));
    assert_eq!(end.pictures, 0);
    ready.close().await;
}

/// Every page with what a scripted browser finds there, as the document says it.
#[test]
fn the_pages_have_the_names_and_the_words_that_the_document_gives_them() {
    let read = |path| std::fs::read_to_string(repository().join(path)).unwrap();
    let templates: String = files_below("templates", "html")
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    let words = read("locales/en/pages.ftl");
    let document = read("docs/conformance.md");
    let (_, table) = document.split_once("| Page | At | It is |").unwrap();
    let mut pages = 0;
    for row in table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
    {
        let cells: Vec<&str> = row.split('|').collect();
        let names = cells[3].split('`').skip(1).step_by(2);
        let fields = cells[4].split('`').skip(1).step_by(2);
        for name in names.chain(fields.map(|field| field.strip_prefix('#').unwrap())) {
            let id = format!("id=\"{name}\"");
            assert!(templates.contains(&id), "{id}: {row}");
        }
        for text in cells[5].split('“').skip(1) {
            let (text, _) = text.split_once('”').unwrap();
            assert!(words.contains(&format!(" = {text}\n")), "{text}: {row}");
        }
        pages += 1;
    }
    assert_eq!(pages, 7);
}
