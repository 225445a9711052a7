//! A client looks after what it registered (RFC 7592).

use exeunt::config::RegistrationPolicy::Open;
use exeunt::flows::people;
use reqwest::Method;
use serde_json::{Value, json};

use super::assert_refused;
use crate::support::ledger::json_error;
use crate::support::provider::Provider;
use crate::support::registrar::{HOME, Registered, least, registering, send, with};
use crate::support::relying_party::Ear;
use crate::support::visitor::Visitor;

async fn start() -> (Provider, Registered) {
    let provider = registering(Open).await.start().await;
    let metadata = with(&json!({ "client_name": "Ledger" }));
    let client = Registered::new(&provider, &metadata, None).await;
    (provider, client)
}

/// The secret is shown once; all the rest is told whenever it is asked for.
fn without_secret(told: &Value) -> Value {
    let mut rest = told.clone();
    rest.as_object_mut().unwrap().remove("client_secret");
    rest
}

#[actix_web::test]
async fn a_client_reads_what_it_registered_but_for_the_secret_that_was_shown_once() {
    let (provider, client) = start().await;
    let answer = client.manage(Method::GET, None).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.json(), without_secret(&client.told));
    assert_eq!(answer.json()["client_secret_expires_at"], 0);
    provider.stop().await;
}

