//! The log as server-sent events (HTML Living Standard §9.2).

use actix_web::http::header::{CACHE_CONTROL, VARY};
use actix_web::web::{self, Bytes};
use actix_web::{Error, HttpResponse, HttpResponseBuilder, body};
use chrono::TimeDelta;
use futures_util::stream;

use super::waiters::Waiter;
use crate::flows::revocations::hearing::{self, Heard};
use crate::flows::{FlowError, Provider};
use crate::oidc::revocation::Piece;

/// How long nothing is said at most: a reader that hears nothing for much longer is cut off, and knows it.
const SILENCE: TimeDelta = TimeDelta::seconds(10);

struct Stream {
    provider: web::Data<Provider>,
    identifier: String,
    after: i64,
    is_begun: bool,
    _waiter: Waiter,
}

/// An event for each piece of the log after `after`, for as long as the reader listens. It ends when it can't go on: the
/// reader comes back, and is told why.
pub(super) fn stream(
    provider: web::Data<Provider>,
    identifier: String,
    after: i64,
    waiter: Waiter,
) -> HttpResponse {
    let stream = Stream {
        provider,
        identifier,
        after,
        is_begun: false,
        _waiter: waiter,
    };
    let events = stream::unfold(stream, async |mut stream| {
        let event = match stream.next().await {
            Ok(event) => event?,
            Err(error) => {
                tracing::error!(%error, "a service hears no more of what was taken back");
                return None;
            }
        };
        Some((Ok::<_, Error>(event), stream))
    });
    begun().streaming(Box::pin(events))
}

/// What comes before the first event, and no event.
pub(super) fn head() -> HttpResponse {
    begun().body(body::None::new())
}

fn begun() -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((VARY, "Accept"))
        // nginx would keep events until it has a page of them.
        .insert_header(("x-accel-buffering", "no"));
    answer
}

impl Stream {
    /// The next event; none at the end. The first comes at once, so that the reader knows how fresh it is.
    async fn next(&mut self) -> Result<Option<Bytes>, FlowError> {
        if self.provider.closing.is_cancelled() {
            return Ok(None);
        }
        let now = self.provider.clock.now();
        let deadline = if self.is_begun { now + SILENCE } else { now };
        self.is_begun = true;
        let (identifier, after) = (&self.identifier, self.after);
        let heard = hearing::wait_for_more(&self.provider, identifier, after, deadline).await?;
        let Heard::Piece(heard) = heard else {
            return Ok(None);
        };
        self.after = heard.to;
        Ok(event(&heard))
    }
}

/// With a comment, which readers of events pass over: it keeps those between us from thinking that we are gone.
fn event(heard: &Piece<'_>) -> Option<Bytes> {
    let data = serde_json::to_string(heard).ok()?;
    let text = format!(":\nid: {}\ndata: {data}\n\n", heard.to);
    Some(Bytes::from(text))
}
