//! The middleware for actix-web and for tower answers alike.

use actix_web::{App, HttpResponse, test, web};
use axum::body::Body;
use axum::routing::get;
use axum::{Extension, Router};
use exeunt_guard::deny_list::{Entry, Revoked};
use exeunt_guard::{Guard, Staleness, actix, jwt, tower as guard_tower};
use std::time::Duration;
use tower::ServiceExt as _;

use crate::formats::{ISSUER, Keys, NOW, SERVICE, claims};

/// An answer: its status, the header that says why, and its body.
type Answer = (u16, Option<String>, String);

fn guard(keys: &Keys, staleness: Staleness) -> Guard {
    let jwk = keys.signing.public_jwk();
    Guard::builder(ISSUER, SERVICE)
        .signers([jwt::VerifyingKey::from_jwk(&jwk).unwrap()])
        .clock(|| NOW)
        .staleness(staleness)
        .build()
}

async fn with_actix(guard: Guard, scope: &str, authorization: &[&str]) -> Answer {
    async fn hello(caller: actix::Caller) -> HttpResponse {
        HttpResponse::Ok().body(format!("hello {}", caller.sub))
    }
    let protect = actix::Protect::new(guard).scope(scope);
    let service = web::scope("")
        .wrap(protect)
        .route("/", web::get().to(hello));
    let app = test::init_service(App::new().service(service)).await;
    let mut request = test::TestRequest::get().uri("/");
    for value in authorization {
        request = request.append_header(("authorization", *value));
    }
    let response = test::call_service(&app, request.to_request()).await;
    let header = |name| {
        let value = response.headers().get(name)?;
        Some(format!("{name}: {}", value.to_str().unwrap()))
    };
    let told = header("www-authenticate").or_else(|| header("retry-after"));
    let status = response.status().as_u16();
    let body = test::read_body(response).await;
    (status, told, String::from_utf8(body.to_vec()).unwrap())
}

async fn with_axum(guard: Guard, scope: &str, authorization: &[&str]) -> Answer {
    async fn hello(Extension(caller): Extension<guard_tower::Caller>) -> String {
        format!("hello {}", caller.sub)
    }
    let layer = guard_tower::ProtectLayer::new(guard).scope(scope);
    let app = Router::new().route("/", get(hello)).layer(layer);
    let mut request = http::Request::get("/");
    for value in authorization {
        request = request.header("authorization", *value);
    }
    let response = app
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let header = |name| {
        let value = response.headers().get(name)?;
        Some(format!("{name}: {}", value.to_str().unwrap()))
    };
    let told = header("www-authenticate").or_else(|| header("retry-after"));
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1000)
        .await
        .unwrap();
    (status, told, String::from_utf8(body.to_vec()).unwrap())
}

/// What both answer.
async fn answer(guard: &Guard, scope: &str, authorization: &[&str]) -> Answer {
    let one = with_actix(guard.clone(), scope, authorization).await;
    let other = with_axum(guard.clone(), scope, authorization).await;
    assert_eq!(one, other);
    one
}

fn refused(status: u16, told: &str) -> Answer {
    (status, Some(told.to_owned()), String::new())
}

#[actix_web::test]
async fn a_good_token_gets_through_and_says_whose_it_is() {
    let keys = Keys::new();
    let guard = guard(&keys, Staleness::Accept);
    let bearer = format!(
        "Bearer {}",
        jwt::generate(&claims(), &keys.signing).unwrap()
    );
    let hello = (200, None, format!("hello {}", claims().sub));
    assert_eq!(answer(&guard, "", &[&bearer]).await, hello);
    assert_eq!(answer(&guard, "read write", &[&bearer]).await, hello);
    let lower = bearer.replace("Bearer", "bearer");
    assert_eq!(answer(&guard, "read", &[&lower]).await, hello);
}

/// RFC 6750 §3: nobody hears more than the kind of failure.
#[actix_web::test]
async fn whoever_does_not_get_through_hears_little() {
    let keys = Keys::new();
    let known = guard(&keys, Staleness::Accept);
    let token = jwt::generate(&claims(), &keys.signing).unwrap();
    let bearer = format!("Bearer {token}");

    let missing = refused(401, "www-authenticate: Bearer");
    assert_eq!(answer(&known, "", &[]).await, missing);
    assert_eq!(answer(&known, "", &["Basic abc"]).await, missing);
    let malformed = refused(400, r#"www-authenticate: Bearer error="invalid_request""#);
    assert_eq!(answer(&known, "", &["Bearer"]).await, malformed);
    assert_eq!(answer(&known, "", &[&bearer, &bearer]).await, malformed);

    let invalid = refused(401, r#"www-authenticate: Bearer error="invalid_token""#);
    let expired = exeunt_guard::Claims {
        exp: NOW - 60,
        ..claims()
    };
    let expired = jwt::generate(&expired, &keys.signing).unwrap();
    for token in ["abc", &format!("{token}x"), &expired] {
        let bearer = format!("Bearer {token}");
        assert_eq!(answer(&known, "", &[&bearer]).await, invalid);
    }
    let told = r#"www-authenticate: Bearer error="insufficient_scope", scope="read admin""#;
    assert_eq!(
        answer(&known, "read admin", &[&bearer]).await,
        refused(403, told)
    );

    let stale = guard(&keys, Staleness::RefuseBeyond(Duration::from_secs(30)));
    assert_eq!(
        answer(&stale, "", &[&bearer]).await,
        refused(503, "retry-after: 5")
    );

    let entry = Entry {
        what: Revoked::Session(claims().sid.unwrap()),
        until: claims().exp,
    };
    known.deny_list().add(&entry, NOW);
    assert_eq!(answer(&known, "", &[&bearer]).await, invalid);
}
