//! Which answers scripts of other origins may read.

use exeunt::config::{Config, RegistrationPolicy};

use crate::support::admin::{Desk, administered_provider};
use crate::support::ledger::ledger;
use crate::support::visitor::{Answer, Visitor};

const ORIGIN: &str = "https://app.example";

async fn ask(method: &str, url: &str) -> Answer {
    let visitor = Visitor::default();
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = visitor
        .client()
        .request(method, url)
        .header("origin", ORIGIN)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type",
        );
    visitor.send(url, request).await
}

#[actix_web::test]
async fn what_needs_no_cookie_may_be_read_by_every_origin_without_credentials() {
    let provider = ledger().await.start().await;
    for (method, path) in [
        ("GET", "/.well-known/openid-configuration"),
        ("GET", "/.well-known/oauth-authorization-server"),
        ("GET", "/jwks"),
        ("POST", "/token"),
        ("POST", "/revoke"),
        ("GET", "/userinfo"),
    ] {
        let answer = ask(method, &provider.url(path)).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        let preflight = ask("OPTIONS", &provider.url(path)).await;
        assert_eq!(preflight.status, 204, "{path}");
        let allowed = preflight
            .header("access-control-allow-headers")
            .to_lowercase();
        assert_eq!(allowed, "authorization, content-type", "{path}");
        for answer in [answer, preflight] {
            assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
            assert_eq!(answer.header("access-control-allow-credentials"), "");
        }
    }
    for path in ["/token", "/revoke", "/userinfo"] {
        let answer = ask("POST", &provider.url(path)).await;
        let exposed = answer.header("access-control-expose-headers");
        assert_eq!(exposed, "WWW-Authenticate", "{path}");
    }
    provider.stop().await;
}

/// Another site's page in an administrator's browser, which may hold a token.
#[actix_web::test]
async fn nothing_of_the_administrators_may_be_read_by_any_origin() {
    let provider = administered_provider().await;
    let desk = Desk::of(&provider).await;
    for path in [
        "/admin/v1/sessions",
        "/admin/v1/users",
        "/admin/v1/deliveries",
        "/admin/v1/openapi.json",
        "/metrics",
        "/nowhere",
    ] {
        for method in ["GET", "POST", "OPTIONS"] {
            let answer = ask(method, &provider.admin_url(path)).await;
            assert_reads_nothing(&answer, &format!("{method} {path}"));
        }
        let visitor = Visitor::default();
        let url = provider.admin_url(path);
        let request = visitor.client().get(&url).header("origin", ORIGIN);
        let answer = visitor.send(&url, request.bearer_auth(&desk.token)).await;
        assert_reads_nothing(&answer, &format!("with a token: {path}"));
    }
    provider.stop().await;
}

fn assert_reads_nothing(answer: &Answer, what: &str) {
    for name in answer.headers.keys() {
        assert!(
            !name.as_str().starts_with("access-control-"),
            "{what}: {name}"
        );
    }
}

#[actix_web::test]
async fn what_is_the_persons_own_or_registers_clients_may_be_read_by_no_other_origin() {
    let open = |config: &mut Config| config.registration.policy = RegistrationPolicy::Open;
    let provider = ledger().await.configure(open).start().await;
    for path in [
        "/",
        "/authorize",
        "/sign-in",
        "/consent",
        "/end_session",
        "/end_session/confirm",
        "/leaving",
        "/leaving/status",
        "/leaving/acknowledge",
        "/signed-out",
        "/account",
        "/account/sign-in",
        "/account/password",
        "/account/end-everything",
        "/healthz",
        "/readyz",
        "/nowhere",
        "/register",
        "/register/nobody",
        "/introspect",
    ] {
        for method in ["GET", "POST", "OPTIONS"] {
            let answer = ask(method, &provider.url(path)).await;
            assert_reads_nothing(&answer, &format!("{method} {path}"));
        }
    }
    provider.stop().await;
}
