//! Ending one of one's sessions, or all of them.

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use uuid::Uuid;

use super::{END_ALL, END_SESSION, PATH, acting, to_sign_in};
use crate::clock::Timestamp;
use crate::flows::end_session;
use crate::flows::upstream::leave::{deadline_there, elsewhere};
use crate::flows::watching::Watched;
use crate::http::error::{PageError, see_other};
use crate::http::upstream_leaving::{self, Left};
use crate::http::visitor::Visitor;
use crate::http::{check_session, cookies};
use crate::oidc::logout::{Cause, DeliveryState};
use crate::store::sessions::{self, Session};

/// One session: this one, or another of the same person's.
pub(super) async fn end(visitor: Visitor, body: Bytes) -> HttpResponse {
    let answer = async {
        let Some((here, form)) = acting(&visitor, END_SESSION, &body).await? else {
            return Ok(to_sign_in(&visitor));
        };
        let provider = &visitor.provider;
        let wanted = form.get("session").and_then(|id| id.parse::<Uuid>().ok());
        let session = match wanted {
            Some(id) => sessions::find(provider.database.read(), id).await?,
            None => None,
        };
        // Another person's looks like one that never was (attack 74).
        let session = session
            .filter(|session| session.user_id == here.user_id)
            .ok_or(PageError::NotFound)?;
        let began_at = provider.clock.now();
        let ended = end_session::end_session(provider, session.id, Cause::OneSession).await?;
        if session.id == here.id {
            return leave(&visitor, &session, ended, began_at).await;
        }
        let deadline = provider.clock.now() + provider.config.logout.grace;
        end_session::wait_for_receipts(provider, session.id, deadline).await?;
        Ok(see_other(
            &visitor.path(&format!("{PATH}?ended={}", session.id)),
        ))
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// Every session of the person.
pub(super) async fn end_all(visitor: Visitor, body: Bytes) -> HttpResponse {
    let answer = async {
        let Some((here, _)) = acting(&visitor, END_ALL, &body).await? else {
            return Ok(to_sign_in(&visitor));
        };
        let provider = &visitor.provider;
        let began_at = provider.clock.now();
        let ended = end_session::end_everywhere(provider, &here, Cause::Everywhere).await?;
        leave(&visitor, &here, ended, began_at).await
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// This browser's session is over: on to the pages that show how far the telling got.
async fn leave(
    visitor: &Visitor,
    session: &Session,
    ended: bool,
    began_at: Timestamp,
) -> Result<HttpResponse, PageError> {
    let provider = &visitor.provider;
    // Another request may have ended it a moment ago: then what it told is what there is to show.
    let began_at = match sessions::find(provider.database.read(), session.id).await? {
        Some(known) if !ended => known.ended_at.unwrap_or(began_at),
        _ => began_at,
    };
    let now = provider.clock.now();
    let deadline = now + provider.config.logout.grace;
    let (mut told, elsewhere) = tokio::try_join!(
        end_session::wait_for_receipts(provider, session.id, deadline),
        elsewhere(provider, session.id, Some(deadline_there(provider, now))),
    )?;
    told.retain(|delivery| delivery.created_at >= began_at);
    let all_confirmed = told
        .iter()
        .all(|delivery| delivery.state == DeliveryState::Confirmed);
    let left = Left {
        watched: Watched {
            session_id: session.id,
            client_id: None,
            continue_to: None,
            began_at,
            was_elsewhere: false,
        },
        nothing_to_show: all_confirmed,
        is_sent_on: false,
        goes_on: false,
    };
    let mut response = upstream_leaving::after(visitor, left, elsewhere).await?;
    cookies::add(&mut response, check_session::signed_out(provider))?;
    Ok(response)
}
