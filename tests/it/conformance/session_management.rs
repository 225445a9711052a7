//! Session Management: what the browser's frame would compare. That the frame itself answers so is shown in a real
//! browser, in `in_a_browser/check_session.rs`.

use aws_lc_rs::digest;
use serde_json::json;
use url::Url;

use super::house::Suite;
use super::logout::{assert_sent_back, end_session, long_state, post_logout_redirect_uri, sign_in};
use super::metadata::is_published_well;
use super::run::Run;
use crate::support::visitor::Visitor;

async fn suite(module: &'static str) -> Suite {
    let more = json!({ "post_logout_redirect_uris": [post_logout_redirect_uri()] });
    let on = |config: &mut exeunt::config::Config| config.session_management = true;
    Suite::with(module, |_| more, |wish| wish.configure(on)).await
}

#[actix_web::test]
async fn oidcc_session_management_discovery_endpoint_verification() {
    let suite = suite("oidcc-session-management-discovery-endpoint-verification").await;
    is_published_well(&suite).await;
    for name in ["check_session_iframe", "end_session_endpoint"] {
        let url = Url::parse(suite.endpoint(name)).unwrap();
        assert_eq!(url.scheme(), "https", "{name}");
    }
    suite.close().await;
}

/// Whether the frame answers `unchanged` to this in this browser.
fn is_unchanged(run: &Run<'_>, visitor: &Visitor, session_state: &str) -> bool {
    assert!(!session_state.contains(' '), "{run}: {session_state}");
    let (hash, salt) = session_state.split_once('.').unwrap();
    let origin = Url::parse(&run.party.redirect_uri).unwrap().origin();
    let state = visitor.cookie("__Host-exeunt-state").unwrap();
    let text = format!(
        "{} {} {state} {salt}",
        run.party.client_id,
        origin.ascii_serialization()
    );
    let expected = digest::digest(&digest::SHA256, text.as_bytes());
    let hex = expected.as_ref().iter().map(|byte| format!("{byte:02x}"));
    hex.collect::<String>() == hash
}

#[actix_web::test]
async fn oidcc_session_management_rp_initiated_logout() {
    let suite = suite("oidcc-session-management-rp-initiated-logout").await;
    for run in suite.runs().await {
        let (visitor, outcome) = sign_in(&run).await;
        let session_state = outcome.callback.expect("session_state");
        // The suite's page frames it.
        let frame = visitor.get(suite.endpoint("check_session_iframe")).await;
        assert_eq!(frame.status, 200, "{run}");
        assert_eq!(frame.header("x-frame-options"), "", "{run}");
        let policy = frame.header("content-security-policy");
        assert!(!policy.contains("frame-ancestors"), "{run}: {policy}");
        assert!(is_unchanged(&run, &visitor, session_state), "{run}");
        let state = long_state();
        let fields = [
            ("id_token_hint", outcome.id_token()),
            ("post_logout_redirect_uri", &post_logout_redirect_uri()),
            ("state", &state),
        ];
        let answer = end_session(&run, &visitor, &fields).await;
        let location = answer.location();
        let location = location.unwrap_or_else(|| panic!("{run}: {answer:?}"));
        assert_sent_back(&run, &location, Some(&state));
        assert!(!is_unchanged(&run, &visitor, session_state), "{run}");
    }
    suite.close().await;
}
