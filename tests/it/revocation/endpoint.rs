//! The revocation endpoint (RFC 7009): what is said to be taken back is, and nothing else.

use chrono::TimeDelta;
use exeunt::oidc::client::{ClientAuthMethod, ClientMetadata, GrantType};
use openidconnect::PkceCodeChallenge;

use crate::support::ledger::{json_error, ledger_with, with_refresh};
use crate::support::provider::{Provider, Wish, metadata};
use crate::support::relying_party::{RelyingParty, Tokens};
use crate::support::scene::{Scene, by_server};
use crate::support::visitor::{Answer, Visitor};

const OFFLINE: [(&str, &str); 2] = [("scope", "openid offline_access"), ("prompt", "consent")];

async fn wish() -> Wish {
    let mut other = metadata("https://mallory.example");
    with_refresh(&mut other);
    ledger_with(with_refresh).await.client("mallory", other)
}

async fn begin() -> (Provider, RelyingParty, Tokens) {
    let provider = wish().await.start().await;
    let party = RelyingParty::of(&provider, "ledger");
    let tokens = party.tokens(&Visitor::default(), &[]).await;
    (provider, party, tokens)
}

/// Whether an access token is good where we are asked: userinfo and introspection say the same.
async fn is_good(party: &RelyingParty, access_token: &str) -> bool {
    let userinfo = party.userinfo(access_token).await.status == 200;
    let told = party.introspect(access_token, &[]).await.json();
    assert_eq!(told["active"], userinfo, "{told}");
    if !userinfo {
        assert_eq!(told, serde_json::json!({ "active": false }));
    }
    userinfo
}

fn assert_done(answer: &Answer) {
    assert_eq!(
        (answer.status.as_u16(), answer.body.as_str()),
        (200, ""),
        "{answer:?}"
    );
}

#[actix_web::test]
async fn a_revoked_access_token_is_refused_from_then_on_and_its_grant_gives_others() {
    let (provider, party, tokens) = begin().await;
    let token = tokens.get("access_token");
    assert!(is_good(&party, &token).await);
    // Attack 47: the hint is a hint.
    for hint in ["access_token", "refresh_token", "nonsense"] {
        assert_done(&party.revoke(&token, &[("token_type_hint", hint)]).await);
        assert!(!is_good(&party, &token).await);
    }
    let provider = provider.restart(|_| {}).await;
    assert!(!is_good(&party, &token).await, "P3");
    let next = party.refresh(&tokens.get("refresh_token")).await;
    assert_eq!(next.status, 200);
    let next = Tokens { all: next.json() };
    assert!(is_good(&party, &next.get("access_token")).await);
    provider.stop().await;
}

#[actix_web::test]
async fn a_revoked_refresh_token_takes_all_that_its_grant_gave_along() {
    let (provider, party, tokens) = begin().await;
    let answer = party.refresh(&tokens.get("refresh_token")).await;
    let successor = Tokens { all: answer.json() };
    // The spent one is of the same family. Attack 47: the wrong hint.
    let spent = tokens.get("refresh_token");
    assert_done(
        &party
            .revoke(&spent, &[("token_type_hint", "access_token")])
            .await,
    );
    let refused = party.refresh(&successor.get("refresh_token")).await;
    assert_eq!(json_error(&refused), "invalid_grant");
    for tokens in [&tokens, &successor] {
        assert!(!is_good(&party, &tokens.get("access_token")).await);
        let told = party.introspect(&tokens.get("refresh_token"), &[]).await;
        assert_eq!(told.json(), serde_json::json!({ "active": false }));
    }
    provider.stop().await;
}

/// Attacks 29 and 47: what is unknown is no error, and another client's token is not touched.
#[actix_web::test]
async fn unknown_tokens_and_those_of_others_are_no_error_and_nothing_happens() {
    let (provider, party, tokens) = begin().await;
    let mallory = RelyingParty::of(&provider, "mallory");
    for token in [
        &tokens.get("access_token"),
        &tokens.get("refresh_token"),
        &tokens.get("id_token"),
        "nonsense",
        "a.b.c",
    ] {
        assert_done(&mallory.revoke(token, &[]).await);
    }
    assert_done(&party.revoke(&tokens.get("id_token"), &[]).await);
    assert!(is_good(&party, &tokens.get("access_token")).await);
    let next = party.refresh(&tokens.get("refresh_token")).await;
    assert_eq!(next.status, 200);
    provider.stop().await;
}

#[actix_web::test]
async fn who_does_not_prove_who_they_are_revokes_nothing() {
    let (provider, party, tokens) = begin().await;
    let (visitor, url) = (Visitor::default(), provider.url("/revoke"));
    let token = tokens.get("refresh_token");
    let fields = [("token", token.as_str())];
    let post = || visitor.client().post(&url).form(&fields);
    let answer = visitor.send(&url, post()).await;
    assert_eq!(
        (answer.status.as_u16(), &*json_error(&answer)),
        (401, "invalid_client")
    );
    let wrong = post().basic_auth("ledger", Some("another-secret-of-24-characters"));
    let answer = visitor.send(&url, wrong).await;
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").starts_with("Basic"));
    // Attack 21: a token in the query would stand in logs.
    let in_query = format!("{url}?token={token}");
    let answer = visitor
        .send(&in_query, visitor.client().post(&in_query))
        .await;
    assert_eq!(json_error(&answer), "invalid_request");
    let without = visitor
        .client()
        .post(&url)
        .form(&[("token_type_hint", "x")]);
    let without = without.basic_auth("ledger", Some(crate::support::provider::SECRET));
    let answer = visitor.send(&url, without).await;
    assert_eq!(
        (answer.status.as_u16(), &*json_error(&answer)),
        (400, "invalid_request")
    );
    assert_eq!(party.refresh(&token).await.status, 200);
    provider.stop().await;
}

