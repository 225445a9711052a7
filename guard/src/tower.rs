//! For tower, and so for axum: [`ProtectLayer`] lets only requests with a good token through, and puts a [`Caller`] into
//! their extensions (in axum: `Extension<Caller>`).
//!
//! ```
//! use exeunt_guard::Guard;
//! use exeunt_guard::tower::ProtectLayer;
//!
//! # let guard = Guard::builder("https://id.example", "https://api.example/").build();
//! let layer = ProtectLayer::new(guard).scope("read");
//! // let app = axum::Router::new().route("/api/hello", get(hello)).layer(layer);
//! # let _ = layer;
//! ```

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use crate::bearer::{self, Challenge, Scopes};
use crate::{Claims, Guard};

/// Whose request it is: the claims of its token.
#[derive(Debug, Clone)]
pub struct Caller(Arc<Claims>);

impl Deref for Caller {
    type Target = Claims;

    fn deref(&self) -> &Claims {
        &self.0
    }
}

/// Lets only requests with a good token through.
#[derive(Debug, Clone)]
pub struct ProtectLayer {
    guard: Guard,
    scopes: Scopes,
    refused: fn(&Challenge),
}

impl ProtectLayer {
    /// Tokens must be what this guard accepts.
    pub fn new(guard: Guard) -> Self {
        Self {
            guard,
            scopes: Scopes::default(),
            refused: |_| (),
        }
    }

    /// Tokens must allow all of these words, too.
    #[must_use]
    pub fn scope(self, words: &str) -> Self {
        Self {
            scopes: Scopes::new(words),
            ..self
        }
    }

    /// What is done, besides answering, about requests that do not get through: for the log.
    #[must_use]
    pub fn on_refusal(self, refused: fn(&Challenge)) -> Self {
        Self { refused, ..self }
    }

    async fn admit(self: Arc<Self>, token: Result<String, Challenge>) -> Result<Caller, Challenge> {
        let claims = self.guard.check(&token?).await?;
        self.scopes.check(&claims)?;
        Ok(Caller(Arc::new(claims)))
    }
}

impl<S> Layer<S> for ProtectLayer {
    type Service = Protected<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Protected {
            protect: Arc::new(self.clone()),
            inner,
        }
    }
}

/// What [`ProtectLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct Protected<S> {
    protect: Arc<ProtectLayer>,
    inner: S,
}

impl<S, B, A> Service<Request<B>> for Protected<S>
where
    S: Service<Request<B>, Response = Response<A>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Send + 'static,
    A: Default,
{
    type Response = Response<A>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The one that said that it is ready is the one to call.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let protect = Arc::clone(&self.protect);
        let headers = request.headers().get_all(AUTHORIZATION).iter();
        let token = bearer::token(headers.map(HeaderValue::as_bytes)).map(str::to_owned);
        Box::pin(async move {
            match Arc::clone(&protect).admit(token).await {
                Ok(caller) => {
                    request.extensions_mut().insert(caller);
                    inner.call(request).await
                }
                Err(challenge) => {
                    (protect.refused)(&challenge);
                    Ok(answer(&challenge))
                }
            }
        })
    }
}

/// RFC 6750 §3.
fn answer<A: Default>(challenge: &Challenge) -> Response<A> {
    let mut response = Response::new(A::default());
    *response.status_mut() =
        StatusCode::from_u16(challenge.status()).unwrap_or(StatusCode::UNAUTHORIZED);
    let (name, value) = challenge.header();
    if let Ok(value) = HeaderValue::try_from(value) {
        let name = HeaderName::from_static(name);
        response.headers_mut().insert(name, value);
    }
    response
}
