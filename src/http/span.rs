//! A span, an identifier and a count for each request. The query is left out: it holds codes and tokens.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, web};
use tracing::Instrument as _;

use super::forwarded::{ClientAddress, client_address};
use crate::flows::Provider;

/// The route of what fits none.
const NO_ROUTE: &str = "(none)";

/// What a person can read to an operator, who finds the request in the log by it.
#[derive(Clone)]
pub(super) struct RequestId(pub String);

/// Runs the request inside its span and logs how it went.
pub(super) async fn request(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let provider = request.app_data::<web::Data<Provider>>().cloned();
    let request_id = provider
        .as_ref()
        .map(|provider| provider.random.identifier().simple().to_string()[..12].to_owned())
        .unwrap_or_default();
    let proxies = provider.map(|provider| provider.config.proxies.clone());
    let address = client_address(
        request.peer_addr(),
        request.headers(),
        &proxies.unwrap_or_default(),
    );
    let span = tracing::info_span!(
        "request",
        request_id,
        %address,
        method = %request.method(),
        path = request.path()
    );
    request.extensions_mut().insert(RequestId(request_id));
    request.extensions_mut().insert(ClientAddress(address));
    async move {
        let response = count(request, next).await?;
        tracing::debug!(status = response.status().as_u16(), "answered");
        Ok(response)
    }
    .instrument(span)
    .await
}

/// Counts the request by the pattern that it fits: what was asked for itself is without bounds.
pub(super) async fn count<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let provider = request.app_data::<web::Data<Provider>>().cloned();
    let answer = next.call(request).await;
    if let Some(provider) = provider {
        let (route, status) = match &answer {
            Ok(response) => (response.request().match_pattern(), response.status()),
            Err(error) => (None, error.as_response_error().status_code()),
        };
        let route = route.unwrap_or_else(|| NO_ROUTE.to_owned());
        provider.metrics.answered(route, status.as_u16());
    }
    answer
}