#[actix_web::test]
async fn a_public_client_revokes_its_own_by_its_name() {
    let public = |metadata: &mut ClientMetadata| {
        metadata.token_endpoint_auth_method = ClientAuthMethod::None;
        metadata.grant_types = vec![GrantType::AuthorizationCode, GrantType::RefreshToken];
    };
    let provider = ledger_with(public).await.start().await;
    let party = RelyingParty::of(&provider, "ledger");
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let asked = [
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    let answer = party.sign_in(&Visitor::default(), &asked).await;
    let code = answer.parameter("code").unwrap();
    let (visitor, url) = (Visitor::default(), provider.url("/token"));
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", &party.redirect_uri),
        ("code_verifier", verifier.secret()),
        ("client_id", "ledger"),
    ];
    let request = visitor.client().post(&url).form(&fields);
    let tokens = visitor.send(&url, request).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    let token = Tokens { all: tokens.json() }.get("access_token");
    assert_eq!(party.userinfo(&token).await.status, 200);
    let url = provider.url("/revoke");
    let request = visitor.client().post(&url);
    let request = request.form(&[("token", &*token), ("client_id", "ledger")]);
    assert_done(&visitor.send(&url, request).await);
    assert_eq!(party.userinfo(&token).await.status, 401);
    // It proves nothing by its name, so it is told nothing either.
    let url = provider.url("/introspect");
    let request = visitor.client().post(&url);
    let request = request.form(&[("token", &*token), ("client_id", "ledger")]);
    let answer = visitor.send(&url, request).await;
    assert_eq!(
        (answer.status.as_u16(), &*json_error(&answer)),
        (401, "invalid_client")
    );
    provider.stop().await;
}

/// P1, attack 42 (CVE-2020-15223): a revocation that the database lost is answered as if it had happened.
#[actix_web::test]
async fn p1_a_revocation_that_could_not_be_written_is_a_503_and_changes_nothing() {
    let (provider, party, tokens) = begin().await;
    for (table, name) in [
        ("revocations", "access_token"),
        ("revocations", "refresh_token"),
        ("grants", "refresh_token"),
        ("refresh_tokens", "refresh_token"),
    ] {
        provider
            .sql(&format!("ALTER TABLE {table} RENAME TO lost"))
            .await;
        let answer = party.revoke(&tokens.get(name), &[]).await;
        provider
            .sql(&format!("ALTER TABLE lost RENAME TO {table}"))
            .await;
        assert_eq!(answer.status, 503, "{name} without {table}");
        assert!(!answer.header("retry-after").is_empty());
        assert!(!answer.body.contains("no such table"), "{answer:?}");
        assert!(is_good(&party, &tokens.get("access_token")).await);
        let told = party.introspect(&tokens.get("refresh_token"), &[]).await;
        assert_eq!(told.json()["active"], true, "{name} without {table}");
    }
    assert_done(&party.revoke(&tokens.get("refresh_token"), &[]).await);
    assert!(!is_good(&party, &tokens.get("access_token")).await);
    provider.stop().await;
}

/// Attack 48: where the policy says that revoking a refresh token leaves the session, that is a sign-out like any other.
#[actix_web::test]
async fn by_policy_the_application_leaves_the_session_and_is_told_so() {
    for policy in [false, true] {
        let scene = Scene::with(
            &["ledger", "atlas"],
            |_, ear| {
                let mut metadata = by_server(ear);
                with_refresh(&mut metadata);
                metadata
            },
            |wish| wish.configure(|config| config.tokens.revocation_ends_participation = policy),
        )
        .await;
        let issuer = &scene.provider.issuer;
        let ada = Visitor::default();
        let tokens = scene.sign_in_everywhere(&ada).await;
        let again = scene.applications[0].tokens(&ada, &[]).await;
        let ledger = &scene.applications[0];
        assert_done(&ledger.revoke(&tokens[0].get("refresh_token"), &[]).await);
        assert!(!is_good(ledger, &tokens[0].get("access_token")).await);
        // Another grant of the same application in the same session.
        assert_eq!(is_good(ledger, &again.get("access_token")).await, !policy);
        let atlas = &scene.applications[1];
        assert!(is_good(atlas, &tokens[1].get("access_token")).await);
        if policy {
            let sid = tokens[0].sid(issuer).await;
            ledger.told_of(&sid, issuer).await;
            let delivery = scene.delivery(&sid).await;
            assert_eq!(delivery.cause.as_str(), "token_revoked");
        } else {
            assert!(ledger.ear.notices().is_empty());
        }
        assert!(atlas.ear.notices().is_empty());
        scene.provider.stop().await;
    }
}

/// A sign-out takes back the tokens of its session; what a grant that outlives it gives afterwards is good, until the
/// grant is taken back itself.
#[actix_web::test]
async fn what_outlives_a_sign_out_is_revoked_by_its_own_token() {
    let provider = wish().await.manual_clock().start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let tokens = party.tokens(&ada, &OFFLINE).await;
    let hint = tokens.get("id_token");
    ada.get(&party.end_session_url(&[("id_token_hint", &hint)]))
        .await;
    assert!(!is_good(&party, &tokens.get("access_token")).await);
    let next = party.refresh(&tokens.get("refresh_token")).await;
    let next = Tokens { all: next.json() };
    assert!(is_good(&party, &next.get("access_token")).await);
    provider.advance(TimeDelta::seconds(1));
    assert_done(&party.revoke(&next.get("refresh_token"), &[]).await);
    assert!(!is_good(&party, &next.get("access_token")).await);
    let refused = party.refresh(&next.get("refresh_token")).await;
    assert_eq!(json_error(&refused), "invalid_grant");
    provider.stop().await;
}
