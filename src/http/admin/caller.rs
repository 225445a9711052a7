//! Who asks: a program with an access token of ours (RFC 6750), issued to it for itself, whose scope is
//! one of administrators.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;

use super::problem::Problem;
use crate::flows::{FlowError, Provider, access};
use crate::http::userinfo::bearer;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::scope::{ADMIN, ADMIN_READ, Scope};
use crate::store::StoreError;

/// A program that may look.
pub(super) struct Reader(Caller);

/// A program that may act.
pub(super) struct Writer(Caller);

/// What handlers act with, and how they say no.
pub(super) struct Caller {
    /// What is acted with.
    pub provider: web::Data<Provider>,
    /// The program's client identifier.
    pub client_id: String,
    request: HttpRequest,
}

impl Caller {
    /// The problem of a query that failed.
    pub(super) fn store(&self) -> impl Fn(StoreError) -> Problem {
        |error| Problem::of_store(error, &self.request)
    }

    /// The problem of an act that failed.
    pub(super) fn flow(&self) -> impl Fn(FlowError) -> Problem {
        |error| Problem::internal(&error, &self.request)
    }

    /// There is nothing of that name.
    pub(super) fn not_found(&self) -> Problem {
        Problem::not_found(&self.request)
    }

    /// What was asked for does not go together, or is not what it should be.
    pub(super) fn bad(&self, detail: impl Into<String>) -> Problem {
        Problem::bad(detail, &self.request)
    }

    /// The state of the thing forbids it.
    pub(super) fn conflict(&self, detail: impl Into<String>) -> Problem {
        Problem::conflict(detail, &self.request)
    }
}

impl std::ops::Deref for Reader {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl std::ops::Deref for Writer {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl FromRequest for Reader {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { caller(request, &[ADMIN, ADMIN_READ]).await.map(Self) })
    }
}

impl FromRequest for Writer {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let caller = caller(request, &[ADMIN]).await?;
            let (client_id, path) = (&caller.client_id, caller.request.path());
            tracing::info!(client_id, path, "an administrator's program acts");
            Ok(Self(caller))
        })
    }
}

/// The caller, if its token has one of `scopes`.
async fn caller(request: HttpRequest, scopes: &[&str]) -> Result<Caller, Problem> {
    let Some(provider) = request.app_data::<web::Data<Provider>>().cloned() else {
        return Err(Problem::not_found(&request));
    };
    let Some(token) = bearer(&request) else {
        return Err(Problem::unauthorized(None, &request));
    };
    let claims = access::check_administrator(&provider, &token)
        .await
        .map_err(|error| Problem::internal(&error, &request))?
        .map_err(|refusal| Problem::unauthorized(Some(&refusal), &request))?;
    if !has_one(&claims.scope, scopes) {
        let refusal = OAuthError::new(
            ErrorCode::InsufficientScope,
            format!("the token lacks the scope {}", scopes.join(" or ")),
        );
        return Err(Problem::unauthorized(Some(&refusal), &request));
    }
    Ok(Caller {
        provider,
        client_id: claims.client_id,
        request,
    })
}

fn has_one(scope: &Scope, scopes: &[&str]) -> bool {
    scopes.iter().any(|token| scope.contains(token))
}
