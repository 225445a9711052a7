//! For actix-web: [`Protect`] lets only requests with a good token through, [`Caller`] says whose it is.
//!
//! ```
//! use actix_web::{App, web};
//! use exeunt_guard::Guard;
//! use exeunt_guard::actix::{Caller, Protect};
//!
//! async fn hello(caller: Caller) -> String {
//!     format!("Hello, {}", caller.sub)
//! }
//!
//! # let guard = Guard::builder("https://id.example", "https://api.example/").build();
//! let app = App::new().service(
//!     web::scope("/api")
//!         .wrap(Protect::new(guard.clone()).scope("read"))
//!         .route("/hello", web::get().to(hello)),
//! );
//! # let _ = app;
//! ```

use std::fmt;
use std::future::{Future, Ready, ready};
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::EitherBody;
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse, ResponseError};

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

/// Lets only requests with a good token through (middleware).
#[derive(Debug, Clone)]
pub struct Protect {
    guard: Guard,
    scopes: Scopes,
}

impl Protect {
    /// Tokens must be what this guard accepts.
    pub fn new(guard: Guard) -> Self {
        Self {
            guard,
            scopes: Scopes::default(),
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

    async fn admit(&self, request: &HttpRequest) -> Result<Caller, Challenge> {
        let headers = request.headers().get_all(AUTHORIZATION);
        let token = bearer::token(headers.map(|value| value.as_bytes()))?;
        let claims = self.guard.check(token).await?;
        self.scopes.check(&claims)?;
        Ok(Caller(Arc::new(claims)))
    }
}

/// A caller that [`Protect`] let through; without it in front, nobody is.
impl FromRequest for Caller {
    type Error = Answer;
    type Future = Ready<Result<Self, Answer>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Self>().cloned();
        ready(caller.ok_or(Answer(Challenge::Missing)))
    }
}

/// The answer to a request that does not get through (RFC 6750 §3). Its text, which is for the log, is not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer(pub Challenge);

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl ResponseError for Answer {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::UNAUTHORIZED)
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code())
            .insert_header(self.0.header())
            .finish()
    }
}

impl<S, B> Transform<S, ServiceRequest> for Protect
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = actix_web::Error;
    type Transform = Protected<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Protected {
            protect: Rc::new(self.clone()),
            service: Rc::new(service),
        }))
    }
}

/// What [`Protect`] makes of a service.
#[derive(Debug)]
pub struct Protected<S> {
    protect: Rc<Protect>,
    service: Rc<S>,
}

impl<S, B> Service<ServiceRequest> for Protected<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>>>>;

    actix_web::dev::forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (protect, service) = (Rc::clone(&self.protect), Rc::clone(&self.service));
        Box::pin(async move {
            match protect.admit(request.request()).await {
                Ok(caller) => {
                    request.extensions_mut().insert(caller);
                    let response = service.call(request).await?;
                    Ok(response.map_into_left_body())
                }
                Err(challenge) => {
                    // The error goes with the response, for whatever logs it.
                    let response = HttpResponse::from_error(Answer(challenge));
                    Ok(request.into_response(response).map_into_right_body())
                }
            }
        })
    }
}
