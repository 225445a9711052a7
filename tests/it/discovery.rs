//! Discovery and the keys: documents that anyone may fetch (Discovery 1.0 §4, RFC 8414 §3).

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreProviderMetadata, CoreUserInfoClaims,
};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest,
    HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, RedirectUrl,
    Scope, TokenResponse as _,
};

use crate::support::ledger::{HOME, ledger, open, sign_in};
use crate::support::provider::SECRET;
use crate::support::visitor::{Visitor, http_client};

async fn fetch(request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let answer = http_client().execute(request.try_into()?).await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = HttpResponse::new(answer.bytes().await?.to_vec());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

#[actix_web::test]
async fn a_relying_party_of_other_make_signs_a_person_in_by_the_issuers_name_alone() {
    let provider = ledger().await.start().await;
    let issuer = IssuerUrl::new(provider.issuer.clone()).unwrap();
    let metadata = CoreProviderMetadata::discover_async(issuer, &fetch)
        .await
        .unwrap();
    let client = CoreClient::from_provider_metadata(
        metadata,
        ClientId::new("ledger".to_owned()),
        Some(ClientSecret::new(SECRET.to_owned())),
    )
    .set_redirect_uri(RedirectUrl::new(format!("{HOME}/callback")).unwrap());
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state, nonce) = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .add_scope(Scope::new("email".to_owned()))
        .set_pkce_challenge(challenge)
        .url();

    let ada = Visitor::default();
    let page = open(&ada, url.as_str()).await;
    let answer = sign_in(&ada, &page).await;
    assert_eq!(answer.parameter("state").as_ref(), Some(state.secret()));
    let code = AuthorizationCode::new(answer.parameter("code").unwrap());
    let tokens = client
        .exchange_code(code)
        .unwrap()
        .set_pkce_verifier(verifier)
        .request_async(&fetch)
        .await
        .unwrap();

    let id_token = tokens.id_token().unwrap();
    let reader = client.id_token_verifier();
    let claims = id_token.claims(&reader, &nonce).unwrap();
    let hash = AccessTokenHash::from_token(
        tokens.access_token(),
        id_token.signing_alg().unwrap(),
        id_token.signing_key(&reader).unwrap(),
    );
    assert_eq!(claims.access_token_hash(), Some(&hash.unwrap()));
    let person: CoreUserInfoClaims = client
        .user_info(
            tokens.access_token().clone(),
            Some(claims.subject().clone()),
        )
        .unwrap()
        .request_async(&fetch)
        .await
        .unwrap();
    assert_eq!(
        person.email().map(|email| email.as_str()),
        Some("ada@example.org")
    );
    provider.stop().await;
}

#[actix_web::test]
async fn both_well_known_paths_say_the_same() {
    let provider = ledger().await.start().await;
    let visitor = Visitor::default();
    let [openid, oauth] = ["openid-configuration", "oauth-authorization-server"]
        .map(|name| provider.url(&format!("/.well-known/{name}")));
    let document = visitor.get(&openid).await;
    assert_eq!(document.header("content-type"), "application/json");
    assert_eq!(document.json()["issuer"], provider.issuer);
    assert_eq!(visitor.get(&oauth).await.body, document.body);
    provider.stop().await;
}

/// Attack 71 (CVE-2025-48936): a Host or forwarding header that would put another name into links.
#[actix_web::test]
async fn the_issuer_is_the_configured_one_by_whatever_name_it_is_asked() {
    let provider = ledger().await.start().await;
    let visitor = Visitor::default();
    let headers = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "host=evil.example;proto=https"),
    ];
    for path in ["/.well-known/openid-configuration", "/", "/authorize"] {
        let url = provider.url(path);
        let expected = visitor.get(&url).await;
        for (name, value) in headers {
            let request = visitor.client().get(&url).header(name, value);
            let answer = visitor.send(&url, request).await;
            assert_eq!(answer.status, expected.status, "{path} {name}");
            assert!(!answer.body.contains("evil"), "{path} {name}");
            assert!(!format!("{:?}", answer.headers).contains("evil"), "{path}");
        }
    }
    provider.stop().await;
}

