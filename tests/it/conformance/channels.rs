//! How applications hear that somebody left: in a frame of the browser, or from server to server.

use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::house::{BASE, Suite};
use super::logout::{
    assert_gone, assert_sent_back, end_session, long_state, post_logout_redirect_uri, sign_in,
};
use super::run::{Outcome, Run};
use crate::support::visitor::{Answer, Visitor};

async fn leave(run: &Run<'_>, visitor: &Visitor, outcome: &Outcome) -> Answer {
    let fields = [
        ("id_token_hint", outcome.id_token()),
        ("post_logout_redirect_uri", &post_logout_redirect_uri()),
        ("state", &long_state()),
    ];
    end_session(run, visitor, &fields).await
}

#[actix_web::test]
async fn oidcc_frontchannel_rp_initiated_logout() {
    let frame = format!("{BASE}/frontchannel_logout");
    let more = json!({
        "post_logout_redirect_uris": [post_logout_redirect_uri()],
        "frontchannel_logout_uri": frame,
        "frontchannel_logout_session_required": true,
    });
    let module = "oidcc-frontchannel-rp-initiated-logout";
    let suite = Suite::with(module, |_| more, |wish| wish).await;
    for run in suite.runs().await {
        let (visitor, outcome) = sign_in(&run).await;
        let page = leave(&run, &visitor, &outcome).await;
        assert_eq!(page.page(), "page-leaving", "{run}: {page:?}");

        let frames = page.attributes("iframe", "src");
        assert_eq!(frames.len(), 1, "{run}: {frames:?}");
        let mut loaded = Url::parse(&frames[0]).unwrap();
        let told: Vec<(String, String)> = loaded.query_pairs().into_owned().collect();
        let sid = outcome.id_claims()["sid"].as_str();
        let expected = [("iss", suite.issuer()), ("sid", sid.expect("a sid"))];
        assert_eq!(
            told,
            expected.map(|(name, value)| (name.into(), value.into())),
            "{run}"
        );
        loaded.set_query(None);
        assert_eq!(loaded.as_str(), frame, "{run}");
        // The page's own policy lets the frame load.
        let policy = page.header("content-security-policy");
        let origin = loaded.origin().ascii_serialization();
        let mut directives = policy.split("; ");
        let allowed = directives.find_map(|directive| directive.strip_prefix("frame-src "));
        assert_eq!(allowed, Some(origin.as_str()), "{run}: {policy}");

        // The page goes on by itself where there are scripts; here the person does.
        let onward = page.attributes("#page-leaving", "data-onward");
        let link = page.attributes("#continue", "href");
        assert_eq!(onward, link, "{run}");
        assert_sent_back(&run, &link[0], Some(&long_state()));
        assert_gone(&run, &visitor).await;
    }
    suite.close().await;
}

/// The claims of a logout token, which one of the provider's keys has signed.
fn logout_token(run: &Run<'_>, token: &str, outcome: &Outcome) -> Value {
    let suite = run.suite;
    let (header, claims) = crate::support::relying_party::verify_by(&suite.keys, token);
    assert_eq!(header["alg"], "RS256", "{run}");
    // What the specification asks beyond the suite.
    assert_eq!(header["typ"], "logout+jwt", "{run}");
    assert!(claims["exp"].as_i64().unwrap() > suite.now().timestamp());
    assert_eq!(claims["iss"], suite.issuer(), "{run}");
    let audiences = match &claims["aud"] {
        Value::Array(several) => several.clone(),
        one => vec![one.clone()],
    };
    assert!(audiences.contains(&json!(run.party.client_id)), "{run}");
    let now = suite.now().timestamp();
    let issued_at = claims["iat"].as_i64().unwrap();
    assert!(
        (now - 24 * 3600..=now).contains(&issued_at),
        "{run}: {claims}"
    );
    assert!(
        !claims["jti"].as_str().unwrap().is_empty(),
        "{run}: {claims}"
    );
    let event = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    assert_eq!(claims["events"], event, "{run}");
    assert!(claims.get("nonce").is_none(), "{run}: {claims}");
    let id_claims = outcome.id_claims();
    // `sid` because it was registered as required, `sub` because the ID token has one.
    assert!(claims["sid"].is_string(), "{run}: {claims}");
    for name in ["sid", "sub"] {
        assert_eq!(claims[name], id_claims[name], "{run}: {name}");
    }
    claims
}

#[actix_web::test]
async fn oidcc_backchannel_rp_initiated_logout() {
    let path = "/backchannel_logout";
    let suite = Suite::with(
        "oidcc-backchannel-rp-initiated-logout",
        |desk| {
            json!({
                "post_logout_redirect_uris": [post_logout_redirect_uri()],
                "backchannel_logout_uri": format!("{}{path}", desk.base),
                "backchannel_logout_session_required": true,
            })
        },
        |wish| wish,
    )
    .await;
    for (before, run) in suite.runs().await.iter().enumerate() {
        let (visitor, outcome) = sign_in(run).await;
        let answer = leave(run, &visitor, &outcome).await;
        let location = answer.location();
        let location = location.unwrap_or_else(|| panic!("{run}: {answer:?}"));
        assert_sent_back(run, &location, Some(&long_state()));

        let told = suite.desk.asked(path);
        assert_eq!(told.len(), before + 1, "{run}: {told:?}");
        let told = &told[before];
        assert_eq!(told.method, "POST", "{run}");
        assert_eq!(told.query, "", "{run}");
        assert_eq!(
            told.content_type, "application/x-www-form-urlencoded",
            "{run}"
        );
        let fields: Vec<_> = form_urlencoded::parse(told.body.as_bytes())
            .into_owned()
            .collect();
        assert_eq!(fields.len(), 1, "{run}: {fields:?}");
        assert_eq!(fields[0].0, "logout_token", "{run}");
        logout_token(run, &fields[0].1, &outcome);
        assert_gone(run, &visitor).await;
    }
    suite.close().await;
}
