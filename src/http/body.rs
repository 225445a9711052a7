//! How a request's body is read: whole, before its handler runs, under a limit of size and one of time, so
//! that nobody keeps a handler or a connection by sending slowly (attack 96). Who is refused is answered as
//! ever: a person by a page, a program by JSON.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::http::{StatusCode, Version};
use actix_web::middleware::Next;
use actix_web::web::{self, Bytes, BytesMut};
use actix_web::{Error, FromRequest as _, HttpMessage as _, HttpRequest, HttpResponse};
use chrono::TimeDelta;
use futures_util::StreamExt as _;

use super::error::{PageError, refusal};
use super::visitor::Visitor;
use crate::flows::Provider;
use crate::oidc::error::OAuthError;
use crate::oidc::params::MOST_BYTES;

/// How long a body may be on its way: a form is a few packets, also on a poor line.
const TIME: TimeDelta = TimeDelta::seconds(10);

/// How many of its pieces may have nothing in them. One may end it; more are cheap to send and not to keep.
const MOST_EMPTY: u32 = 16;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// It has more than [`MOST_BYTES`].
    TooLong,
    /// It took longer than [`TIME`].
    TooSlow,
    /// The connection broke, or it is no HTTP.
    Broken,
}

/// For what people ask.
pub(super) async fn of_pages<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    within_limits(request, next, async |request, unread| {
        let visitor = Visitor::extract(request).await?;
        let error = match unread {
            Unread::TooLong => PageError::TooLong,
            Unread::TooSlow => PageError::TooSlow,
            Unread::Broken => {
                PageError::BadRequest(OAuthError::invalid_request("the body could not be read"))
            }
        };
        Ok(error.page(&visitor))
    })
    .await
}

/// For what programs ask (RFC 6749 §5.2).
pub(super) async fn of_programs<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    within_limits(request, next, async |_, unread| {
        let (status, description) = match unread {
            Unread::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too long"),
            Unread::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the body took too long"),
            Unread::Broken => (StatusCode::BAD_REQUEST, "the body could not be read"),
        };
        Ok(refusal(status, &OAuthError::invalid_request(description)))
    })
    .await
}

/// Reads the whole body before its handler runs; `refuse` answers where that does not go.
pub(super) async fn within_limits<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
    refuse: impl AsyncFnOnce(&HttpRequest, Unread) -> Result<HttpResponse, Error>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let mut rest = request.take_payload();
    if matches!(rest, Payload::None) {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    match read(&request, &mut rest).await {
        Ok(body) => {
            request.set_payload(Payload::from(body));
            Ok(next.call(request).await?.map_into_left_body())
        }
        Err(unread) => {
            let refused = refuse(request.request(), unread).await?;
            // Over HTTP/1.1 actix reads on what was let go for as long as somebody sends, and closes the connection of what
            // is held. Over HTTP/2 what is held is kept as it comes, and that for ever where the answer finds no room; what was
            // let go is thrown away.
            let refused = match request.version() {
                Version::HTTP_2 => refused,
                _ => refused.map_body(|_, body| Holding::body(body, rest)),
            };
            Ok(request.into_response(refused).map_into_right_body())
        }
    }
}

async fn read(request: &ServiceRequest, payload: &mut Payload) -> Result<Bytes, Unread> {
    let announced = request.headers().get(CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MOST_BYTES) {
        return Err(Unread::TooLong);
    }
    let Some(provider) = request.app_data::<web::Data<Provider>>() else {
        return Err(Unread::Broken);
    };
    let deadline = provider.clock.now() + TIME;
    let all = async {
        let mut body = BytesMut::with_capacity(announced.unwrap_or_default());
        let mut empty = 0;
        while let Some(piece) = payload.next().await {
            let piece = piece.map_err(|_broken| Unread::Broken)?;
            empty += u32::from(piece.is_empty());
            if empty > MOST_EMPTY {
                return Err(Unread::Broken);
            }
            if body.len() + piece.len() > MOST_BYTES {
                return Err(Unread::TooLong);
            }
            body.extend_from_slice(&piece);
        }
        Ok(body.freeze())
    };
    tokio::select! {
        read = all => read,
        () = provider.clock.sleep_until(deadline) => Err(Unread::TooSlow),
    }
}

/// The body of an answer that keeps hold of something until it is sent, or let go.
pub(super) struct Holding<T> {
    body: BoxBody,
    _held: T,
}

impl<T: Unpin + 'static> Holding<T> {
    /// The body, with what it holds.
    pub(super) fn body(body: BoxBody, held: T) -> BoxBody {
        BoxBody::new(Self { body, _held: held })
    }
}

impl<T: Unpin> MessageBody for Holding<T> {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
