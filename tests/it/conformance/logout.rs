//! RP-Initiated Logout: when the browser is sent back, and when it never is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use url::Url;

use super::checks;
use super::house::{BASE, Suite};
use super::party::suite_key;
use super::run::{Outcome, Run};
use super::signing_in::NOBODY_MAY_BE_ASKED;
use crate::support::visitor::{Answer, Visitor};

/// Where the application wants people to be after they left.
pub fn post_logout_redirect_uri() -> String {
    format!("{BASE}/post_logout_redirect")
}

/// A suite whose applications may have people sent back, and hear of sign-outs as `more` says.
async fn suite(module: &'static str) -> Suite {
    let more = json!({ "post_logout_redirect_uris": [post_logout_redirect_uri()] });
    Suite::with(module, |_| more, |wish| wish).await
}

/// A request to sign out, followed as long as it stays at the provider.
pub async fn end_session(run: &Run<'_>, visitor: &Visitor, fields: &[(&str, &str)]) -> Answer {
    let mut url = Url::parse(run.suite.endpoint("end_session_endpoint")).unwrap();
    url.query_pairs_mut().extend_pairs(fields);
    let answer = visitor.get(url.as_str()).await;
    visitor.follow(answer, run.suite.issuer()).await
}

/// Agrees to sign out of everything, if that is asked.
async fn agree(run: &Run<'_>, visitor: &Visitor, answer: Answer) -> Answer {
    if answer.page() != "page-confirm-sign-out" {
        return answer;
    }
    let fields = [("scope", "everywhere")];
    let answer = visitor.submit(&answer, &answer.form(), &fields).await;
    visitor.follow(answer, run.suite.issuer()).await
}

/// From the page that shows how applications are told to where it leads, which must be a page of the provider's own.
async fn go_on(run: &Run<'_>, visitor: &Visitor, answer: Answer) -> Answer {
    let onward = answer.attributes("#page-leaving", "data-onward");
    let Some(onward) = onward.first() else {
        return answer;
    };
    let onward = Url::parse(&answer.url).unwrap().join(onward).unwrap();
    assert!(
        onward.as_str().starts_with(run.suite.issuer()),
        "{run}: {onward}"
    );
    visitor.get(onward.as_str()).await
}

/// The browser is sent back, with the `state` that was sent and nothing else.
pub fn assert_sent_back(run: &Run<'_>, location: &str, state: Option<&str>) {
    let mut url = Url::parse(location).unwrap();
    let told: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let expected: Vec<_> = state
        .map(|state| ("state".to_owned(), state.to_owned()))
        .into_iter()
        .collect();
    assert_eq!(told, expected, "{run}: {location}");
    url.set_query(None);
    assert_eq!(url.as_str(), post_logout_redirect_uri(), "{run}");
}

/// Nobody is signed in in this browser any more.
pub async fn assert_gone(run: &Run<'_>, visitor: &Visitor) {
    let request = run.request().with("prompt", "none");
    let callback = run.ask(visitor, &request).await;
    checks::refusal(run, &callback, &NOBODY_MAY_BE_ASKED);
}

/// Signs in in a fresh browser.
pub async fn sign_in(run: &Run<'_>) -> (Visitor, Outcome) {
    let visitor = run.suite.browser();
    let outcome = run.complete(&visitor, &run.request()).await;
    (visitor, outcome)
}

/// A state as long as the suite's.
pub fn long_state() -> String {
    "x".repeat(128)
}

