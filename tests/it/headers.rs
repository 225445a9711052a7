//! What every page says to the browser, errors included.

use chrono::TimeDelta;
use reqwest::header::{COOKIE, HeaderValue, LOCATION};

use crate::support::ledger::{HOME, ledger_with, open, sign_in};
use crate::support::provider::PASSWORD;
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::{Answer, Visitor};

fn check(name: &str, answer: &Answer) {
    let policy = answer.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{name}: {policy}");
    }
    assert!(
        !policy.contains("unsafe") && !policy.contains('*'),
        "{name}: {policy}"
    );
    // Browsers check it along the whole redirect chain, back to the application.
    assert!(!policy.contains("form-action"), "{name}: {policy}");
    for (header, value) in [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "strict-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(answer.header(header), value, "{name}: {header}");
    }
}

/// Attack 68: a page that is framed; attack 64: one that the Back button still shows; attack 70: a
/// form that posts itself by an inline script.
#[actix_web::test]
async fn every_page_refuses_frames_inline_scripts_and_caches() {
    let provider = ledger_with(|metadata| metadata.skip_consent = false)
        .await
        .start()
        .await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let form_post = [("response_mode", "form_post")];
    let redirect = ada.get(&party.authorize_url(&[])).await;
    check("a redirect", &redirect);
    let page = ada.follow(redirect, &provider.issuer).await;
    check("sign in", &page);
    let fields = [("username", "ada"), ("password", "wrong")];
    check("wrong", &ada.submit(&page, &page.form(), &fields).await);
    let page = open(&ada, &party.authorize_url(&form_post)).await;
    let page = sign_in(&ada, &page).await;
    assert_eq!(page.page(), "page-consent");
    check("consent", &page);
    let page = ada
        .submit(&page, &page.form(), &[("decision", "allow")])
        .await;
    assert_eq!(page.page(), "page-form-post");
    check("form_post", &page);
    assert!(page.attributes("script:not([src])", "type").is_empty());
    for path in [
        "/",
        "/authorize",
        "/sign-in",
        "/consent",
        "/nowhere",
        "/userinfo",
    ] {
        check(path, &ada.get(&provider.url(path)).await);
    }
    for path in ["/token", "/sign-in", "/jwks/nothing"] {
        check(path, &ada.post(&provider.url(path), &[]).await);
    }
    let long = "x".repeat(1 << 20);
    let url = provider.url("/sign-in");
    check("too long", &ada.post(&url, &[("password", &long)]).await);
    check("405", &ada.send(&url, ada.client().delete(&url)).await);
    provider.stop().await;
}

#[actix_web::test]
async fn the_answers_of_the_token_endpoint_and_of_userinfo_are_never_stored() {
    let provider = ledger_with(|_| {}).await.start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let code = party.sign_in(&ada, &[]).await.parameter("code").unwrap();
    let tokens = party.redeem(&code, &[]).await;
    let token = tokens.json()["access_token"].as_str().unwrap().to_owned();
    for answer in [tokens, party.userinfo(&token).await] {
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("pragma"), "no-cache");
        assert_eq!(answer.header("content-type"), "application/json");
    }
    provider.stop().await;
}

/// Attack 66 (CVE-2024-28197): a cookie that another host of the domain overwrites, or plain http carries.
#[actix_web::test]
async fn under_https_cookies_belong_to_the_host_alone_and_browsers_are_told_to_stay() {
    let issuer = exeunt::oidc::issuer::Issuer::parse("https://id.example").unwrap();
    let provider = ledger_with(|_| {})
        .await
        .configure(|config| config.issuer = issuer)
        .start()
        .await;
    let behind_the_proxy = format!("http://{}", provider.config.listen);
    let ada = Visitor::default();
    let query =
        format!("client_id=ledger&response_type=code&scope=openid&redirect_uri={HOME}/callback");
    let answer = ada
        .get(&format!("{behind_the_proxy}/authorize?{query}"))
        .await;
    check_cookie(&answer, "__Host-exeunt-browser", None);
    let page = ada.follow(answer, &behind_the_proxy).await;
    assert_eq!(page.header("strict-transport-security"), "max-age=31536000");

    let mut fields = page.form().fields;
    fields.retain(|(name, _)| name != "username");
    fields.push(("username".to_owned(), "ada".to_owned()));
    fields.push(("password".to_owned(), PASSWORD.to_owned()));
    let url = format!("{behind_the_proxy}/sign-in");
    let request = ada
        .client()
        .post(&url)
        .header("origin", "https://id.example")
        .form(&fields);
    let answer = ada.send(&url, request).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    check_cookie(&answer, "__Host-exeunt-session", Some(TimeDelta::days(30)));

    // What another host of the domain may set is not taken for ours, and hides nothing of ours.
    let session = ada.cookie("__Host-exeunt-session").unwrap();
    let theirs = "a".repeat(43);
    let silent = format!("{behind_the_proxy}/authorize?{query}&prompt=none");
    for beside in [
        format!("%5F_Host-exeunt-session={theirs}").into_bytes(),
        format!("\u{2003}__Host-exeunt-session={theirs}").into_bytes(),
        b"city=M\xfcnchen".to_vec(),
    ] {
        let ours = format!("; __Host-exeunt-session={session}");
        let cookies = HeaderValue::from_bytes(&[&beside, ours.as_bytes()].concat()).unwrap();
        let request = ada.client().get(&silent).header(COOKIE, cookies);
        let answer = request.send().await.unwrap();
        let location = answer.headers()[LOCATION].to_str().unwrap();
        assert!(location.contains("code="), "{location}");
    }
    provider.stop().await;
}

fn check_cookie(answer: &Answer, name: &str, lifetime: Option<TimeDelta>) {
    let cookie = answer.header("set-cookie");
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(pair.split_once('=').unwrap().0, name);
    let attributes: Vec<_> = attributes.split("; ").collect();
    for wanted in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(attributes.contains(&wanted), "{wanted}: {cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let wanted = lifetime.map(|lifetime| format!("Max-Age={}", lifetime.num_seconds()));
    let found = attributes.iter().find(|text| text.starts_with("Max-Age"));
    assert_eq!(found.copied(), wanted.as_deref());
}
