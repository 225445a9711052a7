//! Pairwise subjects (Core §8): one person, a name for each sector, and nothing by which two sectors could find out that it is
//! one person.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exeunt::config::Config;
use exeunt::flows::{end_session, sector};
use exeunt::oidc::client::{ClientMetadata, GrantType, SubjectType};
use exeunt::oidc::logout::Cause;
use exeunt::store::orders::OrderScope;
use exeunt::store::users;
use serde_json::{Value, json};

use crate::support::ledger::{add_grace, error, open, sign_in_as};
use crate::support::provider::{PASSWORD, Provider, Wish, metadata, provider};
use crate::support::relying_party::{Ear, RelyingParty, Tokens};
use crate::support::secure_site::{Document, SecureSite};
use crate::support::visitor::Visitor;

fn pairwise(base: &str) -> ClientMetadata {
    ClientMetadata {
        subject_type: SubjectType::Pairwise,
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        ..metadata(base)
    }
}

/// Two applications of one sector, one of another, and one that sees the public `sub`.
async fn wish() -> Wish {
    provider()
        .await
        .client("ledger", pairwise("https://ledger.example"))
        .client("ledger-books", pairwise("https://ledger.example:8443"))
        .client("parlour", pairwise("https://parlour.example"))
        .client("public", metadata("https://public.example"))
}

async fn ada(provider: &Provider) -> String {
    let db = provider.flows().database.read();
    let ada = users::find_by_username(db, "ada").await.unwrap().unwrap();
    ada.id.to_string()
}