#[actix_web::test]
async fn head_is_told_what_get_is_and_brings_nothing_of_it() {
    let (provider, client) = start().await;
    let get = client.manage(Method::GET, None).await;
    let head = client.manage(Method::HEAD, None).await;
    assert_eq!((head.status.as_u16(), head.body.as_str()), (200, ""));
    for name in ["content-type", "content-length", "cache-control"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    let uri = client.get("registration_client_uri");
    let head = send(Method::HEAD, uri, Some("wrong"), None).await;
    let get = send(Method::GET, uri, Some("wrong"), None).await;
    assert_eq!((head.status.as_u16(), head.body.as_str()), (401, ""));
    let challenge = "www-authenticate";
    assert_eq!(head.header(challenge), get.header(challenge));
    provider.stop().await;
}

/// Attack 93: a registration access token at somebody else's registration.
#[actix_web::test]
async fn nobody_else_reads_changes_or_removes_it_nor_learns_whether_it_is_there() {
    let (provider, client) = start().await;
    let other = Registered::new(&provider, &least(), None).await;
    let token = other.get("registration_access_token");
    let nobody = provider.url("/register/00000000-0000-4000-8000-000000000000");
    let strange = provider.url("/register/%00%ff");
    let uri = client.get("registration_client_uri");
    let wanted = client.update(&json!({ "client_name": "Mine" }));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let body = (method == Method::PUT).then_some(&wanted);
        let mut answers = Vec::new();
        for (url, token) in [
            (uri, token),
            (nobody.as_str(), token),
            (strange.as_str(), token),
            (uri, "wrong"),
            (uri, client.get("client_secret")),
        ] {
            let answer = send(method.clone(), url, Some(token), body).await;
            assert_refused(&answer, 401, "invalid_token");
            answers.push(answer.body);
        }
        assert!(answers.iter().all(|body| *body == answers[0]));
        let answer = send(method, uri, None, body).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    let answer = client.manage(Method::GET, None).await;
    assert_eq!(answer.json()["client_name"], "Ledger");
    provider.stop().await;
}

#[actix_web::test]
async fn an_update_replaces_everything_and_leaves_identifier_secret_and_token_as_they_are() {
    let (provider, client) = start().await;
    let ada = Visitor::default();
    client.tokens(&ada).await;
    let wanted = client.update(&json!({
        "redirect_uris": [format!("{HOME}/elsewhere")],
        "client_secret": client.get("client_secret"),
        "tos_uri": format!("{HOME}/terms"),
    }));
    let answer = client.manage(Method::PUT, Some(&wanted)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let told = answer.json();
    assert_eq!(told.get("client_name"), None, "it was left out");
    assert_eq!(told.get("client_secret"), None, "it is known");
    assert_eq!(told["redirect_uris"], json!([format!("{HOME}/elsewhere")]));
    assert_eq!(told["tos_uri"], format!("{HOME}/terms"));
    for name in [
        "client_id",
        "client_id_issued_at",
        "client_secret_expires_at",
        "registration_access_token",
        "registration_client_uri",
    ] {
        assert_eq!(told[name], client.told[name], "{name}");
    }
    assert_eq!(client.manage(Method::GET, None).await.json(), told);

    let old = client.sign_in(&ada, &[]).await;
    assert_eq!(old.page(), "page-error", "the old address is none any more");
    let mut moved = client;
    moved.told["redirect_uris"] = told["redirect_uris"].clone();
    moved.tokens(&ada).await;
    provider.stop().await;
}

#[actix_web::test]
async fn an_update_that_will_not_do_changes_nothing() {
    let (provider, client) = start().await;
    let id = client.told["client_id"].clone();
    for (wanted, error) in [
        (least(), "invalid_client_metadata"),
        (
            with(&json!({ "client_id": "another" })),
            "invalid_client_metadata",
        ),
        (
            with(&json!({ "client_id": id, "client_secret": "chosen" })),
            "invalid_client_metadata",
        ),
        (
            with(&json!({ "client_id": id, "redirect_uris": ["http://ledger.example/"] })),
            "invalid_redirect_uri",
        ),
        (
            with(&json!({ "client_id": id, "software_statement": "x" })),
            "invalid_software_statement",
        ),
        (json!({ "client_id": id }), "invalid_redirect_uri"),
        (json!([]), "invalid_client_metadata"),
    ] {
        let answer = client.manage(Method::PUT, Some(&wanted)).await;
        assert_refused(&answer, 400, error);
    }
    let answer = client.manage(Method::GET, None).await;
    assert_eq!(answer.json(), without_secret(&client.told));
    provider.stop().await;
}

#[actix_web::test]
async fn a_secret_comes_and_goes_with_the_way_in_which_the_client_proves_who_it_is() {
    let (provider, client) = start().await;
    let as_a = async |method: &str| {
        let wanted = client.update(&json!({ "token_endpoint_auth_method": method }));
        client.manage(Method::PUT, Some(&wanted)).await.json()
    };
    let public = as_a("none").await;
    assert_eq!(public.get("client_secret"), None);
    assert_eq!(public.get("client_secret_expires_at"), None);
    let again = as_a("client_secret_post").await;
    assert_eq!(again["client_secret_expires_at"], 0);
    assert_ne!(again["client_secret"], client.told["client_secret"]);
    assert_eq!(again["client_secret"].as_str().unwrap().len(), 43);
    assert_eq!(as_a("client_secret_basic").await.get("client_secret"), None);
    // Of the hash of the old one no key can be made.
    let signs = as_a("client_secret_jwt").await;
    assert_ne!(signs["client_secret"], again["client_secret"]);
    assert_eq!(signs["client_secret"].as_str().unwrap().len(), 86);
    assert_eq!(as_a("client_secret_jwt").await.get("client_secret"), None);
    assert_eq!(as_a("client_secret_basic").await.get("client_secret"), None);

    let mut client = client;
    let old = client.told["client_secret"].clone();
    client.told["client_secret"] = signs["client_secret"].clone();
    client.tokens(&Visitor::default()).await;
    client.told["client_secret"] = old;
    assert_eq!(json_error(&client.redeem("x").await), "invalid_client");
    provider.stop().await;
}

#[actix_web::test]
async fn a_client_that_changes_itself_too_often_is_held_up_and_no_other() {
    let provider = registering(Open).await.manual_clock().start().await;
    let client = Registered::new(&provider, &least(), None).await;
    let other = Registered::new(&provider, &least(), None).await;
    let wanted = client.update(&json!({}));
    for _ in 0..20 {
        let answer = client.manage(Method::PUT, Some(&wanted)).await;
        assert_eq!(answer.status, 200);
    }
    let answer = client.manage(Method::PUT, Some(&wanted)).await;
    assert_refused(&answer, 429, "temporarily_unavailable");
    assert_eq!(answer.header("retry-after"), "11");
    assert_eq!(client.manage(Method::GET, None).await.status, 200);
    let wanted = other.update(&json!({}));
    let answer = other.manage(Method::PUT, Some(&wanted)).await;
    assert_eq!(answer.status, 200);
    provider.stop().await;
}

/// P2: what a removed client had its part in is over, and its server is told.
#[actix_web::test]
async fn a_client_that_removes_itself_is_told_of_the_sessions_that_end_by_it() {
    let ear = Ear::open().await;
    let provider = registering(Open).await.start().await;
    let metadata = with(&json!({
        "grant_types": ["authorization_code", "refresh_token"],
        "backchannel_logout_uri": ear.backchannel_logout_uri(),
    }));
    let client = Registered::new(&provider, &metadata, None).await;
    let ada = Visitor::default();
    let tokens = client.tokens(&ada).await;
    let sid = tokens.id_claims(&provider.issuer).await["sid"].clone();
    let answer = client.manage(Method::DELETE, None).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""));
    let told = ear.wait_for(1).await[0].claims(&provider.issuer).await;
    assert_eq!(told["sid"], sid);

    for method in [Method::GET, Method::DELETE] {
        let answer = client.manage(method, None).await;
        assert_refused(&answer, 401, "invalid_token");
    }
    let refresh_token = tokens.get("refresh_token");
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.as_str()),
    ];
    assert_eq!(json_error(&client.token(&fields).await), "invalid_client");
    let answer = client.sign_in(&ada, &[]).await;
    assert_eq!((answer.status.as_u16(), answer.location()), (400, None));
    provider.stop().await;
}

#[actix_web::test]
async fn a_client_that_an_administrator_shut_out_neither_reads_nor_lets_itself_in_again() {
    let (provider, client) = start().await;
    let id = client.get("client_id").to_owned();
    let disabled = people::disable_client(provider.flows(), &id).await;
    disabled.unwrap().unwrap();
    let wanted = client.update(&json!({}));
    for (method, body) in [
        (Method::GET, None),
        (Method::PUT, Some(&wanted)),
        (Method::DELETE, None),
    ] {
        let answer = client.manage(method, body).await;
        assert_refused(&answer, 403, "access_denied");
    }
    let enabled = people::enable_client(provider.flows(), &id).await;
    enabled.unwrap().unwrap();
    assert_eq!(client.manage(Method::GET, None).await.status, 200);
    let removed = people::remove_client(provider.flows(), &id).await;
    removed.unwrap().unwrap();
    let answer = client.manage(Method::GET, None).await;
    assert_refused(&answer, 401, "invalid_token");
    provider.stop().await;
}
