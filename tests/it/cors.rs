//! Which answers scripts of other origins may read.

use exeunt::config::{Config, RegistrationPolicy};

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
    for path in ["/token", "/userinfo"] {
        let answer = ask("POST", &provider.url(path)).await;
        let exposed = answer.header("access-control-expose-headers");
        assert_eq!(exposed, "WWW-Authenticate", "{path}");
    }
    provider.stop().await;
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
        "/nowhere",
        "/register",
        "/register/nobody",
    ] {
        for method in ["GET", "POST", "OPTIONS"] {
            let answer = ask(method, &provider.url(path)).await;
            let allowed = answer.header("access-control-allow-origin");
            assert_eq!(allowed, "", "{method} {path}");
        }
    }
    provider.stop().await;
}
