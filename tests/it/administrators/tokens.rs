//! Whose tokens open the administrators' API.

use chrono::TimeDelta;
use exeunt::oidc::client::GrantType;
use exeunt::oidc::scope::{ADMIN, ADMIN_READ};
use exeunt::store::{self, grants};
use serde_json::json;

use crate::support::admin::{
    CONSOLE, Desk, administered, administered_provider, own_token, program,
};
use crate::support::ledger::{HOME, json_error, with_refresh};
use crate::support::provider::{metadata, provider};
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::{Answer, Visitor};

const SESSIONS: &str = "/admin/v1/sessions";

fn assert_refused(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    let challenge = answer.header("www-authenticate");
    let wanted = format!("Bearer error=\"{error}\"");
    assert!(challenge.starts_with(&wanted), "{challenge}");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["request_id"], answer.header("x-request-id"));
}

#[actix_web::test]
async fn without_a_token_nothing_is_told_but_that_one_is_needed() {
    let provider = administered_provider().await;
    let url = provider.admin_url(SESSIONS);
    let answer = Visitor::default().get(&url).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    assert_eq!(answer.json()["title"], "Unauthorized");
    let answer = Desk::with_token(&provider, "no token at all")
        .get(SESSIONS)
        .await;
    assert_refused(&answer, 401, "invalid_token");
    // Never from the query, where it would end up in logs.
    let token = Desk::of(&provider).await.token;
    let answer = Visitor::default()
        .get(&format!("{url}?access_token={token}"))
        .await;
    assert_eq!(answer.status, 401);
    provider.stop().await;
}

#[actix_web::test]
async fn everybody_elses_listener_has_nothing_of_the_administrators() {
    let provider = administered_provider().await;
    let desk = Desk::of(&provider).await;
    assert_eq!(desk.get(SESSIONS).await.status, 200);
    let visitor = Visitor::default();
    for path in [SESSIONS, "/metrics", "/admin/v1/openapi.json"] {
        let url = provider.url(path);
        let request = visitor.client().get(&url).bearer_auth(&desk.token);
        assert_eq!(visitor.send(&url, request).await.status, 404, "{path}");
    }
    provider.stop().await;
}

/// Attack 32: one kind of token in the place of another; attack 16: the scopes of administrators from
/// somebody who can't give them.
#[actix_web::test]
async fn a_person_gives_no_application_the_scope_of_administrators_and_none_of_their_tokens_does() {
    let mut ledger = metadata(HOME);
    with_refresh(&mut ledger);
    ledger.grant_types.push(GrantType::ClientCredentials);
    ledger.scope = Some(format!("openid offline_access {ADMIN} {ADMIN_READ}"));
    let provider = administered(provider().await.client("ledger", ledger))
        .start()
        .await;
    let party = RelyingParty::of(&provider, "ledger");
    let scope = format!("openid {ADMIN} {ADMIN_READ}");
    let tokens = party
        .tokens(&Visitor::default(), &[("scope", &scope)])
        .await;
    assert_eq!(tokens.get("scope"), "openid");
    for name in ["access_token", "id_token", "refresh_token"] {
        let answer = Desk::with_token(&provider, &tokens.get(name))
            .get(SESSIONS)
            .await;
        assert_refused(&answer, 401, "invalid_token");
    }
    provider.stop().await;
}

/// Attack 16: a scope that was not asked for at registration.
#[actix_web::test]
async fn a_client_that_registered_no_scope_gets_none_of_administrators() {
    let mut machine = program("");
    machine.scope = None;
    let provider = administered(provider().await.client("machine", machine))
        .start()
        .await;
    for scope in [ADMIN, ADMIN_READ] {
        let refused = own_token(&provider, "machine", Some(scope)).await;
        assert_eq!(json_error(&refused), "invalid_scope", "{scope}");
    }
    let desk = Desk::of_client(&provider, "machine").await;
    assert_refused(&desk.get(SESSIONS).await, 403, "insufficient_scope");
    provider.stop().await;
}

