//! A span and an identifier for each request. The query is left out: it holds codes and tokens.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, web};
use tracing::Instrument as _;

use crate::flows::Provider;

/// What a person can read to an operator, who finds the request in the log by it.
#[derive(Clone)]
pub(super) struct RequestId(pub String);

/// Runs the request inside its span and logs how it went.
pub(super) async fn request(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let id = request
        .app_data::<web::Data<Provider>>()
        .map(|provider| provider.random.identifier().simple().to_string()[..12].to_owned())
        .unwrap_or_default();
    let span =
        tracing::info_span!("request", id, method = %request.method(), path = request.path());
    request.extensions_mut().insert(RequestId(id));
    async move {
        let response = next.call(request).await?;
        tracing::debug!(status = response.status().as_u16(), "answered");
        Ok(response)
    }
    .instrument(span)
    .await
}
