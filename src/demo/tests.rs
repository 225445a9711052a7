//! The applications' doors, without a provider behind them.

use std::net::{Ipv4Addr, TcpListener};

use reqwest::StatusCode;
use serde_json::Value;
use url::form_urlencoded;

use super::relying_party::http_client;
use super::*;
use crate::clock::SystemClock;
use crate::random::OsRandom;

fn options() -> Options {
    let place = Place {
        port: 0,
        base_url: None,
        secret: "a secret that nobody needs here".into(),
    };
    Options {
        // Nobody answers there.
        issuer: "http://127.0.0.1:9".to_owned(),
        house: None,
        bind: Ipv4Addr::LOCALHOST.into(),
        ledger: place.clone(),
        atlas: place.clone(),
        gallery: place.clone(),
        almanac: place,
        clock: Arc::new(SystemClock),
        random: Arc::new(OsRandom),
    }
}

fn applications() -> Applications {
    Applications::start(options()).unwrap()
}

fn at(application: &Application, path: &str) -> String {
    format!("{}{path}", application.base_url)
}

async fn get(application: &Application, path: &str) -> reqwest::Response {
    let request = http_client().unwrap().get(at(application, path));
    request.send().await.unwrap()
}

async fn post(application: &Application, path: &str, fields: &[(&str, &str)]) -> reqwest::Response {
    let request = http_client().unwrap().post(at(application, path));
    request.form(fields).send().await.unwrap()
}

async fn post_from_elsewhere(application: &Application, path: &str) -> StatusCode {
    let request = http_client().unwrap().post(at(application, path));
    let request = request.header("sec-fetch-site", "cross-site");
    let response = request.form(&[("down", "true")]).send().await.unwrap();
    response.status()
}

#[tokio::test]
async fn every_application_is_reached_where_it_says() {
    let applications = applications();
    for application in applications.all() {
        let page = get(application, "/").await;
        assert_eq!(page.status(), StatusCode::OK);
        let page = page.text().await.unwrap();
        assert!(page.contains(application.name));
        assert!(page.contains("Signed out"), "{page}");
    }
    applications.stop().await;
}

#[tokio::test]
async fn a_busy_port_is_named_with_the_option_that_changes_it() {
    let busy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = busy.local_addr().unwrap().port();
    let mut options = options();
    options.atlas.port = port;
    let error = Applications::start(options).err().unwrap().to_string();
    assert_eq!(
        error,
        format!("port {port}, meant for Atlas, is in use: choose another with --atlas-port")
    );
    let mut options = self::options();
    options.almanac.port = port;
    let error = Applications::start(options).err().unwrap().to_string();
    assert!(
        error.contains("Almanac") && error.contains("--almanac-port"),
        "{error}"
    );
}

#[tokio::test]
async fn a_notice_that_is_no_logout_token_is_refused_in_json_and_not_kept() {
    let ledger = applications().ledger;
    for fields in [&[("logout_token", "a.b.c")][..], &[("token", "x")], &[]] {
        let answer = post(&ledger, "/backchannel", fields).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let error: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(error["error"], "invalid_request");
    }
    assert_eq!(ledger.heard(), 0);
}

