//! Where upstreams tell us that somebody signed out there: their servers (Back-Channel Logout 1.0 §2.5), and their pages in
//! the person's browser (Front-Channel Logout 1.0 §3). No cookie says whose session ends here.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use chrono::TimeDelta;
use uuid::Uuid;

use super::error::{PageError, html, refusal, there, unavailable};
use super::headers::let_be_framed_by;
use super::pages::{Framed, SignedOutElsewhere};
use super::receipts::receipts;
use super::token::form;
use super::visitor::Visitor;
use crate::flows::upstream::told::{Told, by_frame, by_server};
use crate::flows::{FlowError, Provider, watching};
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::params::Params;
use crate::oidc::upstream::{CALLBACKS, Upstream};
use crate::oidc::uri;
use crate::store::{deliveries, upstreams};

/// For how long a page asks the applications of a session that ended. One that is shown later could end what began there
/// since, at an application that looks at its cookie alone.
const LATELY: TimeDelta = TimeDelta::minutes(1);

/// Where servers tell it.
pub(super) fn backchannel_path() -> String {
    format!("{CALLBACKS}/{{id}}/backchannel_logout")
}

/// What their pages frame.
pub(super) fn frontchannel_path() -> String {
    format!("{CALLBACKS}/{{id}}/frontchannel_logout")
}

/// The upstream whose address it is, also one through which nobody signs in any more.
async fn known(provider: &Provider, request: &HttpRequest) -> Result<Option<Upstream>, FlowError> {
    let id = request.match_info().get("id").unwrap_or_default();
    let known = upstreams::find(provider.database.read(), id).await?;
    Ok(known.map(|known| known.upstream))
}

/// POST of a logout token.
pub(super) async fn backchannel(
    provider: web::Data<Provider>,
    request: HttpRequest,
    body: Bytes,
) -> HttpResponse {
    match heard(&provider, &request, &body).await {
        Ok(response) => response,
        // Whatever went wrong with us: nobody can tell whether the sessions are over, so it must be told again.
        Err(error) => {
            tracing::error!(%error, "nobody was signed out by a logout token");
            unavailable(&OAuthError::new(
                ErrorCode::TemporarilyUnavailable,
                "the token is as good as it was; try again",
            ))
        }
    }
}

/// §2.8: 200 once the sessions are over, 400 for what is not sound; and 503 where we can't tell, for the token is as good
/// as it was.
async fn heard(
    provider: &Provider,
    request: &HttpRequest,
    body: &[u8],
) -> Result<HttpResponse, FlowError> {
    let Some(upstream) = known(provider, request).await? else {
        let unknown = OAuthError::invalid_request("there is no such upstream");
        return Ok(refusal(StatusCode::NOT_FOUND, &unknown));
    };
    let form = match form(request, body) {
        Ok(form) => form,
        Err(why) => return Ok(refusal(StatusCode::BAD_REQUEST, &why)),
    };
    let Some(token) = form.get("logout_token") else {
        let missing = OAuthError::invalid_request("logout_token is missing");
        return Ok(refusal(StatusCode::BAD_REQUEST, &missing));
    };
    Ok(match by_server(provider, &upstream, token).await? {
        Told::Done => HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
            .finish(),
        Told::Unfit(why) => refusal(
            StatusCode::BAD_REQUEST,
            &OAuthError::invalid_request(why.to_string()),
        ),
        Told::Unprovable => unavailable(&OAuthError::new(
            ErrorCode::TemporarilyUnavailable,
            "the keys that would prove the token can't be had just now; try again",
        )),
    })
}

/// HEAD: nobody is signed out.
pub(super) async fn head(visitor: Visitor, request: HttpRequest) -> HttpResponse {
    match asked(&visitor, &request).await {
        Ok(_) => there(),
        Err(error) => error.page(&visitor),
    }
}

async fn asked(visitor: &Visitor, request: &HttpRequest) -> Result<(Upstream, Params), PageError> {
    let upstream = known(&visitor.provider, request).await?;
    let upstream = upstream.ok_or(PageError::NotFound)?;
    let params = Params::parse(request.query_string().as_bytes())?;
    Ok((upstream, params))
}

/// GET, in a frame of the upstream's page.
pub(super) async fn frontchannel(visitor: Visitor, request: HttpRequest) -> HttpResponse {
    let answer = async {
        let (upstream, params) = asked(&visitor, &request).await?;
        let provider = &visitor.provider;
        let ended = by_frame(provider, &upstream, &params).await?;
        let ended = ended.map_err(|why| OAuthError::invalid_request(why.to_string()))?;
        let frames = frames(provider, &ended).await?;
        let mut origins: Vec<String> = frames.iter().map(|frame| frame.origin.clone()).collect();
        origins.sort_unstable();
        origins.dedup();
        let page = SignedOutElsewhere {
            ui: visitor.ui(None),
            frames,
        };
        let mut response = html(StatusCode::OK, &page);
        let ancestor = uri::framed_origin(&upstream.issuer).unwrap_or_else(|| "'none'".to_owned());
        let_be_framed_by(&ancestor, &origins, &mut response)
            .map_err(|_invalid| PageError::NotFound)?;
        Ok(response)
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// The pages of applications that only this browser can tell; each row says by now that it was asked.
async fn frames(provider: &Provider, session_ids: &[Uuid]) -> Result<Vec<Framed>, PageError> {
    let since = provider.clock.now() - LATELY;
    let mut all = Vec::new();
    for session_id in session_ids {
        let known = deliveries::of_session(provider.database.read(), *session_id).await?;
        all.extend(
            known
                .into_iter()
                .filter(|delivery| delivery.created_at >= since),
        );
    }
    let frames: Vec<_> = receipts(provider, all)
        .await?
        .iter()
        .filter_map(|receipt| receipt.frame(provider))
        .collect();
    if !frames.is_empty() {
        let asked: Vec<_> = frames.iter().map(|frame| frame.delivery_id).collect();
        watching::asked(provider, &asked).await?;
    }
    Ok(frames.into_iter().map(|frame| frame.framed).collect())
}