fn payload(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// The one `sub` that an application is told, wherever it is told one.
async fn sub(provider: &Provider, party: &RelyingParty, tokens: &Tokens) -> String {
    let sub = tokens.id_claims(&provider.issuer).await["sub"].clone();
    let access_token = tokens.get("access_token");
    assert_eq!(payload(&access_token)["sub"], sub);
    assert_eq!(party.userinfo(&access_token).await.json()["sub"], sub);
    sub.as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn a_person_has_one_name_in_each_sector_and_keeps_it() {
    let provider = wish().await.start().await;
    let browser = Visitor::default();
    let mut subs = Vec::new();
    for client_id in ["ledger", "ledger-books", "parlour", "public"] {
        let party = RelyingParty::of(&provider, client_id);
        let tokens = party.tokens(&browser, &[]).await;
        let known = sub(&provider, &party, &tokens).await;
        if client_id == "ledger" {
            let answer = party.refresh(&tokens.get("refresh_token")).await;
            let refreshed = Tokens { all: answer.json() };
            assert_eq!(sub(&provider, &party, &refreshed).await, known);
        }
        // Core §2: at most 255 characters of ASCII.
        assert!(known.is_ascii() && known.len() <= 255, "{known}");
        subs.push(known);
    }
    assert_eq!(subs[0], subs[1]);
    assert_eq!(subs.iter().collect::<BTreeSet<_>>().len(), 3, "{subs:?}");
    assert_eq!(subs[3], ada(&provider).await);

    // In another browser, at another node, and after a restart.
    let party = RelyingParty::of(&provider, "ledger");
    let tokens = party.tokens(&Visitor::default(), &[]).await;
    assert_eq!(sub(&provider, &party, &tokens).await, subs[0]);
    let node = provider.another_node().await;
    let there = format!("http://localhost:{}", node.address().port());
    let code = party
        .sign_in(&Visitor::default(), &[])
        .await
        .parameter("code")
        .unwrap();
    let answer = RelyingParty::at(&there, "ledger", "https://ledger.example")
        .redeem(&code, &[])
        .await;
    let tokens = Tokens { all: answer.json() };
    assert_eq!(payload(&tokens.get("id_token"))["sub"], subs[0]);
    node.stop().await;
    let provider = provider.restart(|_| {}).await;
    let party = RelyingParty::of(&provider, "ledger");
    let tokens = party.tokens(&Visitor::default(), &[]).await;
    assert_eq!(sub(&provider, &party, &tokens).await, subs[0]);
    provider.stop().await;
}

/// Every text in what an application is given, but for what is the same for everybody.
fn texts(tokens: &Tokens) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    for token in ["id_token", "access_token"] {
        let Value::Object(claims) = payload(&tokens.get(token)) else {
            panic!()
        };
        for (name, value) in claims {
            let common = [
                "iss",
                "acr",
                "amr",
                "scope",
                "exp",
                "iat",
                "auth_time",
                "nonce",
            ];
            // The audience of an access token is the issuer.
            if common.contains(&name.as_str()) || (token, &*name) == ("access_token", "aud") {
                continue;
            }
            texts.insert(value.to_string());
        }
    }
    texts.insert(tokens.get("refresh_token"));
    texts
}

/// Two applications that lay side by side what they were given: nothing in it, but for the moment of the sign-in, is the same.
#[actix_web::test]
async fn nothing_that_two_sectors_are_given_links_them_and_nothing_names_the_public_sub() {
    let provider = wish().await.start().await;
    let browser = Visitor::default();
    let mut given = Vec::new();
    for client_id in ["ledger", "parlour"] {
        let party = RelyingParty::of(&provider, client_id);
        given.push(party.tokens(&browser, &[]).await);
    }
    let (ledger, parlour) = (texts(&given[0]), texts(&given[1]));
    let shared: Vec<_> = ledger.intersection(&parlour).collect();
    assert!(shared.is_empty(), "{shared:?}");
    let ada = ada(&provider).await;
    for text in ledger.union(&parlour) {
        assert!(!text.contains(&ada), "{text}");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn a_hint_and_a_sub_are_read_by_the_name_that_the_application_knows() {
    let provider = wish().await.configure(add_grace).start().await;
    let (browser, grace) = (Visitor::default(), Visitor::default());
    let ledger = RelyingParty::of(&provider, "ledger");
    let parlour = RelyingParty::of(&provider, "parlour");
    let mine = ledger.tokens(&browser, &[]).await;
    let page = open(&grace, &ledger.authorize_url(&[])).await;
    sign_in_as(&grace, &page, "grace", PASSWORD).await;

    let hint = mine.get("id_token");
    let silent = [("prompt", "none"), ("id_token_hint", hint.as_str())];
    let answer = browser.get(&ledger.authorize_url(&silent)).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    let answer = grace.get(&ledger.authorize_url(&silent)).await;
    assert_eq!(error(&answer), "login_required");

    let about = |sub: &str| json!({ "id_token": { "sub": { "value": sub } } }).to_string();
    let known = about(&sub(&provider, &ledger, &mine).await);
    let silent = [("prompt", "none"), ("claims", known.as_str())];
    let answer = browser.get(&ledger.authorize_url(&silent)).await;
    assert!(answer.parameter("code").is_some(), "{answer:?}");
    assert_eq!(
        error(&grace.get(&ledger.authorize_url(&silent)).await),
        "login_required"
    );

    // Another sector's name, or the public one, finds nothing out: not whether it is hers, nor whose it is.
    let public = about(&ada(&provider).await);
    for foreign in [
        ("claims", known.as_str()),
        ("claims", &public),
        ("id_token_hint", &hint),
    ] {
        for who in [&browser, &grace] {
            let silent = [("prompt", "none"), foreign];
            let answer = who.get(&parlour.authorize_url(&silent)).await;
            assert_eq!(error(&answer), "login_required", "{foreign:?}");
        }
    }
    let silent = [("prompt", "none"), ("claims", public.as_str())];
    assert_eq!(
        error(&browser.get(&ledger.authorize_url(&silent)).await),
        "login_required"
    );
    provider.stop().await;
}

/// Attack 56: a logout token names the person as this application knows them.
#[actix_web::test]
async fn a_sign_out_is_told_to_each_under_the_name_it_knows_whatever_the_cause() {
    let (near, far) = (Ear::open().await, Ear::open().await);
    let hears = |ear: &Ear, base: &str| ClientMetadata {
        backchannel_logout_uri: Some(ear.backchannel_logout_uri()),
        ..pairwise(base)
    };
    let provider = provider()
        .await
        .client("ledger", hears(&near, "https://ledger.example"))
        .client("parlour", hears(&far, "https://parlour.example"))
        .start()
        .await;
    let applications = [("ledger", &near), ("parlour", &far)];
    for (turn, cause) in [Cause::Logout, Cause::Administrator]
        .into_iter()
        .enumerate()
    {
        let browser = Visitor::default();
        let mut expected = Vec::new();
        let mut hint = String::new();
        for (client_id, _) in applications {
            let party = RelyingParty::of(&provider, client_id);
            let tokens = party.tokens(&browser, &[]).await;
            let claims = tokens.id_claims(&provider.issuer).await;
            expected.push((claims["sub"].clone(), claims["sid"].clone()));
            hint = tokens.get("id_token");
        }
        if cause == Cause::Logout {
            // The application's own name for her vouches: nobody is asked.
            let parlour = RelyingParty::of(&provider, "parlour");
            let sub = expected[1].0.as_str().unwrap();
            let url = parlour.end_session_url(&[("id_token_hint", &hint), ("logout_hint", sub)]);
            let answer = browser
                .follow(browser.get(&url).await, &provider.issuer)
                .await;
            assert_eq!(answer.page(), "page-signed-out", "{answer:?}");
        } else {
            let user_id = ada(&provider).await.parse().unwrap();
            end_session::end_many(provider.flows(), OrderScope::User(user_id), cause)
                .await
                .unwrap();
        }
        for ((_, ear), (sub, sid)) in applications.iter().zip(&expected) {
            let notices = ear.wait_for(turn + 1).await;
            let told = notices[turn].claims(&provider.issuer).await;
            assert_eq!((&told["sub"], &told["sid"]), (sub, sid));
            assert!(!told.to_string().contains(&ada(&provider).await));
        }
    }
    provider.stop().await;
}

#[actix_web::test]
async fn the_name_of_another_sector_does_not_vouch_for_a_sign_out() {
    let provider = wish().await.start().await;
    let browser = Visitor::default();
    let party = RelyingParty::of(&provider, "ledger");
    let tokens = party.tokens(&browser, &[]).await;
    let hint = tokens.get("id_token");
    let other = RelyingParty::of(&provider, "parlour");
    let foreign = other.tokens(&browser, &[]).await;
    for logout_hint in [ada(&provider).await, sub(&provider, &other, &foreign).await] {
        let fields = [
            ("id_token_hint", hint.as_str()),
            ("logout_hint", &logout_hint),
        ];
        let answer = browser.get(&party.end_session_url(&fields)).await;
        assert_eq!(answer.page(), "page-confirm-sign-out", "{answer:?}");
    }
    provider.stop().await;
}

fn with_document(uri: String, bases: &[&str]) -> ClientMetadata {
    let mut metadata = pairwise(bases[0]);
    metadata.redirect_uris = bases
        .iter()
        .map(|base| format!("{base}/callback"))
        .collect();
    metadata.sector_identifier_uri = Some(uri);
    metadata
}

#[actix_web::test]
async fn clients_whose_redirect_uris_a_document_names_are_of_its_sector_and_it_is_fetched_once() {
    let site = SecureSite::open().await;
    let named = [
        "https://a.example/callback",
        "https://b.example/callback",
        "https://c.example/callback",
    ];
    let uri = site.publish("/sector.json", Document::of(json!(named)));
    let wish = provider()
        .await
        .client(
            "ab",
            with_document(uri.clone(), &["https://a.example", "https://b.example"]),
        )
        .client("c", with_document(uri, &["https://c.example"]))
        .client("a-alone", pairwise("https://a.example"));
    let provider = site.trusted_by(wish).start().await;
    assert_eq!(site.asked(), 2);
    let mut subs = Vec::new();
    for client_id in ["ab", "c", "a-alone"] {
        let party = RelyingParty::of(&provider, client_id);
        let tokens = party.tokens(&Visitor::default(), &[]).await;
        subs.push(sub(&provider, &party, &tokens).await);
    }
    assert_eq!(subs[0], subs[1]);
    assert_ne!(subs[0], subs[2]);
    // Who has not changed is not asked about again, be the site there or not.
    site.publish("/sector.json", Document::of("[]"));
    let provider = provider.restart(|_| {}).await;
    assert_eq!(site.asked(), 2);
    provider.stop().await;
}

async fn refused(site: &SecureSite, provider: &exeunt::flows::Provider, uri: &str) -> String {
    let metadata = with_document(uri.to_owned(), &["https://a.example", "https://b.example"]);
    let before = site.asked();
    let problem = sector::check(provider, &metadata)
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(problem.field, "sector_identifier_uri");
    assert!(
        site.asked() <= before + 1,
        "{uri}: it was asked once at most"
    );
    problem.message
}

/// Attack 77 (CVE-2021-26715): a sector's document as a way into the operator's network. Attack 80: what was found there is
/// said to nobody.
#[actix_web::test]
async fn a_document_is_fetched_where_connections_may_go_and_nowhere_else_and_says_nothing_of_what_is_there()
 {
    let site = SecureSite::open().await;
    let wish = site.trusted_by(provider().await);
    let (open, _folder) = wish.open().await;
    let good = json!(["https://a.example/callback", "https://b.example/callback"]);
    let redirect = Document {
        status: 302,
        body: good.to_string(),
        location: site.publish("/good", Document::of(&good)),
    };
    let teapot = Document {
        status: 418,
        ..Document::of(&good)
    };
    let long = Document::of(format!("{}{good}", " ".repeat(200_000)));
    let unreachable = "the document there could not be fetched";
    for (path, document) in [
        ("/redirect", redirect),
        ("/teapot", teapot),
        ("/long", long),
    ] {
        let uri = site.publish(path, document);
        assert_eq!(refused(&site, &open, &uri).await, unreachable, "{path}");
    }
    for uri in [
        "https://localhost:1/closed",
        "https://169.254.169.254/latest/meta-data",
        "https://[fd00::1]/x",
        "https://10.0.0.1/x",
        "https://[::ffff:169.254.169.254]/x",
        "https://2130706433/x",
        "file:///etc/passwd",
        "https://localhost:22/x",
    ] {
        assert_eq!(refused(&site, &open, uri).await, unreachable, "{uri}");
    }
    for body in [
        "root:x:0:0",
        "{\"secret\":1}",
        "[\"https://a.example/callback\", \"secret\"]",
    ] {
        let uri = site.publish("/odd", Document::of(body));
        let message = refused(&site, &open, &uri).await;
        assert!(
            !message.contains("secret") && !message.contains("root"),
            "{message}"
        );
    }
    let metadata = with_document(
        site.publish("/good", Document::of(&good)),
        &["https://a.example", "https://b.example"],
    );
    assert_eq!(sector::check(&open, &metadata).await.unwrap(), Ok(()));
}

/// Attack 77: the same, without leave to go into private networks.
#[actix_web::test]
async fn a_document_on_this_machine_is_not_fetched_unless_connections_may_go_there() {
    let site = SecureSite::open().await;
    let closed = |config: &mut Config| config.outbound.allow_private_networks.clear();
    let wish = site.trusted_by(provider().await).configure(closed);
    let (open, _folder) = wish.open().await;
    let uri = site.publish("/good", Document::of(json!(["https://a.example/callback"])));
    let metadata = with_document(uri, &["https://a.example"]);
    let problem = sector::check(&open, &metadata).await.unwrap().unwrap_err();
    assert_eq!(problem.message, "the document there could not be fetched");
    assert_eq!(site.asked(), 0);
}

#[actix_web::test]
async fn a_declared_client_whose_document_does_not_name_it_keeps_the_server_from_starting() {
    let site = SecureSite::open().await;
    let uri = site.publish(
        "/sector.json",
        Document::of(json!(["https://b.example/callback"])),
    );
    let wish = provider()
        .await
        .client("ledger", with_document(uri, &["https://a.example"]));
    let (open, _folder) = site.trusted_by(wish).open().await;
    let refusal = exeunt::flows::declare::apply(&open)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refusal.contains("ledger") && refusal.contains("sector_identifier_uri"),
        "{refusal}"
    );
}

#[actix_web::test]
async fn the_provider_says_that_it_has_both_kinds() {
    let provider = wish().await.start().await;
    let url = provider.url("/.well-known/openid-configuration");
    let answer = Visitor::default().get(&url).await;
    assert_eq!(
        answer.json()["subject_types_supported"],
        json!(["public", "pairwise"])
    );
    provider.stop().await;
}
