//! The end session endpoint (RP-Initiated Logout 1.0) and the page that asks before a session ends.

mod shown;

use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};

use self::shown::{already_out, ask};
use super::authorize::form;
use super::error::{PageError, see_other, there};
use super::upstream_leaving::{self, Left};
use super::visitor::Visitor;
use super::{check_session, cookies, leaving, parked};
use crate::flows::upstream::leave::{deadline_there, elsewhere};
use crate::flows::{authorize, end_session, watching};
use crate::oidc::client::Client;
use crate::oidc::discovery::END_SESSION;
use crate::oidc::error::OAuthError;
use crate::oidc::logout::{
    self, Cause, Channel, DeliveryState, EndSession, EndSessionRequest, Hint, LivingSession, Then,
};
use crate::oidc::params::Params;
use crate::store::participants::{self, Participant};
use crate::store::sessions::{self, Session};
use crate::store::{clients, users};

/// Where the page that asks posts to.
pub(super) const CONFIRM_PATH: &str = "/end_session/confirm";
/// What the form there does, in the session whose end the person is asked for. One that began since, in another tab, is not
/// what they were shown (attack 72).
const ACT: &str = "end_session";

/// A request, with everything that its decision needs.
struct Request {
    params: Params,
    request: EndSessionRequest,
    client: Option<Client>,
    session: Option<(Session, Vec<Participant>)>,
    decision: EndSession,
}