#[tokio::test]
async fn a_notice_that_cannot_be_judged_without_the_providers_keys_may_come_again() {
    let ledger = applications().ledger;
    // {"alg":"RS256","kid":"unknown","typ":"logout+jwt"}
    let token = "eyJhbGciOiJSUzI1NiIsImtpZCI6InVua25vd24iLCJ0eXAiOiJsb2dvdXQrand0In0.e30.e30";
    let answer = post(&ledger, "/backchannel", &[("logout_token", token)]).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn only_atlas_pretends_to_be_down_and_says_so_until_it_is_up_again() {
    let applications = applications();
    let atlas = &applications.atlas;
    let answer = post(atlas, "/down", &[("down", "true")]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let answer = post(atlas, "/backchannel", &[("logout_token", "a.b.c")]).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let page = get(atlas, "/").await.text().await.unwrap();
    assert!(page.contains("Atlas pretends to be down"));

    post(atlas, "/down", &[("down", "false")]).await;
    let answer = post(atlas, "/backchannel", &[("logout_token", "a.b.c")]).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let answer = post(&applications.ledger, "/down", &[("down", "true")]).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_front_channel_page_may_be_framed_by_the_provider_alone_and_heeds_no_other_issuer() {
    let gallery = applications().gallery;
    let path = |issuer: &str| {
        let issuer: String = form_urlencoded::byte_serialize(issuer.as_bytes()).collect();
        format!("/frontchannel?iss={issuer}&sid=s1")
    };
    let answer = get(&gallery, &path("http://127.0.0.1:9")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(
        policy.ends_with("frame-ancestors http://127.0.0.1:9"),
        "{policy}"
    );
    assert_eq!(gallery.heard(), 1);

    for wrong in [
        path("http://127.0.0.1:10"),
        "/frontchannel?sid=s1".to_owned(),
    ] {
        let answer = get(&gallery, &wrong).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    }
    assert_eq!(gallery.heard(), 1);
}

/// A browser looks at every page around the framed one (CSP 3 §6.4.2).
#[tokio::test]
async fn where_there_is_another_house_the_front_channel_page_may_stand_in_its_page_too() {
    let mut options = options();
    options.house = Some("http://127.0.0.1:10".to_owned());
    let gallery = Applications::start(options).unwrap().gallery;
    let path = "/frontchannel?iss=http%3A%2F%2F127.0.0.1%3A9&sid=s1";
    let answer = get(&gallery, path).await;
    let policy = answer.headers()["content-security-policy"].to_str();
    let policy = policy.unwrap();
    let both = "frame-ancestors http://127.0.0.1:9 http://127.0.0.1:10";
    assert!(policy.ends_with(both), "{policy}");
}

#[tokio::test]
async fn another_site_can_neither_sign_people_out_nor_pull_the_switch() {
    let applications = applications();
    for path in ["/sign-out", "/down", "/ask"] {
        let status = post_from_elsewhere(&applications.atlas, path).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
    assert!(!applications.atlas.door.memory().is_down());
}

#[tokio::test]
async fn an_answer_to_a_sign_in_that_this_browser_did_not_begin_is_refused() {
    let ledger = applications().ledger;
    let answer = get(&ledger, "/callback?state=s&code=c").await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert_eq!(ledger.signed_in_sessions(), 0);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_an_error_that_names_it() {
    let ledger = applications().ledger;
    let answer = get(&ledger, "/sign-in").await;
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    let page = answer.text().await.unwrap();
    assert!(page.contains("http://127.0.0.1:9"), "{page}");
}

/// Core §4: anyone can send somebody here to sign in; only to our provider, and only on to our own page.
#[tokio::test]
async fn a_sign_in_that_begins_elsewhere_leads_to_our_provider_and_to_our_page_alone() {
    let applications = applications();
    let ledger = &applications.ledger;
    let status = async |iss: &str, target: Option<&str>| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("iss", iss);
        if let Some(target) = target {
            query.append_pair("target_link_uri", target);
        }
        let path = format!("/initiate-login?{}", query.finish());
        get(ledger, &path).await.status()
    };
    let ours = "http://127.0.0.1:9";
    let (home, other) = (at(ledger, "/"), at(&applications.atlas, "/"));
    // It goes to the provider, which is not there.
    assert_eq!(status(ours, None).await, StatusCode::BAD_GATEWAY);
    assert_eq!(status(ours, Some(&home)).await, StatusCode::BAD_GATEWAY);
    for (iss, target) in [
        ("https://evil.example", None),
        ("http://127.0.0.1:9/", None),
        (ours, Some("https://evil.example/")),
        (ours, Some(other.as_str())),
        (ours, Some("//evil.example")),
    ] {
        assert_eq!(
            status(iss, target).await,
            StatusCode::BAD_REQUEST,
            "{iss} {target:?}"
        );
    }
    applications.stop().await;
}

/// Nobody can say what is good, so nothing is.
#[tokio::test]
async fn before_the_provider_was_reached_the_service_says_so_and_takes_no_token() {
    let applications = applications();
    let almanac = format!("{}/", applications.almanac.base_url);
    let client = http_client().unwrap();
    let page = client.get(&almanac).send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains("Waits for the provider"), "{page}");
    let today = format!("{almanac}today");
    let status = async |token: Option<&str>| {
        let mut request = client.get(&today);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap().status()
    };
    assert_eq!(status(None).await, StatusCode::UNAUTHORIZED);
    let refused = status(Some("eyJ.e30.e30")).await;
    assert_eq!(refused, StatusCode::SERVICE_UNAVAILABLE);
    applications.stop().await;
}
