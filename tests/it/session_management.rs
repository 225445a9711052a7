//! `session_state` and the cookie that it is made of (Session Management 1.0 §2, §3.1, §3.2). What the frame answers is
//! shown in a real browser.

use aws_lc_rs::digest;
use exeunt::flows::end_session;
use exeunt::oidc::issuer::Issuer;
use exeunt::oidc::logout::Cause;
use exeunt::store::sessions::listing::{self, Wanted};
use reqwest::header::SET_COOKIE;

use crate::support::ledger::{HOME, error, ledger, ledger_with, open, sign_in};
use crate::support::provider::{Provider, Wish};
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::{Answer, Visitor};

const COOKIE: &str = "exeunt-state";

async fn on() -> Wish {
    ledger()
        .await
        .configure(|config| config.session_management = true)
}

/// What Ledger is told in this answer is made of this state.
fn is_of(answer: &Answer, state: &str) -> bool {
    let told = answer.parameter("session_state").expect("a state is told");
    assert!(!told.contains(' '), "{told}");
    let (hash, salt) = told.split_once('.').unwrap();
    let text = format!("ledger {HOME} {state} {salt}");
    let expected = digest::digest(&digest::SHA256, text.as_bytes());
    let hex = expected.as_ref().iter().map(|byte| format!("{byte:02x}"));
    hex.collect::<String>() == hash
}

/// Asks without a page being shown.
async fn silently(party: &RelyingParty, visitor: &Visitor) -> Answer {
    let url = party.authorize_url(&[("prompt", "none")]);
    visitor.get(&url).await
}

async fn sign_out(provider: &Provider, visitor: &Visitor) {
    let page = visitor.get(&provider.url("/end_session")).await;
    let fields = [("scope", "everywhere")];
    let answer = visitor.submit(&page, &page.form(), &fields).await;
    assert_eq!(answer.status, 303);
}

#[actix_web::test]
async fn nothing_of_it_is_there_unless_it_is_switched_on() {
    let provider = ledger().await.start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let answer = party.sign_in(&ada, &[]).await;
    assert_eq!(answer.parameter("session_state"), None);
    assert_eq!(
        silently(&party, &ada).await.parameter("session_state"),
        None
    );
    sign_out(&provider, &ada).await;
    assert_eq!(ada.cookie(COOKIE), None);
    let url = provider.url("/.well-known/openid-configuration");
    let metadata = ada.get(&url).await.json();
    assert_eq!(metadata.get("check_session_iframe"), None);
    assert_eq!(ada.get(&provider.url("/check_session")).await.status, 404);
    provider.stop().await;
}

#[actix_web::test]
async fn an_answer_tells_the_state_that_the_browsers_cookie_has_and_sign_in_and_sign_out_change_it()
{
    let provider = on().await.start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let url = provider.url("/.well-known/openid-configuration");
    let metadata = ada.get(&url).await.json();
    assert_eq!(
        metadata["check_session_iframe"],
        provider.url("/check_session")
    );

    // Also a refusal tells it: the application must be able to wait for a sign-in (§3.1).
    let refused = silently(&party, &ada).await;
    assert_eq!(error(&refused), "login_required");
    let nobody = ada.cookie(COOKIE).expect("the browser has a state");
    assert!(is_of(&refused, &nobody));

    let answer = party.sign_in(&ada, &[]).await;
    let signed_in = ada.cookie(COOKIE).unwrap();
    assert_ne!(signed_in, nobody);
    assert!(is_of(&answer, &signed_in));
    let again = silently(&party, &ada).await;
    assert!(is_of(&again, &signed_in));
    assert_eq!(ada.cookie(COOKIE).as_ref(), Some(&signed_in));
    // Salted: two answers cannot be matched by their states.
    assert_ne!(
        again.parameter("session_state"),
        answer.parameter("session_state")
    );

    sign_out(&provider, &ada).await;
    let signed_out = ada.cookie(COOKIE).expect("it is never deleted");
    assert!(signed_out != signed_in && signed_out != nobody);
    let refused = silently(&party, &ada).await;
    assert!(is_of(&refused, &signed_out));
    assert_eq!(ada.cookie(COOKIE), Some(signed_out));
    provider.stop().await;
}

#[actix_web::test]
async fn every_way_of_answering_tells_the_state() {
    let provider = ledger_with(|metadata| {
        use exeunt::oidc::client::GrantType::{AuthorizationCode, Implicit};
        metadata.grant_types = vec![AuthorizationCode, Implicit];
        metadata.response_types = vec!["code".to_owned(), "code id_token".to_owned()];
        metadata.skip_consent = false;
    })
    .await
    .configure(|config| config.session_management = true)
    .start()
    .await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let page = open(&ada, &party.authorize_url(&[])).await;
    let page = sign_in(&ada, &page).await;
    // Signed in from here on, though the application hears nothing yet.
    let state = ada.cookie(COOKIE).unwrap();
    let denied = ada
        .submit(&page, &page.form(), &[("decision", "deny")])
        .await;
    assert_eq!(error(&denied), "access_denied");
    assert!(is_of(&denied, &state));
    let page = open(&ada, &party.authorize_url(&[])).await;
    let allowed = ada
        .submit(&page, &page.form(), &[("decision", "allow")])
        .await;
    assert!(is_of(&allowed, &state));
    let hybrid = [("response_type", "code id_token"), ("nonce", "n")];
    assert!(is_of(&ada.get(&party.authorize_url(&hybrid)).await, &state));
    let invalid = party.authorize_url(&[("scope", "profile")]);
    let invalid = ada.get(&invalid).await;
    assert_eq!(error(&invalid), "invalid_scope");
    assert!(is_of(&invalid, &state));
    let posted = party.authorize_url(&[("response_mode", "form_post")]);
    let fields = ada.get(&posted).await.form().fields;
    assert!(fields.iter().any(|(name, _)| name == "session_state"));
    provider.stop().await;
}

