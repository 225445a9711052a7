//! Whoever came from another provider and has signed out here leaves there too: the ways there, and the address of each
//! provider to which it sends people back. The session here is over by then, and nothing here can undo that.

use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use super::authorize::form;
use super::error::{PageError, see_other, there};
use super::pages::{self, ElsewhereState, Form};
use super::visitor::Visitor;
use super::{leaving, methods, upstream};
use crate::flows::upstream::leave::{Elsewhere, come_back, deadline_there, elsewhere, send};
use crate::flows::watching::{self, Watched};
use crate::oidc::params::Params;
use crate::oidc::upstream::leaving::SignOut;
use crate::store::leavings::{Elsewhere as HowFar, Leaving};

/// Where the button leads that offers it.
const OFFER_PATH: &str = "/leaving/upstream";
/// Where the page leads whose next step it is.
pub(super) const ONWARD_PATH: &str = "/leaving/onward";

/// The routes.
pub(super) fn configure(app: &mut ServiceConfig) {
    app.service(methods(OFFER_PATH, "POST").route(web::post().to(offered)))
        .service(
            methods(ONWARD_PATH, "GET, HEAD")
                .route(web::get().to(onward))
                .route(web::head().to(head)),
        )
        .service(
            methods(
                &format!("{}/{{id}}/signed_out", upstream::PATH),
                "GET, HEAD",
            )
            .route(web::get().to(back))
            .route(web::head().to(head)),
        );
}

/// A sign-out that is committed.
pub(super) struct Left {
    pub watched: Watched,
    /// Whether the person need not see what became of the applications.
    pub nothing_to_show: bool,
    /// Whether they are sent on, rather than offered to go on.
    pub is_sent_on: bool,
    /// Whether only a part of the session ended.
    pub goes_on: bool,
}

/// The answer to a sign-out: on at once where there is nothing to see and nothing to choose, else to a page.
pub(super) async fn after(
    visitor: &Visitor,
    mut left: Left,
    elsewhere: Option<Elsewhere>,
) -> Result<HttpResponse, PageError> {
    // One application after the other may ask for the end of a session: who was there need not go again.
    if elsewhere.is_some() {
        left.watched.was_elsewhere = leaving::found(visitor).await?.is_some_and(|before| {
            before.session_id == left.watched.session_id && before.elsewhere == HowFar::Back
        });
    }
    let elsewhere = elsewhere.filter(|_| !left.watched.was_elsewhere);
    if !left.nothing_to_show {
        return leaving::show(visitor, leaving::PATH, left.watched).await;
    }
    match (elsewhere, left.watched.continue_to.clone()) {
        (None, Some(location)) if left.is_sent_on => return Ok(see_other(&location)),
        // Who is offered a way on, and not sent on it, chooses first.
        (Some(elsewhere), to)
            if elsewhere.upstream.sign_out == SignOut::Go && (left.is_sent_on || to.is_none()) =>
        {
            let handle = watching::watch(&visitor.provider, left.watched).await?;
            let location = way_there(visitor, &handle, &elsewhere).await?;
            return leaving::let_look(visitor, handle, &location);
        }
        _ => {}
    }
    // Of a session that goes on nothing may say that it is over.
    let path = match left.goes_on {
        true => leaving::PATH,
        false => leaving::SIGNED_OUT_PATH,
    };
    leaving::show(visitor, path, left.watched).await
}

/// Where to send the browser with this handle: to the provider, or to our page, which says that it can't be.
async fn way_there(
    visitor: &Visitor,
    handle: &str,
    elsewhere: &Elsewhere,
) -> Result<String, PageError> {
    let location = match &elsewhere.way {
        Some(way) => send(&visitor.provider, handle, &elsewhere.upstream, way).await?,
        None => None,
    };
    Ok(location.unwrap_or_else(|| visitor.path(leaving::SIGNED_OUT_PATH)))
}

/// Where the sign-out leads in the end.
fn destination(visitor: &Visitor, leaving: Option<Leaving>) -> String {
    let own = leaving.and_then(|leaving| leaving.continue_to);
    own.unwrap_or_else(|| visitor.path(leaving::SIGNED_OUT_PATH))
}

/// HEAD: nobody is sent, and nobody is back.
async fn head() -> HttpResponse {
    there()
}