/// GET, and the second half of a POST from another site.
pub(super) async fn get(visitor: Visitor, request: HttpRequest) -> HttpResponse {
    let answer = async {
        match parked::of_get(&visitor, &request).await? {
            Some(params) => begin(&visitor, params).await,
            None => brought_again(&visitor).await,
        }
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// HEAD: refused where GET is, and nobody is signed out.
pub(super) async fn head(visitor: Visitor, request: HttpRequest) -> HttpResponse {
    match Params::parse(request.query_string().as_bytes()) {
        Ok(_) => there(),
        Err(refusal) => PageError::from(refusal).page(&visitor),
    }
}

/// POST. One that comes from another site brings no cookie and comes back by GET, where it does.
pub(super) async fn post(visitor: Visitor, request: HttpRequest, body: Bytes) -> HttpResponse {
    let answer = async {
        let params = parked::of_post(&request, &body)?;
        if visitor.session_cookie.is_some() {
            return begin(&visitor, params).await;
        }
        parked::come_back(&visitor, END_SESSION, &params).await
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// The page that asks was answered.
pub(super) async fn confirm(visitor: Visitor, body: Bytes) -> HttpResponse {
    let answer = async {
        visitor.check_origin()?;
        let form = form(&body)?;
        let params = Params::parse(form.get("request").unwrap_or_default().as_bytes())?;
        let known = read(&visitor, params).await?;
        let then = match &known.decision {
            EndSession::EndNow { then }
            | EndSession::Confirm { then, .. }
            | EndSession::AlreadyOut { then } => then.clone(),
            EndSession::Unfit(_) => Then::SignedOutPage { link: None },
        };
        let Some((session, _)) = &known.session else {
            return answered_again(&visitor, &form, &known, then).await;
        };
        visitor.check_session_form(&form, session, ACT)?;
        match (form.get("scope"), &known.client) {
            (Some("client"), Some(client)) => {
                leave(&visitor, session, Some(&client.client_id), &known, then).await
            }
            (Some("everywhere"), _) => leave(&visitor, session, None, &known, then).await,
            _ => Err(OAuthError::invalid_request("scope must be everywhere or client").into()),
        }
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// The page that asks was answered, and nobody is signed in: perhaps it was answered before, and that answer never
/// arrived. Then the browser has the cookie of the session that ended, or that of its receipts, and is shown these.
async fn answered_again(
    visitor: &Visitor,
    form: &Params,
    known: &Request,
    then: Then,
) -> Result<HttpResponse, PageError> {
    if let Some(session) = just_ended(visitor).await?
        && visitor.check_session_form(form, &session, ACT).is_ok()
    {
        return leave(visitor, &session, None, known, then).await;
    }
    if leaving::watched(visitor).await?.is_some() {
        return Ok(see_other(&visitor.path(leaving::PATH)));
    }
    Ok(already_out(
        visitor,
        known,
        Then::SignedOutPage { link: None },
    ))
}

/// The session of this browser's cookie, if it ended a moment ago.
async fn just_ended(visitor: &Visitor) -> Result<Option<Session>, PageError> {
    match &visitor.session_cookie {
        Some(cookie) => Ok(watching::just_ended(&visitor.provider, cookie).await?),
        None => Ok(None),
    }
}

/// The POST of another site was brought back before, and comes again by a reload or the Back button. What it asked for is
/// forgotten: nobody is sent to its application. Who is signed in is asked, and who left sees what became of it.
async fn brought_again(visitor: &Visitor) -> Result<HttpResponse, PageError> {
    let is_over = visitor.session().await?.is_none() && just_ended(visitor).await?.is_none();
    if is_over && leaving::watched(visitor).await?.is_some() {
        return Ok(see_other(&visitor.path(leaving::PATH)));
    }
    begin(visitor, Params::default()).await
}

async fn begin(visitor: &Visitor, params: Params) -> Result<HttpResponse, PageError> {
    let known = read(visitor, params).await?;
    match (&known.decision, &known.session) {
        (EndSession::EndNow { then }, Some((session, _))) => {
            leave(visitor, session, None, &known, then.clone()).await
        }
        (EndSession::Confirm { .. } | EndSession::Unfit(_), Some(_)) => ask(visitor, &known).await,
        (EndSession::Unfit(_), None) => Ok(already_out(
            visitor,
            &known,
            Then::SignedOutPage { link: None },
        )),
        (
            EndSession::AlreadyOut { then }
            | EndSession::EndNow { then }
            | EndSession::Confirm { then, .. },
            _,
        ) => match just_ended(visitor).await? {
            // Nothing more ends by this, so that nobody needs to agree: it is shown, and who was not asked is.
            Some(session) => leave(visitor, &session, None, &known, then.clone()).await,
            None => Ok(already_out(visitor, &known, then.clone())),
        },
    }
}

async fn read(visitor: &Visitor, params: Params) -> Result<Request, PageError> {
    let provider = &visitor.provider;
    let db = provider.database.read();
    let request = EndSessionRequest::parse(&params);
    let hint = match &request.id_token_hint {
        None => Hint::Absent,
        Some(hint) => authorize::read_hint(provider, hint, provider.clock.now())
            .map_or(Hint::Worthless, |claims| Hint::Vouches(Box::new(claims))),
    };
    let client = match request.names_client(&hint) {
        Some(client_id) => clients::find_enabled(db, client_id).await?,
        None => None,
    };
    let session = match visitor.session().await? {
        Some(session) => {
            let participants = participants::list_open(db, &[session.id], None, None).await?;
            Some((session, participants))
        }
        None => None,
    };
    let decision = match &session {
        None => logout::end_session(&request, &hint, client.as_ref(), None),
        Some((session, participants)) => {
            let user = users::find(db, session.user_id).await?;
            let sids: Vec<String> = participants
                .iter()
                .map(|known| known.sid.to_string())
                .collect();
            // Under the name that whoever asks knows: hints are read by it.
            let sub = match &client {
                Some(client) => provider.subject(&client.metadata, session.user_id),
                None => session.user_id.to_string(),
            };
            let living = LivingSession {
                sub: &sub,
                username: user.as_ref().map_or("", |user| &user.username),
                email: user.as_ref().and_then(|user| user.claims.email.as_deref()),
                sids: &sids,
            };
            logout::end_session(&request, &hint, client.as_ref(), Some(living))
        }
    };
    Ok(Request {
        params,
        request,
        client,
        session,
        decision,
    })
}

/// Ends the session, or one application's part in it, waits a moment for receipts, and goes on.
async fn leave(
    visitor: &Visitor,
    session: &Session,
    only: Option<&str>,
    known: &Request,
    then: Then,
) -> Result<HttpResponse, PageError> {
    let provider = &visitor.provider;
    let began_at = provider.clock.now();
    let ended = match only {
        Some(client_id) => {
            end_session::end_participation(provider, session.id, client_id, Cause::OneApplication)
                .await?
        }
        None => end_session::end_session(provider, session.id, Cause::Logout).await?,
    };
    let now = provider.clock.now();
    let deadline = now + provider.config.logout.grace;
    let (mut told, elsewhere) = tokio::try_join!(
        end_session::wait_for_receipts(provider, session.id, deadline),
        async {
            match only {
                None => elsewhere(provider, session.id, Some(deadline_there(provider, now))).await,
                Some(_) => Ok(None),
            }
        },
    )?;
    let began_at = if ended {
        began_at
    } else {
        // Another request ended it a moment ago: then what that told is what there is to show.
        let latest = told
            .iter()
            .filter(|delivery| only.is_none_or(|client_id| delivery.client_id == client_id));
        let latest = latest.map(|delivery| delivery.created_at).max();
        let known = sessions::find(provider.database.read(), session.id).await?;
        let over = known.and_then(|known| known.ended_at);
        over.or(latest).unwrap_or(began_at)
    };
    told.retain(|delivery| delivery.created_at >= began_at);
    let asked_by = known.client.as_ref().map(|client| client.client_id.clone());
    // An application that sent the person here and has no other way to hear of it knows.
    let nothing_to_show = told.iter().all(|delivery| {
        delivery.state == DeliveryState::Confirmed
            || delivery.channel == Channel::None && Some(&delivery.client_id) == asked_by.as_ref()
    });
    let (redirect, is_sent_on) = match then {
        Then::Redirect(redirect) => (Some(redirect), true),
        Then::SignedOutPage { link } => (link, false),
    };
    let left = Left {
        watched: watching::Watched {
            session_id: session.id,
            client_id: asked_by,
            continue_to: redirect.map(|redirect| redirect.location()),
            began_at,
            was_elsewhere: false,
        },
        nothing_to_show,
        is_sent_on,
        goes_on: only.is_some(),
    };
    let mut response = upstream_leaving::after(visitor, left, elsewhere).await?;
    if only.is_none() {
        cookies::add(&mut response, check_session::signed_out(provider))?;
    }
    Ok(response)
}
