//! All that is taken back and would be good otherwise: what a service begins with. It may be long, so it is made and sent
//! piece by piece.

use std::io::Write as _;

use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, VARY};
use actix_web::web::{self, Bytes};
use actix_web::{Error, HttpRequest, HttpResponse, HttpResponseBuilder, body};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;

use super::service;
use crate::flows::revocations::hearing;
use crate::flows::{FlowError, Provider};
use crate::http::token::Refusal;
use crate::oidc::service::Service;

/// GET.
pub(in crate::http) async fn get(
    provider: web::Data<Provider>,
    request: HttpRequest,
) -> HttpResponse {
    let (service, end) = match asked(&provider, &request).await {
        Ok(asked) => asked,
        Err(refusal) => return refusal.response(),
    };
    let is_packed = accepts_gzip(&request);
    let snapshot = Snapshot {
        packer: is_packed.then(|| GzEncoder::new(Vec::new(), Compression::fast())),
        provider,
        service,
        after: 0,
        end,
        place: Place::Start,
        has_entries: false,
    };
    let pieces = stream::unfold(snapshot, async |mut snapshot| {
        let piece = snapshot.next().await.transpose()?;
        // Cut off in the middle it is no JSON: nobody takes it for the whole.
        let piece = piece.map_err(|error| {
            tracing::error!(%error, "a snapshot of what was taken back was cut off");
            Error::from(std::io::Error::other("cut off"))
        });
        Some((piece, snapshot))
    });
    begun(is_packed).streaming(Box::pin(pieces))
}

/// HEAD: refused where GET is, and nothing is gathered for it.
pub(in crate::http) async fn head(
    provider: web::Data<Provider>,
    request: HttpRequest,
) -> HttpResponse {
    match asked(&provider, &request).await {
        Ok(_) => begun(accepts_gzip(&request)).body(body::None::new()),
        Err(refusal) => refusal.response(),
    }
}

/// The service that asks, and how far its snapshot goes.
async fn asked(provider: &Provider, request: &HttpRequest) -> Result<(Service, i64), Refusal> {
    let service = service(provider, request).await?;
    Ok((service, hearing::end(provider).await?))
}

fn begun(is_packed: bool) -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer
        .content_type("application/json")
        .insert_header((VARY, "Accept-Encoding"));
    if is_packed {
        answer.insert_header((CONTENT_ENCODING, "gzip"));
    }
    answer
}

/// RFC 9110 §12.5.3, as far as gzip goes: named, and not with `q=0`.
fn accepts_gzip(request: &HttpRequest) -> bool {
    let accepted = request.headers().get_all(ACCEPT_ENCODING);
    accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
            name.trim().eq_ignore_ascii_case("gzip")
                && weight.parse::<f32>().is_ok_and(|weight| weight > 0.0)
        })
}

enum Place {
    Start,
    Middle,
    End,
}

struct Snapshot {
    packer: Option<GzEncoder<Vec<u8>>>,
    provider: web::Data<Provider>,
    service: Service,
    after: i64,
    end: i64,
    place: Place,
    has_entries: bool,
}

impl Snapshot {
    /// The next bytes; none at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, FlowError> {
        let mut text = String::new();
        match self.place {
            Place::Start => {
                let issuer = serde_json::Value::from(self.provider.config.issuer.as_str());
                let (to, now) = (self.end, self.provider.clock.now().timestamp());
                text = format!(r#"{{"issuer":{issuer},"from":0,"to":{to},"now":{now},"entries":["#);
                self.place = Place::Middle;
            }
            Place::Middle => {
                let (after, end) = (self.after, self.end);
                let piece = hearing::piece(&self.provider, &self.service, after, end).await?;
                for entry in &piece.entries {
                    if self.has_entries {
                        text.push(',');
                    }
                    self.has_entries = true;
                    text += &serde_json::to_string(entry).unwrap_or_default();
                }
                self.after = piece.to;
                if piece.to >= end {
                    text += "]}";
                    self.place = Place::End;
                }
            }
            Place::End => return Ok(self.packer.take().and_then(last).map(Bytes::from)),
        }
        Ok(Some(match &mut self.packer {
            None => Bytes::from(text),
            Some(packer) => {
                // Into memory: that can't fail.
                let _ = packer.write_all(text.as_bytes());
                let _ = packer.flush();
                Bytes::from(std::mem::take(packer.get_mut()))
            }
        }))
    }
}

/// What the packer still has.
fn last(packer: GzEncoder<Vec<u8>>) -> Option<Vec<u8>> {
    packer.finish().ok()
}