/// The button was pressed.
async fn offered(visitor: Visitor, body: Bytes) -> HttpResponse {
    let answer = async {
        let form = form(&body)?;
        visitor.check_leaving_form(&form)?;
        let leaving = leaving::found(&visitor).await?.ok_or(PageError::Expired)?;
        go(&visitor, leaving, |_| true).await
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// The page that shows the applications leads on.
async fn onward(visitor: Visitor) -> HttpResponse {
    let answer = async {
        let Some(leaving) = leaving::found(&visitor).await? else {
            return Ok(see_other(&destination(&visitor, None)));
        };
        // Once, so that nobody is sent to and fro.
        if leaving.elsewhere != HowFar::NotSent {
            return Ok(see_other(&destination(&visitor, Some(leaving))));
        }
        go(&visitor, leaving, |policy| policy == SignOut::Go).await
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// Sends them there if the policy is one of these.
async fn go(
    visitor: &Visitor,
    leaving: Leaving,
    is_meant: impl Fn(SignOut) -> bool,
) -> Result<HttpResponse, PageError> {
    // Whoever has signed in here since came from there perhaps, and must not be signed out for another (attack 72).
    let elsewhere = match visitor.session().await? {
        Some(_) => None,
        None => {
            let provider = &visitor.provider;
            let deadline = deadline_there(provider, provider.clock.now());
            elsewhere(provider, leaving.session_id, Some(deadline)).await?
        }
    };
    let elsewhere = elsewhere.filter(|known| is_meant(known.upstream.sign_out));
    let location = match (elsewhere, &visitor.leaving_cookie) {
        (Some(elsewhere), Some(handle)) => way_there(visitor, handle, &elsewhere).await?,
        _ => destination(visitor, Some(leaving)),
    };
    Ok(see_other(&location))
}

/// They come back. Only what we gave this browser along, and once, leads on to where they were going; all else shows that
/// they are signed out. Where that is stands in our own row, and never in an address.
async fn back(visitor: Visitor, request: HttpRequest) -> HttpResponse {
    let answer = async {
        let params = Params::parse(request.query_string().as_bytes());
        let state = params.as_ref().ok().and_then(|params| params.get("state"));
        let id = request.match_info().get("id").unwrap_or_default();
        let is_back = match (&visitor.leaving_cookie, state) {
            (Some(handle), Some(state)) => come_back(&visitor.provider, handle, id, state).await?,
            _ => false,
        };
        let leaving = match is_back {
            true => leaving::found(&visitor).await?,
            false => None,
        };
        Ok(see_other(&destination(&visitor, leaving)))
    };
    answer
        .await
        .unwrap_or_else(|error: PageError| error.page(&visitor))
}

/// What the page that shows the applications says of the provider from which the session came.
pub(super) async fn on_the_way(
    visitor: &Visitor,
    leaving: &Leaving,
) -> Result<Option<pages::Elsewhere>, PageError> {
    shown(visitor, leaving, true).await
}

/// What the last page says of it.
pub(super) async fn at_the_end(
    visitor: &Visitor,
    leaving: &Leaving,
) -> Result<Option<pages::Elsewhere>, PageError> {
    shown(visitor, leaving, false).await
}

async fn shown(
    visitor: &Visitor,
    leaving: &Leaving,
    leads_on: bool,
) -> Result<Option<pages::Elsewhere>, PageError> {
    let provider = &visitor.provider;
    // The page that leads there waits within the grace, where nothing is known; the last one says what is (P4).
    let is_to_lead = leads_on && leaving.elsewhere == HowFar::NotSent;
    let deadline = is_to_lead.then(|| deadline_there(provider, provider.clock.now()));
    let Some(known) = elsewhere(provider, leaving.session_id, deadline).await? else {
        return Ok(None);
    };
    let goes = leads_on && known.upstream.sign_out == SignOut::Go;
    let state = match (leaving.elsewhere, known.way) {
        (HowFar::Back, _) => ElsewhereState::Asked,
        (_, None) => ElsewhereState::Unreachable,
        (HowFar::NotSent, Some(_)) if goes => ElsewhereState::Next,
        (_, Some(_)) => ElsewhereState::Offered(
            Form::to(visitor.path(OFFER_PATH)).with("csrf", visitor.leaving_csrf()),
        ),
    };
    Ok(Some(pages::Elsewhere {
        label: known.upstream.label,
        state,
    }))
}
