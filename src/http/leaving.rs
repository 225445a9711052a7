//! "Signing you out of N applications" and "You are signed out". The session is over by then: a random
//! handle in a ten-minute cookie says who may look, and who may report what a framed page said.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_SECURITY_POLICY;
use actix_web::web::Bytes;

use super::authorize::form;
use super::cookies::Kind;
use super::error::{PageError, html, see_other, there};
use super::headers::framing_policy;
use super::pages::{self, Departure, Here, LeavingStatus, Onward, SignedOut};
use super::receipts::{Receipt, receipts};
use super::upstream_leaving;
use super::visitor::Visitor;
use crate::flows::watching;
use crate::jose::HashPurpose;
use crate::store::leavings::{self, Leaving};
use crate::store::{clients, deliveries, participants};

/// Where applications are seen leaving.
pub(super) const PATH: &str = "/leaving";
/// What the pages' script reads.
pub(super) const STATUS_PATH: &str = "/leaving/status";
/// Where it reports that a framed page said that it is done.
pub(super) const ACKNOWLEDGE_PATH: &str = "/leaving/acknowledge";
/// Where it ends when there is nowhere to go on to.
pub(super) const SIGNED_OUT_PATH: &str = "/signed-out";

/// The page.
pub(super) async fn get(visitor: Visitor) -> HttpResponse {
    let answer = async {
        let Some((leaving, receipts)) = watched(&visitor).await? else {
            return Ok(see_other(&visitor.path(SIGNED_OUT_PATH)));
        };
        let provider = &visitor.provider;
        let now = provider.clock.now();
        let (here, signed_in_at) = here(&visitor, &leaving).await?;
        let elsewhere = match here {
            Here::SignedOut => upstream_leaving::on_the_way(&visitor, &leaving).await?,
            Here::GoesOn | Here::SignedInAgain => None,
        };
        let is_next = elsewhere.as_ref().is_some_and(pages::Elsewhere::is_next);
        let onward = match onward(&visitor, &leaving).await? {
            _ if is_next => ours(&visitor, upstream_leaving::ONWARD_PATH),
            Some(onward) => onward,
            None => ours(&visitor, SIGNED_OUT_PATH),
        };
        let frames: Vec<_> = receipts
            .iter()
            // An application that looks at its cookie alone would end the new session there.
            .filter(|receipt| !signed_in_at.contains(&receipt.delivery.client_id))
            .filter_map(|receipt| receipt.frame(provider))
            .collect();
        let receipts = if frames.is_empty() {
            receipts
        } else {
            // Written before the page is sent: it says "asked" of what it frames, and of that alone.
            let framed: Vec<_> = frames.iter().map(|frame| frame.delivery_id).collect();
            watching::asked(provider, &framed).await?;
            match watched(&visitor).await? {
                Some((_, receipts)) => receipts,
                None => receipts,
            }
        };
        let mut origins: Vec<String> = frames
            .iter()
            .map(|frame| frame.framed.origin.clone())
            .collect();
        origins.sort_unstable();
        origins.dedup();
        let page = pages::Leaving {
            here,
            ui: visitor.ui(None),
            departures: departures(&receipts, now),
            frames: frames.into_iter().map(|frame| frame.framed).collect(),
            issuer: provider.config.issuer.as_str().to_owned(),
            acknowledge_href: visitor.path(ACKNOWLEDGE_PATH),
            csrf: visitor.leaving_csrf(),
            status_href: visitor.path(STATUS_PATH),
            again_href: visitor.path(PATH),
            onward,
            elsewhere,
            page_wait: provider
                .config
                .logout
                .page_wait
                .to_std()
                .unwrap_or_default(),
            now,
        };
        polling(html(StatusCode::OK, &page), &origins)
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// HEAD: sent on where GET is, and no application is asked for that.
pub(super) async fn head(visitor: Visitor) -> HttpResponse {
    match watched(&visitor).await {
        Ok(Some(_)) => there(),
        Ok(None) => see_other(&visitor.path(SIGNED_OUT_PATH)),
        Err(error) => error.page(&visitor),
    }
}

/// A page that asks for its status, and frames these origins.
fn polling(mut page: HttpResponse, origins: &[String]) -> Result<HttpResponse, PageError> {
    let policy = framing_policy(origins)
        .parse()
        .map_err(|_invalid| PageError::NotFound)?;
    page.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    Ok(page)
}

/// What there is in this browser after the sign-out, and the applications at which somebody is signed in.
async fn here(visitor: &Visitor, leaving: &Leaving) -> Result<(Here, Vec<String>), PageError> {
    let db = visitor.provider.database.read();
    let Some(session) = visitor.session().await? else {
        return Ok((Here::SignedOut, Vec::new()));
    };
    let here = if session.id == leaving.session_id {
        Here::GoesOn
    } else {
        Here::SignedInAgain
    };
    let open = participants::list_open(db, &[session.id], None, None).await?;
    Ok((
        here,
        open.into_iter().map(|known| known.client_id).collect(),
    ))
}

/// The state of each application as JSON.
pub(super) async fn status(visitor: Visitor) -> HttpResponse {
    match watched(&visitor).await {
        Ok(Some((_, receipts))) => as_json(&visitor, &receipts),
        Ok(None) => HttpResponse::NotFound().finish(),
        Err(error) => error.page(&visitor),
    }
}

fn as_json(visitor: &Visitor, receipts: &[Receipt]) -> HttpResponse {
    let now = visitor.provider.clock.now();
    let departures = departures(receipts, now);
    HttpResponse::Ok().json(LeavingStatus::new(&visitor.ui(None), &departures, now))
}

/// A framed page said that it is done: the script checked who spoke, and here it is checked that this browser was
/// sent the frame. It proves what the browser was told, and no more.
pub(super) async fn acknowledge(visitor: Visitor, body: Bytes) -> HttpResponse {
    let answer = async {
        let form = form(&body)?;
        visitor.check_leaving_form(&form)?;
        let Some((_, receipts)) = watched(&visitor).await? else {
            return Err(PageError::Expired);
        };
        let named = form.get("application");
        let id = receipts
            .iter()
            .map(|receipt| receipt.delivery.id)
            .find(|id| named == Some(id.to_string().as_str()))
            .ok_or(PageError::NotFound)?;
        if !watching::said_done(&visitor.provider, id).await? {
            return Err(PageError::NotFound);
        }
        let known = watched(&visitor).await?;
        let (_, receipts) = known.ok_or(PageError::Expired)?;
        Ok(as_json(&visitor, &receipts))
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// The end.
pub(super) async fn signed_out(visitor: Visitor) -> HttpResponse {
    let answer = async {
        // Whoever is signed in is not told that they are signed out.
        if visitor.session().await?.is_some() {
            return Ok(see_other(&visitor.path("/")));
        }
        let now = visitor.provider.clock.now();
        let watched = watched(&visitor).await?;
        let (departures, onward, sign_in_again, elsewhere) = match &watched {
            Some((leaving, receipts)) => (
                departures(receipts, now),
                onward(&visitor, leaving).await?,
                sign_in_again(&visitor, leaving).await?,
                upstream_leaving::at_the_end(&visitor, leaving).await?,
            ),
            None => (Vec::new(), None, None, None),
        };
        let open = departures
            .iter()
            .any(|departure| !departure.state.is_settled());
        let page = SignedOut {
            ui: visitor.ui(None),
            was_signed_in: watched.is_some(),
            status_href: open.then(|| visitor.path(STATUS_PATH)),
            again_href: open.then(|| visitor.path(SIGNED_OUT_PATH)),
            departures,
            notice: None,
            details: None,
            sign_in_again: sign_in_again.filter(|_| onward.is_none()),
            onward,
            elsewhere,
            now,
        };
        polling(html(StatusCode::OK, &page), &[])
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// The sign-out that this browser may look at.
pub(super) async fn found(visitor: &Visitor) -> Result<Option<Leaving>, PageError> {
    let Some(handle) = &visitor.leaving_cookie else {
        return Ok(None);
    };
    let provider = &visitor.provider;
    let hash = provider.master.hash(HashPurpose::Handle, handle);
    let db = provider.database.read();
    Ok(leavings::find(db, &hash, provider.clock.now()).await?)
}

/// The same, and how far it got.
pub(super) async fn watched(
    visitor: &Visitor,
) -> Result<Option<(Leaving, Vec<Receipt>)>, PageError> {
    let Some(leaving) = found(visitor).await? else {
        return Ok(None);
    };
    let provider = &visitor.provider;
    let db = provider.database.read();
    let mut known = deliveries::of_session(db, leaving.session_id).await?;
    // Of a session that goes on, only what this sign-out was about.
    known.retain(|delivery| delivery.created_at >= leaving.created_at);
    Ok(Some((leaving, receipts(provider, known).await?)))
}

fn ours(visitor: &Visitor, path: &str) -> Onward {
    Onward {
        href: visitor.path(path),
        application: None,
    }
}

async fn onward(visitor: &Visitor, leaving: &Leaving) -> Result<Option<Onward>, PageError> {
    let Some(href) = leaving.continue_to.clone() else {
        return Ok(None);
    };
    let known = match &leaving.client_id {
        Some(client_id) => clients::find(visitor.provider.database.read(), client_id).await?,
        None => None,
    };
    let application = known.map(|known| known.client.name().to_owned());
    Ok(Some(Onward { href, application }))
}

/// Back in, for somebody whom the application that asked has nowhere to send.
async fn sign_in_again(visitor: &Visitor, leaving: &Leaving) -> Result<Option<Onward>, PageError> {
    let provider = &visitor.provider;
    let known = match &leaving.client_id {
        Some(client_id) => clients::find_enabled(provider.database.read(), client_id).await?,
        None => None,
    };
    Ok(known.and_then(|client| Onward::sign_in(&client, &provider.config.issuer)))
}

fn departures(receipts: &[Receipt], now: crate::clock::Timestamp) -> Vec<Departure> {
    receipts
        .iter()
        .map(|receipt| receipt.departure(now))
        .collect()
}

/// Lets this browser look at a sign-out: the answer `to` one of the pages here, with the cookie.
pub(super) async fn show(
    visitor: &Visitor,
    path: &str,
    leaving: watching::Watched,
) -> Result<HttpResponse, PageError> {
    let handle = watching::watch(&visitor.provider, leaving).await?;
    let_look(visitor, handle, &visitor.path(path))
}

/// Sends the browser to `location`, with the cookie of this handle.
pub(super) fn let_look(
    visitor: &Visitor,
    handle: String,
    location: &str,
) -> Result<HttpResponse, PageError> {
    let seconds = watching::WATCHED_FOR.num_seconds();
    let mut response = see_other(location);
    let cookie = Kind::Leaving.set(&visitor.provider.config, handle, Some(seconds));
    response
        .add_cookie(&cookie)
        .map_err(|_invalid| PageError::NotFound)?;
    Ok(response)
}