/// A good request: the person is sent back, and is out.
async fn is_sent_back(module: &'static str, state: Option<&str>) {
    let suite = suite(module).await;
    for run in suite.runs().await {
        let (visitor, outcome) = sign_in(&run).await;
        let uri = post_logout_redirect_uri();
        let mut fields = vec![
            ("id_token_hint", outcome.id_token()),
            ("post_logout_redirect_uri", uri.as_str()),
        ];
        fields.extend(state.map(|state| ("state", state)));
        let answer = end_session(&run, &visitor, &fields).await;
        let answer = agree(&run, &visitor, answer).await;
        let location = answer.location();
        let location = location.unwrap_or_else(|| panic!("{run}: {answer:?}"));
        assert_sent_back(&run, &location, state);
        assert_gone(&run, &visitor).await;
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_rp_initiated_logout() {
    is_sent_back("oidcc-rp-initiated-logout", Some(&long_state())).await;
}

#[actix_web::test]
async fn oidcc_rp_initiated_logout_no_state() {
    is_sent_back("oidcc-rp-initiated-logout-no-state", None).await;
}

/// A request that `change` made of a good one: its hint, its URI, its state. The person is asked or told what is wrong,
/// and never sent anywhere, not even when they agree; then they are out all the same.
async fn stays(
    module: &'static str,
    change: impl Fn(&str) -> (Option<String>, Option<String>, bool),
) {
    let suite = suite(module).await;
    for run in suite.runs().await {
        let (visitor, outcome) = sign_in(&run).await;
        let (hint, uri, with_state) = change(outcome.id_token());
        let state = long_state();
        let mut fields = Vec::new();
        fields.extend(hint.as_deref().map(|hint| ("id_token_hint", hint)));
        fields.extend(uri.as_deref().map(|uri| ("post_logout_redirect_uri", uri)));
        if with_state {
            fields.push(("state", &state));
        }
        let answer = end_session(&run, &visitor, &fields).await;
        assert_eq!(answer.location(), None, "{run}: {answer:?}");
        let answer = agree(&run, &visitor, answer).await;
        assert_eq!(answer.location(), None, "{run}: {answer:?}");
        let answer = go_on(&run, &visitor, answer).await;
        assert_eq!(answer.status, 200, "{run}: {answer:?}");
        assert_eq!(answer.page(), "page-signed-out", "{run}: {answer:?}");
        // Nor does this page lead anywhere by itself.
        assert_eq!(answer.header("refresh"), "", "{run}");
        let refresh = answer.attributes("meta[http-equiv]", "content");
        assert_eq!(refresh, Vec::<String>::new(), "{run}");
        assert_gone(&run, &visitor).await;
    }
    suite.close().await;
}

#[actix_web::test]
async fn oidcc_rp_initiated_logout_bad_post_logout_redirect_uri() {
    let module = "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri";
    stays(module, |hint| {
        let other = format!("{BASE}/other");
        (Some(hint.to_owned()), Some(other), true)
    })
    .await;
}

#[actix_web::test]
async fn oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri() {
    let module = "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri";
    stays(module, |hint| {
        let other = format!("{}?foo=bar", post_logout_redirect_uri());
        (Some(hint.to_owned()), Some(other), true)
    })
    .await;
}

#[actix_web::test]
async fn oidcc_rp_initiated_logout_modified_id_token_hint() {
    let module = "oidcc-rp-initiated-logout-modified-id-token-hint";
    stays(module, |hint| {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": "none" }).to_string());
        let payload = hint.split('.').nth(1).unwrap();
        let unsigned = format!("{header}.{payload}.");
        (Some(unsigned), Some(post_logout_redirect_uri()), true)
    })
    .await;
}

#[actix_web::test]
async fn oidcc_rp_initiated_logout_bad_id_token_hint() {
    let module = "oidcc-rp-initiated-logout-bad-id-token-hint";
    stays(module, |hint| {
        let (_, claims): (Value, Value) = checks::read_jws(hint);
        let forged = suite_key().sign(&claims);
        (Some(forged), Some(post_logout_redirect_uri()), true)
    })
    .await;
}

#[actix_web::test]
async fn oidcc_rp_initiated_logout_no_id_token_hint() {
    let module = "oidcc-rp-initiated-logout-no-id-token-hint";
    stays(module, |_| (None, Some(post_logout_redirect_uri()), true)).await;
}

#[actix_web::test]
async fn oidcc_rp_initiated_logout_no_params() {
    stays("oidcc-rp-initiated-logout-no-params", |_| {
        (None, None, false)
    })
    .await;
}

#[actix_web::test]
async fn oidcc_rp_initiated_logout_no_post_logout_redirect_uri() {
    let module = "oidcc-rp-initiated-logout-no-post-logout-redirect-uri";
    stays(module, |hint| (Some(hint.to_owned()), None, true)).await;
}

#[actix_web::test]
async fn oidcc_rp_initiated_logout_only_state() {
    stays("oidcc-rp-initiated-logout-only-state", |_| {
        (None, None, true)
    })
    .await;
}
