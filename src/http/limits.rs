//! What one connection may ask of us at a time (attack 96). HTTP/1.1 has limits of its own (one request after the other, a
//! head of 128 KiB and 96 fields); over HTTP/2, where the library's are 16 MiB and as many requests as somebody begins,
//! these stand in their place.

use std::any::Any;
use std::cell::Cell;
use std::rc::Rc;

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Extensions, ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use actix_web::http::{StatusCode, Version};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, HttpResponseBuilder};

use super::body::Holding;

/// How many bytes the names and values of a request's header may have.
const MOST_HEADER_BYTES: usize = 128 * 1024;
/// How many fields: browsers send each cookie as one of its own.
const MOST_FIELDS: usize = 256;
/// How many requests of one connection are worked on at once, or have an answer that waits for a window. Those whose
/// sender has lost interest count for as long as the work goes on, so that beginning and resetting requests gains nothing.
const MOST_AT_ONCE: u32 = 256;
/// How much of a body may be on its way before we have read it: none that is read has more.
pub const STREAM_WINDOW: u32 = 64 * 1024;
/// The same for all bodies of a connection together.
pub const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// How many requests of a connection count.
struct AtOnce(Rc<Cell<u32>>);

/// One of them, until it is dropped.
struct One(Rc<Cell<u32>>);

impl One {
    fn of(at_once: &AtOnce) -> Option<Self> {
        let count = at_once.0.get();
        (count < MOST_AT_ONCE).then(|| {
            at_once.0.set(count + 1);
            Self(Rc::clone(&at_once.0))
        })
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// Begins to count for a connection.
pub fn connected(_: &dyn Any, connection: &mut Extensions) {
    connection.insert(AtOnce(Rc::default()));
}

/// Refuses what one connection asks too much of.
///
/// # Errors
/// Those of the handlers.
pub async fn within<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    if request.version() != Version::HTTP_2 {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    let mut refusal = if is_too_large(request.headers()) {
        HttpResponse::build(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
    } else {
        let one = request.request().conn_data::<AtOnce>().map(One::of);
        if let Some(None) = one {
            busy()
        } else {
            let response = next.call(request).await?.map_into_boxed_body();
            // Who opens no window for the answer has it waiting here, and counts.
            let counted = |_: &mut _, body| Holding::body(body, one.flatten());
            return Ok(response.map_body(counted).map_into_right_body());
        }
    };
    let refused = refusal.finish().map_into_right_body();
    Ok(request.into_response(refused))
}

fn busy() -> HttpResponseBuilder {
    let mut busy = HttpResponse::ServiceUnavailable();
    busy.insert_header((RETRY_AFTER, HeaderValue::from_static("1")));
    busy
}

fn is_too_large(headers: &HeaderMap) -> bool {
    let mut bytes = 0;
    headers.iter().enumerate().any(|(index, (name, value))| {
        bytes += name.as_str().len() + value.len();
        index >= MOST_FIELDS || bytes > MOST_HEADER_BYTES
    })
}