#[actix_web::test]
async fn who_has_the_current_document_is_told_so_and_gets_no_second_copy() {
    let provider = ledger().await.start().await;
    let visitor = Visitor::default();
    for path in ["/.well-known/openid-configuration", "/jwks"] {
        let url = provider.url(path);
        let first = visitor.get(&url).await;
        assert!(
            first
                .header("cache-control")
                .starts_with("public, max-age=")
        );
        let ask = |tag: String| visitor.client().get(&url).header("if-none-match", tag);
        let tag = first.header("etag");
        for known in [
            tag.to_owned(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".to_owned(),
        ] {
            let again = visitor.send(&url, ask(known)).await;
            assert_eq!(
                (again.status.as_u16(), again.body.as_str()),
                (304, ""),
                "{path}"
            );
            assert_eq!(again.header("etag"), tag);
        }
        let other = visitor.send(&url, ask("\"x\"".to_owned())).await;
        assert_eq!((other.status.as_u16(), other.body), (200, first.body));
    }
    provider.stop().await;
}

#[actix_web::test]
async fn head_tells_what_get_would_and_brings_no_body() {
    let provider = ledger().await.start().await;
    let visitor = Visitor::default();
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/jwks",
        "/healthz",
        "/readyz",
        "/",
        "/static/exeunt.css",
        "/userinfo",
        "/revocations",
        "/revocations/snapshot",
        "/register/nobody",
    ] {
        let url = provider.url(path);
        let get = visitor.get(&url).await;
        let head = visitor.send(&url, visitor.client().head(&url)).await;
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.body, "", "{path}");
        for name in ["content-type", "etag", "cache-control", "www-authenticate"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
    provider.stop().await;
}

#[actix_web::test]
async fn head_does_nothing_where_get_would_begin_something() {
    let provider = ledger().await.start().await;
    let visitor = Visitor::default();
    let query = "?response_type=code&client_id=ledger&scope=openid&redirect_uri=https%3A%2F%2Fledger.example%2Fcallback";
    for path in ["/authorize", "/end_session", "/account/sign-in"] {
        let url = provider.url(&format!("{path}{query}"));
        let head = visitor.send(&url, visitor.client().head(&url)).await;
        assert_eq!(head.status, 200, "{path}");
        assert_eq!(head.location(), None, "{path}");
        assert_eq!(head.header("set-cookie"), "", "{path}");
        assert_eq!(head.header("content-length"), "", "{path}: nobody knows it");
    }
    let page = open(&visitor, &provider.url(&format!("/authorize{query}"))).await;
    assert_eq!(page.page(), "page-sign-in");
    let head = visitor.send(&page.url, visitor.client().head(&page.url));
    assert_eq!(head.await.status, 200);
    provider.stop().await;
}

#[actix_web::test]
async fn head_is_refused_and_sent_on_where_get_is() {
    let provider = ledger().await.start().await;
    let visitor = Visitor::default();
    let same_as_get = async |path: &str, status: u16| {
        let url = provider.url(path);
        let head = visitor.send(&url, visitor.client().head(&url)).await;
        let get = visitor.get(&url).await;
        assert_eq!(
            (head.status, get.status.as_u16()),
            (get.status, status),
            "{path}"
        );
        assert_eq!(head.location(), get.location(), "{path}");
        assert_eq!(head.body, "", "{path}");
    };
    for path in [
        "/authorize",
        "/authorize?client_id=nobody",
        "/authorize?client_id=ledger&redirect_uri=https%3A%2F%2Fevil.example",
        "/authorize?client_id=ledger&client_id=ledger",
        "/sign-in",
        "/sign-in?interaction=x",
        "/consent",
        "/consent?interaction=x",
        "/end_session?state=a&state=b",
    ] {
        same_as_get(path, 400).await;
    }
    let signed_in_alone = ["/account", "/account/password", "/account/sign-outs"];
    for path in signed_in_alone.into_iter().chain(["/leaving"]) {
        same_as_get(path, 303).await;
    }
    let page = visitor.get(&provider.url("/account/sign-in")).await;
    sign_in(&visitor, &page).await;
    for path in signed_in_alone {
        same_as_get(path, 200).await;
    }
    same_as_get("/account/sign-in", 303).await;
    provider.stop().await;
}

#[actix_web::test]
async fn another_method_gets_405_and_the_truth_about_those_allowed() {
    let provider = ledger().await.start().await;
    let visitor = Visitor::default();
    for (path, allow) in [
        ("/.well-known/openid-configuration", "GET, HEAD, OPTIONS"),
        ("/jwks", "GET, HEAD, OPTIONS"),
        ("/healthz", "GET, HEAD"),
        ("/readyz", "GET, HEAD"),
        ("/", "GET, HEAD"),
        ("/static/exeunt.css", "GET, HEAD"),
        ("/authorize", "GET, HEAD, POST"),
        ("/sign-in", "GET, HEAD, POST"),
        ("/consent", "GET, HEAD, POST"),
        ("/token", "POST, OPTIONS"),
        ("/revoke", "POST, OPTIONS"),
        ("/introspect", "POST"),
        ("/revocations", "GET, HEAD"),
        ("/revocations/snapshot", "GET, HEAD"),
        ("/userinfo", "GET, HEAD, POST, OPTIONS"),
        ("/end_session", "GET, HEAD, POST"),
        ("/register/nobody", "GET, HEAD, PUT, DELETE"),
    ] {
        let url = provider.url(path);
        for method in ["DELETE", "PUT", "GET", "HEAD", "POST", "OPTIONS"] {
            let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
            let request = visitor.client().request(method.clone(), &url);
            let answer = visitor.send(&url, request).await;
            let allowed = allow.split(", ").any(|known| known == method.as_str());
            assert_eq!(answer.status != 405, allowed, "{method} {path}");
            if !allowed {
                assert_eq!(answer.header("allow"), allow, "{method} {path}");
                // People read a page, programs the header.
                let is_page = ["/", "/authorize", "/sign-in", "/consent", "/end_session"];
                let expected = if is_page.contains(&path) && method != "HEAD" {
                    "page-error"
                } else {
                    ""
                };
                assert_eq!(answer.page(), expected, "{method} {path}");
            }
        }
    }
    provider.stop().await;
}

/// Attack 22 (CVE-2024-49757): something that is switched off, and answers who knows its address.
#[actix_web::test]
async fn what_discovery_does_not_name_is_not_there() {
    let provider = ledger().await.start().await;
    let visitor = Visitor::default();
    for path in ["/register", "/par", "/device_authorization", "/admin"] {
        let answer = visitor.post(&provider.url(path), &[]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.page()),
            (404, "page-error".to_owned()),
            "{path}"
        );
    }
    provider.stop().await;
}
