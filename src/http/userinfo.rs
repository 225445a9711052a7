//! The userinfo endpoint (Core §5.3, RFC 6750).

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};

use super::error;
use super::token::is_form;
use crate::flows::Provider;
use crate::flows::access::{self, Presented, Told};
use crate::oidc::claims;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::params::Params;
use crate::oidc::scope::OPENID;

/// GET, with the token in the header.
pub(super) async fn get(provider: web::Data<Provider>, request: HttpRequest) -> HttpResponse {
    answer(&provider, bearer(&request), true).await
}

/// HEAD, which is told the same and keeps no session from idling.
pub(super) async fn head(provider: web::Data<Provider>, request: HttpRequest) -> HttpResponse {
    answer(&provider, bearer(&request), false).await
}

/// POST, with the token in the header or in the form.
pub(super) async fn post(
    provider: web::Data<Provider>,
    request: HttpRequest,
    body: Bytes,
) -> HttpResponse {
    // Another body has no token (RFC 6750 §2.2).
    let form = if is_form(&request) { &body[..] } else { &[] };
    let in_form = match Params::parse(form) {
        Ok(form) => form.get("access_token").map(str::to_owned),
        Err(refusal) => return challenge(Some(&refusal)),
    };
    match (bearer(&request), in_form) {
        (Some(_), Some(_)) => {
            let refusal = OAuthError::invalid_request("the token is sent in more than one way");
            challenge(Some(&refusal))
        }
        (in_header, in_form) => answer(&provider, in_header.or(in_form), true).await,
    }
}

/// RFC 6750 §2.1; none of several, of which another reader might take another one. Never from the query, where it would
/// end up in logs (§2.3).
pub(super) fn bearer(request: &HttpRequest) -> Option<String> {
    let mut all = request.headers().get_all(AUTHORIZATION);
    let header = all.next()?.to_str().ok()?;
    if all.next().is_some() {
        return None;
    }
    let (scheme, token) = header.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim().to_owned())
}

async fn answer(provider: &Provider, token: Option<String>, is_used: bool) -> HttpResponse {
    let Some(token) = token else {
        return challenge(None);
    };
    match access::check(provider, &token, is_used).await {
        Ok(Ok(known)) if known.claims.scope.contains(OPENID) => tell(provider, &known),
        Ok(Ok(_)) => challenge(Some(&OAuthError::new(
            ErrorCode::InsufficientScope,
            "the token lacks the scope openid",
        ))),
        Ok(Err(refusal)) => challenge(Some(&refusal)),
        Err(error) => error::failure(&error),
    }
}

/// JSON, or a JWT for an application that registered so (Core §5.3.2).
fn tell(provider: &Provider, known: &Presented) -> HttpResponse {
    let claims = &known.claims;
    let wishes = &known.asked.userinfo;
    let told = claims::userinfo(&known.user.told(), &claims.sub, &claims.scope, wishes);
    match access::sign_userinfo(provider, &known.client, told) {
        Ok(Told::Signed(signed)) => HttpResponse::Ok()
            .content_type("application/jwt")
            .body(signed),
        Ok(Told::Claims(claims)) => HttpResponse::Ok().json(claims),
        Err(error) => error::failure(&error),
    }
}

/// RFC 6750 §3: a request without a token learns only that one is needed.
pub(super) fn challenge(refusal: Option<&OAuthError>) -> HttpResponse {
    let Some(refusal) = refusal else {
        return HttpResponse::Unauthorized()
            .insert_header((WWW_AUTHENTICATE, "Bearer"))
            .finish();
    };
    let status = match refusal.error {
        ErrorCode::InvalidRequest => StatusCode::BAD_REQUEST,
        ErrorCode::InsufficientScope => StatusCode::FORBIDDEN,
        _ => StatusCode::UNAUTHORIZED,
    };
    // A description may name what the request named: RFC 6750 §3 says what it may hold here.
    let quotable = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
    let description: String = refusal.description.chars().filter(quotable).collect();
    let header = format!(
        "Bearer error=\"{}\", error_description=\"{description}\"",
        refusal.error
    );
    let mut response = error::refusal(status, refusal);
    if let Ok(challenge) = HeaderValue::try_from(header) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}
