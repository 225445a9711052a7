//! `/admin/v1/clients`: does this application hear a sign-out?

use actix_web::web::{Json, Path};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::Writer;
use super::problem::Problem;
use crate::flows::send_notice;
use crate::store::clients;

/// How an application took a real, signed notice of a session that never was.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LogoutTest {
    client_id: String,
    backchannel_logout_uri: String,
    /// The session that the notice spoke of.
    sid: Uuid,
    jti: Uuid,
    /// The HTTP status; null when there was no answer.
    status: Option<u16>,
    latency_ms: i64,
    /// Why there was no answer.
    problem: Option<String>,
    /// Whether a real notice would count as confirmed.
    confirmed: bool,
    verdict: String,
    /// What to do about it; null when all is well.
    mend: Option<String>,
}

/// Sends a notice of a session that never was, and judges the answer.
#[utoipa::path(
    post, path = "/admin/v1/clients/{client_id}/test-logout", tag = "clients", params(("client_id" = String, Path)),
    responses(
        (status = 200, body = LogoutTest),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It has no back-channel logout URI", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn test_logout(
    caller: Writer,
    client_id: Path<String>,
) -> Result<Json<LogoutTest>, Problem> {
    let known = clients::find(caller.provider.database.read(), &client_id)
        .await
        .map_err(caller.store())?
        .ok_or_else(|| caller.not_found())?;
    let metadata = &known.client.metadata;
    let Some(uri) = &metadata.backchannel_logout_uri else {
        return Err(caller.conflict("it has no back-channel logout URI: no server can tell it"));
    };
    let tested = send_notice::test(&caller.provider, &client_id, uri, metadata)
        .await
        .map_err(caller.flow())?;
    let advice = tested.advice();
    Ok(Json(LogoutTest {
        client_id: client_id.into_inner(),
        backchannel_logout_uri: uri.clone(),
        sid: tested.sid,
        jti: tested.jti,
        status: tested.answer.as_ref().ok().map(|answer| answer.status),
        latency_ms: tested.took().num_milliseconds(),
        problem: tested.answer.as_ref().err().map(ToString::to_string),
        confirmed: advice.confirmed,
        verdict: advice.verdict,
        mend: advice.mend.map(str::to_owned),
    }))
}
