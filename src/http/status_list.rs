//! Status lists (draft-ietf-oauth-status-list §8): for whoever holds a token with a `status` claim. They tell nothing of
//! anybody: which bit is whose, the token alone says.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ETAG, VARY,
};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use tokio::sync::Mutex;

use super::cors::ANY_ORIGIN;
use super::error::failure;
use super::headers::has_current;
use super::static_files::fingerprint;
use crate::clock::Timestamp;
use crate::flows::{FlowError, Provider, status_list as flow};
use crate::oidc::discovery::STATUS_LISTS;
use crate::oidc::status_list::{self, MEDIA_TYPE, TTL};

/// For how long a list is taken for true that was looked up: many ask, and the database is asked seldom.
const LOOKED_UP: TimeDelta = TimeDelta::seconds(1);
/// For how long one is sent as it was signed, if nothing has changed in it. It may be relied on for much longer.
const SIGNED: TimeDelta = TimeDelta::seconds(60);
/// How many lists are kept in memory.
const MOST_KEPT: usize = 256;

/// Lists that were asked for lately.
#[derive(Debug, Clone, Default)]
pub(super) struct Lists(Arc<Mutex<HashMap<String, Kept>>>);

#[derive(Debug)]
struct Kept {
    invalid: Vec<u32>,
    body: Bytes,
    tag: String,
    looked_up_at: Timestamp,
    signed_at: Timestamp,
}

/// The path of a list, below the issuer's.
pub(super) fn path() -> String {
    format!("{STATUS_LISTS}/{{handle}}/{{number}}")
}

/// GET.
pub(super) async fn get(
    provider: web::Data<Provider>,
    lists: web::Data<Lists>,
    list: web::Path<(String, i64)>,
    request: HttpRequest,
) -> HttpResponse {
    // How a list was before (§8.4) is not told: it would show who left when.
    if request
        .query_string()
        .split('&')
        .any(|pair| pair.starts_with("time="))
    {
        return HttpResponse::NotImplemented().finish();
    }
    if !accepts_jwt(&request) {
        return HttpResponse::NotAcceptable().finish();
    }
    let (handle, number) = list.into_inner();
    match lists
        .current(&provider, &format!("{handle}/{number}"))
        .await
    {
        Ok(Some((body, tag))) => document(&request, &tag, body),
        Ok(None) => HttpResponse::NotFound()
            .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN))
            .finish(),
        Err(error) => failure(&error),
    }
}

impl Lists {
    /// The list as it is now, signed, and its tag.
    async fn current(
        &self,
        provider: &Provider,
        list: &str,
    ) -> Result<Option<(Bytes, String)>, FlowError> {
        // Held while the database is asked: whoever asks for the same meanwhile is told the same.
        let mut lists = self.0.lock().await;
        let now = provider.clock.now();
        if let Some(kept) = lists.get(list)
            && now - kept.looked_up_at < LOOKED_UP
        {
            return Ok(Some((kept.body.clone(), kept.tag.clone())));
        }
        let Some(invalid) = flow::invalid(provider, list, now).await? else {
            lists.remove(list);
            return Ok(None);
        };
        if let Some(kept) = lists.get_mut(list)
            && kept.invalid == invalid
            && now - kept.signed_at < SIGNED
        {
            kept.looked_up_at = now;
            return Ok(Some((kept.body.clone(), kept.tag.clone())));
        }
        let signed = flow::sign(provider, list, &compressed(&invalid), now)?;
        let (tag, body) = (fingerprint(signed.as_bytes()), Bytes::from(signed));
        if lists.len() >= MOST_KEPT {
            lists.clear();
        }
        let kept = Kept {
            invalid,
            body: body.clone(),
            tag: tag.clone(),
            looked_up_at: now,
            signed_at: now,
        };
        lists.insert(list.to_owned(), kept);
        Ok(Some((body, tag)))
    }
}

/// §4.2: zlib (RFC 1950), base64url.
fn compressed(invalid: &[u32]) -> String {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::best());
    // Into memory: that can't fail.
    let _ = packer.write_all(&status_list::bits(invalid));
    URL_SAFE_NO_PAD.encode(packer.finish().unwrap_or_default())
}

fn document(request: &HttpRequest, tag: &str, body: Bytes) -> HttpResponse {
    let is_current = has_current(request, tag);
    let mut answer = HttpResponse::build(match is_current {
        true => StatusCode::NOT_MODIFIED,
        false => StatusCode::OK,
    });
    answer
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN))
        .insert_header((
            CACHE_CONTROL,
            format!("public, max-age={}", TTL.num_seconds()),
        ))
        .insert_header((ETAG, format!("\"{tag}\"")))
        .insert_header((VARY, "Accept"));
    match is_current {
        true => answer.finish(),
        false => answer.insert_header((CONTENT_TYPE, MEDIA_TYPE)).body(body),
    }
}

/// Whether a JWT is what is asked for (§8.1), as far as anything is: there is no other form.
fn accepts_jwt(request: &HttpRequest) -> bool {
    let mut accepted = request.headers().get_all(ACCEPT).peekable();
    if accepted.peek().is_none() {
        return true;
    }
    accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|range| {
            let range = range.trim();
            [MEDIA_TYPE, "application/*", "*/*"]
                .iter()
                .any(|known| range.eq_ignore_ascii_case(known))
        })
}