/// Attack 74: an API key that does more than it is for.
#[actix_web::test]
async fn who_may_look_may_not_act() {
    let wish = provider().await.client("viewer", program(ADMIN_READ));
    let provider = administered(wish).start().await;
    let desk = Desk::of_client(&provider, "viewer").await;
    assert_eq!(desk.get(SESSIONS).await.status, 200);
    let everyone = json!({ "all": true });
    let answer = desk.post("/admin/v1/orders", Some(&everyone)).await;
    assert_refused(&answer, 403, "insufficient_scope");
    let answer = desk
        .post(
            "/admin/v1/deliveries/retry",
            Some(&json!({ "all_dead": true })),
        )
        .await;
    assert_refused(&answer, 403, "insufficient_scope");
    provider.stop().await;
}

#[actix_web::test]
async fn an_administrators_token_is_good_until_the_second_it_expires() {
    let provider = administered(provider().await).manual_clock().start().await;
    let desk = Desk::of(&provider).await;
    provider.advance(TimeDelta::seconds(599));
    assert_eq!(desk.get(SESSIONS).await.status, 200);
    provider.advance(TimeDelta::seconds(1));
    assert_refused(&desk.get(SESSIONS).await, 401, "invalid_token");
    provider.stop().await;
}

#[actix_web::test]
async fn a_grant_that_was_taken_back_opens_nothing() {
    let provider = administered_provider().await;
    let desk = Desk::of(&provider).await;
    let flows = provider.flows();
    let tx = flows.database.begin().await.unwrap();
    grants::revoke(&tx, &[grants::Of::Client(CONSOLE)], flows.clock.now())
        .await
        .unwrap();
    store::commit(tx).await.unwrap();
    assert_refused(&desk.get(SESSIONS).await, 401, "invalid_token");
    // The next one is under a grant of its own.
    let desk = Desk::of(&provider).await;
    assert_eq!(desk.get(SESSIONS).await.status, 200);
    provider.stop().await;
}

#[actix_web::test]
async fn a_program_that_the_configuration_no_longer_allows_is_refused_at_once() {
    let wish = provider().await.client("viewer", program(ADMIN_READ));
    let provider = administered(wish).start().await;
    let console = Desk::of(&provider).await.token;
    let viewer = Desk::of_client(&provider, "viewer").await.token;
    let provider = provider
        .restart(|config| {
            config.clients.retain(|known| known.client_id != CONSOLE);
            config.clients[0].metadata.scope = Some("reports".to_owned());
        })
        .await;
    let answer = Desk::with_token(&provider, &console).get(SESSIONS).await;
    assert_refused(&answer, 401, "invalid_token");
    let answer = Desk::with_token(&provider, &viewer).get(SESSIONS).await;
    assert_refused(&answer, 403, "insufficient_scope");
    provider.stop().await;
}

/// Attack 29 (CVE-2024-47077): a token for somebody else.
#[actix_web::test]
async fn a_token_for_another_audience_opens_nothing() {
    let mut other = program(ADMIN);
    other.access_token_audience = Some("https://api.example".to_owned());
    let provider = administered(provider().await.client("other", other))
        .start()
        .await;
    let desk = Desk::of_client(&provider, "other").await;
    assert_refused(&desk.get(SESSIONS).await, 401, "invalid_token");
    provider.stop().await;
}

/// Attack 29: a token of another provider, whose keys are not ours.
#[actix_web::test]
async fn a_token_of_another_provider_opens_nothing() {
    let (ours, theirs) = (administered_provider().await, administered_provider().await);
    let token = Desk::of(&theirs).await.token;
    let answer = Desk::with_token(&ours, &token).get(SESSIONS).await;
    assert_refused(&answer, 401, "invalid_token");
    ours.stop().await;
    theirs.stop().await;
}
