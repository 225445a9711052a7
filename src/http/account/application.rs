//! Leaving one application in one session.

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use uuid::Uuid;

use super::{LEAVE, PATH, acting, to_sign_in};
use crate::clock::Timestamp;
use crate::flows::end_session;
use crate::flows::watching::Watched;
use crate::http::error::{PageError, see_other};
use crate::http::leaving;
use crate::http::visitor::Visitor;
use crate::oidc::logout::{Cause, Channel};
use crate::store::participants;
use crate::store::sessions::{self, Session};

/// The act. The `sid` names the application and the session.
pub(super) async fn leave(visitor: Visitor, body: Bytes) -> HttpResponse {
    let answer = async {
        let Some((here, form)) = acting(&visitor, LEAVE, &body).await? else {
            return Ok(to_sign_in(&visitor));
        };
        let provider = &visitor.provider;
        let db = provider.database.read();
        let sid = form.get("sid").and_then(|sid| sid.parse::<Uuid>().ok());
        let part = match sid {
            Some(sid) => participants::find(db, sid).await?,
            None => None,
        };
        let part = part.ok_or(PageError::NotFound)?;
        let session = sessions::find(db, part.session_id).await?;
        // Another person's looks like one that never was (attack 74).
        let session = session
            .filter(|session| session.user_id == here.user_id)
            .ok_or(PageError::NotFound)?;
        let began_at = provider.clock.now();
        if part.ended_at.is_none() {
            let cause = Cause::OneApplication;
            end_session::end_participation(provider, session.id, &part.client_id, cause).await?;
        }
        let back = format!("{PATH}?left={}", part.sid);
        go_on(&visitor, &here, &session, began_at, &back).await
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// Waits a moment for receipts, and leads back; by the leaving page, where an application of this very
/// browser can only be told in it.
pub(super) async fn go_on(
    visitor: &Visitor,
    here: &Session,
    left_in: &Session,
    began_at: Timestamp,
    back: &str,
) -> Result<HttpResponse, PageError> {
    let provider = &visitor.provider;
    let deadline = provider.clock.now() + provider.config.logout.grace;
    let mut told = end_session::wait_for_receipts(provider, left_in.id, deadline).await?;
    told.retain(|delivery| delivery.created_at >= began_at);
    let by_frame = told
        .iter()
        .any(|delivery| delivery.channel == Channel::Front);
    let back = visitor.path(back);
    if left_in.id != here.id || !by_frame {
        return Ok(see_other(&back));
    }
    let watched = Watched {
        session_id: here.id,
        client_id: None,
        continue_to: Some(back),
        began_at,
        was_elsewhere: false,
    };
    leaving::show(visitor, leaving::PATH, watched).await
}