#[actix_web::test]
async fn a_session_that_ended_elsewhere_changes_the_state_when_the_browser_comes_again_and_once() {
    let provider = on().await.start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    party.sign_in(&ada, &[]).await;
    let before = ada.cookie(COOKIE);
    let flows = provider.flows();
    let now = flows.clock.now();
    let wanted = Wanted {
        ended: Some(false),
        ..Wanted::default()
    };
    let living = listing::page(flows.database.read(), &wanted, flows.alive(now), 9).await;
    let session = living.unwrap().pop().unwrap();
    end_session::end_session(flows, session.id, Cause::Administrator)
        .await
        .unwrap();
    let refused = silently(&party, &ada).await;
    assert_eq!(error(&refused), "login_required");
    let after = ada.cookie(COOKIE);
    assert_ne!(after, before);
    assert!(is_of(&refused, after.as_ref().unwrap()));
    // Two applications would send the browser here in turns for ever if each answer changed it.
    silently(&party, &ada).await;
    assert_eq!(ada.cookie(COOKIE), after);
    provider.stop().await;
}

#[actix_web::test]
async fn an_answer_in_a_frame_sets_no_state_of_its_own() {
    let provider = on().await.start().await;
    let party = RelyingParty::of(&provider, "ledger");
    let url = party.authorize_url(&[("prompt", "none")]);
    let framed = async |visitor: &Visitor| {
        let request = visitor.client().get(&url);
        let request = request.header("sec-fetch-dest", "iframe");
        visitor.send(&url, request).await
    };
    // A browser that keeps what belongs to frames apart: its frame would have a state that no page of ours changes.
    let stranger = Visitor::default();
    let answer = framed(&stranger).await;
    assert_eq!(error(&answer), "login_required");
    assert_eq!(answer.parameter("session_state"), None);
    assert_eq!(stranger.cookie(COOKIE), None);

    // One that leaves the session's cookie out on another site, and sends this one.
    let ada = Visitor::default();
    party.sign_in(&ada, &[]).await;
    let state = ada.cookie(COOKIE).unwrap();
    let name = format!("exeunt-state-{}", provider.config.issuer.port());
    let elsewhere = Visitor::default();
    elsewhere.put_cookie(&name, &state);
    assert!(is_of(&framed(&elsewhere).await, &state));
    assert_eq!(elsewhere.cookie(COOKIE), Some(state));
    provider.stop().await;
}

/// Attack 68: that the one page which others may frame stays the only one, and has nothing to click on.
#[actix_web::test]
async fn the_frame_alone_may_be_framed_and_it_sets_no_cookie() {
    let provider = on().await.start().await;
    let answer = Visitor::default()
        .get(&provider.url("/check_session"))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-frame-options"), "");
    assert_eq!(answer.headers.get(SET_COOKIE), None);
    let policy = answer.header("content-security-policy");
    assert!(!policy.contains("frame-ancestors"), "{policy}");
    assert!(policy.contains("default-src 'none'") && policy.contains("form-action 'none'"));
    for nothing in [
        "a",
        "form",
        "button",
        "input",
        "script:not([src])",
        "body *",
    ] {
        assert!(!answer.has(nothing), "{nothing}");
    }
    for path in [
        "/",
        "/sign-in",
        "/end_session",
        "/account",
        "/check_session/x",
    ] {
        let answer = Visitor::default().get(&provider.url(path)).await;
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn under_https_the_cookie_travels_to_frames_on_other_sites_and_scripts_may_read_it() {
    let provider = on()
        .await
        .configure(|config| config.issuer = Issuer::parse("https://id.example").unwrap())
        .start()
        .await;
    let query = format!(
        "client_id=ledger&response_type=code&scope=openid&prompt=none&redirect_uri={HOME}/callback"
    );
    let url = format!("http://{}/authorize?{query}", provider.config.listen);
    let answer = Visitor::default().get(&url).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-exeunt-state="), "{cookie}");
    for wanted in ["SameSite=None", "Secure", "Path=/", "Max-Age=2592000"] {
        let mut attributes = cookie.split("; ");
        assert!(
            attributes.any(|known| known == wanted),
            "{wanted}: {cookie}"
        );
    }
    assert!(!cookie.contains("HttpOnly") && !cookie.contains("Domain"));
    provider.stop().await;
}

#[actix_web::test]
async fn an_application_without_an_origin_is_told_none() {
    use exeunt::oidc::client::{ApplicationType, ClientAuthMethod};
    let provider = ledger_with(|metadata| {
        metadata.application_type = ApplicationType::Native;
        metadata.token_endpoint_auth_method = ClientAuthMethod::None;
        metadata.redirect_uris = vec!["org.example.ledger:/callback".to_owned()];
    })
    .await
    .configure(|config| config.session_management = true)
    .start()
    .await;
    let party = RelyingParty::of(&provider, "ledger");
    let fields = [
        ("prompt", "none"),
        ("redirect_uri", "org.example.ledger:/callback"),
        ("code_challenge_method", "S256"),
        (
            "code_challenge",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        ),
    ];
    let answer = Visitor::default().get(&party.authorize_url(&fields)).await;
    assert_eq!(error(&answer), "login_required");
    assert_eq!(answer.parameter("session_state"), None);
    provider.stop().await;
}
